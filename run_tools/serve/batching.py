"""Questions that wait at the same time are answered together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

Question = TypeVar("Question")
Reply = TypeVar("Reply")


class Batches(Generic[Question, Reply]):
    """While a batch is answered, questions gather, and go together in the next one; nobody waits for company.

    Args:
        answer: replies to a batch, in its order.
        most: questions of a batch.
        executor: in which `answer` runs.
    """

    def __init__(self, answer: Callable[[Sequence[Question]], list[Reply]], most: int, executor: Executor) -> None:
        self._answer, self._most, self._executor = answer, most, executor
        self._waiting: deque[tuple[Question, asyncio.Future[Reply]]] = deque()
        self._working: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Reply:
        """The reply to a question; an error of its batch is raised here."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            batch = [(question, future) for question, future in batch if not future.done()]  # who has gone meanwhile
            if not batch:
                continue
            try:
                replies = await loop.run_in_executor(self._executor, self._answer, [question for question, _ in batch])
            except Exception as error:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), reply in zip(batch, replies, strict=True):
                if not future.done():
                    future.set_result(reply)
