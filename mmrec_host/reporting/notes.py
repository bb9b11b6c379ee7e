"""What a reader of a results table should know of its rows: short or unequal training, chance, ties, notes of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..evaluation.ties import ARBITRARY, ties_in_words
from ..runs.record import RunRecord
from ..runs.recorded_settings import recorded_settings
from .rows import Row, differing, seeds

NEAR_CHANCE = 1.5  # times the recall of a random ranking


def notes_on(rows: Sequence[Row]) -> Iterator[str]:
    """The notes, in words that name the rows."""
    for row in rows:
        yield from _displaced(row)
    trained = [row for row in rows if row.runs[-1].info["parameters"].get("trainable")]
    for holds, said in DOUBTS:
        if named := _named(trained, holds):
            yield f"{named}: {said}. Differences from such rows, marked or not, may be those of training."
    yield from _ties(rows)
    yield from _budgets(trained)
    yield from _own_notes(rows)


def _named(rows: Sequence[Row], holds: Callable[[RunRecord], bool]) -> str:
    """The rows of which it holds, each as `_of`; in short if it holds of several and all; empty if of none."""
    if len(rows) > 1 and all(holds(run) for row in rows for run in row.runs):
        return "All rows"
    return "; ".join(filter(None, (_of(row, holds) for row in rows)))


def _of(row: Row, holds: Callable[[RunRecord], bool]) -> str | None:
    """The row's name, with the seeds of which it holds if these are not all; None if there are none."""
    which = [run.info["seed"] for run in row.runs if holds(run)]
    if not which:
        return None
    return row.label if len(which) == len(row.runs) else f"{row.label} (seed {', '.join(map(str, which))})"


def _best_is_last(run: RunRecord) -> bool:
    best = run.info["best"]
    epochs = [line["epoch"] for line in run.epochs() if line.get("phase") == best["phase"] and "valid" in line]
    return bool(epochs) and best["epoch"] == max(epochs) > 0


def _near_chance(run: RunRecord) -> bool:
    n_ranked = run.info.get("n_ranked")
    cutoffs = [int(name.partition("@")[2]) for name in run.info["test"] if name.startswith("recall@")]
    if not n_ranked or not cutoffs:
        return False
    k = max(cutoffs)
    return (run.info["test"][f"recall@{k}"] or 0) <= NEAR_CHANCE * min(k / n_ranked, 1.0)


DOUBTS = (
    (_best_is_last, "the best epoch is the last one, so that more epochs may do better"),
    (_near_chance, f"recall on test is at most {NEAR_CHANCE} times that of a random ranking"),
)


def _ties(rows: Sequence[Row]) -> Iterator[str]:
    """Where the sort, not the model, decides what counts; of several seeds the one with the most ties."""
    found = []
    for row in rows:
        shares = [item for run in row.runs for item in run.info.get("ties", {}).items()]
        if where := ties_in_words(dict(sorted(shares, key=lambda item: item[1]))):
            found.append(f"{row.label}, {where}")
    if found:
        yield f"On test {ARBITRARY}: {'; '.join(found)}. Another program may find other values."


def _budgets(rows: Sequence[Row]) -> Iterator[str]:
    """Where rows were given different numbers of epochs."""
    found: dict[str, list[str]] = {}
    for row in rows:
        settings = recorded_settings(row.runs[-1].path)
        if settings is not None and settings.get("epochs") is not None:
            given = f"{settings['epochs']} epochs and a patience of {settings.get('stopping_step')}"
            found.setdefault(given, []).append(row.label)
    if len(found) > 1:
        said = "; ".join(f"at most {given} for {', '.join(labels)}" for given, labels in found.items())
        yield f"Unequal training budgets: {said}."


def _own_notes(rows: Sequence[Row]) -> Iterator[str]:
    """What the runs' records say, each note with the rows that it is on."""
    for text in dict.fromkeys(note for row in rows for run in row.runs for note in run.info.get("notes", [])):

        def has_it(run: RunRecord, text: str = text) -> bool:
            return text in run.info.get("notes", [])

        yield f"{_named(rows, has_it)}: {text}"


def _displaced(row: Row) -> Iterator[str]:
    """Where a row's newest settings have fewer seeds than there were of others."""
    by_settings: dict[str, dict[int, RunRecord]] = {}
    for run in row.others:
        by_settings.setdefault(run.info["settings_sha"], {})[run.info["seed"]] = run
    most = max(by_settings.values(), key=len, default={})
    if len(most) > len(row.runs):
        other = next(iter(most.values()))
        keys = differing(row.runs[-1], other)
        shown = f", which differ in {', '.join(keys)}" if keys else ""
        yield (
            f"{row.label}: the newest settings, with {seeds(len(row.runs))}; left out: {seeds(len(most))} under other "
            f"settings{shown}, such as {other.path.name}."
        )
