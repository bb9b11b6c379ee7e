"""Raw ids and MMRec's numbers for them: `u_id_mapping.csv`, `i_id_mapping.csv`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmrec_host.errors import DataError

USER_MAP, ITEM_MAP = "u_id_mapping.csv", "i_id_mapping.csv"


def id_map(ids: Sequence[str], raw_name: str, number_name: str) -> bytes:
    """The file for raw ids that are numbered from 0: tab-separated, with a header, as MMRec's notebooks write it."""
    rows = [f"{raw_name}\t{number_name}", *(f"{raw}\t{number}" for number, raw in enumerate(ids))]
    return ("\n".join(rows) + "\n").encode(errors="replace")


def read_id_map(path: Path, n: int) -> list[str]:
    """The raw id of each number from 0 to n - 1.

    Raises:
        DataError: the file is missing or malformed, or it does not name each number once.
    """
    wanted = f"It must be tab-separated with a header: raw id, number from 0 to {n - 1:,}, each once."
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: the id map of the split cannot be read: {error}. {wanted}") from error
    ids: dict[int, str] = {}
    for line_number, line in enumerate(lines[1:], start=2):
        raw, tab, number = line.rpartition("\t")
        if not tab or not number.strip().isdecimal() or int(number) in ids:
            raise DataError(f"{path}, line {line_number}: {line!r} is no pair, or its number was there. {wanted}")
        ids[int(number)] = raw.strip()
    missing = sorted(set(range(n)) - set(ids))
    if missing or len(ids) > n:
        raise DataError(
            f"{path}: names {len(ids):,} numbers, and the split has {n:,}; missing are {len(missing):,}, such as "
            f"{missing[:3]}. {wanted}"
        )
    return [ids[number] for number in range(n)]
