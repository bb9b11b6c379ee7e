"""Errors that nobody foresaw: those of the system as a message, all others as a bug with its traceback in a file."""

from __future__ import annotations

import errno
import os
import tempfile
import traceback

FOLDER_EXPECTED = "a file stands where a folder must be. Move it away, or name another place"
ADVICE = {
    errno.ENAMETOOLONG: "the name is too long for a file. Take a shorter one",
    errno.ENOTDIR: FOLDER_EXPECTED,
    errno.EEXIST: FOLDER_EXPECTED,
    errno.EISDIR: "is a folder, and a file must be there. Name a file, or move the folder away",
    errno.ENOENT: "there is no such file or folder. Correct the name, or make it",
    errno.EACCES: "you may not read or write this. Change the permissions, or name another place",
    errno.EPERM: "you may not do this here. Change the permissions, or name another place",
    errno.EROFS: "this file system can only be read. Name another place",
    errno.ENOSPC: "the disk is full. Free space, or name a place elsewhere",
    errno.EDQUOT: "your quota of the disk is used up. Free space, or name a place elsewhere",
    errno.EFBIG: "the file would be larger than the system allows. Allow more, or name a place elsewhere",
    errno.EMFILE: "too many files are open. Allow more (ulimit -n), or start fewer at once",
    errno.ELOOP: "links lead in a circle. Remove them",
    errno.EINVAL: "the system takes no such name or file. Name another one",
}
UNPLACED = (BrokenPipeError, ConnectionError, TimeoutError, ChildProcessError)
"""Errors of the system that are not about a file."""


def system_message(error: Exception) -> str | None:
    """What to tell the user of an error that the system raised: a disk, a permission, memory; None for any other."""
    if isinstance(error, MemoryError):
        return (
            f"there is not enough memory ({error or 'no more is given'}). Take smaller batches or data, or free some."
        )
    if not isinstance(error, OSError) or isinstance(error, UNPLACED) or error.errno is None:
        return None
    name = error.filename if isinstance(error.filename, str) else ""
    where = f"{name[:200]}{'…' if len(name) > 200 else ''}: " if name else ""
    said = ADVICE.get(error.errno)
    return f"{where}{said or os.strerror(error.errno)}." if where or said else None


def bug_message(error: BaseException, where: str | None = None) -> str:
    """The message on an error that is the program's own fault; the traceback goes into a file, which it names.

    Args:
        where: folder of that file; None: of temporary files.
    """
    from ..version import DISTRIBUTION, __version__

    first = str(error).partition("\n")[0][:200]
    what = f"this is a bug in {DISTRIBUTION} {__version__}: {type(error).__name__}{f': {first}' if first else ''}."
    text = "".join(traceback.format_exception(error))
    try:
        number, name = tempfile.mkstemp(".txt", f"{DISTRIBUTION}-bug-", where, text=True)
        with os.fdopen(number, "w", encoding="utf-8", errors="replace") as file:
            file.write(f"{DISTRIBUTION} {__version__}\n{text}")
    except OSError:  # where no file can be written, the traceback is still wanted
        return f"{what} Please report it, with this:\n{text}"
    return f"{what} Please report it, with {name}, which says where it happened. What had been written is still there."
