"""Which files of a checkout are MMRec's own, for which ours stand in; what a fork has changed runs as it is."""

from __future__ import annotations

import hashlib
from pathlib import Path

# Of MMRec's commit e775373, to whose files ours are held by tests.
DIGESTS = {
    "common.abstract_recommender": "c394338d37c0b569",
    "common.encoders": "0266c509c58b140d",
    "common.init": "56e5cbb5c26aeaf3",
    "common.loss": "1a8134b7783f879e",
    "utils.utils": "1d24769e6eda26f6",
}


def code_digest(path: Path) -> str:
    """Digest of a file's code: blanks and lines that are comments are left out."""
    lines = path.read_bytes().splitlines()
    code = b"\n".join(b"".join(line.split()) for line in lines if not line.strip().startswith(b"#"))
    return hashlib.sha256(b"\n".join(filter(None, code.split(b"\n")))).hexdigest()[:16]


def is_original(name: str, path: Path) -> bool:
    """Whether the file at `path` is MMRec's own module `name` ("common.loss")."""
    return name in DIGESTS and code_digest(path) == DIGESTS[name]
