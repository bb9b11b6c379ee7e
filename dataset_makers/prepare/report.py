"""What `ptmrec prepare` says at its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from feature_cache.image_store import FOLDER as IMAGES

from .dataset_files import REPORT
from .images.gathering import PRIVATE
from .interactions_table import WARNING
from .warnings import next_command, without_pictures


def describe(report: dict[str, Any], folder: Path, data_path: str) -> str:
    """The report as text: what is there, what was wrong with the source, and what to run next."""
    warnings = [*report.get("warnings", ()), *without_pictures(report, report["options"])]
    notes = report.get("notes", [])
    lines = [WARNING + text for text in warnings] + [note for note in notes if note.startswith(WARNING)]
    lines += [f"{folder}: " + ", ".join(f"{n:,} {name}" for name, n in report["counts"].items())]
    if report["rows read"] is not None:
        lines.append(f"  of {report['rows read']:,} rows read")
    for table, columns in report["columns"].items():
        shown = ("+".join(column) if isinstance(column, list) else column for column in columns.values())
        lines.append(
            f"  columns of {table}: " + ", ".join(f"{key}={name}" for key, name in zip(columns, shown) if name)
        )
    lines += [f"  {note}" for note in notes if not note.startswith(WARNING)]
    lines += _faults(report["faults"])
    images = report.get("images")
    if images is not None:
        lines.append(f"images: {images['ok']:,} stored")
        lines += _faults(images["missing"])
        if "failed" in images["missing"]:
            lines.append("  The same command tries the failed ones again.")
        if PRIVATE in images["missing"]:
            lines.append(
                "  With --allow-private-hosts what lies in a private network, or on this machine, is fetched too."
            )
    files = [*report["files"], *([IMAGES] if (folder / IMAGES).is_dir() else []), REPORT]
    lines.append(f"files: {', '.join(files)}")
    lines.append(f"next: {next_command(report, folder.name, data_path)}")
    return "\n".join(lines)


def _faults(faults: dict[str, Any]) -> list[str]:
    return [f"  {fault['count']:,} × {kind}, such as {'; '.join(fault['examples'])}" for kind, fault in faults.items()]
