"""What `ptmrec recommend` says: known answers, masks, names, new items, and what it refuses."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from raw_dataset import N_ITEMS, N_USERS
from torch import Tensor, nn

from feature_cache import ImageStore, Outcome
from mmrec_host.errors import UserError
from mmrec_host.evaluation.score_vectors import vectors_of
from mmrec_host.models.contract import scorer
from mmrec_host.runs.finished_run import open_run
from run_tools.catalogue import Described, Names, new_item
from run_tools.new_item import place
from run_tools.recommendation import recommend, similar


def history(served: Path, user: int) -> list[int]:
    """Items of a user's training and validation rows, in file order."""
    rows = [line.split("\t") for line in (served / "data/toy/toy.inter").read_text().splitlines()[1:]]
    return [int(item) for owner, item, *_, label in rows if int(owner) == user and int(label) < 2]


@pytest.fixture
def by_hand(finished):
    """A run whose every user scores item i by `values[i]`."""
    run = open_run(finished("BPR"))
    values = torch.from_numpy(np.random.default_rng(3).permutation(N_ITEMS)).float()
    with torch.no_grad():
        run.model.user_embedding.weight.zero_()[:, 0] = 1.0
        run.model.item_embedding.weight.zero_()[:, 0] = values
    return run, values


def test_the_top_k_are_the_known_ones_without_what_was_taken(by_hand, served):
    run, values = by_hand
    for user, ranked, taken in recommend(run, np.array([7, 3]), 5):
        before = history(served, user)
        wanted = [item for item in values.argsort(descending=True).tolist() if item not in before][:5]
        assert ranked == [(item, values[item].item()) for item in wanted]
        assert taken.tolist() == before
    ((_, ranked, _),) = recommend(run, np.array([7]), 5, include_taken=True)
    assert [item for item, _ in ranked] == values.argsort(descending=True)[:5].tolist()


def test_a_list_longer_than_what_is_left_ends_before_the_taken_items(by_hand, served):
    run, _ = by_hand
    ((_, ranked, _),) = recommend(run, np.array([7]), 10 * N_ITEMS)
    assert sorted(item for item, _ in ranked) == sorted(set(range(N_ITEMS)) - set(history(served, 7)))


def test_items_kept_out_of_training_are_scored_without_the_vectors_that_were_never_trained(finished):
    run = open_run(finished("BPR, cold items"))
    cold = set(run.dataset.splits.test.cold_items.tolist())
    ((_, ranked, _),) = recommend(run, np.array([7]), N_ITEMS, include_taken=True)
    assert {item for item, score in ranked if score == 0.0} == cold != set()


def test_similar_items_are_those_of_the_largest_cosine(finished):
    run = open_run(finished("BPR"))
    angles = torch.arange(N_ITEMS) * 0.05
    with torch.no_grad():
        run.model.item_embedding.weight.zero_()[:, :2] = 9 * torch.stack([angles.cos(), angles.sin()], 1)
    found = similar(run, [0], 3)
    assert [item for item, _ in found] == [1, 2, 3]
    np.testing.assert_allclose([score for _, score in found], angles[1:4].cos(), atol=1e-6)


def test_somebody_new_gets_what_is_most_like_the_items_taken(finished, ptmrec):
    run = open_run(finished("BPR"))
    angles = torch.arange(N_ITEMS) * 0.05
    with torch.no_grad():
        run.model.item_embedding.weight.zero_()[:, :2] = torch.stack([angles.cos(), angles.sin()], 1)
        run.model.item_embedding.weight[4] *= 9  # the length of a vector does not matter
    found = similar(run, [4, 8], 3)
    assert [item for item, _ in found] == [6, 5, 7] or [item for item, _ in found] == [6, 7, 5]
    assert found[0][1] == pytest.approx(np.cos(0.1), abs=1e-6)
    assert {item for item, _ in similar(run, [4, 8], N_ITEMS, include_taken=True)} == set(range(N_ITEMS))
    code, out, _ = ptmrec("recommend", "--run", run.record.path, "--items", "5", "9", "-k", 3, "--json", "device=cpu")
    answer = json.loads(out)
    assert code == 0 and [item["item_id"] for item in answer["taken"]] == ["5", "9"]
    assert len(answer["items"]) == 3 and not {"5", "9"} & {item["item_id"] for item in answer["items"]}


