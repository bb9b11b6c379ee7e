"""What `ptmrec serve` answers: as `ptmrec recommend`, together or alone, and what it refuses."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import struct
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from raw_dataset import N_ITEMS, N_USERS

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from starlette.testclient import TestClient

from run_tools.serve import VECTORS_FILE as FILE
from run_tools.serve.batching import Batches
from run_tools.serve.current_run import CurrentRun
from run_tools.serve.gate import Limits
from run_tools.serve.served_run import ForUser, ServedRun
from run_tools.serve.service import make_service

LIMITS = Limits()
KEY = {"X-API-Key": "open sesame"}


@pytest.fixture(scope="module")
def service(finished):
    """The client of a service of the run of that name; made when it is first asked for."""
    made: dict[tuple, TestClient] = {}

    def client(name: str = "tuned", limits: Limits = LIMITS, key: str | None = None) -> TestClient:
        if (name, limits, key) not in made:
            current = CurrentRun(lambda: ServedRun(finished(name), {"device": "cpu", "progress": False}))
            made[name, limits, key] = TestClient(make_service(current, limits, key), raise_server_exceptions=False)
        return made[name, limits, key]

    return client


@pytest.fixture
def recommended(ptmrec, finished):
    """What `ptmrec recommend --json` answers."""

    def answer(name: str, *words: object) -> dict:
        code, out, err = ptmrec("recommend", "--run", finished(name), *words, "--json", "device=cpu")
        assert code == 0, err
        return json.loads(out)

    return answer


def near(answer: dict) -> dict:
    """The same with scores that may differ in the last digits: a product of many rows sums in another order."""
    lists = {
        name: [{**row, "score": pytest.approx(row["score"], abs=1e-5)} if "score" in row else row for row in rows]
        for name, rows in answer.items()
        if isinstance(rows, list)
    }
    return answer | lists


@pytest.mark.parametrize("name", ["tuned", "BPR, cold items", "ItemKNN", "FREEDOM"])
def test_users_get_what_recommend_says(name, service, recommended):
    client = service(name)
    for words, query in (
        (["--user", "U5", "-k", 7], {"user": "U5", "k": 7}),
        (["--user", "index:6", "--include-taken"], {"user": "index:6", "include_taken": True}),
        (["--user", "U7", "-k", 4 * N_ITEMS], {"user": "U7", "k": 4 * N_ITEMS}),
        (["--items", "5", "9", "-k", 3], {"items": ["5", "9"], "k": 3}),
        (["--items", "5", "--include-taken"], {"items": ["5"], "include_taken": True}),
    ):
        found = client.get("/recommend", params=query)
        assert found.status_code == 200 and found.json() == near(recommended(name, *words))
    assert client.get("/similar", params={"item": "48", "k": 4}).json() == near(
        recommended(name, "--item", "48", "-k", 4)
    )


@pytest.mark.parametrize("name", ["tuned", "VBPR"])
def test_texts_and_pictures_are_placed_as_recommend_does(name, service, recommended, served):
    client, picture = service(name), served / "data/toy/images/9.png"
    image = base64.b64encode(picture.read_bytes()).decode()
    text = recommended(name, "--text", "a green tent", "-k", 3)
    both = recommended(name, "--text", "a green tent", "--image", picture, "-k", 3)
    found = client.post("/new-item", json={"text": "a green tent", "image": image, "k": 3}).json()
    assert found == {part: near(both)[part] for part in ("items", "users")}
    found = client.post("/new-item", json={"text": " a green tent ", "k": 3}).json()
    assert found == {part: near(text)[part] for part in ("items", "users")}
    search = client.get("/search", params={"text": "a green tent", "k": 3}).json()
    assert search == {"text": "a green tent", "items": near(text)["items"]}


def test_the_encoder_is_loaded_once(service, monkeypatch):
    client = service("tuned")
    client.get("/search", params={"text": "a blue lamp"})
    monkeypatch.setattr("ptmrec_plugin.items.tuned_encoder.build_encoder", None)
    assert client.get("/search", params={"text": "a blue lamp"}).status_code == 200


def test_a_batch_answers_each_question_as_if_alone(finished):
    run = ServedRun(finished("tuned"), {"device": "cpu", "progress": False})
    questions = [ForUser(user, 3 + user % 5, include_taken=user % 3 == 0) for user in range(N_USERS)]
    for together, question in zip(run.for_users(questions), questions, strict=True):
        assert near(run.for_users([question])[0]) == together
        assert len(together["items"]) == question.k


def test_what_waits_at_the_same_time_is_answered_together():
    sizes, may_end = [], threading.Event()

    def answer(questions):
        sizes.append(len(questions))
        may_end.wait(10)
        return [-question for question in questions]

    async def ask() -> list[int]:
        batches = Batches(answer, 4, ThreadPoolExecutor(1))
        first = asyncio.create_task(batches.ask(1))
        while not sizes:
            await asyncio.sleep(0.001)
        others = [asyncio.create_task(batches.ask(n)) for n in range(2, 10)]
        await asyncio.sleep(0)
        others[0].cancel()  # who goes away is not waited for
        may_end.set()
        return [await first, *await asyncio.gather(*others[1:])]

    assert asyncio.run(ask()) == [-1, *range(-3, -10, -1)]
    assert sizes == [1, 3, 4] or sizes == [1, 4, 3]


def test_an_error_in_a_batch_reaches_who_asked_and_no_one_later():
    def answer(questions):
        return [1 // question for question in questions]

    async def ask() -> int:
        batches = Batches(answer, 4, ThreadPoolExecutor(1))
        with pytest.raises(ZeroDivisionError):
            await batches.ask(0)
        return await batches.ask(1)

    assert asyncio.run(ask()) == 1


def large_png(width: int, height: int) -> bytes:
    """A picture file that says to be so large; its pixels are not there."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


