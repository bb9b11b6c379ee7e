from __future__ import annotations

import os
import traceback
from collections.abc import Callable

import pytest


@pytest.fixture
def in_child() -> Callable[[Callable[[], object]], int]:
    """Run a function in a forked child; its exit code (0 fine, 1 an exception, -9 killed)."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")

    def run(function: Callable[[], object]) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                function()
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    return run
