"""The names at the packages' tops: there, and imported only when asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module, metadata

import pytest

PACKAGES = ["mmrec_host", "mmrec_bridge", "ptmrec_plugin", "run_tools", "dataset_makers", "feature_cache"]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_is_there_and_the_import_alone_loads_no_torch(package):
    module = import_module(package)
    for name in module.__all__:
        assert getattr(module, name) is not None and name in dir(module)
    code = f"import {package}, sys; assert not {{'torch', 'scipy', 'open_clip'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_that_do_not_exist_are_attribute_errors_and_submodules_still_import():
    module = import_module("mmrec_host")
    with pytest.raises(AttributeError, match="'mmrec_host' has no attribute 'nothing'"):
        module.nothing  # noqa: B018
    with pytest.raises(ImportError, match="nothing"):
        from mmrec_host import nothing  # noqa: F401
    from mmrec_host import ranks
    from mmrec_host.quick_start import quick_start

    assert ranks.is_main() and callable(quick_start)


def test_the_names_are_the_objects_of_their_modules():
    import mmrec_host
    import ptmrec_plugin
    from mmrec_host.models.base import MODELS
    from ptmrec_plugin.peft.base import PEFT
    from ptmrec_plugin.ptmrec import PTMRec

    assert mmrec_host.MODELS is MODELS and ptmrec_plugin.PEFT is PEFT and ptmrec_plugin.PTMRec is PTMRec
    assert ptmrec_plugin.__version__ == mmrec_host.__version__ == metadata.version("ptmrec")


def test_a_variant_is_written_with_the_names_at_the_top():
    """As in README's example."""
    from ptmrec_plugin import PEFT, OwnHandle, attach, lowest, targets

    assert "lora" not in PEFT and "hf" in PEFT
    assert all(map(callable, (OwnHandle, attach, lowest, targets)))