@pytest.mark.parametrize(
    ("call", "query", "status", "message"),
    [
        ("/recommend", {"user": "U400"}, 404, "no user 'U400': must be an index from 0 to 39"),
        ("/recommend", {"items": ["5", "no such"]}, 404, "no item 'no such'"),
        ("/recommend", {}, 422, "say one of user and items"),
        ("/recommend", {"user": "U5", "items": ["5"]}, 422, "say one of user and items"),
        ("/recommend", {"user": "U5", "k": 0}, 422, "k: "),
        ("/recommend", {"user": "U5", "k": 10**9}, 422, "k: "),
        ("/recommend", {"user": "U" * 10_000}, 422, "user"),
        ("/recommend", {"items": ["5"] * 1000}, 422, "items"),
        ("/similar", {"item": ""}, 422, "item"),
        ("/similar", {"item": "49"}, 404, "no item '49'"),
        ("/search", {"text": "  "}, 422, "text"),
        ("/search", {}, 422, "text"),
        ("/picture/48", {}, 404, "no picture of item 48"),
        ("/picture/-1", {}, 404, "no picture"),
        ("/picture/x", {}, 422, "item"),
        ("/items", {"n": 10_000}, 422, "n: "),
        ("/nowhere", {}, 404, "Not Found"),
    ],
)
def test_a_bad_question_is_answered_with_what_is_wrong(call, query, status, message, service):
    found = service().get(call, params=query)
    assert found.status_code == status and message in found.json()["error"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "needs a text or an image"),
        ({"text": "  "}, "needs a text or an image"),
        ({"image": "no base64!"}, "is no base64"),
        ({"image": base64.b64encode(b"no picture").decode()}, "image: no JPEG, PNG"),
        (
            {"image": base64.b64encode(large_png(10_000, 5_000)).decode()},
            "10000 x 5000 pixels, more than the 25",
        ),
        ({"text": 7}, "text"),
        ({"text": "a" * 20_000}, "text"),
        ([], "valid dictionary"),
    ],
)
def test_a_bad_new_item_is_answered_with_what_is_wrong(body, message, service):
    found = service().post("/new-item", json=body)
    assert found.status_code == 422 and message in found.json()["error"]


def test_a_broken_picture_is_refused(service, served):
    cut = (served / "data/toy/images/9.png").read_bytes()[:1000]
    found = service().post("/new-item", json={"image": base64.b64encode(cut).decode()})
    assert found.status_code == 422 and "image: " in found.json()["error"]


def test_a_body_is_read_up_to_a_limit(service):
    client = service(limits=Limits(body=1000))
    assert client.post("/new-item", json={"text": "a" * 900}).status_code == 200
    for body in (b"a" * 1001, iter([b"a" * 600] * 2)):  # with its length, and in pieces
        found = client.post("/new-item", content=body)
        assert found.status_code == 413 and "1000 bytes" in found.json()["error"]
    assert client.get("/health").status_code == 200


def test_a_request_that_takes_too_long_is_ended(service, monkeypatch):
    client = service("VBPR", limits=Limits(seconds=0.2))
    go_on = threading.Event()
    monkeypatch.setattr(ServedRun, "search", lambda *_: go_on.wait(20))
    found = client.get("/search", params={"text": "a"})
    go_on.set()
    assert found.status_code == 503 and "0.2 seconds" in found.json()["error"]
    assert client.get("/recommend", params={"user": "U5"}).status_code == 200


def test_more_requests_than_it_takes_are_told_to_come_later(service, monkeypatch):
    client = service("VBPR", limits=Limits(requests=1))
    inside, go_on = threading.Event(), threading.Event()

    def slow(*_):
        inside.set()
        go_on.wait(20)
        return {}

    monkeypatch.setattr(ServedRun, "search", slow)
    with client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.get, "/search", params={"text": "a"})
        assert inside.wait(20)
        second = client.get("/recommend", params={"user": "U5"})
        go_on.set()
        assert (first.result().status_code, second.status_code) == (200, 503)
        assert "later" in second.json()["error"]


