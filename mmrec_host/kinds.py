"""What the value of a key may be: the small language of `mmrec_configs/keys.yaml`, read, checked and put into words.

A kind is one or several alternatives, `null | whole 1..8 | list of name`. Each is one of

    flag                          true or false
    whole, number                 with a range: `0..1`, `>0..`, `0..<1`; `>` and `<` leave that end out
    text, name, path              not empty; a name is short and has no path in it
    mapping, any
    list of KIND, list of 2 KIND  as many as one likes, or exactly so many, and at least one
    any other word                itself, such as null or score
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ConfigError
from .yaml_values import flow

LARGEST_WHOLE, LARGEST_NUMBER = 2**31 - 1, 3e38  # of 32 bits, where a range has no end
LONGEST_NAME, LONGEST_TEXT = 200, 4096  # bytes in UTF-8: a file that is called so exists on any system
SHOWN = 100  # characters of a value in a message
WORDS = {"flag": "true | false", "name": "name", "path": "path", "text": "text", "mapping": "mapping", "any": "any"}
ITSELF: dict[str, Any] = {"null": None, "[]": []}
_NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
_RANGED = re.compile(rf"(whole|number)(?: (>?)({_NUMBER})?\.\.(<?)({_NUMBER})?)?")
_LIST = re.compile(r"list of (?:(\d+) )?(.+)")


@dataclass(frozen=True)
class Alternative:
    """One of the things that a value may be.

    Attributes:
        name: `whole`, `number`, `list`, a name in WORDS, or a word that stands for itself.
        low, high: ends of the range; None: the largest that a 32-bit number can be.
        above, below: whether the ends are left out.
        each: of a list's values.
        count: length of a list, None for any.
    """

    name: str
    low: float | None = None
    high: float | None = None
    above: bool = False
    below: bool = False
    each: Alternative | None = None
    count: int | None = None

    def fits(self, value: Any) -> bool:
        """Whether `value` is one."""
        if self.name in ("whole", "number"):
            return self._fits_number(value)
        if self.each is not None:
            fits = isinstance(value, list) and (len(value) == self.count if self.count else bool(value))
            return fits and all(map(self.each.fits, value))
        if self.name == "flag":
            return isinstance(value, bool)
        if self.name in ("name", "path", "text"):
            return isinstance(value, str) and _fits_text(self.name, value)
        if self.name == "mapping":
            return isinstance(value, Mapping)
        if self.name in ITSELF:
            return value == ITSELF[self.name]
        return self.name == "any" or (isinstance(value, str) and value == self.name)

    def _fits_number(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if isinstance(value, float) and not (math.isfinite(value) and (self.name == "number" or value.is_integer())):
            return False
        largest = LARGEST_WHOLE if self.name == "whole" else LARGEST_NUMBER
        low, high = -largest if self.low is None else self.low, largest if self.high is None else self.high
        return low <= value <= high and not (self.above and value == low) and not (self.below and value == high)

    def words(self) -> str:
        """In words, without an article."""
        if self.each is not None:
            each = self.each.words()
            words = re.sub(r"^(name|path|number|whole number)\b", r"\1s", each)
            return f"list of {self.count} {words}" if self.count else f"list of {words}"
        if self.name not in ("whole", "number"):
            return WORDS.get(self.name, self.name)
        kind = "whole number" if self.name == "whole" else "number"
        low = f"more than {self.low:g}" if self.above else f"{_shown(self.low)} or more"
        high = f"less than {_shown(self.high)}" if self.below else f"{_shown(self.high)} or less"
        if self.low is not None and self.high is not None and not (self.above or self.below):
            return f"{kind}, {_shown(self.low)} to {_shown(self.high)}"
        ends = [words for words, end in ((low, self.low), (high, self.high)) if end is not None]
        return ", ".join([kind, " and ".join(ends)] if ends else [kind])


@dataclass(frozen=True)
class Kind:
    """What the value of a key may be: any of `alternatives`."""

    alternatives: tuple[Alternative, ...]

    def fits(self, value: Any) -> bool:
        """Whether `value` may be given."""
        return any(alternative.fits(value) for alternative in self.alternatives)

    @property
    def takes_list(self) -> bool:
        """Whether a list is one value of this kind."""
        return any(alternative.each is not None for alternative in self.alternatives)

    def words(self) -> str:
        """What may be given, in words: `whole number, 2 or more`, `a | b`."""
        return " | ".join(alternative.words() for alternative in self.alternatives)

    def error(self, key: str, value: Any) -> str | None:
        """What is wrong with `value` of `key`, None if nothing is."""
        if self.fits(value):
            return None
        words = [each.words() for each in self.alternatives]
        if len(words) > 1:
            wanted = f"one of {', '.join(words)}" if all(map(_is_word, self.alternatives)) else " | ".join(words)
        else:
            wanted = {"true | false": "true or false", "text": "text"}.get(words[0], f"a {words[0]}")
        return f"{key}={shortened(value)}: must be {wanted}{_limit(self, value)}"


def _limit(kind: Kind, value: Any) -> str:
    """The end of a range that names none, for a number that lies beyond it."""
    open_ended = any(each.name == "whole" and each.high is None for each in kind.alternatives)
    beyond = isinstance(value, int | float) and not isinstance(value, bool) and value > LARGEST_WHOLE
    return f", up to {LARGEST_WHOLE:,}" if open_ended and beyond else ""


def _is_word(alternative: Alternative) -> bool:
    return alternative.each is None and alternative.name not in {*WORDS, "whole", "number"}


def _shown(number: float | None) -> str:
    return "" if number is None else f"{int(number) if float(number).is_integer() else number}"


def _fits_text(name: str, value: str) -> bool:
    size = len(value.encode(errors="replace"))
    if not value or "\0" in value or size > (LONGEST_NAME if name == "name" else LONGEST_TEXT):
        return False
    if name == "path":
        return value.isprintable() and all(
            len(part.encode(errors="replace")) <= LONGEST_NAME for part in re.split(r"[/\\]", value)
        )
    return name != "name" or (value.strip() == value and "/" not in value and "\\" not in value and value.isprintable())


def shortened(value: Any) -> str:
    """A value as it would be written on the command line, cut off where it is endless."""
    text = flow(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text):,} characters)"


@functools.cache
def parse_kind(text: str) -> Kind:
    """The kind that `text` says; `ConfigError` if it says none."""
    return Kind(tuple(_parse_one(part.strip()) for part in text.split("|")))


def _parse_one(text: str) -> Alternative:
    if match := _RANGED.fullmatch(text):
        name, above, low, below, high = match.groups()
        ends = [
            None if end is None else (int(end) if re.fullmatch(r"-?\d+", end) else float(end)) for end in (low, high)
        ]
        return Alternative(name, ends[0], ends[1], bool(above), bool(below))
    if match := _LIST.fullmatch(text):
        return Alternative("list", each=_parse_one(match[2]), count=int(match[1]) if match[1] else None)
    if text not in ITSELF and not re.fullmatch(r"[\w.:-]+", text):
        raise ConfigError(f"{shortened(text)!r} is no kind of value; such are `whole 1..`, `number >0..1`, `a | b`.")
    return Alternative(text)


def kind_like(default: Any) -> str:
    """The kind of a key that nobody has declared: as its default is."""
    kinds = {bool: "flag", int: "whole", float: "number", list: "[] | list of any", dict: "mapping", str: "null | text"}
    return kinds.get(type(default), "any")
