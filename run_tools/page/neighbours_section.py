"""Items and their nearest neighbours, in frozen and in tuned features side by side."""

from __future__ import annotations

from mmrec_host.data.features import MODALITIES

from .attributes_section import write_attributes
from .cards import Card, Cards, side_by_side
from .markup import Markup, tag
from .neighbours import View
from .page_content import PageContent
from .summary_section import data_table


def write_neighbours(shown: PageContent, cards: Cards) -> Markup:
    """What changed over all items, then some of them."""
    parts = [tag("h2", "Nearest neighbours"), tag("p", _about(shown))]
    if shown.views:
        parts += [_overview(shown), *write_attributes(shown), tag("p", _drawn(shown))]
        parts += [_item(shown, item, cards, is_open=n == 0) for n, item in enumerate(shown.items)]
    return tag("section", parts, id="neighbours")


def _about(shown: PageContent) -> str:
    if not shown.views:
        return "No item features are read here, so there are no neighbours to show."
    told = "Items nearest by cosine in the features that the recommender is given, of each modality by itself."
    if any(side.run.config["shuffle_features"] for side in shown.sides):
        told += " Under shuffle_features they are another item’s, so that neighbours mean nothing."
    if any(len(views) > 1 for views in shown.views.values()):
        return told
    phases = [side.run.record.info["best"]["phase"] for side in shown.sides]
    return (
        f"{told} In the state that validation chose (phase {', '.join(dict.fromkeys(phases))}) no encoder is tuned, so "
        "there is no after to compare."
    )


def _drawn(shown: PageContent) -> str:
    changed = any(view.kept.min() < 1 for views in shown.views.values() for view in views[1:])
    half = "half of them those whose neighbours changed most, the others " if changed else ""
    drawn = f"{len(shown.items)} items, {half}drawn at random with seed {shown.seed}."
    return f"{drawn} “Gone” is what the last list lacks, “new” what the first lacks." if changed else drawn


def _overview(shown: PageContent) -> Markup:
    rows = []
    for modality, views in shown.views.items():
        for view in views:
            shared = view.same_category(shown.content.categories)
            kept = "–" if view is views[0] else f"{100 * view.kept.mean():.0f} %"
            agreement = "–" if shared is None else f"{100 * shared:.0f} %"
            rows.append([f"{view.name}, {MODALITIES[modality]}", kept, f"{view.cosines.mean():.3f}", agreement])
    k = next(iter(shown.views.values()))[0].ids.shape[1]
    head = ["Features", "kept", "mean cosine", "same category"]
    return data_table(f"The {k} nearest neighbours of all items", head, rows)


def _item(shown: PageContent, item: int, cards: Cards, is_open: bool) -> Markup:
    kept = {MODALITIES[m]: views[-1].kept[item] for m, views in shown.views.items() if len(views) > 1}
    each = ", ".join(f"{modality} {100 * share:.0f} %" for modality, share in kept.items())
    said = f"neighbours kept: {each}" if kept else ""
    head = tag("summary", tag("h3", tag("bdi", shown.content.title(item), dir="auto")), " ", tag("span", said))
    blocks = [cards.strip([Card(item, ", ".join(shown.content.categories.get(item, [])))], "The item")]
    for modality, views in shown.views.items():
        blocks.append(side_by_side([_view(views, view, item, modality, cards) for view in views]))
    return tag("details", head, blocks, open=is_open)


def _view(views: list[View], view: View, item: int, modality: str, cards: Cards) -> Markup:
    if view is views[0]:
        others, mark = set(views[-1].ids[item].tolist()), "gone"
    else:
        others, mark = set(views[0].ids[item].tolist()), "new"
    listed = [
        Card(int(i), f"{cosine:.2f}", "" if int(i) in others else mark)
        for i, cosine in zip(view.ids[item], view.cosines[item])
    ]
    title = f"{view.name}, {MODALITIES[modality]}"
    return tag("div", tag("h4", title), cards.strip(listed, f"Nearest by {title}", ordered=True))
