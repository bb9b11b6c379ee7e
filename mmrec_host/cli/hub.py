"""Whether the hub that encoders' weights come from can be reached."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request

PATIENCE = 4.0  # seconds
WITHOUT = "weights in the local cache are used"


def hub_answer() -> str:
    """What one quick try says, or why none was made."""
    try:
        from huggingface_hub import constants
    except Exception as error:  # of a broken package too
        return f"not asked: huggingface_hub cannot be imported ({type(error).__name__})"
    if constants.HF_HUB_OFFLINE:
        return f"not asked: HF_HUB_OFFLINE is set, {WITHOUT}"
    outcome: list[str] = []
    # looking up a name heeds no time-out, so it is done aside
    thread = threading.Thread(target=lambda: outcome.append(_ask(constants.ENDPOINT)), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return outcome[0] if outcome else f"{constants.ENDPOINT} gives no answer in {PATIENCE:.0f} s, {WITHOUT}"


def _ask(address: str) -> str:
    began = time.perf_counter()
    try:
        request = urllib.request.Request(address, method="HEAD")  # noqa: S310 (the user's own hub)
        with urllib.request.urlopen(request, timeout=PATIENCE):  # noqa: S310
            pass
    except urllib.error.HTTPError:  # is an answer too
        pass
    except (OSError, ValueError) as error:
        return f"{address} is not reachable ({error}), {WITHOUT}"
    return f"{address} answers in {time.perf_counter() - began:.1f} s"
