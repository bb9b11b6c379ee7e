"""What `quick_start` says from Python, where nobody has set up logging."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import logging
from mmrec_host.quick_start import quick_start
quick_start("BPR", "toy", KEYS)
assert not logging.getLogger("mmrec_host").handlers
quick_start("BPR", "toy", {**KEYS, "progress": False, "seed": 7})
"""


def test_a_script_says_what_goes_on_where_stderr_is_no_terminal(toy_keys, tmp_path):
    keys = {**toy_keys, "progress": True, "epochs": 1}
    script = SCRIPT.replace("KEYS", repr(keys))
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for said in ("seed 999: {'users': 40", "train: best recall@20", "run folder: "):
        assert done.stderr.count(said) == 1
    assert "seed 7" not in done.stderr
