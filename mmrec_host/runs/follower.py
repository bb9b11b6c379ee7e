"""The record of a run in the processes beside the main one: read, never written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..evaluation.evaluator import Evaluation
from .record import RunRecord, plain


class FollowedRecord(RunRecord):
    """What the main process writes; here it only knows what it is."""

    def append(self, name: str, line: Mapping[str, Any]) -> None:
        """Nothing."""

    def remove(self) -> None:
        """Nothing."""

    def save_per_user(self, valid: Evaluation, test: Evaluation) -> None:
        """Nothing."""

    def _write_info(self) -> None:
        self.info = plain(self.info)
