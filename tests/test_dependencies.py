"""What an installation may not be older than: the releases that mended how files of others are read."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
MENDED = {  # package -> the last release with a hole that this project's untrusted files could reach
    "torch": "2.9.1",  # torch.load(weights_only=True) wrote out of bounds; until 2.5.1 it ran code
    "transformers": "4.52.4",  # conversion of foreign weights unpickled them; slow patterns in tokenizers
    "pillow": "12.2.0",  # writes out of bounds, and images that unpack without end
    "aiohttp": "3.13.2",  # answers that unpack without end
    "filelock": "3.20.2",  # followed a link in place of its lock file
    "pyyaml": "5.3.1",  # a safe loader that was not
    "tqdm": "4.66.2",  # an eval of a command line's words
    "pyarrow": "14.0.0",  # ran code from Parquet files
}


def requirements() -> dict[str, Requirement]:
    file = ConfigParser()
    file.read(ROOT / "setup.cfg", encoding="utf-8")
    options = file["options.extras_require"]
    lines = [*file["options"]["install_requires"].split("\n"), *options["tables"].split("\n")]
    return {found.name.lower(): found for line in lines if line.strip() for found in [Requirement(line)]}


@pytest.mark.parametrize("name", MENDED)
def test_releases_with_known_holes_are_not_accepted(name):
    assert not requirements()[name].specifier.contains(MENDED[name])


def test_the_pinned_releases_are_accepted():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = dict(line.lower().split("==") for line in lines if "==" in line)
    for name, requirement in requirements().items():
        assert name not in pinned or requirement.specifier.contains(pinned[name]), name
