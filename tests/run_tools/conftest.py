"""A pair of runs to look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from shown_runs import make_hostile, train_pair


@pytest.fixture(scope="session")
def shown_pair(tmp_path_factory, toy_in) -> tuple[Path, Path]:
    """Folders of two finished PTMRec runs, frozen and tuned; see `shown_runs`."""
    folder = tmp_path_factory.mktemp("shown")
    keys = toy_in(folder)
    make_hostile(folder / "data" / "toy")
    return train_pair(keys)