def test_a_bug_costs_its_request_alone(service, monkeypatch):
    client = service()
    with monkeypatch.context() as patched:
        patched.setattr(ServedRun, "items", lambda *_: 1 // 0)
        found = client.get("/items")
        assert found.status_code == 500 and "nobody foresaw" in found.json()["error"]
    assert client.get("/items").status_code == 200


def test_with_a_key_nothing_is_told_without_it(service):
    client = service(key=KEY["X-API-Key"])
    paths = client.get("/openapi.json").json()["paths"]
    assert len(paths) == 8
    for path, methods in paths.items():
        for headers in ({}, {"X-API-Key": "guessed"}, {"X-API-Key": "é".encode()}):
            found = client.request(next(iter(methods)), path.replace("{item}", "3"), headers=headers)
            if path != "/health":
                assert found.status_code == 401 and "X-API-Key" in found.json()["error"], path
    assert client.get("/recommend", params={"user": "U5"}, headers=KEY).status_code == 200


def test_other_names_than_its_own_are_refused_on_loopback(finished):
    current = CurrentRun(lambda: ServedRun(finished("BPR"), {"device": "cpu"}))
    client = TestClient(make_service(current, Limits(), hosts=frozenset({"localhost", "::1"})))
    for host, status in {"localhost:8000": 200, "[::1]:8000": 200, "localhost": 200, "evil.example": 421}.items():
        assert client.get("/health", headers={"Host": host}).status_code == status


def test_a_model_without_features_says_so(service):
    found = service("BPR, cold items").get("/search", params={"text": "a red shoe"})
    assert found.status_code == 422 and "BPR reads no item features" in found.json()["error"]


def test_the_catalogue_has_names_and_pictures(service):
    client = service()
    assert client.get("/items", params={"first": 46}).json() == [
        {"item": item, "item_id": str(item + 1), "title": f"item {item}"} for item in (46, 47)
    ]
    picture = client.get("/picture/9")
    assert picture.headers["content-type"] == "image/jpeg" and picture.content.startswith(b"\xff\xd8")
    health = client.get("/health").json()
    assert (health["users"], health["items"], health["dataset"]) == (N_USERS, N_ITEMS, "toy")


def test_answers_are_as_they_are_described(service):
    client = service()
    description = client.get("/openapi.json").json()
    for path, query in (("/recommend", {"user": "U5"}), ("/similar", {"item": "5"}), ("/search", {"text": "tent"})):
        schema = description["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        fields = description["components"]["schemas"][schema["$ref"].split("/")[-1]]
        answer = client.get(path, params=query).json()
        assert set(fields["required"]) <= set(answer) <= set(fields["properties"])
    page = client.get("/docs").text
    assert all(f"{path}</h2>" in page for path in description["paths"]) and "http-equiv" in page


def test_a_reload_serves_the_newer_run_and_drops_no_request(finished):
    folders = [finished("BPR")]
    current = CurrentRun(lambda: ServedRun(folders[-1], {"device": "cpu", "progress": False}))
    statuses = []
    with TestClient(make_service(current, Limits(), KEY["X-API-Key"]), headers=KEY) as client:
        assert client.post("/reload").json()["run"] == folders[0].name

        def ask(number: int) -> None:
            statuses.append(client.get("/recommend", params={"user": f"U{number % N_USERS}"}).status_code)

        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(ask, number) for number in range(30)]
            folders.append(finished("VBPR"))
            assert client.post("/reload").json()["run"] == folders[1].name
            asked += [pool.submit(ask, number) for number in range(30)]
            [each.result() for each in asked]
        assert statuses == [200] * 60
        folders.append(folders[0] / "gone")
        failed = client.post("/reload")
        assert failed.status_code == 422 and "gone" in failed.json()["error"]
        assert client.get("/health").json()["run"] == folders[1].name


def test_without_a_key_nobody_reloads_over_http(service):
    found = service().post("/reload")
    assert found.status_code == 403 and "SIGHUP" in found.json()["error"]


def test_a_second_start_reads_no_checkpoint_and_a_changed_run_is_read_anew(finished, monkeypatch, tmp_path):
    folder = shutil.copytree(finished("BPR"), tmp_path / "run")
    keys = {"device": "cpu", "progress": False}
    first = ServedRun(folder, keys).for_users([ForUser(5, 3)])
    with monkeypatch.context() as patched:
        patched.setattr("run_tools.serve.served_run.open_run", None)
        assert ServedRun(folder, keys).for_users([ForUser(5, 3)]) == first
    for damage in (lambda data: data[:5000], lambda data: b"", lambda data: data.replace(b"taken_ends", b"token_ends")):
        (folder / FILE).write_bytes(damage((folder / FILE).read_bytes()))
        assert ServedRun(folder, keys).for_users([ForUser(5, 3)]) == first
    checkpoint = torch.load(folder / "checkpoint.pt", weights_only=True)
    checkpoint["state"]["item_embedding.weight"] *= -1
    torch.save(checkpoint, folder / "checkpoint.pt")
    assert ServedRun(folder, keys).for_users([ForUser(5, 3)]) != first


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_vectors_are_mapped_not_copied(finished):
    run = ServedRun(finished("BPR"), {"device": "cpu", "progress": False})
    assert str(run.folder / FILE) in Path("/proc/self/maps").read_text()
