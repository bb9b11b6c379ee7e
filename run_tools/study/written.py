"""A study's report, written into its folder."""

from __future__ import annotations

import json
from pathlib import Path

from mmrec_host.files import write_whole

from .contents import contents_of
from .figures import draw_figures
from .html import as_html
from .markdown import as_markdown
from .report import StudyReport, as_json


def write_report(report: StudyReport, folder: Path) -> list[Path]:
    """Write `report.html`, `report.md`, `report.json` and the pictures; the first three paths."""
    blocks = contents_of(report, draw_figures(report, folder))
    title = f"Study {report.name}"
    texts = {
        "report.html": as_html(title, blocks, folder),
        "report.md": as_markdown(title, blocks),
        "report.json": json.dumps(as_json(report), indent=1, allow_nan=False),
    }
    for name, text in texts.items():
        write_whole(folder / name, text.encode())
    return [folder / name for name in texts]
