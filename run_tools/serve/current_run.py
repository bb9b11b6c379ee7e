"""The run that is served now, with who answers for it, and its replacement by a newer one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from mmrec_host.errors import UserError

from ..named_answers import Answer, as_json
from .batching import Batches
from .served_run import Alike, ForUser, ServedRun

log = logging.getLogger(__name__)

T = TypeVar("T")


class Serving:
    """One run and the batches that wait for it.

    Args:
        vectors: the thread that multiplies.
    """

    def __init__(self, run: ServedRun, vectors: ThreadPoolExecutor) -> None:
        self.run = run
        self.for_users: Batches[ForUser, bytes] = Batches(_encoded(run.for_users), run.most, vectors)
        self.alike: Batches[Alike, bytes] = Batches(_encoded(run.alike), run.most, vectors)


class CurrentRun:
    """Holds what is served; requests that have begun keep the run that they began with.

    Args:
        opened: opens the run that is to be served, the newest one.

    Raises:
        UserError: it cannot be opened.
    """

    def __init__(self, opened: Callable[[], ServedRun]) -> None:
        self._opened = opened
        self._vectors = ThreadPoolExecutor(1, "vectors")
        self._encoder = ThreadPoolExecutor(1, "encoder")
        self._loading = asyncio.Lock()
        self.serving = Serving(opened(), self._vectors)

    async def encode(self, work: Callable[..., T], *arguments: object) -> T:
        """Run what needs the encoder or the model, one after another, beside the matrix products."""
        return await asyncio.get_running_loop().run_in_executor(self._encoder, work, *arguments)

    async def reload(self) -> Answer:
        """Open the run anew, and serve it if it is another one; what it is.

        Raises:
            UserError: it cannot be opened; the old one is still served.
        """
        async with self._loading:
            run = await asyncio.to_thread(self._opened)
            if not run.same_as(self.serving.run):
                self.serving = Serving(run, self._vectors)
                log.info("now served: %s", run.folder)
            return self.serving.run.describe()

    async def reload_or_complain(self) -> None:
        """`reload` where nobody waits for the answer."""
        try:
            await self.reload()
        except UserError as error:
            log.error("not reloaded, %s is still served: %s", self.serving.run.folder, error)


def _encoded(answer: Callable[[Sequence[T]], list[Answer]]) -> Callable[[Sequence[T]], list[bytes]]:
    return lambda questions: [as_json(each).encode() for each in answer(questions)]
