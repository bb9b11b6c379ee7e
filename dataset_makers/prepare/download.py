"""Downloading a large file: resumed after an interruption, checked, and never without end."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import time
from pathlib import Path
from typing import BinaryIO

import aiohttp
from tqdm import tqdm

from mmrec_host.errors import ConfigError, DataError
from mmrec_host.progress_bar import progress_bar

from .disk import require_space
from .tables.containers import GZIP, holder
from .web import NotPublic, Reach, Web

log = logging.getLogger(__name__)

ATTEMPTS = 5  # in a row without progress
BACK_OFF = 2.0  # seconds before the second attempt, doubled with each
LARGEST = 20 << 30  # bytes
STEP = 1 << 24  # bytes between looks at the disk
ANSWER_WITHIN = 60.0  # seconds for the head of an answer
SLOWEST = 1000, 60.0  # fewer bytes in so many seconds is a stall


class _Interrupted(Exception):
    """An attempt failed in a way that another may not."""


def fetched(source: str, folder: Path, reach: Reach, progress: bool) -> Path:
    """The local file of `source`: a path as it is, an address by downloading it into `folder` unless it is there.

    Raises:
        ConfigError: the source is no path and no http(s) address.
        DataError: there is no such file, the server does not give it or is out of reach, or the disk has no room.
    """
    scheme, separator, _ = source.partition("://")
    if not separator:
        path = Path(source).expanduser()
        if not holder(path).is_file() and not path.is_dir():
            raise DataError(f"{path}: there is no such file. Name a file, or an address to download it from.")
        return path
    if scheme.lower() not in ("http", "https"):
        raise ConfigError(f"{source}: only http and https addresses are fetched; a local file is given by its path.")
    source, member = _archive_and_member(source)
    readable = re.sub(r"[^\w.-]", "_", source.split("?")[0].rstrip("/").rpartition("/")[2]) or "download"
    path = folder / f"{hashlib.sha256(source.encode()).hexdigest()[:8]}-{readable}"  # addresses may end alike
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        asyncio.run(_download(source, path, reach, progress))
    return path / member if member else path


def _archive_and_member(source: str) -> tuple[str, str]:
    """An address, and behind it the file in a zip archive that it leads to (`…/ml-1m.zip/ml-1m/ratings.dat`)."""
    archive, zipped, member = source.partition(".zip/")
    return (archive + ".zip", member) if zipped else (source, "")


async def _download(source: str, path: Path, reach: Reach, progress: bool) -> None:
    part = path.with_name(path.name + ".part")
    failures = 0
    timeout = aiohttp.ClientTimeout(total=None, connect=30, sock_read=SLOWEST[1])
    async with Web(reach, timeout) as web:
        while True:
            had = part.stat().st_size if part.exists() else 0
            try:
                await _attempt(web, source, part, progress)
                break
            except NotPublic as error:
                raise _refusal(source, str(error)) from error
            except (aiohttp.ClientError, asyncio.TimeoutError, OSError, _Interrupted) as error:
                grown = part.exists() and part.stat().st_size > had
                failures = 0 if grown else failures + 1
                reason = str(error) or type(error).__name__
                if failures == ATTEMPTS:
                    raise _refusal(source, reason) from error
                log.info("%s: %s; trying again", source, reason)
                await asyncio.sleep(BACK_OFF * 2 ** max(failures - 1, 0))
    if path.suffix == ".gz" and not _starts_with(part, GZIP):
        part.unlink()
        raise DataError(f"{source}: what came is no gzip file, perhaps a page that says that the file has moved.")
    os.replace(part, path)
    _validator(part).unlink(missing_ok=True)


async def _attempt(web: Web, source: str, part: Path, progress: bool) -> None:
    """Fetch the rest of the file, or all of it if the server has another version by now or cannot give a rest."""
    start = part.stat().st_size if part.exists() else 0
    validator = _validator(part).read_text() if start and _validator(part).is_file() else ""
    headers = {"Range": f"bytes={start}-", **({"If-Range": validator} if validator else {})} if start else {}
    response = await asyncio.wait_for(web.get(source, headers), ANSWER_WITHIN)
    async with response:
        if response.status == 416:  # the part is no beginning of what there is
            part.unlink()
            raise _Interrupted("the server has another version by now")
        if 400 <= response.status < 500 and response.status not in (408, 425, 429):
            raise _refusal(source, f"the server answers {response.status} {response.reason}")
        if response.status not in (200, 206):
            raise _Interrupted(f"the server answers {response.status} {response.reason}")
        if response.status == 200 or not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            if response.status == 206:
                raise _Interrupted("the server gives another part than was asked for")
            start = 0
        rest = response.content_length
        require_space(part.parent, rest or 0, f"downloading {source}")
        tag = response.headers.get("ETag", "")
        _validator(part).write_text(tag if tag and not tag.startswith("W/") else "")
        with part.open("ab" if start else "wb") as file:
            total = None if rest is None else start + rest
            label = part.name.removesuffix(".part")
            with progress_bar(label, "B", total, shown=progress, initial=start) as bar:
                await _receive(response, file, start, bar)


async def _receive(response: aiohttp.ClientResponse, file: BinaryIO, done: int, bar: tqdm) -> None:
    least, within = SLOWEST
    window, received, looked = time.monotonic(), 0, done
    async for chunk in response.content.iter_chunked(1 << 16):
        file.write(chunk)
        bar.update(len(chunk))
        done += len(chunk)
        received += len(chunk)
        if done > LARGEST:
            raise DataError(f"{response.url}: gives more than {LARGEST >> 30} GiB; that is not the file.")
        if done - looked > STEP:
            require_space(Path(file.name).parent, 0, "the download")
            looked = done
        if time.monotonic() - window > within:
            if received < least:
                raise _Interrupted(f"only {received} bytes in {within:.0f} seconds")
            window, received = time.monotonic(), 0


def _refusal(source: str, reason: str) -> DataError:
    return DataError(
        f"{source}: cannot be downloaded: {reason}. The same command goes on where it was. A mirror or a local file "
        "can stand in: its address or path is a key of the dataset (source_reviews=…, source_metadata=…)."
    )


def _validator(part: Path) -> Path:
    """Where the server's name for the version of a partly fetched file stands."""
    return part.with_name(part.name + ".etag")


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic
