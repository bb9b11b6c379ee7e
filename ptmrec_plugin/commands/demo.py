"""`ptmrec demo`: tuning, its control and the ceiling on generated data with a planted gap, and a page to look at."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmrec_host.cli.main import main
from mmrec_host.cli.run_argument import HERE
from mmrec_host.config import load_config, parse_overrides
from mmrec_host.outputs import PAGE_MARK, require_output

DATASET = "mini-gap"
MODES = ("frozen", "frozen_continued", "two_stage")
MODELS = ("PTMRec", "PlantedTaste")
LINE = ["-m", *MODELS, "-d", DATASET, f"mode=[{','.join(MODES)}]"]
ABOUT = f"""The same as
  ptmrec {" ".join(LINE[:-1])} "{LINE[-1]}" --resume
and `ptmrec show` of the runs of the first and the last mode.

The data are synthetic: pictures and sentences are drawn from attributes, and users have a taste for some of these. The
encoder's towers end in a random projection, so that frozen features show little of them. It shows what tuning does, not
that real data have such a gap. PlantedTaste ranks by the taste itself: the ceiling for new items.
"""


class DemoCommand:
    """Train on frozen features, further, and with a tuned encoder; print the table, and write the page."""

    help = "in a few minutes: what tuning does where frozen features hide a taste, as a table and an HTML page"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.epilog = ABOUT
        page = Path("demo.html")
        parser.add_argument("--output", type=Path, default=page, metavar="FILE", help=f"the page; default: {page}")
        parser.add_argument("--force", action="store_true", help="replace a file that is no such page")
        parser.add_argument("overrides", nargs="*", metavar="key=value", help="override a key of the YAML files")

    def run(self, args: argparse.Namespace) -> int:
        """Run what has not run yet, print the table and write the page; the exit code of what fails."""
        from mmrec_host.runs.record import same_run

        parsed = parse_overrides(args.overrides, MODELS)
        changes = parsed[None] | parsed.get("PTMRec", {})
        require_output(args.output, args.force, PAGE_MARK)
        force = ["--force"] if args.force else []
        how = ["--quiet"] if args.quiet else ["--verbose"] if args.verbose else []
        if code := main(["run", *how, *args.overrides, *LINE, "--resume"]):
            return code
        runs = []
        for mode in (MODES[0], MODES[-1]):
            config = load_config("PTMRec", DATASET, overrides={**changes, "mode": mode})
            run = same_run(Path(config["run_path"]), config)
            runs += ["--run", str(run.path)] if run else []
        places = [f"{key}={changes[key]}" for key in HERE if key in changes]
        return main(["show", *how, *runs, "--output", str(args.output), *force, *places])
