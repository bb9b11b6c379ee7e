"""`ptmrec serve` as processes: started, asked, reloaded, killed and started again."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

ROOT = Path(__file__).parents[2]
PATIENCE = 180  # seconds, of a machine that has much else to do

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs SIGHUP")


@contextlib.contextmanager
def serving(folder: Path, *words: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its address; killed at the end."""
    command = [sys.executable, str(ROOT / "main.py"), "serve", "--run", str(folder), "--port", "0", *map(str, words)]
    environment = os.environ | {"PTMREC_SERVE_KEY": "open sesame", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*command, "device=cpu"], stdout=subprocess.PIPE, text=True, env=environment, cwd=folder.parent
    )
    try:
        assert process.stdout is not None
        address = re.match(r"(http://127\.0\.0\.1:\d+)/", process.stdout.readline())
        assert address is not None
        yield process, address[1]
    finally:
        process.kill()
        process.wait(PATIENCE)


def ask(address: str, path: str, method: str = "GET") -> dict:
    """What is answered."""
    request = urllib.request.Request(address + path, method=method, headers={"X-API-Key": "open sesame"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


def until(condition, what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def test_killed_and_started_again_it_answers_the_same(finished, ptmrec):
    answers = []
    for _ in range(2):
        with serving(finished("tuned")) as (process, address):
            answers.append(ask(address, "/recommend?user=U5&k=3"))
            with pytest.raises(urllib.error.HTTPError, match="404"):
                ask(address, "/recommend?user=nobody")
            process.send_signal(signal.SIGKILL)
    assert answers[0] == answers[1]
    said = json.loads(ptmrec("recommend", "--run", finished("tuned"), "--user", "U5", "-k", 3, "--json")[1])
    assert [item["item"] for item in answers[0]["items"]] == [item["item"] for item in said["items"]]


def test_workers_reload_without_dropping_a_request_and_end_with_their_parent(finished, tmp_path):
    old, new, link = finished("BPR"), finished("VBPR"), tmp_path / "current"
    link.symlink_to(old)
    with serving(link, "--workers", 2) as (process, address), ThreadPoolExecutor(4) as pool:
        assert ask(address, "/health")["run"] == old.name
        workers = psutil.Process(process.pid).children()
        asked = [pool.submit(ask, address, f"/recommend?user=index:{n % 40}") for n in range(40)]
        (tmp_path / "next").symlink_to(new)
        (tmp_path / "next").replace(link)
        process.send_signal(signal.SIGHUP)
        asked += [pool.submit(ask, address, f"/recommend?user=index:{n % 40}") for n in range(40)]
        assert all(len(each.result()["items"]) == 10 for each in asked)

        def newest() -> bool:
            return {ask(address, "/health")["run"] for _ in range(10)} == {new.name}

        until(newest, "an old run is served")
        assert {worker.pid for worker in workers} <= {each.pid for each in psutil.Process(process.pid).children()}
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
        until(lambda: not any(worker.is_running() and worker.status() != "zombie" for worker in workers), "orphans")


def test_what_cannot_be_served_is_said_before_anything_listens(finished, ptmrec, tmp_path, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, out, err = ptmrec("serve", "--run", finished("BPR"), "--port", port)
    assert code == 2 and out == "" and f"--port {port}: cannot be listened at" in err
    assert "--seconds 0.0: must be more than 0" in ptmrec("serve", "--run", finished("BPR"), "--seconds", 0)[2]
    shutil.copytree(finished("BPR"), tmp_path / "run")
    (tmp_path / "run/checkpoint.pt").unlink()
    code, _, err = ptmrec("serve", "--run", tmp_path / "run", "--port", 0)
    assert code == 2 and "save_model=true" in err
    monkeypatch.setitem(sys.modules, "fastapi", None)
    code, _, err = ptmrec("serve", "--run", finished("BPR"))
    assert code == 2 and "pip install 'ptmrec[serve]'" in err
