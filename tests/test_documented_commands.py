"""Every command in README and docs, read from there and run as written.

They run in order in one folder, whose own `mmrec_configs/` make everything small; what they name (NAME, RUN, DATA, …)
is there. Commands of an MMRec checkout need MMREC_HOME.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from named_sources import AMAZON, sources_of, write_sources
from raw_dataset import N_ITEMS, N_USERS, write_dataset

import mmrec_configs
from mmrec_host.cli.main import main

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_RUN = {  # beginning of a command -> why
    r"python3 -m venv|\S*pip install|\S*python -m pytest": "the continuous integration does it",
    r"python benchmarks/|python tests/": "takes minutes; has tests of its own",
    r"ptmrec run-mmrec": "has a test of its own, in an MMRec checkout",
}
MADE = {  # command -> a file that it leaves
    r"ptmrec prepare (\w+)": "data/{0}/{0}.inter",
    r"ptmrec show": "page.html",
    r"ptmrec recommend .*--output (\S+)": "{0}",
    r"ptmrec table .*--plot (\S+)": "{0}",
    r"ptmrec export features .*--to (\S+)": "{0}/image_feat.npy",
    r"ptmrec export vectors .*--to (\S+) --format parquet": "{0}/item_vectors.parquet",
    r"ptmrec export adapter .*--to (\S+)": "{0}/README.md",
}
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
    "mini": {"encoder": "tiny", "mini_users": 60, "mini_items": 80, "mini_purchases": [8, 20]},
    "ml-latest-small": {"encoder": "tiny"},
    **{name: sources_of(name) for name in AMAZON},
}


def documented() -> list[tuple[str, str]]:
    """Document and command of each line in a block of bash."""
    blocks = [(d.name, block) for d in DOCUMENTS for block in re.findall(r"```bash\n(.*?)```", d.read_text(), re.S)]
    return [(name, line) for name, block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which a reader would type."""
    place = tmp_path_factory.mktemp("typed") / "ptmrec"
    place.mkdir()
    packaged = Path(mmrec_configs.__file__).parent
    for file in packaged.rglob("*.yaml"):
        values = yaml.safe_load(file.read_text()) | SMALL.get(file.stem, {})
        values.pop("tuned", None)
        values["search"] = {key: choices[:1] for key, choices in values.pop("search", {}).items()}
        copy = place / "mmrec_configs" / file.relative_to(packaged)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(yaml.safe_dump(values))
    for folder, name in (("data", "NAME"), ("DATA", "ml-latest-small"), ("DATA", "baby")):
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


@pytest.fixture(scope="module")
def finished(place: Path) -> None:
    """Runs that the documents call RUN, FROZEN and TUNED."""
    for name, mode in {"RUN": "joint", "TUNED": "joint", "FROZEN": "frozen"}.items():
        words = ["-q", "-m", "PTMRec", "-d", "NAME", f"mode={mode}", "seed=1" if name == "RUN" else "seed=2"]
        assert run_words(["python", "main.py", *words], place) == 0
        newest = max((place / "runs/NAME").iterdir(), key=lambda folder: folder.stat().st_mtime)
        newest.rename(newest.with_name(name))


def run_words(words: list[str], place: Path) -> int:
    """Run a command, in this process where it leaves nothing behind in it; its exit code."""
    arguments = words[1:] if words[0] == "ptmrec" else words[2:]
    alone = words[0] == "torchrun" or any(w in ("--mmrec-home", "--plugin") for w in words)
    if not alone:
        before = Path.cwd()
        os.chdir(place)
        try:
            return main(arguments)
        finally:
            os.chdir(before)
    start = ["-m", "torch.distributed.run", *words[1:]] if words[0] == "torchrun" else ["main.py", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *start], cwd=place, env=environment, capture_output=True, text=True)
    print(done.stdout, done.stderr)
    return done.returncode


@pytest.mark.parametrize(("document", "line"), documented(), ids=lambda text: text[:70])
def test_a_documented_command_runs(document: str, line: str, place: Path, request: pytest.FixtureRequest) -> None:
    line = line.removeprefix(".venv/bin/")
    words = shlex.split(line, comments=True)
    for start, reason in NOT_RUN.items():
        if re.match(start, line):
            pytest.skip(reason)
    if ("--mmrec-home" in words or "--plugin" in words) and not os.environ.get("MMREC_HOME"):
        pytest.skip("MMREC_HOME names no MMRec checkout")
    assert words[0] in ("ptmrec", "torchrun") or words[:2] == ["python", "main.py"], f"who runs this? {line}"
    if "--run" in words:
        request.getfixturevalue("finished")
    assert run_words(words, place) == 0
    for command, file in MADE.items():
        if match := re.match(command, line):
            assert (place / file.format(*match.groups())).is_file()
