"""`ptmrec recommend`: what a finished run recommends."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from mmrec_host.cli.run_argument import add_run_arguments, open_named_run
from mmrec_host.errors import ConfigError
from mmrec_host.files import write_whole
from mmrec_host.progress_bar import progress_bar
from mmrec_host.reporting.render import render
from mmrec_host.reporting.tables import Cell, Column, Table
from mmrec_host.runs.finished_run import FinishedRun

from ..catalogue import Catalogue
from ..new_item import place
from ..recommendation import catalogue_of, everyone, lines, scored_items, scored_users, similar

EXAMPLES = """examples:
  --run runs/mini/VBPR-s999-20260101-120000 --user 5      the ten best items for user 5
  --run 120000 --item B0012XYZ -k 5                       by the end of the run's name; an item by its original id
  --run 120000 --text "red clay pot" --image pot.jpg      an item that the catalogue does not have
  --run 120000 --all-users --output all.jsonl             a line of JSON for each user
"""
WIDTH = 60  # characters of a title
SHOWN = 10  # items taken before that a table names


class RecommendCommand:
    """Recommends with a finished run."""

    help = "recommend items to users, find similar items, or place a new one by its text or image"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.epilog = EXAMPLES
        add_run_arguments(parser)
        parser.add_argument(
            "--user", nargs="+", default=[], metavar="U", help="original id or index; index:N for an index"
        )
        parser.add_argument("--all-users", action="store_true", help="every user, as lines of JSON")
        parser.add_argument("--item", metavar="I", help="items alike, by the model's item vectors")
        parser.add_argument("--text", help="of a new item: nearest items, and the users most likely to take it")
        parser.add_argument("--image", type=Path, metavar="FILE", help="of a new item, alone or beside --text")
        parser.add_argument("-k", type=int, default=10, help="length of the lists; default: 10")
        parser.add_argument("--include-taken", action="store_true", help="also items taken in training or validation")
        parser.add_argument("--json", action="store_true", help="a line of JSON for each user, instead of tables")
        parser.add_argument("--output", type=Path, metavar="FILE", help="write lines of JSON there")

    def run(self, args: argparse.Namespace) -> int:
        """Recommend; nothing is loaded if the question is unclear."""
        # `--user 5 device=cpu` gives argparse one list
        args.overrides += [word for word in args.user if "=" in word]
        args.user = [word for word in args.user if "=" not in word]
        asked = [bool(args.user), args.all_users, args.item is not None, bool(args.text) or args.image is not None]
        if sum(asked) != 1:
            raise ConfigError("recommend: say one of --user, --all-users, --item, and --text or --image or both.")
        if args.k < 1:
            raise ConfigError(f"-k {args.k}: must be 1 or more.")
        run = open_named_run(args)
        answers = _answers(args, run, catalogue_of(run))
        if args.output is not None:
            write_whole(args.output, lambda file: file.writelines(f"{_json(x)}\n".encode() for x in answers))
        elif args.json or args.all_users:
            for answer in answers:
                print(_json(answer))
        else:
            sys.stdout.write("\n\n".join(_text(answer, run) for answer in answers) + "\n")
        return 0


def _answers(args: argparse.Namespace, run: FinishedRun, names: Catalogue) -> Iterable[dict[str, Any]]:
    """What is asked for, an object a user or item."""
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


def _json(answer: dict[str, Any]) -> str:
    return json.dumps(answer, ensure_ascii=False)


def _text(answer: dict[str, Any], run: FinishedRun) -> str:
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
    return render(Table(caption, columns, cells, list(notes)), "text", bold=False)
