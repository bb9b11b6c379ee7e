"""A study's report, written into its folder."""

from __future__ import annotations

import json
from pathlib import Path

from mmrec_host.errors import DataError
from mmrec_host.files import write_whole
from mmrec_host.outputs import HEAD, PAGE_MARK, require_outside

from ..page.blocks_page import as_html
from .contents import contents_of
from .figures import draw_figures
from .markdown import as_markdown
from .report import StudyReport, as_json

FILES = ("report.html", "report.md", "report.json")


def require_report_folder(folder: Path) -> None:
    """Refuse a folder in which files are called as a report's that no study wrote; `DataError`.

    Nor may it be, or lie in, a folder of data, a cache or a run.
    """
    require_outside(folder, also=True)
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: must be a folder for the report, and is a file. Name another one with --output.")
    page = folder / FILES[0]
    ours = page.is_file() and PAGE_MARK in page.read_bytes()[:HEAD]
    if not ours and (there := [name for name in FILES if (folder / name).exists()]):
        raise DataError(
            f"{folder}: {', '.join(there)} there: not of a study, and kept. Move away, or name another folder with "
            "--output."
        )


def write_report(report: StudyReport, folder: Path) -> list[Path]:
    """Write `report.html`, `report.md`, `report.json` and the pictures; the first three paths."""
    blocks = contents_of(report, draw_figures(report, folder))
    title = f"Study {report.name}"
    texts = {
        "report.html": as_html(title, blocks, folder, "ptmrec study"),
        "report.md": as_markdown(title, blocks),
        "report.json": json.dumps(as_json(report), indent=1, allow_nan=False),
    }
    for name, text in texts.items():
        write_whole(folder / name, text.encode())
    return [folder / name for name in texts]
