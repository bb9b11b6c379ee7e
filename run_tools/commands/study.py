"""`ptmrec study`: a comparison over data sets, models and seeds, from one file to one report."""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrec_host.cli.jobs_arguments import add_jobs_arguments, check_jobs_arguments
from mmrec_host.cli.plugins import add_plugin_arguments, load_plugins
from mmrec_host.config import MACHINE_KEYS, parse_overrides
from mmrec_host.errors import ConfigError
from mmrec_host.printable import say

if TYPE_CHECKING:
    from mmrec_host.runs.record import RunRecord

    from ..study.cells import Cell, Place
    from ..study.study_file import Study

log = logging.getLogger(__name__)

EXAMPLES = """examples:
  my_study.yaml                                 run what is missing, write the report
  my_study.yaml --dry-run                       which runs there are, and which are left
  my_study.yaml --jobs 2 data_path=/my/data     two at a time; a key of all runs
  my_study.yaml --report-only                   the report of what has finished
  NAME                                          a study that is shipped, see `ptmrec list studies`

my_study.yaml, for example:
  about: What does tuning add to VBPR?          # opens the report
  datasets:
    - shop                                      # data/shop, see `ptmrec prepare`
    - shop, new items: {dataset: shop, new_items: 0.1, selection: mean}
  seeds: 3                                      # counted from the key `seed`
  keys: {encoder: vit-b-32}                     # of all runs
  metrics: [recall@10, recall@20, ndcg@20]      # of the report
  rows:                                         # in the report's order: a model and its keys
    VBPR: {model: VBPR}
    frozen_kt: {model: PTMRec, mode: frozen_kt}
    PTMRec: {model: PTMRec, against: [VBPR], control: frozen_kt}

`against` names the rows that one is tested against, `control` the one whose part of the gain is told. The same command
goes on where it was: finished runs are not run again, also those that other commands made with the same settings.
"""


class StudyCommand:
    """Run a study and write its report."""

    help = "run a comparison over data sets, models and seeds from one file, and write its report"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.epilog = EXAMPLES
        parser.add_argument("study", metavar="STUDY", help="a YAML file, or the name of a study that is shipped")
        add_jobs_arguments(parser)
        parser.add_argument("--seeds", type=int, metavar="N", help="so many seeds, instead of the file's")
        parser.add_argument(
            "--output", type=Path, metavar="FOLDER", help="of the report; default: studies/NAME beside the runs"
        )
        only = parser.add_mutually_exclusive_group()
        only.add_argument("--dry-run", action="store_true", help="say what has finished and what is left; run nothing")
        only.add_argument("--report-only", action="store_true", help="write the report of what has finished")
        add_plugin_arguments(parser)
        parser.add_argument("overrides", nargs="*", metavar="key=value", help="a key of all runs, over the file's")

    def run(self, args: argparse.Namespace) -> int:
        """Run what is left and write the report; 1 if a run failed."""
        if args.seeds is not None and args.seeds < 1:
            raise ConfigError(f"--seeds {args.seeds}: must be 1 or more.")
        check_jobs_arguments(args)
        from ..study.cells import make_cells
        from ..study.standing import begun, finished, protocols_of
        from ..study.stderr_log import warnings_once
        from ..study.study_file import read_study
        from ..study.written import require_report_folder

        load_plugins(args)
        study = read_study(args.study)
        words = parse_overrides(args.overrides, [row.model for row in study.rows])
        try:
            cells = make_cells(study, words, args.seeds or study.n_seeds)
        except ConfigError as wrong:
            raise ConfigError(f"study {args.study}:\n{wrong}") from wrong
        protocols = None if args.report_only else protocols_of(cells)
        done = finished(begun(cells, protocols))
        left = [cell for cell in cells if cell.place not in done]
        if args.dry_run:
            say(_plan(cells, done))
            return 0
        folder = args.output or Path(cells[0].config["run_path"]).parent / "studies" / study.name
        require_report_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with warnings_once(args.verbose):
            failed = {} if args.report_only else _run(cells, left, folder, args)
            try:
                _report(study, cells, begun(cells, protocols), folder, words.get(None, {}), args)
            finally:
                for cell, error in failed.items():
                    say(f"failed: {cell}: {error}", file=sys.stderr)
        return 1 if failed else 0


def _run(cells: Sequence[Cell], left: Sequence[Cell], folder: Path, args: argparse.Namespace) -> dict[Cell, str]:
    from ..study.running import run_cells

    try:
        return run_cells(left, len(cells), folder, args)
    except KeyboardInterrupt:
        say("the same command goes on where it was", file=sys.stderr)
        raise


def _report(
    study: Study,
    cells: Sequence[Cell],
    records: Mapping[Place, RunRecord],
    folder: Path,
    words: Mapping[str, Any],
    args: argparse.Namespace,
) -> None:
    from mmrec_host.reporting.render import render

    from ..study.gain_tables import gains_table
    from ..study.report import make_report
    from ..study.written import write_report

    keys = {key: value for key, value in {**study.keys, **words}.items() if key not in MACHINE_KEYS}
    report = make_report(study, cells, records, folder, _command(args), keys, not args.quiet)
    if report.n_tests:
        say(render(gains_table(report)))
    for path in write_report(report, folder):
        say(f"written: {path}")
    if report.n_missing:
        say(f"incomplete: {report.n_missing} of {report.n_cells} runs are missing")


def _command(args: argparse.Namespace) -> str:
    """What makes the study again, elsewhere too: without places of this machine."""
    seeds = ["--seeds", str(args.seeds)] if args.seeds else []
    words = [word for word in args.overrides if word.partition("=")[0] not in MACHINE_KEYS - {"seed"}]
    return shlex.join(["ptmrec", "study", Path(args.study).name, *seeds, *words])


def _plan(cells: Sequence[Cell], done: Mapping[Place, Any]) -> str:
    """A line for each data set and row, with the seeds that have finished and those that are left."""
    lines: list[str] = []
    rows: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        rows.setdefault((cell.entry.name, cell.row.name), []).append(cell)
    for (entry, row), own in rows.items():
        have = [str(cell.seed) for cell in own if cell.place in done]
        left = [str(cell.seed) for cell in own if cell.place not in done]
        said = [f"finished {', '.join(have)}"] if have else []
        lines.append(f"{entry}, {row}: " + "; ".join(said + ([f"left {', '.join(left)}"] if left else [])))
    n_left = len(cells) - len(done)
    return "\n".join([*lines, f"{len(cells)} runs, {len(done)} finished, {n_left} left"])
