"""Results tables: what stands in them, what is marked and why, and the formats."""

from __future__ import annotations

import argparse
import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
from tables_of_runs import column, only, values

from mmrec_host.cli.commands.table import TableCommand
from mmrec_host.errors import ConfigError, DataError
from mmrec_host.reporting.cells import Cell, Column, Table
from mmrec_host.reporting.render import render
from mmrec_host.reporting.tables import results_table
from mmrec_host.runs.record import find_runs
from tests.finished_runs import begun_run, created_run, finished_run


def jitter(per_user: dict[str, np.ndarray], seed: int, noise: float = 0.01) -> dict[str, np.ndarray]:
    rng = np.random.default_rng([seed, 77])
    return {name: v + rng.normal(0, noise, v.shape) for name, v in per_user.items()}


@pytest.fixture
def three_models(tmp_path: Path) -> Path:
    """PTMRec clearly best on both metrics, two seeds a model."""
    for label, mean, columns in (("BPR", 0.2, {}), ("PTMRec", 0.3, {"adapter": 1500}), ("VBPR", 0.25, {})):
        for seed in (1, 2):
            finished_run(tmp_path, label, jitter(values(mean, seed=seed), len(label) + seed), seed, columns)
    return tmp_path


def test_mean_and_sample_deviation_over_seeds(tmp_path: Path) -> None:
    for seed, mean in ((1, 0.2), (2, 0.3), (3, 0.7)):
        finished_run(tmp_path, "BPR", {"recall@20": np.full(4, mean)}, seed, seconds=10.0 * seed)
    table = only(results_table(find_runs(tmp_path, "toys")))
    (recall,) = column(table, "recall@20")
    assert recall.value == pytest.approx(0.4)
    assert recall.spread == pytest.approx(np.std([0.2, 0.3, 0.7], ddof=1))
    assert column(table, "seeds")[0].value == 3
    assert column(table, "time")[0].value == pytest.approx(20.0)
    assert column(table, "trainable")[0].value == 8


def test_single_seed_has_no_deviation_and_single_row_no_best(tmp_path: Path) -> None:
    finished_run(tmp_path, "BPR", values(0.2))
    table = only(results_table(find_runs(tmp_path, "toys")))
    (recall,) = column(table, "recall@20")
    assert recall.spread is None and not recall.best
    assert "±" not in render(table, "text", terminal=False)


def test_best_row_is_marked_when_significantly_better_than_the_second(three_models: Path) -> None:
    table = only(results_table(find_runs(three_models, "toys")))
    for name in ("recall@20", "ndcg@20"):
        assert [(c.best, c.significant) for c in column(table, name)] == [(False, False), (True, True), (False, False)]
    note = next(note for note in table.notes if note.startswith("†"))
    for said in ("t-test", "Wilcoxon", "200 users", "Holm", "4 comparisons", "p < 0.05"):
        assert said in note


def test_best_row_without_significance_is_only_best(tmp_path: Path) -> None:
    finished_run(tmp_path, "A", values(0.2, seed=1))
    finished_run(tmp_path, "B", values(0.2005, seed=2))
    table = only(results_table(find_runs(tmp_path, "toys"), ["recall@20"]))
    assert sum(c.best for c in column(table, "recall@20")) == 1
    assert not any(c.significant for c in column(table, "recall@20"))
    assert "†" not in render(table, "text", terminal=False)
    assert any(note.startswith("No best is significantly better") for note in table.notes)


