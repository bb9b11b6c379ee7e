"""Fetching item images by the tens of thousands: concurrent, polite, and never without end."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from feature_cache import ImageStore, Outcome

from ..disk import require_space
from ..web import NotPublic, Reach, Web
from .gathering import FAILED, GONE, LARGEST_IMAGE, PRIVATE, TOO_LARGE, TYPICAL_IMAGE, Gathering, judge, unfinished

REFUSED_FOR_NOW = (403, 408, 425, 429)  # 403 is also how image hosts turn away who asks too much


@dataclass(frozen=True)
class Manners:
    """How much is asked of servers, and how long they have.

    Attributes:
        connections: requests at once to all servers.
        per_host: requests at once to one of them.
        deadline: seconds for an image, from the request to the last byte.
        attempts: requests for an image, in the end; one that ran into its deadline counts twice.
        back_off: seconds before the second attempt, doubled with each.
        longest_pause: seconds that a server's Retry-After is heeded for, at most.
        longest_outage_pause: seconds between attempts to reach a server that does not answer, at most.
        give_up_after: failures of a server in a row; the rest of its images are not asked for in this run.
    """

    connections: int = 32
    per_host: int = 8
    deadline: float = 20.0
    attempts: int = 4
    back_off: float = 0.5
    longest_pause: float = 60.0
    longest_outage_pause: float = 5.0
    give_up_after: int = 20


@dataclass
class _Job:
    """An image to fetch, and what was tried."""

    url: str
    spent: int = 0  # attempts
    not_before: float = 0.0
    reason: str = ""


@dataclass
class _Host:
    """A server: what is still to be fetched from it, and how it behaves."""

    jobs: deque[_Job] = field(default_factory=deque)
    resume_at: float = 0.0
    failed_in_a_row: int = 0

    def failed(self, pause: float = 0.0) -> None:
        """Count a failure and leave the server alone for so many seconds; what met the same outage counts once."""
        now = time.monotonic()
        if pause and now < self.resume_at:
            return
        self.failed_in_a_row += 1
        self.resume_at = max(self.resume_at, now + pause)


class _Again(Exception):
    """An attempt failed in a way that may pass; `after` is how long the server wants to be left alone."""

    def __init__(self, reason: str, after: float = 0.0) -> None:
        super().__init__(reason)
        self.after = after


def gather_urls(
    home: Path, urls: Iterable[str], manners: Manners, host: str | None, reach: Reach, progress: bool
) -> None:
    """Fetch the images at `urls` that the dataset folder `home` has not got yet; each outcome is stored.

    Args:
        host: the server that is asked in place of the one in each address, or None.
        reach: which servers may be asked.

    Raises:
        DataError: the disk is nearly full.
    """
    new = unfinished(ImageStore(home).outcomes(), list(dict.fromkeys(urls)))
    if not new:
        return
    require_space(home, len(new) * TYPICAL_IMAGE, f"storing {len(new):,} images")
    with Gathering(home, len(new), progress) as gathering:
        asyncio.run(_Fetcher(gathering, manners, host, reach).fetch(new))


class _Fetcher:
    def __init__(self, gathering: Gathering, manners: Manners, host: str | None, reach: Reach) -> None:
        self.gathering, self.manners, self.host, self.reach = gathering, manners, host, reach

    async def fetch(self, urls: list[str]) -> None:
        hosts: dict[str, _Host] = {}
        for url in urls:
            hosts.setdefault(self._server(url), _Host()).jobs.append(_Job(url))
        self.gate = asyncio.Semaphore(self.manners.connections)
        timeout = aiohttp.ClientTimeout(total=self.manners.deadline)
        with ThreadPoolExecutor(2) as self.decoders:
            async with Web(self.reach, timeout, per_host=2 * self.manners.per_host) as self.web:
                workers = [
                    asyncio.ensure_future(self._work(host))
                    for host in hosts.values()
                    for _ in range(min(self.manners.per_host, len(host.jobs)))
                ]
                try:
                    await asyncio.gather(*workers)
                finally:
                    for worker in workers:
                        worker.cancel()

    def _server(self, url: str) -> str:
        try:
            return self.host or urlsplit(url).netloc
        except ValueError:
            return ""

    async def _work(self, host: _Host) -> None:
        """Take jobs until there are none; one that may succeed later goes behind the others."""
        while host.jobs:
            job = host.jobs.popleft()
            if host.failed_in_a_row >= self.manners.give_up_after:
                reason = job.reason or "not asked for: its server failed too often in a row"
                self.gathering.add(Outcome(job.url, FAILED, reason))
                continue
            while (wait := max(host.resume_at, job.not_before) - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            outcome, data = await self._attempt(host, job)
            if outcome is not None:
                host.failed_in_a_row = 0
                self.gathering.add(outcome, data)
            elif job.spent < self.manners.attempts:
                wait = self.manners.back_off * 2 ** (job.spent - 1) * random.uniform(0.75, 1.25)  # noqa: S311
                job.not_before = time.monotonic() + wait
                host.jobs.append(job)
            else:
                self.gathering.add(Outcome(job.url, FAILED, job.reason))

    async def _attempt(self, host: _Host, job: _Job) -> tuple[Outcome | None, bytes]:
        """The outcome and the image; None if another attempt may give one."""
        job.spent += 1
        try:
            async with self.gate:
                # The client has the deadline too; this one also bounds what it does before and after.
                return await asyncio.wait_for(self._request(job.url), self.manners.deadline + 5)
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, aiohttp.TooManyRedirects, ValueError) as error:
            return Outcome(job.url, GONE, f"{type(error).__name__}: no address to fetch from"), b""
        except NotPublic as error:
            return Outcome(job.url, PRIVATE, str(error)), b""
        except _Again as error:
            job.reason = str(error)
            host.failed(min(error.after, self.manners.longest_pause))
        except asyncio.TimeoutError:
            host.failed()
            job.spent += 1
            job.reason = f"no complete answer within {self.manners.deadline:.0f} s"
        except (aiohttp.ClientError, OSError) as error:
            answered = isinstance(error, (aiohttp.ClientPayloadError, aiohttp.ClientResponseError))
            outage = min(self.manners.back_off * 2**host.failed_in_a_row, self.manners.longest_outage_pause)
            host.failed(0 if answered else outage)
            job.reason = f"{type(error).__name__}: {error}"
        return None, b""

    async def _request(self, url: str) -> tuple[Outcome, bytes]:
        address = urlsplit(url)._replace(netloc=self.host).geturl() if self.host else url
        async with await self.web.get(address) as response:
            if response.status in REFUSED_FOR_NOW or response.status >= 500:
                raise _Again(f"the server answers {response.status}", _retry_after(response))
            if response.status != 200:
                return Outcome(url, GONE, f"the server answers {response.status}"), b""
            data = bytearray()
            if (response.content_length or 0) <= LARGEST_IMAGE:
                async for chunk in response.content.iter_chunked(1 << 16):
                    data += chunk
                    if len(data) > LARGEST_IMAGE:
                        break
            if (response.content_length or 0) > LARGEST_IMAGE or len(data) > LARGEST_IMAGE:
                response.close()
                return Outcome(url, TOO_LARGE, f"over {LARGEST_IMAGE >> 20} MiB"), b""
        image = bytes(data)
        return await asyncio.get_running_loop().run_in_executor(self.decoders, judge, url, image), image


def _retry_after(response: aiohttp.ClientResponse) -> float:
    """Seconds that the server asks to wait; 0 if it does not say."""
    value = response.headers.get("Retry-After", "")
    try:
        return max(0.0, float(value) if value.isdecimal() else parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0
