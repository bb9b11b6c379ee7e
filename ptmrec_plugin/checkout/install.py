"""Two small files that make PTMRec a model of an MMRec checkout: put there, and taken away again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mmrec_bridge.checkout import Checkout, mmrec_checkout
from mmrec_host.errors import ConfigError
from mmrec_host.files import write_whole

MARKER = "# Written by `ptmrec install`, removed by `ptmrec uninstall`. Without this line the file is yours.\n"

STUB = f"""{MARKER}from ptmrec_plugin.in_mmrec import ptmrec_class

PTMRec = ptmrec_class()
"""

SETTINGS = f"""{MARKER}
# MMRec runs one "epoch" and scores what it leaves; within it, PTMRec trains by its own schedule.
req_training: False
epochs: 1
end2end: True
hyper_parameters: []

# PTMRec's own keys. Any other of its keys may be added; its `epochs` is called stage1_epochs here.
base: mmrec:VBPR          # recommender that is trained on the encoder's features: this checkout's by mmrec:NAME, or
                          # PTMRec's own VBPR, Content, FREEDOM or LATTICE
reg_weight: 0.01          # the base's: MMRec's own grids begin with a value under which some barely learn
mode: two_stage           # two_stage | frozen | frozen_continued | frozen_kt | joint | joint_kt
encoder: vit-b-32         # see `ptmrec list encoders`
peft: lora                # see `ptmrec list peft`
"""

OUTPUTS = Path("log/ptmrec")  # below main.py's folder: runs and caches


def files(checkout: Checkout) -> dict[Path, str]:
    """The files, and what stands in them; some forks look for a model and its settings under its name in capitals."""
    name = "PTMREC" if checkout.yaml_in_capitals else "PTMRec"
    return {
        checkout.source / "models" / "ptmrec.py": STUB + ("" if name == "PTMRec" else f"{name} = PTMRec\n"),
        checkout.source / "configs" / "model" / f"{name}.yaml": SETTINGS,
    }


def is_ours(path: Path) -> bool:
    """Whether the first line of the file at `path` says that `ptmrec install` wrote it."""
    with path.open("rb") as file:
        return file.readline().rstrip(b"\r\n") == MARKER.rstrip("\n").encode()


def _foreign(paths: Iterable[Path]) -> list[str]:
    return [str(path) for path in paths if path.exists() and not is_ours(path)]


def install(home: Path) -> list[Path]:
    """Put the stub and the YAML into the checkout; returns what was written.

    A YAML of ours that the user has edited is kept. Raises `ConfigError`, with nothing written, if a file of that name
    is not ours.
    """
    wanted = files(mmrec_checkout(home))
    if foreign := _foreign(wanted):
        raise ConfigError(f"{' and '.join(foreign)}: not written by `ptmrec install`, left alone. Rename it and retry.")
    written = []
    for path, text in wanted.items():
        if path.exists() and (path.suffix == ".yaml" or path.read_text(encoding="utf-8") == text):
            continue
        write_whole(path, text.encode())
        written.append(path)
    return written


def uninstall(home: Path) -> list[Path]:
    """Take our files (and the stub's bytecode) away; returns what was removed.

    `ConfigError`, after ours are gone, if a file of that name is not ours: it stays.
    """
    wanted = files(mmrec_checkout(home))
    foreign = _foreign(wanted)
    removed = [path for path in wanted if path.exists() and str(path) not in foreign]
    for path in removed:
        path.unlink()
        for bytecode in (path.parent / "__pycache__").glob("ptmrec.*.pyc"):
            bytecode.unlink()
    if foreign:
        raise ConfigError(f"{' and '.join(foreign)}: not written by `ptmrec install`, left in place.")
    return removed
