"""Errors that are messages for the user: the command line prints them without a traceback and exits with code 2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """Something that the user can mend. The message says what happened, where, what is allowed and what to do."""

    exit_code = 2


class ConfigError(UserError):
    """A key, value, model or file of the configuration is wrong."""


class DataError(UserError):
    """A dataset, its splits or its features are wrong."""


@contextmanager
def noted(errors: list[str]) -> Iterator[None]:
    """A `ConfigError` raised inside is noted in `errors`, so that it can be reported together with others."""
    try:
        yield
    except ConfigError as error:
        errors.append(str(error))
