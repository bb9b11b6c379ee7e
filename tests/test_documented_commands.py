"""Every command and every Python block in README and docs, read from there and run as written.

A document's blocks are run in their order, in one folder whose own `mmrec_configs/` make everything small; what
commands name (NAME, RUN, DATA, …) is there. A block with a title (```python title="my_model.py") is a file, written
where the title says; later blocks of any kind may use it. A Python block without a title is run as it stands, and sees
the names of those before it in the same document. Commands of an MMRec checkout need MMREC_HOME.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from named_sources import AMAZON, sources_of, write_sources
from raw_dataset import N_ITEMS, N_USERS, write_dataset

import mmrec_configs
from mmrec_host.cli.main import COMMANDS, main
from mmrec_host.registry import Registry
from ptmrec_plugin.encoders.dual import ENCODERS
from ptmrec_plugin.peft.base import PEFT

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NOT_RUN = {  # beginning of a command -> why
    r"python3 -m venv|pip install (-c|-e)|\S+/pip install|git clone": "sets up what the tests run in",
    r"\S*python -m (pytest -n|ruff|mypy)|mkdocs |bash \.ci": "the continuous integration does it",
    r"python benchmarks/|python tests/|python -m pytest tests/": "takes minutes; has tests of its own",
    r"tensorboard --logdir": "serves until it is stopped",
    r"(PTMREC_SERVE_KEY=\S+ )?ptmrec serve|curl ": "serves until it is stopped; has tests of its own",
    r"python -m pip_audit": "asks a service in the network",
    r"ray start|ptmrec .*--engine ray": "needs a cluster; has tests of its own",
    r"ptmrec run-mmrec": "has a test of its own, in an MMRec checkout",
}
MADE = {  # command -> a file that it leaves
    r"ptmrec prepare (\w+)": "data/{0}/{0}.inter",
    r"ptmrec show": "page.html",
    r"ptmrec demo": "demo.html",
    r"ptmrec recommend .*--output (\S+)": "{0}",
    r"ptmrec table .*--(?:plot|output) (\S+)": "{0}",
    r"ptmrec study (\w+)(?!.*--dry-run)": "studies/{0}/report.html",
    r"ptmrec export features .*--to (\S+)": "{0}/image_feat.npy",
    r"ptmrec export vectors .*--to (\S+) --format parquet": "{0}/item_vectors.parquet",
    r"ptmrec export adapter .*--to (\S+)": "{0}/README.md",
    r"ptmrec export encoder .*--to (\S+)": "{0}/open_clip_config.json",
    r"ptmrec export ranking .*--to (\S+)": "{0}/run.trec",
}
MINI = {"encoder": "tiny", "mini_users": 60, "mini_items": 120, "mini_purchases": [8, 20]}
MINI |= {"topk": [3, 10], "valid_metric": "Recall@3"}
SMALL = {
    "overall": {
        "epochs": 1,
        "encoder": "tiny",
        "embedding_size": 8,
        "topk": [2, 3],
        "valid_metric": "Recall@3",
        "progress": False,
    },
    "PTMRec": {"stage2_epochs": 1, "joint_epochs": 1},
    **dict.fromkeys(("mini", "mini-gap"), MINI),
    "ml-latest-small": {"encoder": "tiny"},
    **dict.fromkeys(("office", "toys"), {"encoder": "tiny"}),
    **{name: sources_of(name) for name in AMAZON},
}


@dataclass(frozen=True)
class Block:
    """A block of code: its language, its title if it has one, and its lines."""

    language: str
    title: str
    code: str

    @property
    def commands(self) -> list[str]:
        """The commands of a block of bash."""
        joined = self.code.replace("\\\n", " ")
        lines = [line.removeprefix(".venv/bin/") for line in joined.splitlines()]
        return [line for line in lines if line.strip() and not line.startswith("#")]


def blocks_of(document: Path) -> list[Block]:
    found = re.findall(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', document.read_text(), re.S | re.M)
    return [Block(*each) for each in found]


def reason_not_to_run(command: str) -> str | None:
    return next((reason for start, reason in NOT_RUN.items() if re.match(start, command)), None)


def needs_checkout(command: str) -> bool:
    return "--mmrec-home" in command or "path/to/" in command


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which a reader would type."""
    place = tmp_path_factory.mktemp("typed") / "ptmrec"
    place.mkdir()
    packaged = Path(mmrec_configs.__file__).parent
    for file in packaged.rglob("*.yaml"):
        values = yaml.safe_load(file.read_text())
        if file.parent.name == "study":
            kept = ("VBPR", next(name for name, row in values["rows"].items() if row.get("mode") == "frozen_kt"))
            values["rows"] = {name: values["rows"][name] for name in kept}
            if file.stem != "mini":
                values["metrics"] = ["recall@2"]
                values["keys"] = values.get("keys", {}) | {"selection": "warm"}  # too few items are new to select by
        elif file.parent.name != "source":
            values |= SMALL.get(file.stem, {})
            values.pop("tuned", None)
            values["search"] = {key: choices[:1] for key, choices in values.pop("search", {}).items()}
        copy = place / "mmrec_configs" / file.relative_to(packaged)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(yaml.safe_dump(values))
    for folder, name in (("data", "NAME"), *(("DATA", name) for name in ("ml-latest-small", "baby", "office", "toys"))):
        home = write_dataset(place / folder, name)
        users, items = [f"U{u}\t{u}" for u in range(N_USERS)], [f"{'I' * (i + 1)}\t{i}" for i in range(N_ITEMS)]
        (home / "u_id_mapping.csv").write_text("\n".join(["user_id\tuserID", *users]) + "\n")
        (home / "i_id_mapping.csv").write_text("\n".join(["asin\titemID", *items]) + "\n")
    shutil.copy(place / "data/NAME/images/0.png", place / "pot.jpg")
    if home := os.environ.get("MMREC_HOME"):
        subprocess.run(["git", "clone", "-q", home, str(place.parent / "MMRec")], check=True)
        (place / "path/to").mkdir(parents=True)
        for file in ("models/bm3.py", "configs/model/BM3.yaml"):
            shutil.copy(Path(home) / "src" / file, place / "path/to")
    shutil.copy(ROOT / "main.py", place)
    write_sources(place)
    return place


