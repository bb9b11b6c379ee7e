"""Which rows of the interactions are kept: `--keep 'rating>=4'`, `--keep event=purchase,cart`."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmrec_host.errors import ConfigError

from .tables.columns import value_of
from .tables.times import as_time
from .tables.values import as_number, as_text

ORDERS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
FORM = re.compile(r"([^<>=!]+?)\s*(>=|<=|!=|=|>|<)\s*(.+)")


@dataclass(frozen=True)
class Condition:
    """What the value in a column must be.

    Attributes:
        sign: `=` and `!=` compare texts with any of the values; the others a number, or a time.
    """

    column: str
    sign: str
    values: tuple[str, ...]

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether a row is kept; one without a readable value is not."""
        found = value_of(row, self.column)
        if self.sign in ("=", "!="):
            return (self._texts(as_text(found)) != set()) == (self.sign == "=")
        bound, value = as_number(self.values[0]), as_number(found)
        if math.isnan(bound):
            bound, value = as_time(self.values[0]), as_time(found)
        return not math.isnan(value) and ORDERS[self.sign](value, bound)

    def _texts(self, found: str) -> set[str]:
        number = as_number(found)
        return {value for value in self.values if value == found or as_number(value) == number}

    def __str__(self) -> str:
        return f"{self.column}{self.sign}{','.join(self.values)}"


def read_condition(text: str) -> Condition:
    """The condition that `text` says.

    Raises:
        ConfigError: it says none.
    """
    found = FORM.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"--keep {text!r}: must be COLUMN=VALUE[,VALUE…], !=, or >=, <=, >, < a number or a date.")
    column, sign, values = found.groups()
    if sign in ORDERS and math.isnan(as_number(values)) and math.isnan(as_time(values)):
        raise ConfigError(f"--keep {text!r}: {values!r} is no number and no date such as 2020-01-31.")
    return Condition(column, sign, tuple(part.strip() for part in values.split(",")))
