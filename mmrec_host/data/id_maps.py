"""Raw ids and MMRec's numbers for them: `u_id_mapping.csv`, `i_id_mapping.csv`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import DataError

USER_MAP, ITEM_MAP = "u_id_mapping.csv", "i_id_mapping.csv"


def id_map(ids: Sequence[str], raw_name: str, number_name: str) -> bytes:
    """The file for raw ids that are numbered from 0: tab-separated, with a header, as MMRec's notebooks write it."""
    rows = [f"{raw_name}\t{number_name}", *(f"{raw}\t{number}" for number, raw in enumerate(ids))]
    return ("\n".join(rows) + "\n").encode(errors="replace")


def read_id_map(path: Path, n: int, *, exact: bool = True) -> list[str]:
    """The raw id of each number from 0 to n - 1.

    Args:
        exact: numbers from n on are an error too.

    Raises:
        DataError: the file is missing, not in UTF-8 or malformed, or it does not name each number and each raw id once.
    """
    wanted = f"It must be tab-separated with a header: raw id, number from 0 to {n - 1:,}, each of both once."
    try:
        lines = path.read_bytes().decode().rstrip().split("\n")  # ids may hold other line separators
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: the id map cannot be read: {error}. {wanted} Its encoding is UTF-8.") from error
    ids: dict[int, str] = {}
    lines_of: dict[str, int] = {}
    for line_number, line in enumerate(lines[1:], start=2):
        raw, tab, number = line.rpartition("\t")
        if not tab or not number.strip().isdecimal() or int(number) in ids:
            raise DataError(f"{path}, line {line_number}: {line!r} is no pair, or its number was there. {wanted}")
        ids[int(number)] = raw = raw.strip()
        if (first := lines_of.setdefault(raw, line_number)) != line_number:
            raise DataError(f"{path}, line {line_number}: the id {raw!r} was already on line {first}. {wanted}")
    missing = [str(number) for number in range(n) if number not in ids]
    if missing or (exact and len(ids) > n):
        absent = f" (not index {', '.join(missing[:3])})" if missing else ""
        raise DataError(f"{path}: names {len(ids):,} numbers, and the dataset has {n:,}{absent}. {wanted}")
    return [ids[number] for number in range(n)]
