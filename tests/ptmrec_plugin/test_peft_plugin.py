"""Somebody else's variant, encoder and recommender, as an installed package, and a variant as a single file.

Under the conformance suites they are in `third_party/test_conformance.py`, as in a package of their own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PACKAGE = Path(__file__).parent / "third_party"
FILE = PACKAGE / "ptmrec_scale.py"


def run(words: list[str], toy_keys: dict, *paths: Path) -> str:
    """Output of the command line in a process of its own."""
    places = os.pathsep.join(map(str, [*paths, REPOSITORY]))
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "main.py"), *words],
        capture_output=True, text=True, check=True, cwd=toy_keys["data_path"], env=os.environ | {"PYTHONPATH": places},
    ).stdout  # fmt: skip


def training(toy_keys: dict, **more: object) -> list[str]:
    keys = {**toy_keys, "epochs": 1, "stage2_epochs": 1, "pool_size": 24, "peft": "scale", "scale_start": 1.5, **more}
    return ["-q", "-m", "PTMRec", "-d", "toy", *(f"{k}={v}".replace("'", "") for k, v in keys.items())]


def test_an_installed_package_is_found_by_its_entry_point(toy_keys, tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "source", ignore=shutil.ignore_patterns("__pycache__"))
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*install, "--target", str(tmp_path / "site"), str(tmp_path / "source")], check=True)
    for kind, name in {"peft": "scale", "encoders": "grey", "models": "BiasMF"}.items():
        assert f"{name} " in run(["list", kind], toy_keys, tmp_path / "site")
    assert "peft=scale" in run(training(toy_keys, encoder="grey"), toy_keys, tmp_path / "site")
    saved = list(Path(toy_keys["run_path"]).glob("toy/*/adapter/adapter.safetensors"))
    assert len(saved) == 1


def test_a_single_file_is_enough(toy_keys):
    assert "peft=scale" in run([*training(toy_keys), "--plugin", str(FILE)], toy_keys)
