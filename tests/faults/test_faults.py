"""Every kind of file spoilt, every key with nonsense: a clear message or the right result, and nothing lost.

`pytest tests/faults -m slow` tries thousands; `PTMREC_FAULTS=5000:7` says how many, and the seed.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from cases import Case, all_cases, spoil_world
from world import close_caches, copy_world, digests, make_world

from mmrec_host.cli.main import main
from mmrec_host.registry import Registry

FEW, MANY = 300, 5000
SECONDS, MEGABYTES, CHARACTERS = 60, 2000, 20_000  # of one command: a bound, not a measure
BLAME = ("Traceback", "this is a bug", "site-packages", '.py", line')


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        make_world(folder, patch)
    return folder


class TooLong(BaseException):
    """The command took longer than a fault may cost."""


def _too_long(*_: object) -> None:
    raise TooLong


def attempt(case: Case, number: int, world: Path, folder: Path, rng, capsys) -> tuple[str, str]:
    """What came out of one fault: `clean`, `right` or `wrong`, and why."""
    copy_world(world, folder)
    os.chdir(folder)
    spoilt = spoil_world(case, folder, rng)
    before, children = digests(folder), set(psutil.Process().children())  # such as a fork server of other tests
    memory, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    try:
        code = main(list(case.command))
    except TooLong:
        return "wrong", f"took {time.monotonic() - began:.0f} s"
    except SystemExit as stop:  # argparse's
        code = stop.code if isinstance(stop.code, int) else 2
    except BaseException as error:
        return "wrong", f"raised {error!r}"
    finally:
        signal.alarm(0)
        close_caches()
    out, said = capsys.readouterr()
    after = digests(folder)
    changed = sorted(
        path for path in before if after.get(path) != before[path] and not path.startswith(case.writes or "\0")
    )
    new = sorted(path for path in after.keys() - before.keys() if code and not path.startswith(("runs/", "cache/")))
    faults = [
        *(f"says {word!r}" for word in BLAME if word in said),
        *([f"exit code {code}"] if code not in (0, 1, 2) else []),
        *([f"no message (exit code {code})"] if code and "error: " not in said and "left out" not in said else []),
        *([f"a message of {len(said)} characters"] if len(said) > CHARACTERS else []),
        *([f"changed {', '.join(changed[:3])}"] if changed else []),
        *([f"left {', '.join(new[:3])}"] if new else []),
        *(["was taken"] if case.must_fail and not code else []),
        *([f"children {left}"] if (left := set(psutil.Process().children()) - children) else []),
    ]
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
    if grown > MEGABYTES:
        faults.append(f"took {grown:.0f} MB")
    if code and spoilt is not None and not faults:
        named = {spoilt.name, spoilt.parent.name, spoilt.parent.parent.name} - {"data"}
        says_the_key = spoilt.suffix == ".yaml" and re.search(r"error: \w+=", said)
        if not says_the_key and not any(name in said for name in named):
            faults.append("does not name the file")
    if faults:
        return "wrong", "; ".join(faults) + f"\n{' '.join(case.command)[:300]}\n{said[-1500:]}"
    return ("clean" if code else "right"), ""


def try_all(
    n: int, seed: int, world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[Counter, list[str]]:
    """Kind and outcome -> how often, and what was wrong."""
    found: Counter = Counter()
    wrong = []
    here, alarm = Path.cwd(), signal.getsignal(signal.SIGALRM)
    registered = {kind: dict(registry._objects) for kind, registry in Registry.every.items()}
    try:
        for number, (name, case, rng) in enumerate(all_cases(n, seed)):
            folder = tmp_path / str(number)
            folder.mkdir()
            outcome, why = attempt(case, number, world, folder, rng, capsys)
            found[case.kind, outcome] += 1
            if outcome == "wrong":
                wrong.append(f"{name}: {why}")
            os.chdir(here)
            shutil.rmtree(folder)
    finally:
        os.chdir(here)
        signal.signal(signal.SIGALRM, alarm)
        for kind, objects in registered.items():  # what plugins of the cases have registered
            Registry.every[kind]._objects = objects
    return found, wrong


def table(found: Counter) -> str:
    """What came out, a line for each kind."""
    kinds = sorted({kind for kind, _ in found})
    lines = [f"{'kind':<20} {'tried':>6} {'clean':>6} {'right':>6} {'wrong':>6}"]
    for kind in [*kinds, "all"]:
        counts = [sum(n for (k, o), n in found.items() if kind in (k, "all") and o == outcome) for outcome in OUTCOMES]
        lines.append(f"{kind:<20} {sum(counts):>6} " + " ".join(f"{n:>6}" for n in counts))
    return "\n".join(lines)


OUTCOMES = ("clean", "right", "wrong")


def report(n: int, seed: int, world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, wrong = try_all(n, seed, world, tmp_path, capsys)
    with capsys.disabled():
        print(f"\n{table(found)}")
    assert not wrong, f"{len(wrong)} of {n}:\n" + "\n\n".join(wrong[:20])
    assert {outcome for _, outcome in found} == {"clean", "right"}  # the cases are neither all harmless nor all fatal


def test_three_hundred_faults(world, tmp_path, capsys):
    report(FEW, 0, world, tmp_path, capsys)


@pytest.mark.slow
def test_thousands_of_faults(world, tmp_path, capsys):
    n, _, seed = os.environ.get("PTMREC_FAULTS", f"{MANY}:1").partition(":")
    report(int(n), int(seed or 1), world, tmp_path, capsys)
