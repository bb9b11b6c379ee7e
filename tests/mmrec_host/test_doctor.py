"""`ptmrec doctor`: what it finds, what it calls a problem, and its exit code."""

from __future__ import annotations

import http.server
import re
import threading
from importlib import metadata

import pytest
import torch

from mmrec_host.environment import CPU_FEATURES
from mmrec_host.installation import Package, packages

constants = pytest.importorskip("huggingface_hub.constants")


@pytest.fixture
def doctor(ptmrec, tmp_path, monkeypatch):
    """The command in an empty folder, offline."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    def call(*words: str) -> tuple[int, str]:
        code, out, err = ptmrec("doctor", *words)
        return code, re.sub(r"\s*\n {10,}", " ", out) + err

    return call


@pytest.fixture
def requires(monkeypatch):
    """Adds to what the distribution asks for."""
    asked = metadata.requires("ptmrec")
    return lambda *more: monkeypatch.setattr(metadata, "requires", lambda name: [*asked, *more])


def test_a_sound_machine_is_described_and_exits_with_0(doctor):
    code, said = doctor()
    assert code == 0 and "problem" not in said and said.rstrip().endswith("All that is required is there and works.")
    assert said.startswith(f"ptmrec {metadata.version('ptmrec')}, Python 3.")
    for name in ("torch", "torchvision", "open_clip_torch", "peft", "transformers", "lmdb", "numpy", "scipy"):
        assert f"{name} {metadata.version(name)}" in said
    assert f"threads of torch  {torch.get_num_threads()}" in said
    assert ("CUDA" if not torch.cuda.is_available() else "cuda:0") in said
    assert re.search(r"data_path +data: made when it is needed, [\d.]+ GB free", said)
    assert "HF_HUB_OFFLINE is set" in said


@pytest.mark.parametrize(
    "requirement, message",
    [
        ("no-such-package>=1.2", "no-such-package is not installed: pip install 'no-such-package>=1.2'"),
        ("numpy>=99", f"numpy is {metadata.version('numpy')}, and >=99 is needed: pip install 'numpy>=99'"),
    ],
)
def test_a_package_that_is_missing_or_too_old_is_a_problem(doctor, requires, requirement, message):
    requires(requirement)
    code, said = doctor()
    assert code == 1 and f"problem: {message}" in said and "All that" not in said


def test_a_package_that_is_there_and_does_not_work_is_a_problem(doctor, monkeypatch):
    broken = Package("numpy", "", "1.0", "broken_numpy")
    monkeypatch.setattr("mmrec_host.cli.checkup.packages", lambda extra="": [] if extra else [broken])
    code, said = doctor()
    assert code == 1 and "problem: numpy cannot be imported (ModuleNotFoundError: No module named 'broken_nu" in said


def test_a_missing_optional_part_is_told_with_its_command_and_no_problem(doctor, requires):
    requires('no-such-package; extra == "plot"')
    code, said = doctor()
    assert code == 0 and re.search(r"plot +no-such-package is not installed: pip install 'ptmrec\[plot\]'", said)


def test_a_file_where_a_folder_belongs_is_a_problem_and_a_folder_that_is_there_is_not(doctor, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "mine").mkdir()
    code, said = doctor("cache_path=file", "run_path=file/runs", "data_path=mine")
    assert code == 1 and said.count("problem:") == 2
    assert "problem: cache_path=file: file is a file, where a folder belongs. Name another folder" in said
    assert f"problem: run_path=file/runs: {tmp_path / 'file'} is a file" in said
    assert re.search(r"data_path +mine: there, ", said)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "mine"]  # nothing was made or left


@pytest.mark.parametrize("key, code", [("data_path", 0), ("cache_path", 1), ("run_path", 1)])
def test_only_data_may_be_read_only(doctor, monkeypatch, tmp_path, key, code):
    (tmp_path / "there").mkdir()
    monkeypatch.setattr("mmrec_host.cli.checkup._writable", lambda folder: folder.name != "there")
    assert doctor(f"{key}=there")[0] == code


def test_another_key_is_refused_with_the_nearest_one(doctor):
    code, said = doctor("cache_pth=x")
    assert code == 2 and "did you mean 'cache_path'?" in said


class Answers(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):  # noqa: N802
        self.send_response(404)
        self.end_headers()

    def log_message(self, *args):
        pass


def test_a_hub_that_answers_and_one_that_does_not(doctor, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(constants, "ENDPOINT", address)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert f"{address} answers in " in doctor()[1]
        server.shutdown()
    code, said = doctor()
    assert code == 0 and f"{address} is not reachable (" in said


def test_cpu_features_are_read_as_the_kernel_names_them(monkeypatch):
    from mmrec_host import environment

    def says(*lines: str):
        known = [line.partition(":") for line in lines]
        monkeypatch.setattr(environment, "_cpu_lines", lambda name: iter(v for k, _, v in known if k.startswith(name)))
        return environment.cpu_features()

    assert says("flags: fpu avx2 avx512f amx_bf16", "flags: none") == list(CPU_FEATURES)
    assert says("Features: asimd bf16") == ["bfloat16"]
    assert says("flags: fpu sse") == [] and says() is None


def test_the_required_packages_are_those_of_no_extra():
    required = {package.name for package in packages()}
    assert {"torch", "open_clip_torch"} <= required and not {"matplotlib", "pandas", "pytest"} & required
    assert [package.name for package in packages("plot")] == ["matplotlib"]
    modules = {package.name: package.module for package in packages()}
    assert (modules["pyyaml"], modules["pillow"], modules["open_clip_torch"]) == ("yaml", "PIL", "open_clip")
