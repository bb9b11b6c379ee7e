"""What `ptmrec recommend` answers, as objects, lines of JSON and tables."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Iterable
from typing import Any

import numpy as np

from mmrec_host.progress_bar import progress_bar
from mmrec_host.reporting.cells import Cell, Column, Table
from mmrec_host.reporting.render import render
from mmrec_host.runs.finished_run import FinishedRun

from .new_item import place
from .recommendation import catalogue_of, everyone, lines, scored_items, scored_users, similar

WIDTH = 60  # characters of a title
SHOWN = 10  # items taken before that a table names


def answers_to(args: argparse.Namespace, run: FinishedRun) -> Iterable[dict[str, Any]]:
    """What the command line asks of a run, an object a user or item."""
    names = catalogue_of(run)
    if args.all_users:
        # where the lines come to the terminal, they show the progress
        shown = run.config["progress"] and (args.output is not None or not sys.stdout.isatty())
        users = everyone(run)
        answers = lines(run, names, users, args.k, args.include_taken)
        return progress_bar("recommend", "user", len(users), shown=shown, over=answers)
    if args.user:
        users = np.array([names.users.index(user) for user in args.user], np.int64)
        return lines(run, names, users, args.k, args.include_taken)
    if args.item is not None:
        item = names.items.index(args.item)
        return [{**names.item(item), "items": scored_items(names, similar(run, item, args.k))}]
    found = place(run, args.text, args.image, args.k)
    said = {"text": args.text, "image": args.image and str(args.image)}
    answer = {name: value for name, value in said.items() if value}
    return [answer | {"items": scored_items(names, found.items), "users": scored_users(names, found.users)}]


def as_json(answer: dict[str, Any]) -> str:
    """A line of JSON."""
    return json.dumps(answer, ensure_ascii=False)


def as_text(answer: dict[str, Any], run: FinishedRun) -> str:
    """Tables of one answer."""
    label = run.config["model"]
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
    what = " and ".join(f"{name} {answer[name]!r}" for name in ("text", "image") if name in answer)
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
