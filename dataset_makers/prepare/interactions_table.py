"""Interactions from the user's own tables: one, or a split in several."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmrec_host.errors import ConfigError, DataError

from .conditions import Condition
from .faults import Faults
from .interaction_log import InteractionLog, LogBuilder
from .tables.columns import choose, require, that_change_the_meaning, value_of
from .tables.positions import interaction_columns
from .tables.rows import Row, Table, open_table
from .tables.several import dividing_ids, ids_in
from .tables.times import FORMS, as_time
from .tables.values import as_id, as_number, as_text, whole_ids

Columns = dict[str, object]  # meaning -> column, or columns
LABELS = {"0": 0, "1": 1, "2": 2, "train": 0, "valid": 1, "val": 1, "validation": 1, "dev": 1, "test": 2}
NO_LABEL = -1
WARNING = "WARNING: "  # so begin notes that belong to the top of a report
NO_READABLE_TIME = "interaction without a readable time"


@dataclass(frozen=True)
class Asked:
    """How interactions are read.

    Attributes:
        named: "user", "item", "rating", "time" and "label" -> the user's column name, or None to guess it.
        names: of the columns of a file without a header, in their order, or None to tell them by place and values.
        min_rating: rows with less, or without a readable rating, are left out.
        keep: what else must hold of a row.
        time_format: of `datetime.strptime`, or None for the usual forms.
        ordered: the split needs a time in every row; else one that is not readable is left out, and the row kept.
        new_split: a split that the table has is not wanted.
    """

    named: Mapping[str, str | None]
    names: Sequence[str] | None = None
    min_rating: float | None = None
    keep: Sequence[Condition] = ()
    time_format: str | None = None
    ordered: bool = False
    new_split: bool = False

    @property
    def needs_time(self) -> bool:
        """Whether a row without a time is of no use."""
        return self.ordered or self.named.get("time") is not None


@dataclass
class _Reading:
    """One table on its way into the log.

    Attributes:
        sign: what divides the items of a cell that holds several, or None.
    """

    table: Table
    columns: dict[str, str]
    sign: str | None
    extra: Columns = field(default_factory=dict)


def read_interactions(
    files: Mapping[Path, int | None], asked: Asked, faults: Faults
) -> tuple[InteractionLog, Columns, list[str]]:
    """The rows of tables of interactions, which columns were read, and what is worth a word.

    Args:
        files: table -> its part of the split (0 train, 1 valid, 2 test), or None.

    Raises:
        ConfigError: a column is not there, or one that holds a split would go unread.
        DataError: a file cannot be read, or there is nothing in it.
    """
    log = LogBuilder()
    columns: Columns = {}
    notes: list[str] = []
    for path, label in files.items():
        reading = _open(path, asked, faults, notes)
        if label is not None:
            reading.columns.pop("label", None)
        for where, row in reading.table.rows:
            _take(log, where, row, reading, label, asked, faults)
        columns = columns or {**reading.columns, **reading.extra}
    made = log.build()
    made = replace(made, user_ids=whole_ids(made.user_ids), item_ids=whole_ids(made.item_ids))
    return made, columns, notes


def _open(path: Path, asked: Asked, faults: Faults, notes: list[str]) -> _Reading:
    table = open_table(path, faults, asked.names)
    named = dict(asked.named)
    if table.headless and named.get("user") is None:
        told = interaction_columns(table)
        if named.get("item") == told["user"]:  # the item was told by what joins with the items
            told["user"] = told["item"]
        named |= {meaning: named.get(meaning) or column for meaning, column in told.items()}
        notes.append(
            f"{path.name} has no header; its columns were told by their places and values. Other ones: --columns "
            "user,item,rating,time (their names, in order)."
        )
    required = ("user", "item") if asked.min_rating is None else ("user", "item", "rating")
    if asked.new_split and named.get("label") is None:
        named.pop("label", None)
    columns = choose(path, table.columns, named, required)
    if "label" in columns and asked.named.get("label") is None:
        raise ConfigError(
            f"{path}: column {columns['label']} holds a split. --label {columns['label']} takes it as it is (with its "
            "ids as raw ids); --split FILE takes MMRec's file with its id maps, byte for byte; --split-rule RULE makes "
            "a new one."
        )
    for condition in asked.keep:
        require(path, table.columns, condition.column, "--keep")
    sign = dividing_ids(table, columns["item"])
    if sign is not None:
        notes.append(f"{path.name}: column {columns['item']} holds several items a row; their order is the time.")
        if asked.named.get("time") is None:
            columns.pop("time", None)
    read = {*columns.values(), *(condition.column for condition in asked.keep)}
    unread = [name for name in table.columns if name not in read]
    for name in that_change_the_meaning(unread):
        values = [*dict.fromkeys(as_text(value_of(row, name)) for row in table.first)]
        if len(values) > 1:
            shown = ", ".join(values[:4]) + (", …" if len(values) > 4 else "")
            notes.append(f"{WARNING}column {name} was not read ({shown}). If rows differ by it: --keep {name}=VALUE.")
    return _Reading(table, columns, sign, {"not read": unread} if unread else {})


def _take(
    log: LogBuilder, where: str, row: Row, reading: _Reading, label: int | None, asked: Asked, faults: Faults
) -> None:
    columns = reading.columns
    user, items = as_id(value_of(row, columns["user"])), ids_in(value_of(row, columns["item"]), reading.sign)
    rating = as_number(value_of(row, columns["rating"])) if "rating" in columns else 1.0
    time = as_time(value_of(row, columns["time"]), asked.time_format) if "time" in columns else math.nan
    if label is None and "label" in columns:
        label = LABELS.get(as_text(value_of(row, columns["label"])).lower(), NO_LABEL)
    if not user or not all(items) or (not items and reading.sign is None):
        fault: tuple[str, object] | None = ("interaction without user or item", row)
    else:
        fault = _fault(row, columns, rating, time, label, asked)
    if fault is not None:
        faults.add(f"{fault[0]} (skipped)", f"{where}: {fault[1]}")
        log.leave_out()
        return
    if "time" in columns and math.isnan(time):
        value = value_of(row, columns["time"])
        faults.add(f"{NO_READABLE_TIME} (kept, as the split needs none)", f"{where}: {value!r}")
    for place, item in enumerate(items):
        log.add(user, item, rating, float(place) if reading.sign is not None and math.isnan(time) else time, label)


def _fault(
    row: Row, columns: Mapping[str, str], rating: float, time: float, label: int | None, asked: Asked
) -> tuple[str, object] | None:
    """Why a row with user and item is left out: the kind, and the value; None if it is taken."""
    if label == NO_LABEL:
        return "interaction whose split is none of train, valid, test (0, 1, 2)", value_of(row, columns["label"])
    if "time" in columns and math.isnan(time) and asked.needs_time:
        return NO_READABLE_TIME, repr(value_of(row, columns["time"]))
    if asked.min_rating is not None and not rating >= asked.min_rating:
        kind = "without a readable rating" if math.isnan(rating) else "rated too low"
        return f"interaction {kind}", repr(value_of(row, columns["rating"]))
    for condition in asked.keep:
        if not condition.holds(row):
            return f"interaction without {condition}", repr(value_of(row, condition.column))
    return None


def none_left(log: InteractionLog, faults: Faults) -> DataError:
    """What is said where no row was taken: what was wrong with them, and what may be meant."""
    said = f"none of the {log.n_read:,} rows could be taken{faults.listed()}."
    if faults.count(f"{NO_READABLE_TIME} (skipped)"):
        said += f" Times are {FORMS}. Name another column with --time COLUMN."
    if any("rating" in kind for kind in faults.as_json()):
        said += " Name the column of the ratings with --rating COLUMN, or leave --min-rating out."
    return DataError(said)


def parts_beside(path: Path) -> list[Path]:
    """The files of a split of which `path` is called the training part (`ml.train.inter` with `ml.test.inter`)."""
    if "train" not in path.name:
        return []
    others = [path.with_name(path.name.replace("train", word)) for word in ("valid", "val", "validation", "test")]
    return [other for other in others if other.is_file()]
