"""The folder that an unmodified model is constructed in: what killed processes left of theirs goes away."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from mmrec_bridge.data_folder import data_folder


def test_folders_of_killed_processes_are_cleared_away(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    place = tmp_path / "toy" / "mmrec"
    old, young, alive = (place / name for name in (f"{ended.pid}-old", f"{ended.pid}-young", f"{os.getppid()}-alive"))
    for folder in (old, young, alive):
        (folder / "toy").mkdir(parents=True)
        if folder != young:
            os.utime(folder, (time.time() - 10**4,) * 2)
    keys = {"cache_path": str(tmp_path), "dataset": "toy", "vision_feature_file": "v", "text_feature_file": "t"}
    with data_folder(keys, tmp_path / "none") as home:
        assert os.path.isdir(home)
    assert sorted(place.iterdir()) == sorted((young, alive))
