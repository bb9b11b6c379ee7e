"""Errors that are messages for the user: the command line prints them without a traceback and exits with code 2."""

from __future__ import annotations


class UserError(Exception):
    """Something that the user can mend. The message says what happened, where, what is allowed and what to do."""

    exit_code = 2


class ConfigError(UserError):
    """A key, value, model or file of the configuration is wrong."""


class DataError(UserError):
    """A dataset, its splits or its features are wrong."""
