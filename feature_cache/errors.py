"""The one error of the cache that is a message for the user."""

from __future__ import annotations


class CacheError(Exception):
    """The cache or the raw content that feeds it is wrong or absent. The message says where, why and what to do."""

    exit_code = 2
