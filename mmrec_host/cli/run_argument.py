"""`--run RUN` of the commands that use a finished run."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import parse_overrides
from ..config_layers import folders, read_layer
from ..errors import DataError
from ..trust import HERE
from .plugins import add_plugin_arguments, load_plugins

if TYPE_CHECKING:
    from ..runs.finished_run import FinishedRun

log = logging.getLogger(__name__)

LAST = "last"
RUN = f"folder of a finished run, the end of its name under --runs, or `{LAST}`: the one that finished last"
KEYS = f"{', '.join(HERE)}: those of this machine; and paths of the run, such as encoder_pretrained"


def add_run_arguments(parser: argparse.ArgumentParser, keys: str = KEYS, **options: Any) -> None:
    """Declare `--run`, `--runs`, the plugin arguments and `key=value`.

    Args:
        keys: what the help says of `key=value`.
        options: of `--run`, as in `add_argument`; by default one run is required.
    """
    parser.add_argument("--run", **{"required": True, "metavar": "RUN", "help": RUN, **options})
    add_runs_root(parser)
    add_plugin_arguments(parser)
    parser.add_argument("overrides", nargs="*", metavar="key=value", help=keys)


def add_runs_root(parser: argparse.ArgumentParser) -> None:
    """Declare `--runs`."""
    root = Path(read_layer(folders()[-1] / "overall.yaml").values["run_path"])
    parser.add_argument("--runs", type=Path, default=root, metavar="PATH", help=f"where runs lie; default: {root}")


def no_finished_run(dataset: str, n_runs: int, root: Path) -> DataError:
    """The error where none of the runs on a dataset has finished."""
    known = sorted(path.name for path in root.glob("*") if path.is_dir() and path.name != "searches")
    return DataError(
        f"no finished run on {dataset!r} among {n_runs} runs under {root}. Datasets with runs there: "
        f"{', '.join(known) or 'none'}. Run a model first, or name another folder with --runs."
    )


def open_named_run(args: argparse.Namespace) -> FinishedRun:
    """The run that the command line names, on this machine's keys.

    Raises:
        UserError: no such run, several, a key that would change what was trained, or what `open_run` refuses.
    """
    from ..runs.finished_run import open_run

    load_plugins(args)
    return open_run(find_run(args.run, args.runs), **machine_keys(args))


def machine_keys(args: argparse.Namespace) -> dict[str, Any]:
    """The `key=value` words; which of them may be given is for the run to say."""
    replaced = parse_overrides(args.overrides, [])[None]
    if args.quiet:
        replaced["progress"] = False
    return replaced


def find_run(name: str, root: Path) -> Path:
    """The folder `name`, or the one run folder under `root` whose name ends so, or that of the run that finished last.

    Raises:
        DataError: there is no such one, or several.
    """
    if (Path(name) / "run.json").is_file():
        return Path(name)
    if name == LAST:
        return _finished_last(root)
    found = sorted(file.parent for file in root.glob("*/*/run.json") if file.parent.name.endswith(name))
    if len(found) == 1:
        return found[0]
    said = "\n".join(f"  {folder}" for folder in found[-10:])
    if found:
        raise DataError(f"--run {name}: {len(found)} runs end so; say more of the name. The last:\n{said}")
    raise DataError(
        f"--run {name}: no folder of a run, and no run under {root} (--runs) has a name that ends so. A run says its "
        "folder at its end; it holds run.json. `ptmrec runs` lists them."
    )


def _finished_last(root: Path) -> Path:
    from ..runs.order import ended
    from ..runs.record import find_runs

    finished = [run for run in find_runs(root) if run.info["status"] == "finished"]
    if not finished:
        raise DataError(f"--run {LAST}: no run has finished under {root}. Name another folder with --runs.")
    path = max(finished, key=lambda run: ended(run.info)).path
    log.info("the run that finished last: %s", path)
    return path