def test_a_described_item_that_nobody_took_is_placed_by_what_is_known_of_it(finished, ptmrec, served, tmp_path):
    row = json.loads((served / "data/toy/items.jsonl").read_text().splitlines()[9])
    described = json.dumps({"itemID": 0, "source_id": "SKU-new", "title": "", "text": row["text"], "image": "n.png"})
    file = served / "data/toy/new_items.jsonl"
    file.write_text(described + "\n")
    try:
        code, out, _ = ptmrec("recommend", "--run", finished("Content"), "--item", "SKU-new", "-k", 2, "--json")
        answer = json.loads(out)
        assert code == 0 and answer["item_id"] == "SKU-new"
        assert answer["items"][0]["item"] == 9 and len(answer["users"]) == 2
        assert ptmrec("recommend", "--run", finished("Content"), "--item", "SKU-neww")[0] == 2
    finally:
        file.unlink()
    shutil.copy(served / "data/toy/images/17.png", tmp_path / "n.png")
    (tmp_path / "new_items.jsonl").write_text(described + "\n")
    assert new_item(tmp_path, "SKU-new") == Described(row["text"], b"")  # a file that the data name is not opened
    picture = (tmp_path / "n.png").read_bytes()
    ImageStore(tmp_path).add({"n.png": (Outcome("n.png", "ok"), picture)})
    assert new_item(tmp_path, "SKU-new") == Described(row["text"], picture)


class OnlyScores(nn.Module):
    """As a model of MMRec's: it scores, and shows no vectors."""

    n_users, n_items = 30, 20

    def __init__(self) -> None:
        super().__init__()
        self.users, self.items = nn.Parameter(torch.randn(30, 4)), nn.Parameter(torch.randn(20, 4))

    def full_sort_predict(self, interaction: list[Tensor]) -> Tensor:
        return self.users[interaction[0]] @ self.items.T


def test_a_model_without_vectors_gets_factors_of_its_scores():
    model = OnlyScores()
    users, items = vectors_of(model, "OnlyScores")
    torch.testing.assert_close(users @ items.T, model.users @ model.items.T)


@pytest.mark.parametrize("name", ["tuned", "tuned FREEDOM", "tuned, own variant", "VBPR"])
def test_a_new_item_with_the_content_of_one_in_the_catalogue_is_nearest_to_it(name, finished, served):
    run = open_run(finished(name))
    text = json.loads((served / "data/toy/items.jsonl").read_text().splitlines()[9])["text"]
    for words, picture in (
        (text, None),
        (None, served / "data/toy/images/9.png"),
        (text, served / "data/toy/images/9.png"),
    ):
        found = place(run, words, picture, 5)
        item, score = found.items[0]
        assert item == 9 and score == pytest.approx(1.0, abs=1e-4)
        assert len({user for user, _ in found.users}) == 5


