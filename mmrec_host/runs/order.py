"""Which run ended before which."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any


def ended(info: Mapping[str, Any]) -> datetime:
    """When the run ended whose run.json holds `info`; if it has not, or did not say so, begin and time spent count."""
    if "ended" in info:
        return datetime.fromisoformat(info["ended"])
    spent = (info.get("seconds") or {}).get("total") or 0
    return datetime.fromisoformat(info["started"]) + timedelta(seconds=spent)