@pytest.fixture
def own_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a document's plugins register is forgotten after it."""
    assert {ENCODERS.kind, PEFT.kind} <= Registry.every.keys()  # that is why they are imported
    for registry in Registry.every.values():
        monkeypatch.setattr(registry, "_objects", dict(registry._objects))


@pytest.fixture(scope="module")
def finished(place: Path) -> None:
    """Runs that the documents call RUN, FROZEN and TUNED."""
    for name, mode in {"RUN": "joint", "TUNED": "joint", "FROZEN": "frozen"}.items():
        words = ["-q", "-m", "PTMRec", "-d", "NAME", f"mode={mode}", "seed=1" if name == "RUN" else "seed=2"]
        assert run_command(shlex.join(["ptmrec", *words]), place) == 0
        newest = max((place / "runs/NAME").iterdir(), key=lambda folder: folder.stat().st_mtime)
        newest.rename(newest.with_name(name))


def run_command(command: str, place: Path) -> int:
    """Run a command, in this process where it leaves nothing behind in it; its exit code."""
    words = shlex.split(command, comments=True)
    if words[:2] == ["pip", "install"]:  # into a folder of the place, as packages are not to be got from elsewhere
        offline = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(place / "site")]
        return run_python(["-m", *words[:2], *offline, *words[2:]], place)
    if words[0] == "torchrun":
        return run_python(["-m", "torch.distributed.run", *words[1:]], place)
    if words[:3] == ["python", "-m", "pytest"]:
        return run_python(words[1:], place)
    assert words[0] == "ptmrec" or words[:2] == ["python", "main.py"], f"who runs this? {command}"
    arguments = words[1:] if words[0] == "ptmrec" else words[2:]
    ours = arguments[0].startswith("-") or arguments[0] in COMMANDS
    if not ours or needs_checkout(command):
        return run_python(["main.py", *arguments], place)
    before = Path.cwd()
    os.chdir(place)
    try:
        return main(arguments)
    except SystemExit as end:  # -h and --version
        return int(end.code or 0)
    finally:
        os.chdir(before)


def run_python(arguments: list[str], place: Path) -> int:
    """Run an interpreter with these arguments; its exit code."""
    path = os.pathsep.join(map(str, (place, place / "site", ROOT)))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    done = subprocess.run([sys.executable, *arguments], cwd=place, env=environment, capture_output=True, text=True)
    print(done.stdout, done.stderr)
    return done.returncode


def check_command(command: str, place: Path) -> None:
    """Run a command; it must succeed and leave the file that it is for."""
    assert run_command(command, place) == 0, command
    for start, file in MADE.items():
        if match := re.match(start, command):
            assert (place / file.format(*match.groups())).is_file(), command


@pytest.mark.usefixtures("own_registries")
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_shows_runs(document, place, request, monkeypatch):
    if "--run " in document.read_text():
        request.getfixturevalue("finished")
    names: dict[str, object] = {}
    for block in blocks_of(document):
        if block.title:
            file = place / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.code)
        elif block.language == "python":
            monkeypatch.chdir(place)
            exec(compile(block.code, document.name, "exec"), names)
        elif block.language == "bash":
            for command in block.commands:
                if not reason_not_to_run(command) and not needs_checkout(command):
                    check_command(command, place)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_shows_of_a_checkout_runs(document, place):
    shown = [command for block in blocks_of(document) if block.language == "bash" for command in block.commands]
    shown = [command for command in shown if needs_checkout(command) and not reason_not_to_run(command)]
    if not shown:
        pytest.skip("shows none")
    if not os.environ.get("MMREC_HOME"):
        pytest.skip("MMREC_HOME names no MMRec checkout")
    for command in shown:
        check_command(command, place)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_block_says_what_it_is(document):
    """Else it would be passed over above."""
    fences = re.findall(r"^```(.*)$", document.read_text(), re.M)[::2]
    assert all(fences) and len(fences) == len(blocks_of(document))
