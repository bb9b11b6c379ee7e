from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from mmrec_bridge import shims
from mmrec_bridge.shims import mmrec_shims


def traces() -> tuple:
    return dict(vars(np)), dict(vars(sp.dok_matrix)), dict(vars(torch.Tensor)), list(sys.meta_path), set(sys.modules)


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> str:
    """A library that is nowhere installed, in place of those that an environment may or may not have."""
    monkeypatch.setattr(shims, "STUBS", ("library_that_nobody_has",))
    return "library_that_nobody_has"


def test_nothing_is_left_behind(absent: str) -> None:
    before = traces()
    with mmrec_shims():
        import_module(f"{absent}.part")
        import_module("torch_scatter")
        assert traces() != before
    assert traces() == before
    with pytest.raises(RuntimeError, match="of the run"), mmrec_shims():
        raise RuntimeError("of the run")
    assert traces() == before


def test_names_that_mmrec_uses_are_there() -> None:
    with mmrec_shims():
        assert np.zeros(2, dtype=np.float).dtype == np.float64
        matrix = sp.dok_matrix((2, 3), dtype=np.float32)
        matrix._update({(0, 1): 1.0, (1, 2): 1.0})
        assert matrix.toarray().tolist() == [[0, 1, 0], [0, 0, 1]]


@pytest.mark.skipif(torch.cuda.is_available(), reason="Tensor.cuda works here")
def test_cuda_is_the_identity_without_a_gpu() -> None:
    tensor = torch.ones(2)
    with mmrec_shims():
        assert tensor.cuda() is tensor
    with pytest.raises((AssertionError, RuntimeError)):
        tensor.cuda()


@pytest.mark.skipif(find_spec("torch_scatter") is not None, reason="the real torch_scatter is installed")
def test_torch_scatter_sums_by_index() -> None:
    with mmrec_shims():
        scatter_add = import_module("torch_scatter").scatter_add
    weights = torch.tensor([1.0, 2.0, 4.0])
    assert scatter_add(weights, torch.tensor([2, 0, 2]), dim=0, dim_size=4).tolist() == [2, 0, 5, 0]
    assert scatter_add(torch.stack([weights, -weights]), torch.tensor([1, 1, 0])).tolist() == [[4, 3], [-4, -3]]


def test_a_stub_can_be_imported_but_its_use_names_the_library(absent: str) -> None:
    with mmrec_shims():
        image = import_module(absent).Image
        assert {image.NEAREST: 1, image.BICUBIC: 2}
        with pytest.raises(ImportError, match=f"{absent}.Image.open is called, but {absent} is not installed"):
            image.open("photo.jpg")


def test_what_is_installed_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shims, "STUBS", ("wave",))  # from the standard library, rarely loaded
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    with mmrec_shims():
        assert import_module("wave").__file__


def test_models_common_is_common(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "common").mkdir()
    (tmp_path / "models").mkdir()
    (tmp_path / "common/loss.py").write_text("class BPRLoss: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    try:
        with mmrec_shims():
            assert import_module("models.common.loss").BPRLoss is import_module("common.loss").BPRLoss
    finally:
        for name in set(sys.modules) - before:
            del sys.modules[name]
