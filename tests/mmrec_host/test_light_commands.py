"""The command line opens at once: what it loads, lists and says of its version."""

from __future__ import annotations

import re
import subprocess
import sys
from configparser import ConfigParser
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from dataset_makers.prepare import arguments, split_rules
from mmrec_host.cli.main import COMMANDS, main
from mmrec_host.environment import environment
from mmrec_host.models.base import MODELS
from mmrec_host.registry import summary

ROOT = Path(__file__).parents[2]
SLOW = ("torch", "numpy", "scipy", "open_clip", "transformers", "peft", "matplotlib", "lmdb", "PIL")
SAYS_WHAT_IT_LOADED = """
import sys
from mmrec_host.cli.main import main
try:
    code = main(sys.argv[2:])
except SystemExit as stop:
    code = stop.code
print(code, *(name for name in sys.argv[1].split(",") if name in sys.modules), file=sys.stderr)
"""


def loaded(words: list[str], place: Path, names: tuple[str, ...] = SLOW) -> str:
    """The exit code and those of the named modules that a command line has imported."""
    start = [sys.executable, "-c", SAYS_WHAT_IT_LOADED, ",".join(names), *words]
    return subprocess.run(start, cwd=place, capture_output=True, text=True).stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "words",
    [["-h"], ["--version"], *([name, "-h"] for name in COMMANDS.names()), *(["list", k] for k in ("models", "peft"))]
    + [["list", "encoders"], ["list", "datasets"]],
    ids=" ".join,
)
def test_help_version_and_lists_load_nothing_slow(words, tmp_path):
    assert loaded(words, tmp_path) == "0"


def test_a_table_is_printed_without_torch_and_scipy(tmp_path, toy_keys):
    words = [f"{k}={v}".replace("'", "") for k, v in toy_keys.items() if k != "progress"]
    assert main(["-q", "-m", "BPR", "-d", "toy", *words]) == 0
    slow = tuple(name for name in SLOW if name != "numpy")
    assert loaded(["table", "-d", "toy", "--runs", str(tmp_path / "runs")], tmp_path, slow) == "0"


@pytest.mark.parametrize("group", ["mmrec.models", "ptmrec.peft", "ptmrec.encoders"])
def test_what_is_read_from_a_source_is_the_docstring_of_what_is_announced(group):
    """Of a class, a function, and one under a decorator."""
    for point in metadata.entry_points(group=group):
        if point.dist.name == "ptmrec":
            assert summary(point) == point.load().__doc__.strip().splitlines()[0]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Installs a package with a module `stranger` of the given source, which announces `stranger:made` as a model."""

    def install(source: str) -> None:
        (tmp_path / "stranger.py").write_text(source)
        info = tmp_path / "stranger-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[mmrec.models]\nStranger = stranger:made\n")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "stranger", raising=False)
        monkeypatch.setattr(MODELS, "_objects", dict(MODELS._objects))

    return install


def test_a_stranger_is_listed_without_being_imported(package, capsys):
    package('raise ImportError("never")\n\n\ndef made():\n    """Says what it is.\n\n    And more."""\n')
    assert main(["list", "models"]) == 0
    assert re.search(r"^Stranger +Says what it is\.$", capsys.readouterr().out, re.M)


def test_a_stranger_whose_source_says_nothing_is_imported(package, capsys):
    package('class Made:\n    """Made elsewhere."""\n\n\nmade = Made\n')
    assert main(["list", "models"]) == 0
    assert re.search(r"^Stranger +Made elsewhere\.$", capsys.readouterr().out, re.M)


def test_a_broken_stranger_is_an_error_that_names_it(package, capsys):
    package("import no_such_module\n\nmade = no_such_module.made\n")
    assert main(["list", "models"]) == 2
    assert "'Stranger' (stranger:made) cannot be loaded: No module named 'no_such_module'" in capsys.readouterr().err


def test_the_rules_that_the_help_names_are_those_that_there_are():
    assert sorted(split_rules.SPLIT_RULES) == sorted(arguments.RULES)


def test_one_version_everywhere(capsys):
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    version = setup["metadata"]["version"]
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0 and capsys.readouterr().out == f"ptmrec {version}\n"
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version
    assert environment()["ptmrec"] == version


def test_main_py_says_the_version_too(tmp_path):
    done = subprocess.run([sys.executable, ROOT / "main.py", "--version"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == f"ptmrec {metadata.version('ptmrec')}\n"
