"""How many rows of a user MMRec's split rule holds out."""

from __future__ import annotations

import numpy as np


def held_out(n_rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows for validation and for test, int64 [n_users] each, of users with `n_rows` rows, int64 [n_users].

    Of fewer than 10 rows one is for validation and one for test; else a fifth is held out, half for each, and test
    takes the odd one.
    """
    held = np.where(n_rows < 10, 2, n_rows // 5)
    return held // 2, held - held // 2
