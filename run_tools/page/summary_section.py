"""The page's first part: which runs, and how they do as a whole."""

from __future__ import annotations

import math

from .estimates import Estimate
from .markup import Markup, tag
from .page_content import PageContent

METRIC_NAMES = {"recall": "Recall", "recall2": "Recall2", "ndcg": "NDCG", "precision": "Precision", "map": "MAP"}


def metric_name(key: str) -> str:
    """`recall@20` as `Recall@20`."""
    name, _, k = key.partition("@")
    return f"{METRIC_NAMES.get(name, name.capitalize())}@{k}"


def with_margin(estimate: Estimate, margin: bool = True, sign: str = "") -> str:
    """A value with half the width of its 95 % interval, if `margin`; `sign` as in a format, `+` for a difference."""
    known = margin and not math.isnan(estimate.error)
    return f"{estimate.value:{sign}.4f}".replace("-", "−") + (f" ± {estimate.margin:.4f}" if known else "")


def signed(difference: Estimate, margin: bool = True) -> str:
    """A difference, as `with_margin`."""
    return with_margin(difference, margin, "+")


def data_table(caption: str, head: list[str], rows: list[list[str | Markup]]) -> Markup:
    """A table that scrolls by itself where it is wider than the page; the first column names the rows."""
    top = tag("thead", tag("tr", [tag("th", name, scope="col") for name in head]))
    body = [tag("tr", tag("th", row[0], scope="row"), [tag("td", cell) for cell in row[1:]]) for row in rows]
    table = tag("table", tag("caption", caption), top, tag("tbody", body))
    return tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=caption)


def write_summary(shown: PageContent) -> Markup:
    """Runs, data and protocol, means of the test split."""
    told = tag("div", _runs(shown), _data(shown), _words(shown))
    return tag("section", tag("div", told, _means(shown), class_="columns"), id="summary", aria_label="Summary")


def _runs(shown: PageContent) -> Markup:
    listed = []
    for side in shown.sides:
        best = side.run.record.info["best"]
        chosen = f"chosen by validation: phase {best['phase']}, epoch {best['epoch']}"
        name, folder = tag("strong", f"Run {side.name}".strip()), side.run.record.path.resolve().name
        notes = [tag("small", note) for note in side.run.record.info.get("notes", [])]
        lines = [tag("small", chosen), *notes, tag("small", "folder ", folder)]
        said = [part for line in lines for part in (line, tag("br"))][:-1]
        listed.append(tag("li", name, " ", tag("bdi", side.label), tag("br"), said))
    return tag("ul", listed, class_="runs")


def _data(shown: PageContent) -> Markup:
    run = shown.sides[0].run
    data, split = run.dataset.interactions, run.dataset.splits.test
    kind = "items that are not new" if split.beside else "cold items"
    candidates = "all items" if split.candidates is None else f"{len(split.candidates):,} {kind}"
    return tag(
        "p",
        f"{data.n_users:,} users and {data.n_items:,} items. The test split holds {len(split.positives.values):,} "
        f"interactions of {len(split.users):,} users; {candidates} are ranked for each of them, those that a user is "
        "known to have taken left out.",
    )


def _means(shown: PageContent) -> Markup:
    pair = len(shown.sides) == 2
    rows = []
    for key, means in shown.means.items():
        difference = [signed(shown.differences[key])] if pair else []
        rows.append([metric_name(key), *[f"{mean:.4f}" for mean in means], *difference])
    head = ["Metric", *([side.name for side in shown.sides] if pair else ["Test"]), *(["B − A"] if pair else [])]
    return data_table("Means over the users of the test split", head, rows)


def _words(shown: PageContent) -> Markup | None:
    if shown.n_changed is None:
        return None
    rose, fell, same = shown.n_changed
    return tag(
        "p",
        f"From A to B, {metric_name(shown.metric)} rises for {rose:,} users, falls for {fell:,} and stays for {same:,}."
        " ± is half the width of the 95 % interval of the paired difference over these users. It says nothing of other "
        "seeds or other data: compare several seeds before you conclude (ptmrec table).",
    )
