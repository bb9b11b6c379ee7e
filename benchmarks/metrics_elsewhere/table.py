"""How other libraries' metrics differ from this project's, on the same few rankings: the tables of docs/metrics.md.

    python benchmarks/metrics_elsewhere/table.py --environments FOLDER

writes them into the document. The libraries of the extra `parity` run in this environment. Those whose requirements
exclude it each get one in FOLDER, which has what is installed here and, before that, what the library asks for.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rankings import RANKINGS, K

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "metrics.md"
BEGIN, END = "<!-- made by benchmarks/metrics_elsewhere/table.py -->", "<!-- end -->"
TITLES = {"recall": "Recall", "precision": "Precision", "ndcg": "NDCG", "map": "MAP"}
TOGETHER = ("ptmrec", "torchmetrics", "ranx", "pytrec-eval-terrier", "ir-measures")  # this environment, extra `parity`
APART = {
    "rectools": ["rectools==0.19.0"],  # numpy below 2
    "lenskit": ["lenskit==2025.8.1"],  # pandas below 3
    "replay-rec": ["replay-rec==0.22.0"],  # pandas below 3
    # np.float, which numpy 1.24 has no more; needs Python 3.11 or older
    "recbole": ["recbole==1.2.1", "numpy==1.23.5", "scipy==1.10.1", "pandas==1.5.3", "pyarrow==14.0.2"],
}

Answer = dict[str, Any]


def environment(folder: Path, requirements: Sequence[str]) -> str:
    """The Python of an environment with `requirements` over what this one has; made if it is not there."""
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        paths = {"base": str(folder), "platbase": str(folder)}
        Path(sysconfig.get_path("purelib", vars=paths), "here.pth").write_text(sysconfig.get_path("purelib"))
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *requirements], check=True)
    return str(python)


def ask(name: str, python: str = sys.executable) -> Answer:
    """Version and values of a library, as `libraries.py` prints them."""
    asked = json.dumps({"k": K, "users": list(RANKINGS.values())})
    command = [python, str(HERE / "libraries.py"), name]
    done = subprocess.run(command, input=asked, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def row(name: str, answer: Answer, metric: str, ours: Answer) -> str:
    """A row of the table of a metric, with what differs from our values in bold."""
    cells = []
    for found, own in zip(answer["values"], ours["values"], strict=True):
        shown, expected = ("–" if v[metric] is None else f"{v[metric]:.4f}" for v in (found, own))
        cells.append(shown if "–" in (shown, expected) or shown == expected else f"**{shown}**")
    title = "this project" if answer is ours else f"{name} {answer['version']}"
    return " | ".join([f"| {title}", *cells]) + " |"


def tables(answers: dict[str, Answer]) -> str:
    """The rankings in words, and a table a metric."""
    letters = [chr(ord("A") + n) for n in range(len(RANKINGS))]
    lines = [f"- {letter}: {what}" for letter, what in zip(letters, RANKINGS)]
    for metric, title in TITLES.items():
        lines += ["", " | ".join([f"| {title}@{K}", *letters]) + " |", "| --- |" + " ---: |" * len(letters)]
        lines += [row(name, answer, metric, answers["ptmrec"]) for name, answer in answers.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=Path, required=True, metavar="FOLDER", help="where to make or find them")
    folder = parser.parse_args().environments
    answers = {name: ask(name) for name in TOGETHER}
    answers |= {name: ask(name, environment(folder / name, packages)) for name, packages in APART.items()}
    before, _, rest = DOCUMENT.read_text().partition(f"{BEGIN}\n")
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{tables(answers)}{END}{after}")


if __name__ == "__main__":
    main()
