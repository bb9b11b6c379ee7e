"""Whether runs were made under the same settings: by digest, else by value, as `0` and `0.0` had two digests once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..config import Config
from ..config_layers import absent_values, read_layer
from ..errors import UserError
from .record import DONE, RunRecord, find_runs


def plain_label(label: str) -> str:
    """A label with its whole numbers written in one way."""
    return re.sub(r"\b(\d+)\.0\b", r"\1", label)


def same_run(root: Path, config: Config) -> RunRecord | None:
    """The earlier run of the same settings and seed: a finished one, else the newest; None if there is none.

    Its label may be another: which words a label has depends on what the YAML files say.
    """
    return run_of(find_runs(root, config["dataset"]), config)


def run_of(runs: Iterable[RunRecord], config: Config) -> RunRecord | None:
    """That one of `runs`, oldest first."""
    sha, settings, label = config.settings_sha(), config.settings(), plain_label(config.label())
    same = []
    for run in runs:
        if run.info["seed"] != int(config["seed"]):
            continue
        by_value = run.info.get("settings_sha") != sha and plain_label(run.info["label"]) == label
        if run.info.get("settings_sha") == sha or (by_value and recorded_settings(run) == settings):
            same.append(run)
    done = [run for run in same if run.info["status"] in DONE]
    return (done or same)[-1] if same else None


def same_settings(one: RunRecord, other: RunRecord) -> bool:
    """Whether two runs differ in their seed at most, and in where they lie."""
    if one.info.get("settings_sha") == other.info.get("settings_sha"):
        return True
    settings = recorded_settings(one)
    return settings is not None and settings == recorded_settings(other)


def differing(one: RunRecord, other: RunRecord) -> list[str]:
    """Keys in which the settings of two runs differ; none where one of them cannot be read."""
    a, b = recorded_settings(one), recorded_settings(other)
    if a is None or b is None:
        return []
    return sorted(key for key in a.keys() | b.keys() if key not in a or key not in b or a[key] != b[key])


def recorded_settings(run: RunRecord) -> dict[str, Any] | None:
    """The settings in a run's config.yaml; None if it cannot be read."""
    try:
        values = read_layer(run.path / "config.yaml").values
        return Config(values, absent=absent_values(str(values.get("model")))).settings()
    except UserError:
        return None
