"""The errors of the cache that are messages for the user."""

from __future__ import annotations


class CacheError(Exception):
    """The cache or the raw content that feeds it is wrong or absent. The message says where, why and what to do."""

    exit_code = 2


class EntryError(CacheError):
    """An entry is absent, or damaged: it is not what was stored."""