@pytest.mark.parametrize("name", ["Content", "VBPR", "tuned"])
def test_a_new_item_scores_by_its_features_alone(name, finished, served):
    run = open_run(finished(name))
    base = scorer(run.model)
    with torch.no_grad():
        for table in base.item_id_tables():
            table[9] = 0.0
        users, items = base.representations()
    wanted = users @ items[9]
    text = json.loads((served / "data/toy/items.jsonl").read_text().splitlines()[9])["text"]
    found = place(run, text, served / "data/toy/images/9.png", N_USERS)
    given = torch.empty(N_USERS)
    given[[user for user, _ in found.users]] = torch.tensor([score for _, score in found.users])
    torch.testing.assert_close(given, wanted, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name", ["LATTICE", "FREEDOM"])
def test_a_graph_model_scores_a_new_item_through_its_neighbours(name, finished, served):
    run = open_run(finished(name))
    content = json.loads((served / "data/toy/items.jsonl").read_text().splitlines()[9])["text"]
    best = []
    for value in (0.0, 1.0):  # what the free vector of item 9 is worth to user 4; the others are worth nothing
        with torch.no_grad():
            run.model.user_embedding.weight.zero_()[4, 0] = 1.0
            run.model.item_embedding.weight.zero_()[9, 0] = value
        best.append(dict(place(run, content, served / "data/toy/images/9.png", N_USERS).users)[4])
    assert best[0] == 0.0 and best[1] > 0.01


def test_lines_of_json_for_all_users_are_the_same_as_one_by_one(finished, ptmrec, served, tmp_path):
    run = finished("VBPR")
    code, out, _ = ptmrec("recommend", "--run", run, "--all-users", "-k", 3)
    answers = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and [answer["user"] for answer in answers] == list(range(N_USERS))
    for answer in answers:
        assert len(answer["items"]) == 3 and answer["user_id"] == f"U{answer['user']}"
        before = [item["item"] for item in answer["taken"]]
        assert before == history(served, answer["user"])
        assert not set(before) & {item["item"] for item in answer["items"]}
        assert all(item["title"] == f"item {item['item']}" for item in answer["items"])
    assert ptmrec("recommend", "--run", run, "--all-users", "-k", 3, "--output", tmp_path / "all.jsonl")[:2] == (0, "")
    assert (tmp_path / "all.jsonl").read_text() == out
    one = ptmrec("recommend", "--run", run, "--user", "U5", "-k", 3, "--json")[1]
    assert json.loads(one)["items"] == [{**item, "score": pytest.approx(item["score"])} for item in answers[5]["items"]]


def test_the_terminal_names_titles_scores_and_what_was_taken(finished, ptmrec, served):
    run = finished("VBPR")
    code, out, _ = ptmrec("recommend", "--run", run.name[1:], "--runs", served / "runs", "--user", "U5", "index:6")
    assert code == 0 and out.count("taken before: ") == 2 and "for user U5" in out and "for user U6" in out
    assert f"item {history(served, 5)[0]}" in out.split("taken before: ")[1]
    code, out, _ = ptmrec("recommend", "--run", run, "--item", "48", "-k", 2)
    assert code == 0 and "items like item 47" in out and len(out.splitlines()) == 1 + 3 + 2 + 1
    code, out, _ = ptmrec("recommend", "--run", run, "--text", "a red shoe", "-k", 2, "device=cpu")
    assert code == 0 and "items nearest to text 'a red shoe'" in out and "users most likely to take it" in out


def test_an_original_id_comes_before_an_index_and_says_so(caplog):
    names = Names("item", 4, ["1", "2", "3", "x9"])
    with caplog.at_level(logging.WARNING):
        assert names.index("2") == 1
    assert "index:2" in caplog.text
    assert [names.index(name) for name in ("index:2", "0", "x9")] == [2, 0, 3]
    with pytest.raises(UserError, match=r"no item 'x8'.*0 to 3.*x9"):
        names.index("x8")


@pytest.mark.parametrize("misspelt", ["A1B2C3D", "A1B2C3DEEF", "A1B2X3DEF", "A1B2C3EDF"])
def test_a_misspelt_original_id_is_answered_with_the_one_that_was_meant(misspelt):
    names = Names("user", 4, ["zzz", "A1B2C3DEF", "A1B2C3DE", "A9"])
    with pytest.raises(UserError, match="such as A1B2C3DE"):
        names.index(misspelt)


def test_a_name_like_none_is_answered_with_examples_of_original_ids():
    with pytest.raises(UserError, match="such as U0, U1, U2\\."):
        Names("user", 4, ["U0", "U1", "U2", "U3"]).index("somebody else")


def test_a_mapping_with_holes_is_refused_by_line(tmp_path):
    (tmp_path / "u_id_mapping.csv").write_text("user_id\tuserID\na\t0\nb\t0\n")
    with pytest.raises(UserError, match="line 3"):
        Names.read("user", tmp_path, 2)
    (tmp_path / "u_id_mapping.csv").write_text("user_id\tuserID\na\t0\n")
    with pytest.raises(UserError, match="not index 1"):
        Names.read("user", tmp_path, 2)


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("BPR", ["--user", "U400"], "no user 'U400': must be an index from 0 to 39"),
        ("BPR", ["--user", "40"], "no user '40'"),
        ("BPR", ["--item", "49"], "no item '49'"),
        ("BPR", ["--text", "a red shoe"], "BPR reads no item features"),
        ("BPR", [], "say one of"),
        ("BPR", ["--user", "3", "--item", "3"], "say one of"),
        ("BPR", ["--user", "3", "-k", "0"], "-k 0"),
        ("BPR", ["--user", "3", "seed=4"], "seed: a finished run keeps its settings"),
        ("VBPR", ["--image", "nowhere.png"], "--image nowhere.png"),
    ],
)
def test_what_cannot_be_answered_is_said(name, words, message, finished, ptmrec):
    code, out, err = ptmrec("recommend", "--run", finished(name), *words)
    assert code == 2 and out == "" and message in err


def test_a_run_that_is_not_there_or_not_ready_is_refused(finished, ptmrec, served, tmp_path):
    code, _, err = ptmrec("recommend", "--run", "nothing", "--runs", served / "runs", "--user", "3")
    assert code == 2 and "no run under" in err
    for copy in ("one", "two"):
        shutil.copytree(finished("BPR"), tmp_path / "runs/toy" / f"{copy}-same-end")
    code, _, err = ptmrec("recommend", "--run", "same-end", "--runs", tmp_path / "runs", "--user", "3")
    assert code == 2 and "2 runs end so" in err and "two-same-end" in err
    (tmp_path / "runs/toy/one-same-end/checkpoint.pt").unlink()
    code, _, err = ptmrec("recommend", "--run", "one-same-end", "--runs", tmp_path / "runs", "--user", "3")
    assert code == 2 and "save_model=true" in err
    info = tmp_path / "runs/toy/two-same-end/run.json"
    info.write_text(info.read_text().replace('"finished"', '"running"'))
    code, _, err = ptmrec("recommend", "--run", "two-same-end", "--runs", tmp_path / "runs", "--user", "3")
    assert code == 2 and "--resume" in err
