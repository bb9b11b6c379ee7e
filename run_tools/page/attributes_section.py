"""How much neighbours agree in the attributes of items.jsonl, in frozen and in tuned features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from mmrec_host.data.features import MODALITIES

from .chart import Bar, draw_bars
from .markup import Markup, tag
from .page_content import PageContent
from .summary_section import data_table

TITLE = "Neighbours with the item’s own attribute"


def write_attributes(shown: PageContent) -> list[Markup]:
    """A chart and its table; nothing for a dataset whose items have no attributes."""
    bars, rows, new = [], [], _new_items(shown)
    for attribute, values in shown.content.attributes.items():
        for modality, views in shown.views.items():
            shares = [share for view in views if (share := view.same_value(values, new)) is not None]
            if not shares:
                continue
            name, written = f"{attribute}, {MODALITIES[modality]}", [f"{100 * share:.0f} %" for share in shares]
            ends = (min(shares[0], shares[-1]), max(shares[0], shares[-1])) if len(shares) > 1 else None
            bars.append(Bar(name, shares[-1], ends, " → ".join(written)))
            rows.append([name, f"{100 * by_chance(values):.0f} %", " → ".join(written)])
    if not bars:
        return []
    synthetic = "Synthetic data: the attributes are what the items were drawn from. " if _synthetic(shown) else ""
    tuned = any(bar.interval for bar in bars)
    drawn = "a line from frozen features to the tuned ones, where the point is" if tuned else "in frozen features"
    whose = "all items" if new is None else f"the {len(new)} items without training interactions"
    about = (
        f"{synthetic}Of the nearest neighbours of an item, the share with the item’s own attribute, over {whose}: "
        f"{drawn}. By chance: that of neighbours drawn at random."
    )
    head = ["Attribute", "by chance", "frozen → tuned" if tuned else "frozen"]
    chart = draw_bars(bars, f"{TITLE}: a picture of the table beside it")
    figure = tag("div", chart, data_table(TITLE, head, rows), class_="figure")
    return [tag("h3", TITLE), tag("p", about), figure]


def by_chance(values: Mapping[int, str]) -> float:
    """The probability that two different items have the same value."""
    n = len(values)
    return sum(k * (k - 1) for k in Counter(values.values()).values()) / (n * (n - 1))


def _new_items(shown: PageContent) -> set[int] | None:
    """Items that no training row tells of, where there are some: others may have been learned by heart."""
    new = shown.sides[0].run.dataset.splits.test.cold_items
    return {int(item) for item in new} if new is not None and len(new) else None


def _synthetic(shown: PageContent) -> bool:
    return bool(shown.sides[0].run.config["synthetic"])