def test_noise_that_one_comparison_would_pass_does_not_pass_many(tmp_path: Path) -> None:
    """p is about 0.03 against each of nine models: significant alone, not after Holm's correction."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, 400)
    noise = (noise - noise.mean()) / noise.std(ddof=1)
    base = rng.random(400)
    finished_run(tmp_path, "best", {"recall@20": base + 2.2 / np.sqrt(400) + noise})
    finished_run(tmp_path, "second", {"recall@20": base})
    assert column(only(results_table(find_runs(tmp_path, "toys"))), "recall@20")[0].significant
    for number in range(8):
        finished_run(tmp_path, f"other{number}", {"recall@20": base - 1e-6 * number})
    assert not column(only(results_table(find_runs(tmp_path, "toys"))), "recall@20")[0].significant


def test_cold_protocol_whose_users_differ_by_seed_is_tested_over_all_users(tmp_path: Path) -> None:
    for label, mean in (("A", 0.2), ("B", 0.3)):
        for seed in (1, 2):
            users = np.arange(150) + 100 * seed
            per_user = jitter(values(mean, 150, seed=seed), seed + len(label))
            finished_run(tmp_path, label, per_user, seed, users=users)
    table = only(results_table(find_runs(tmp_path, "toys")))
    assert column(table, "recall@20")[1].significant
    assert any("250 users" in note for note in table.notes)


def test_models_evaluated_on_different_users_are_not_tested(tmp_path: Path) -> None:
    finished_run(tmp_path, "A", values(0.2))
    finished_run(tmp_path, "B", values(0.3), users=np.arange(200) + 1)
    table = only(results_table(find_runs(tmp_path, "toys")))
    assert column(table, "recall@20")[1].best and not column(table, "recall@20")[1].significant
    assert any("not tested" in note for note in table.notes)


def test_lost_per_user_file_costs_the_test_not_the_table(three_models: Path) -> None:
    runs = find_runs(three_models, "toys")
    (runs[2].path / "per_user.npz").unlink()
    table = only(results_table(runs))
    assert [c.best for c in column(table, "recall@20")] == [False, True, False]
    assert not any(c.significant for c in column(table, "recall@20"))
    assert any("PTMRec is in no significance test" in note for note in table.notes)


def test_one_table_a_protocol(tmp_path: Path) -> None:
    for mask in ("train", "train_valid"):
        finished_run(tmp_path, "BPR", values(0.2), protocol={"dataset": "toys", "eval_mask": mask})
    tables = results_table(find_runs(tmp_path, "toys"))
    assert ["eval_mask=train)" in tables[0].caption, "eval_mask=train_valid)" in tables[1].caption] == [True, True]


def test_newest_settings_and_newest_run_of_a_seed_stand_in_the_row(tmp_path: Path) -> None:
    finished_run(tmp_path, "BPR", values(0.9), seed=1, learning_rate=0.1)
    finished_run(tmp_path, "BPR", values(0.9), seed=3, learning_rate=0.1)
    finished_run(tmp_path, "BPR", values(0.8), seed=1, learning_rate=0.2)
    finished_run(tmp_path, "BPR", values(0.2, noise=0), seed=1, learning_rate=0.2)
    finished_run(tmp_path, "BPR", values(0.4, noise=0), seed=2, learning_rate=0.2)
    table = only(results_table(find_runs(tmp_path, "toys")))
    assert column(table, "seeds")[0].value == 2
    assert column(table, "recall@20")[0].value == pytest.approx(0.3)
    assert any(note.startswith("Left out: older runs") and "(3)" in note for note in table.notes)


def test_unfinished_runs_are_counted_not_shown(tmp_path: Path) -> None:
    finished_run(tmp_path, "BPR", values(0.2))
    begun_run(tmp_path, "VBPR")
    for _ in range(2):
        created_run(tmp_path, "LATTICE").fail(ValueError())
    table = only(results_table(find_runs(tmp_path, "toys")))
    assert [c.value for c in column(table, "model")] == ["BPR"]
    assert any("2 failed, 1 running" in note for note in table.notes)
    assert results_table([begun_run(tmp_path, "VBPR")]) == []


def test_rows_stand_in_the_order_of_the_runs(three_models: Path) -> None:
    runs = find_runs(three_models, "toys")
    assert [c.value for c in column(only(results_table(runs)), "model")] == ["BPR", "PTMRec", "VBPR"]
    assert [c.value for c in column(only(results_table(runs[::-1])), "model")] == ["VBPR", "PTMRec", "BPR"]


def test_plugin_columns_are_there_when_a_run_has_them(three_models: Path) -> None:
    table = only(results_table(find_runs(three_models, "toys")))
    assert [c.value for c in column(table, "adapter")] == [None, 1500, None]
    bpr = [run for run in find_runs(three_models, "toys") if run.info["label"] == "BPR"]
    assert "adapter" not in [c.name for c in only(results_table(bpr)).flat().columns]


def test_what_a_model_gained_on_validation_is_a_result_and_all_else_of_its_own_a_cost(tmp_path: Path) -> None:
    finished_run(tmp_path, "PTMRec", values(0.2), columns={"peft": "lora", "s/epoch": 2.0, "valid gain": 0.01})
    table = only(results_table(find_runs(tmp_path, "toys")))
    assert [c.name for c in table.columns] == ["model", "seeds", "recall@20", "ndcg@20", "valid gain"]
    assert table.costs is not None
    assert [c.name for c in table.costs.columns] == ["model", "trainable", "time", "peak MB", "peft", "s/epoch"]


def test_other_metrics_that_were_asked_for_are_shown_beside_the_usual_ones(tmp_path: Path) -> None:
    finished_run(tmp_path, "BPR", {name: np.full(9, 0.5) for name in ("hit@10", "ndcg@10", "hit@5")})
    table = only(results_table(find_runs(tmp_path, "toys")))
    assert [c.name for c in table.columns if c.kind == "metric"] == ["hit@10", "ndcg@10", "hit@5"]


def test_metrics_are_chosen_in_any_case_and_unknown_ones_refused(three_models: Path) -> None:
    runs = find_runs(three_models, "toys")
    names = [c.name for c in only(results_table(runs, ["NDCG@20"])).columns if c.kind == "metric"]
    assert names == ["ndcg@20"]
    with pytest.raises(ConfigError, match=r"'recal@20', did you mean 'recall@20'"):
        results_table(runs, ["recal@20"])


TABLE = Table(
    "toys, test split (eval_mask=train): 100% & more",
    [
        Column("model", "text"),
        Column("ndcg@20", "metric"),
        Column("trainable", "parameters"),
        Column("time", "seconds"),
    ],
    [
        [Cell("A_b|c"), Cell(0.12345678, 0.001), Cell(1234567), Cell(59.94)],
        [Cell("PTMRec"), Cell(0.2, None, best=True, significant=True), Cell(980), Cell(3725.0)],
        [Cell("none"), Cell(None), Cell(45600), Cell(75.0)],
    ],
    ["†: p < 0.05."],
)


def test_text_is_aligned_and_stars_the_best() -> None:
    lines = render(TABLE, "text", terminal=False).splitlines()
    body = [line for line in lines if line.startswith(("A_b|c", "PTMRec", "none"))]
    assert [line.split("  ")[-1].strip() for line in body] == ["59.9 s", "1 h 2 m", "1 m 15 s"]
    assert len({len(line) for line in body}) == 1
    assert body[0].index(" ± 0.0010") + len(" ± 0.0010") == body[1].index("0.2000") + len("0.2000")
    assert "0.1235 ± 0.0010" in body[0] and "1.23 M" in body[0]
    assert "0.2000*†" in body[1] and "980" in body[1]
    assert "–" in body[2] and "45.6 k" in body[2]
    assert "*: best of its column." in lines


def test_text_is_bold_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\033" not in render(TABLE, "text")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    text = render(TABLE, "text")
    assert re.search(r"\033\[1m\s*0\.2000†\033\[0m", text) and "*" not in text


def test_markdown_is_a_table_whatever_the_label() -> None:
    text = render(TABLE, "md")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}
    assert "**0.2000**†" in text and r"A\_b\|c" in text


def test_latex_escapes_and_marks() -> None:
    text = render(TABLE, "tex")
    assert r"\caption{toys, test split (eval\_mask=train): 100\% \& more}" in text
    assert r"\footnotesize $^{\dagger}$: p $<$ 0.05." in text
    fitted = re.findall(r"\\resizebox\{[^}]*\\textwidth[^}]*\}\{!\}\{%\n\\begin\{tabular\}", text)
    assert len(fitted) == text.count(r"\end{tabular}}") == 1
    assert r"A\_b\textbar{}c & 0.1235 $\pm$ 0.0010 & 1.23 M & 59.9 s \\" in text
    assert r"\textbf{0.2000}$^{\dagger}$" in text
    assert not re.search(r"[^\x00-\x7f]", text)
    assert text.count(r"\begin{") == text.count(r"\end{") == 2


def test_csv_holds_the_unrounded_values() -> None:
    rows = list(csv.DictReader(io.StringIO(render(TABLE, "csv"))))
    assert rows[0] == {
        "model": "A_b|c", "ndcg@20": "0.12345678", "ndcg@20 std": "0.001", "trainable": "1234567", "time": "59.94",
    }  # fmt: skip
    assert rows[2]["ndcg@20"] == ""


def test_unknown_format_is_refused() -> None:
    with pytest.raises(ConfigError, match="'html': must be one of text, md, tex, csv"):
        render(TABLE, "html")


def run_command(*words: str) -> int:
    command, parser = TableCommand(), argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args(words))


def test_command_prints_the_chosen_metrics(three_models: Path, capsys: pytest.CaptureFixture) -> None:
    words = ["-d", "toys", "--runs", str(three_models), "--format", "csv", "--metrics", "recall@20"]
    assert run_command(*words) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["model"] for row in rows] == ["BPR", "PTMRec", "VBPR"]
    assert float(rows[1]["recall@20"]) == pytest.approx(0.3, abs=0.02) and "ndcg@20" not in rows[0]


def test_command_writes_a_file_without_terminal_codes(three_models: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    output = three_models / "table.txt"
    assert run_command("-d", "toys", "--runs", str(three_models), "--output", str(output)) == 0
    assert capsys.readouterr().out == ""
    assert "PTMRec" in output.read_text() and "\033" not in output.read_text()


@pytest.mark.parametrize("format", ["text", "md", "tex"])
def test_command_prints_what_the_rows_cost_on_request_only(format: str, three_models: Path, capsys) -> None:
    words = ["-d", "toys", "--runs", str(three_models), "--format", format]
    assert run_command(*words) == 0
    results = capsys.readouterr().out
    assert "Recall@20" in results and not re.search("Trainable|Time|peak|adapter", results)
    assert run_command(*words, "--cost") == 0
    both = capsys.readouterr().out
    assert both.startswith(results.rstrip())
    assert [both.count(label) - results.count(label) for label in ("BPR", "PTMRec")] == [2, 1]  # BPR is in VBPR
    assert all(name in both for name in ("Trainable", "Time", "peak", "adapter"))


def test_csv_is_one_table_of_what_the_runs_hold(three_models: Path, capsys) -> None:
    assert run_command("-d", "toys", "--runs", str(three_models), "--format", "csv", "--cost") == 0
    rows = {row["model"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    for label in ("BPR", "PTMRec", "VBPR"):
        held = [run.info for run in find_runs(three_models, "toys") if run.info["label"] == label]
        for name in ("recall@20", "ndcg@20"):
            stored = [info["test"][name] for info in held]
            assert float(rows[label][name]) == np.mean(stored)
            assert float(rows[label][f"{name} std"]) == np.std(stored, ddof=1)
        assert float(rows[label]["time"]) == np.mean([info["seconds"]["total"] for info in held])
        assert int(rows[label]["trainable"]) == held[0]["parameters"]["trainable"]
        assert rows[label]["adapter"] == {"PTMRec": "1500.0"}.get(label, "")


@pytest.fixture
def with_costs(tmp_path: Path) -> list[str]:
    for label, cost in (("PTMRec peft=$a_b$", 10.0), ("PTMRec peft=side", 4000.0), ("BPR", None)):
        finished_run(tmp_path, label, values(0.3), columns={} if cost is None else {"s/epoch": cost, "kind": "x"})
    return ["-d", "toys", "--runs", str(tmp_path)]


@pytest.mark.parametrize("axes", [[], ["--axes", "s/epoch,recall@20"]])
def test_command_draws_two_columns_and_prints_the_table_too(axes: list[str], with_costs, tmp_path, capsys) -> None:
    pytest.importorskip("matplotlib")
    assert run_command(*with_costs, "--plot", str(tmp_path / "cost.svg"), *axes) == 0
    assert "PTMRec" in capsys.readouterr().out
    picture = (tmp_path / "cost.svg").read_text()
    for words in (*(axes[1].split(",") if axes else ["time", "recall@20"]), "PTMRec peft=$a_b$", "PTMRec peft=side"):
        assert f"<!-- {words} -->" in picture
    assert ("<!-- BPR -->" in picture) == (not axes)  # it has no such cost


@pytest.mark.parametrize(
    "words, message",
    [
        (["--plot", "x.png", "--axes", "s/epoc,recall@20"], "did you mean 's/epoch'"),
        (["--plot", "x.png", "--axes", "kind,recall@20"], "'kind' holds no numbers"),
        (["--plot", "x.png", "--axes", "time"], "two columns"),
        (["--axes", "time,recall@20"], "--plot FILE"),
        (["--plot", "x.pgn"], "pgn"),
    ],
)
def test_command_says_what_cannot_be_drawn(words: list[str], message: str, with_costs, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=message):
        run_command(*with_costs, *words)


def test_command_without_finished_runs_says_where_it_looked_and_what_is_there(three_models: Path) -> None:
    with pytest.raises(
        DataError, match=r"no finished run on 'tosy' among 0 runs under .*Datasets with runs there: toys"
    ):
        run_command("-d", "tosy", "--runs", str(three_models))
