"""What a report says, part by part."""

from __future__ import annotations

from collections.abc import Sequence

from mmrec_host.yaml_values import flow

from ..page.blocks import Block, Bullets, Heading, Paragraph, Picture
from .comparisons import ALPHA
from .gain_tables import comparisons_table, gains_table, popularity_table, shares_table
from .machine import settings_blocks, versions_blocks
from .report import DatasetReport, StudyReport
from .result_tables import cost_table, results_table
from .results import ranking_words, rankings_of

LISTED = 12  # missing cells


def contents_of(report: StudyReport, pictures: Sequence[Picture]) -> list[Block]:
    """All blocks of the report.

    Args:
        pictures: of gains, in their order.
    """
    blocks: list[Block] = [Paragraph(report.about)] if report.about else []
    blocks += [Paragraph(_state(report)), *_missing(report)]
    if report.n_tests:
        blocks += [Heading("Gains"), Paragraph(_reading(report)), gains_table(report)]
        blocks += pictures
    for dataset in report.datasets:
        blocks += _dataset(report, dataset)
    blocks += [Heading("Settings"), *settings_blocks(report)]
    blocks += [Heading("Versions and machine"), *versions_blocks(report)]
    return blocks


def _state(report: StudyReport) -> str:
    seeds = f"{len(report.seeds)} seed{'s' if len(report.seeds) > 1 else ''} ({', '.join(map(str, report.seeds))})"
    done = report.n_cells - report.n_missing
    first = (
        f"All {report.n_cells} runs have finished"
        if not report.n_missing
        else f"INCOMPLETE: {done} of {report.n_cells} runs have finished; means are over the seeds that there are"
    )
    return (
        f"{first}. {seeds}; {len(report.rows)} rows; data sets: {'; '.join(d.name for d in report.datasets)}. Test "
        "values at the epoch that the validation split chose; ± is the standard deviation over seeds."
    )


def _missing(report: StudyReport) -> list[Block]:
    lines = [f"{d.name}, {each.row}, seed {each.seed}: {each.status}" for d in report.datasets for each in d.missing]
    more = [f"and {len(lines) - LISTED} more"] if len(lines) > LISTED else []
    return [Paragraph("Missing:"), Bullets(lines[:LISTED] + more)] if lines else []


def _reading(report: StudyReport) -> str:
    return (
        "A row less another one, paired by seed. ± is the standard deviation of the difference over seeds; the 95 % "
        "interval is of the mean difference over users. p: the larger of those of a paired t-test and a Wilcoxon "
        "signed-rank test over users with their means over seeds, two-sided, adjusted by Holm's method over all "
        f"{report.n_tests} comparisons of this report; † is p < {ALPHA}. Intervals and p tell of these users and of "
        "these seeds' models, not of other data."
    )


def _dataset(report: StudyReport, dataset: DatasetReport) -> list[Block]:
    blocks: list[Block] = [Heading(dataset.name)]
    if not dataset.rows:
        return [*blocks, Paragraph("No run has finished.")]
    said = {key: value for key, value in dataset.protocol.items() if key != "dataset"}
    blocks.append(
        Paragraph(f"Data set {dataset.dataset}; " + ", ".join(f"{k}={flow(v)}" for k, v in said.items()) + ".")
    )
    several = len(rankings_of(dataset.rows)) > 1
    for ranking in rankings_of(dataset.rows):
        if several:
            blocks.append(Heading(ranking_words(ranking) or "items that are not new", 3))
        blocks.append(results_table(report, dataset, ranking))
        if any(each.ranking == ranking for each in dataset.comparisons):
            blocks.append(comparisons_table(dataset, ranking))
        if any(each.ranking == ranking for each in dataset.shares):
            blocks.append(shares_table(dataset, ranking))
    if dataset.popularity:
        blocks.append(popularity_table(report, dataset))
    blocks.append(cost_table(dataset))
    if notes := [f"{row.name}: {note}" for row in dataset.rows for note in row.notes] + dataset.notes:
        blocks += [Paragraph("Notes:"), Bullets(notes)]
    return blocks
