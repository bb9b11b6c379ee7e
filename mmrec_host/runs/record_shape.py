"""What run.json must look like to be believed; a run folder may be half-written, edited or somebody else's."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ..errors import DataError

SCHEMA_VERSION = 1
DONE = ("finished", "searched")
STATUSES = ("running", "failed", *DONE)

Test = Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _number(value: Any) -> bool:
    return _whole(value) or (isinstance(value, float) and math.isfinite(value))


def _or_null(test: Test) -> Test:
    return lambda value: value is None or test(value)


def _list_of(test: Test) -> Test:
    return lambda value: isinstance(value, list) and all(map(test, value))


def _mapping_to(test: Test) -> Test:
    return lambda value: isinstance(value, dict) and all(map(test, value.values()))


def _moment(value: Any) -> bool:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return moment.tzinfo is not None and 1970 <= moment.year <= 2200


def _seconds(value: Any) -> bool:
    return _number(value) and abs(value) < 1e11


def _metrics(value: Any) -> bool:
    """Metric -> number; what stands behind an @ is a cutoff."""
    fits = _mapping_to(_or_null(_number))(value)
    return fits and all(re.fullmatch(r"[^@]*(@\d{1,9})?", name) is not None for name in value)


def _has(**tests: Test) -> Test:
    def test(value: Any) -> bool:
        return isinstance(value, dict) and all(key in value and each(value[key]) for key, each in tests.items())

    return test


_best = _has(phase=_text, epoch=_whole, valid=_metrics)
_searched = _has(score=_number, phase=_text, epoch=_whole, valid=_metrics, seconds=_number)
_diverged = _has(score=lambda value: value is None, error=_text)


def is_epoch(value: Any) -> bool:
    """Whether this is what a run notes of one epoch."""
    return _has(phase=_text, epoch=_whole)(value) and _or_null(_metrics)(value.get("valid"))


def is_combination(value: Any) -> bool:
    """Whether this is what a search notes of one combination."""
    return _has(number=_whole, values=_mapping_to(lambda _: True))(value) and (_searched(value) or _diverged(value))


FIELDS: Mapping[str, tuple[Test, str]] = {
    **{key: (_text, "text") for key in ("label", "model", "dataset", "settings_sha", "features", "error")},
    **{key: (_text, "text") for key in ("valid_metric", "meaning")},
    "seed": (_whole, "a whole number"),
    **{key: (_moment, "a time with its zone, such as 2026-01-31T12:00:00+00:00") for key in ("started", "ended")},
    "n_ranked": (_whole, "a whole number"),
    "notes": (_list_of(_text), "a list of texts"),
    "protocol": (_mapping_to(lambda _: True), "a mapping"),
    "environment": (_mapping_to(lambda _: True), "a mapping"),
    "parameters": (_mapping_to(_whole), "a mapping to whole numbers"),
    "best": (_best, "a mapping with phase, epoch and valid"),
    "test": (_metrics, "a mapping to numbers"),
    "ties": (_mapping_to(_number), "a mapping to numbers"),
    "seconds": (_mapping_to(_seconds), "a mapping to numbers"),
    "columns": (
        _mapping_to(lambda value: value is None or isinstance(value, bool) or _text(value) or _number(value)),
        "a mapping to numbers and texts",
    ),
    "peak_memory_mb": (_number, "a number"),
    "peak_cuda_memory_mb": (_number, "a number"),
    "combinations": (_list_of(is_combination), "a list of what a search tried"),
}
"""Field -> its test, and what it must be, in words; a field that is not named here is nobody's."""

ALWAYS = ("status", "label", "dataset", "seed", "started")
OF_STATUS = {
    "finished": ("protocol", "settings_sha", "best", "test", "seconds", "parameters", "notes", "valid_metric", "model"),
    "searched": ("combinations",),
}


def read_info(file: Path) -> dict[str, Any]:
    """What run.json holds.

    Raises:
        DataError: it is missing, no JSON, of a newer version, lacks what every run has, or has a field of another type.
    """
    try:
        info = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file}: cannot be read as a run record: {error}") from error
    version = info.get("schema_version") if isinstance(info, dict) else None
    if not isinstance(version, int) or not _whole(version):
        raise DataError(f"{file}: no run record: it has no schema_version")
    if version > SCHEMA_VERSION:
        raise DataError(
            f"{file}: written by a newer version of this program (schema_version {version}, this one reads up to "
            f"{SCHEMA_VERSION}). Update the program, or move the folder away."
        )
    status = info.get("status")
    missing = [key for key in (*ALWAYS, *OF_STATUS.get(str(status), ())) if key not in info]
    if missing:
        raise DataError(f"{file}: incomplete run record, it lacks {', '.join(missing)}")
    if status not in STATUSES:
        raise DataError(f"{file}: status {status!r} is none of {', '.join(STATUSES)}")
    wrong = [f"{key} must be {words}" for key, (test, words) in FIELDS.items() if key in info and not test(info[key])]
    if wrong:
        raise DataError(f"{file}: broken run record: {'; '.join(wrong)}. Move the folder away, or train the run anew.")
    return info
