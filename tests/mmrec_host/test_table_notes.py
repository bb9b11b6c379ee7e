"""What is said below a results table of its rows."""

from __future__ import annotations

import json
from pathlib import Path

from tables_of_runs import column, only, values

from mmrec_host.reporting.cells import Table
from mmrec_host.reporting.tables import results_table
from mmrec_host.runs.record import RunRecord, find_runs
from tests.finished_runs import finished_run


def test_settings_written_otherwise_are_the_same_row(tmp_path: Path) -> None:
    """`0` and `0.0` had two digests in older runs, and two labels."""
    for seed, (label, rate) in enumerate([("BPR", 0), ("BPR", 0.0), ("BPR rate=1", 1), ("BPR rate=1.0", 1.0)]):
        run = finished_run(tmp_path, "BPR", values(0.2), seed, learning_rate=rate)
        (run.path / "run.json").write_text(json.dumps({**run.info, "label": label}))
    runs = find_runs(tmp_path, "toys")
    assert len({run.info["settings_sha"] for run in runs}) == 4
    table = only(results_table(runs))
    assert [cell.value for cell in column(table, "seeds")] == [2, 2]
    assert not any("Left out" in note or "left out" in note for note in table.notes)


def test_a_row_of_more_seeds_is_not_displaced_without_a_word(tmp_path: Path) -> None:
    for seed in (1, 2, 3):
        finished_run(tmp_path, "BPR", values(0.9), seed, new_items=0.1)
    newer = finished_run(tmp_path, "BPR", values(0.2), 1, new_items=0.2)
    table = only(results_table(find_runs(tmp_path, "toys")))
    (note,) = (note for note in table.notes if note.startswith("BPR: the newest settings, with 1 seed;"))
    assert "3 seeds under other settings, which differ in new_items" in note and newer.path.name not in note
    finished_run(tmp_path, "BPR", values(0.2), 2, new_items=0.2)
    finished_run(tmp_path, "BPR", values(0.2), 3, new_items=0.2)
    assert not any(note.startswith("BPR:") for note in only(results_table(find_runs(tmp_path, "toys"))).notes)


def noted(table: Table, words: str) -> str:
    (note,) = (note for note in table.notes if words in note)
    return note


def changed(run: RunRecord, **info: object) -> None:
    (run.path / "run.json").write_text(json.dumps({**run.info, **info}))


def test_rows_that_were_trained_too_short_or_unequally_are_named(tmp_path: Path) -> None:
    for seed in (1, 2):
        run = finished_run(tmp_path, "short", values(0.2), seed, epochs=3, stopping_step=20)
        if seed == 2:
            changed(run, best={**run.info["best"], "epoch": 3})  # of three
    finished_run(tmp_path, "long", values(0.3), 1, epochs=1000, stopping_step=20)
    untrained = finished_run(tmp_path, "Pop", values(0.1), 1, epochs=7)
    changed(untrained, parameters={"total": 0, "trainable": 0}, best={**untrained.info["best"], "epoch": 0})
    table = only(results_table(find_runs(tmp_path, "toys")))
    assert noted(table, "the best epoch is the last").startswith("short (seed 2): ")
    assert noted(table, "Unequal training budgets") == (
        "Unequal training budgets: at most 3 epochs and a patience of 20 for short; at most 1000 epochs and a patience "
        "of 20 for long."
    )


def test_rows_near_chance_are_named(tmp_path: Path) -> None:
    for label, mean in (("lucky", 0.31), ("chance", 0.2)):
        changed(finished_run(tmp_path, label, values(mean, noise=0)), n_ranked=100)
    assert noted(only(results_table(find_runs(tmp_path, "toys"))), "random ranking").startswith("chance: ")
    changed(finished_run(tmp_path, "lucky", values(0.2, noise=0)), n_ranked=100)
    assert noted(only(results_table(find_runs(tmp_path, "toys"))), "random ranking").startswith("All rows: ")


def test_what_a_run_notes_stands_below_the_table_with_its_rows(tmp_path: Path) -> None:
    note = "stage2 brought nothing better on validation; this row is stage1's."
    for label, seed, notes in (("A", 1, [note]), ("A", 2, []), ("B", 1, [note, "diverged"]), ("B", 2, [note])):
        changed(finished_run(tmp_path, label, values(0.2), seed), notes=notes)
    table = only(results_table(find_runs(tmp_path, "toys")))
    assert noted(table, "stage2") == f"A (seed 1); B: {note}" and noted(table, "diverged") == "B (seed 1): diverged"


def test_rows_whose_scores_are_tied_at_a_cutoff_are_named_with_the_share_of_users(tmp_path: Path) -> None:
    for label, seed, share in (("constant", 1, 0.25), ("constant", 2, 1.0), ("rounded", 1, 0.001), ("older", 1, None)):
        run = finished_run(tmp_path, label, values(0.2), seed)
        changed(run, **({} if share is None else {"ties": {"10": share / 2, "new/20": share}}))
    assert noted(only(results_table(find_runs(tmp_path, "toys"))), "tied at the cutoff") == (
        "On test the scores are tied at the cutoff, so that the sort decides which items count: constant, 100 % of "
        "users at 20 (new). Another program may find other values."
    )
