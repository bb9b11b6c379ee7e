"""Getting an MMRec checkout with git."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from mmrec_host.errors import ConfigError

from .checkout import mmrec_checkout

MMREC = "https://github.com/enoche/MMRec"
KNOWN_TO_WORK = "e775373b3ab1354a92165b0885ce4ab3dc4d7497"


def clone(home: Path, url: str | None = None, ref: str | None = None) -> bool:
    """Clone MMRec into `home`, unless a checkout is there, which is left as it is; whether something was cloned.

    The clone is made beside `home` and moved when it is whole, so that one that fails leaves nothing.

    Args:
        url: of a fork or a folder; None for MMRec itself.
        ref: branch, tag or commit; None for the commit of MMRec that is known to work, or a fork's default branch.

    Raises:
        ConfigError: `home` holds something else, git is not installed, or git fails, with its message.
    """
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        mmrec_checkout(home)
        return False
    ref = ref or ("HEAD" if url else KNOWN_TO_WORK)
    url = url or MMREC
    target = Path(os.path.abspath(home))
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".mmrec-clone-") as folder:
        fresh = Path(folder) / "checkout"
        _git(f"cannot clone {url}", "clone", "--quiet", "--", url, str(fresh))
        _git(
            f"{url} has no branch, tag or commit {ref!r}", "-C", str(fresh), "checkout", "--quiet", _commit(fresh, ref)
        )
        try:
            mmrec_checkout(fresh)
        except ConfigError as error:
            raise ConfigError(f"{url} at {ref} is not MMRec: {error}") from error
        if target.exists():
            target.rmdir()  # empty, see above
        fresh.rename(target)
    return True


def _commit(checkout: Path, ref: str) -> str:
    """The commit that `ref` names, or what git will not find; a remote's branch is known under `origin/` only."""
    for name in (ref, f"origin/{ref}"):
        found = _run("-C", str(checkout), "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        if found.returncode == 0:
            return found.stdout.strip()
    return f"refs/{ref}"  # never an option of git's, whatever it is


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    git = shutil.which("git")
    if git is None:
        raise ConfigError("--clone needs git, which is not installed. Install it, or unpack an MMRec archive yourself.")
    asks_nothing = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    return subprocess.run([git, *arguments], capture_output=True, text=True, env=asks_nothing, check=False)  # noqa: S603


def _git(failure: str, *arguments: str) -> None:
    done = _run(*arguments)
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise ConfigError(f"--clone: {failure}: git says {said[0]!r}. Check the address, the name and the network.")
