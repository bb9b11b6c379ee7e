"""The host where no package runs MMRec's models: what needs one says so, and the rest works."""

from __future__ import annotations

import pytest

from mmrec_host.cli.main import main
from mmrec_host.cli.plugins import BRIDGE
from mmrec_host.models.base import MODELS


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No bridge is announced, and what a test registers is forgotten after it."""
    monkeypatch.setattr(BRIDGE, "_entry_points", dict)
    monkeypatch.setattr(BRIDGE, "_objects", {})
    monkeypatch.setattr(MODELS, "_objects", dict(MODELS._objects))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "words, told",
    [
        (["--mmrec-home", "MMRec"], "--mmrec-home MMRec: nothing that is installed runs MMRec's models"),
        (["--plugin", "theirs.py"], "No module named 'common'. If it is written for MMRec: nothing that is installed"),
    ],
)
def test_what_is_missing_is_named(words, told, tmp_path, capsys):
    (tmp_path / "theirs.py").write_text("from common.abstract_recommender import GeneralRecommender\n")
    assert main(["list", "models", *words]) == 2
    said = capsys.readouterr().err
    assert told in said and "mmrec_bridge" in said


def test_files_of_the_host_s_own_kind_are_loaded(tmp_path, capsys):
    source = "from mmrec_host import MODELS\n@MODELS.register('Ordinary')\nclass Ordinary:\n    'Plain words.'\n"
    (tmp_path / "ordinary.py").write_text(source)
    assert main(["list", "models", "--plugin", "ordinary.py"]) == 0
    assert "Plain words." in capsys.readouterr().out
