"""What `ptmrec recommend` answers, as objects and as tables."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from mmrec_host.errors import ConfigError
from mmrec_host.progress_bar import progress_bar
from mmrec_host.reporting.cells import Cell, Column, Table
from mmrec_host.reporting.render import render
from mmrec_host.runs.finished_run import FinishedRun

from .catalogue import Catalogue, Described, new_item
from .named_answers import for_new_item, for_taken, for_user, like_item
from .new_item import place
from .recommendation import catalogue_of, everyone, recommend, similar

WIDTH = 60  # characters of a title
SHOWN = 10  # items taken before that a table names


def answers_to(args: argparse.Namespace, run: FinishedRun) -> Iterable[dict[str, Any]]:
    """What the command line asks of a run, an object a user or item."""
    names = catalogue_of(run)
    if args.all_users:
        # where the lines come to the terminal, they show the progress
        shown = run.config["progress"] and (args.output is not None or not sys.stdout.isatty())
        users = everyone(run)
        answers = _for_users(run, names, users, args)
        return progress_bar("recommend", "user", len(users), shown=shown, over=answers)
    if args.user:
        users = np.array([names.users.index(user) for user in args.user], np.int64)
        return _for_users(run, names, users, args)
    if args.items:
        taken = [names.items.index(item) for item in args.items]
        return [for_taken(names, taken, similar(run, taken, args.k, args.include_taken))]
    if args.item is not None and (new := new_item(run.dataset.folder, args.item)):
        text, image = _read_by(run, new)
        return [{"item_id": args.item, "text": text} | for_new_item(names, place(run, text, image, args.k))]
    if args.item is not None:
        item = names.items.index(args.item)
        return [like_item(names, item, similar(run, [item], args.k))]
    said = {"text": args.text, "image": args.image and str(args.image)}
    answer = {name: value for name, value in said.items() if value}
    return [answer | for_new_item(names, place(run, args.text, args.image, args.k))]


def _for_users(
    run: FinishedRun, names: Catalogue, users: np.ndarray, args: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    for user, ranked, taken in recommend(run, users, args.k, args.include_taken):
        yield for_user(names, user, ranked, taken.tolist())


def _read_by(run: FinishedRun, new: Described) -> tuple[str, bytes]:
    """Text and image of a described item, as far as the run's model reads them; `ConfigError` if it reads neither."""
    modalities = list(run.item_features()) or ["t", "v"]  # `place` refuses a model that reads none
    text, image = new.text if "t" in modalities else "", new.image if "v" in modalities else b""
    if not text and not image:
        raise ConfigError(f"--item: nothing is known of this item that {run.config['model']} reads.")
    return text, image


def as_text(answer: dict[str, Any], run: FinishedRun) -> str:
    """Tables of one answer."""
    label = run.config["model"]
    if "taken" in answer and "user" not in answer:
        took = "; ".join(_called(item) for item in answer["taken"])
        caption = f"for somebody who took {took}, by the mean cosine of {label}'s item vectors"
        return _table(caption, answer["items"], "item")
    if "user" in answer:
        taken = answer["taken"]
        more = f" and {len(taken) - SHOWN} more" if len(taken) > SHOWN else ""
        before = (
            f"taken before: {'; '.join(_called(item) for item in taken[-SHOWN:])}{more}" if taken else "took nothing"
        )
        return _table(f"for user {_called(answer, 'user')}, by {label}", answer["items"], "item", [before])
    if "users" not in answer:
        caption = f"items like {_called(answer)}, by the cosine of {label}'s item vectors"
        return _table(caption, answer["items"], "item")
    what = " and ".join(f"{name} {_short(answer[name])!r}" for name in ("item_id", "text", "image") if answer.get(name))
    return "\n\n".join([
        _table(f"items nearest to {what}, by the cosine of their features", answer["items"], "item"),
        _table(f"users most likely to take it, by {label}'s scores", answer["users"], "user"),
    ])  # fmt: skip


def _called(named: dict[str, Any], kind: str = "item") -> str:
    """A title, else the original id, else the index."""
    return _short(named.get("title") or named.get(f"{kind}_id") or f"{kind} {named[kind]}".removeprefix("user "))


def _short(text: str) -> str:
    return textwrap.shorten(text, WIDTH, placeholder=" …") if len(text) > WIDTH else text


def _table(caption: str, rows: list[dict[str, Any]], kind: str, notes: Iterable[str] = ()) -> str:
    present = [name for name in ("title", f"{kind}_id", kind) if any(name in row for row in rows)]
    columns = [Column(name.capitalize().replace("_", " "), "text") for name in present] + [Column("score", "metric")]
    cells = [[Cell(_short(str(row.get(name, "")))) for name in present] + [Cell(row["score"])] for row in rows]
    return render(Table(caption, columns, cells, list(notes)))
