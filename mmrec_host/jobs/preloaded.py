"""Imported once, by the process that those of `--jobs` are forked from: what takes seconds to import."""

from __future__ import annotations

import contextlib
import importlib
import os

NAMES = "PTMREC_PRELOAD"
"""The variable with the modules' names."""

for name in os.environ.get(NAMES, "").split():
    with contextlib.suppress(Exception):  # is said where the module is needed
        importlib.import_module(name)
