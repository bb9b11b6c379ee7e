"""Whether the hub that encoders' weights come from can be reached: one quick try, remembered."""

from __future__ import annotations

import functools
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
    began = time.perf_counter()
    fault = _fault(constants.ENDPOINT)
    return f"{fault}, {WITHOUT}" if fault else f"{constants.ENDPOINT} answers in {time.perf_counter() - began:.1f} s"


@functools.cache
def hub_fault() -> str | None:
    """Why the hub cannot be used; None if it answers. It is asked once in a process."""
    from huggingface_hub import constants

    return "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else _fault(constants.ENDPOINT)


def _fault(address: str) -> str | None:
    outcome: list[str | None] = []
    # looking up a name heeds no time-out, so it is done aside
    thread = threading.Thread(target=lambda: outcome.append(_ask(address)), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return outcome[0] if outcome else f"{address} gives no answer in {PATIENCE:.0f} s"


def _ask(address: str) -> str | None:
    try:
        request = urllib.request.Request(address, method="HEAD")  # noqa: S310 (the user's own hub)
        with urllib.request.urlopen(request, timeout=PATIENCE):  # noqa: S310
            return None
    except urllib.error.HTTPError as error:  # is an answer too
        return f"{address} is out of order ({error})" if error.code >= 500 else None
    except (OSError, ValueError) as error:
        return f"{address} is not reachable ({error})"
