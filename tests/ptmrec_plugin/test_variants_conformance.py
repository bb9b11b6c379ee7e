"""Every PEFT variant keeps the contract: the whole suite on both kinds of encoder, a short one on kindred methods."""

from __future__ import annotations

import json

import open_clip
import pytest

from ptmrec_plugin.encoders.open_clip_towers import TINY
from ptmrec_plugin.testing.variants import (
    VariantConformance,
    apply_variant,
    features,
    new_optimizer,
    relative_error,
    same,
    train_steps,
    variant_config,
)

TEXT_ONLY = {"vision_blocks": 0}  # of a method that has no place in a convolutional network
WHOLE = {"vision_blocks": 0, "text_blocks": "all"}

# variant -> parameters on `tiny`: towers of width 64 with three blocks, features of 64; the top block of each is tuned
ON_TINY = {
    "lora": {"merges": True, "n_parameters": 2 * 2 * 8 * (64 + 64)},
    "dora": {"merges": True, "n_parameters": 2 * 2 * (8 * (64 + 64) + 64)},
    "adalora": {"merges": True, "n_parameters": 2 * 2 * (12 * (64 + 64) + 12)},
    "ia3": {"merges": True, "n_parameters": 2 * (64 + 64 + 4 * 64)},
    "adapter": {"n_parameters": 2 * 2 * (2 * 64 * 16 + 64 + 16)},
    "prompt": {"n_parameters": 4 * 64 + 64 * 64 + 64},
    "paper": {"n_parameters": 3 * (4 * 64 + 64 * 64 + 64)},
    "vpt": {"n_parameters": 8 * 64},
    "coop": {"n_parameters": 4 * 64},
    "prefix": {"n_parameters": 2 * 2 * 8 * 64},
    "bitfit": {"merges": True, "n_parameters": 2 * (3 * 64 + 4 * 64 + 64 + 2 * 64)},
    "side": {"n_parameters": 2 * 3 * (2 * 64 + 2 * (64 * 64 + 64) + 1) + 2 * (64 * 64 + 64)},
    "last_k": {"merges": True, "n_parameters": 2 * (4 * (64 * 64 + 64) + 2 * 4 * 64 * 64 + 5 * 64 + 4 * 64)},
    "head": {"merges": True, "n_parameters": 2 * (2 * 64 + 64 * 64)},
    "full": {"merges": True},
}
ON_OFFLINE = {
    "lora": {"merges": True},
    "dora": {"merges": True},
    "adalora": {"merges": True},
    "ia3": {"merges": True},
    "adapter": {},
    "prompt": {"keys": TEXT_ONLY},
    "coop": {},
    "prefix": {"keys": TEXT_ONLY},
    "bitfit": {"merges": True},
    "side": {},
    "last_k": {"merges": True},
    "head": {"merges": True, "keys": {"text_blocks": 0}},
    "full": {"merges": True, "keys": WHOLE},
}
SEVERAL = {"vision_blocks": 2, "text_blocks": [0, 2]}
IN_SEVERAL_BLOCKS = {
    "lora": {"merges": True, "keys": SEVERAL},
    "adapter": {"keys": SEVERAL},
    "prompt": {"keys": SEVERAL, "n_parameters": 2 * (4 * 64 + 64 * 64 + 64)},
    "prefix": {"keys": SEVERAL},
    "side": {"keys": SEVERAL},
}
APART = "ptmrec-tiny-apart"  # with the text tower as a module of its own
TEXT_APART = {"encoder_model": APART}
ON_TEXT_APART = {
    "lora": {"merges": True, "keys": TEXT_APART},
    "prompt": {"keys": TEXT_APART},
    "head": {"merges": True, "keys": TEXT_APART, "n_parameters": ON_TINY["head"]["n_parameters"]},
    "side": {"keys": TEXT_APART},
}


def declare(place: str, encoder: str, table: dict) -> None:
    """A test class for each row."""
    for variant, said in table.items():
        name = f"Test{variant.title()}{place}"
        globals()[name] = type(name, (VariantConformance,), {"variant": variant, "encoder": encoder, **said})


declare("OnTiny", "tiny", ON_TINY)
declare("InSeveralBlocks", "tiny", IN_SEVERAL_BLOCKS)
declare("OnTextApart", "tiny", ON_TEXT_APART)
declare("OnOffline", "offline", ON_OFFLINE)


@pytest.fixture(scope="module", autouse=True)
def text_apart(tmp_path_factory):
    path = tmp_path_factory.mktemp("open_clip") / f"{APART}.json"
    path.write_text(json.dumps({**TINY, "custom_text": True}))
    open_clip.add_model_config(path)


@pytest.mark.parametrize(
    "variant", ["rslora", "pissa", "vera", "loha", "lokr", "oft", "boft", "hra", "fourierft", "miss", "ln_tuning"]
)
def test_kindred_methods_wrap_learn_save_load_and_let_go(variant, tmp_path):
    handle, other = (apply_variant(variant_config(variant, "tiny"), ["v", "t"]) for _ in range(2))
    frozen = features(apply_variant(variant_config("none", "tiny"), ["v", "t"]).encoder)
    assert relative_error(features(handle.encoder), frozen) < 1e-4
    train_steps(handle, new_optimizer(handle), 3)
    assert all(p.grad.abs().sum() > 0 for p in handle.named_parameters().values())
    tuned = features(handle.encoder)
    assert not any(tuned[m].allclose(frozen[m], atol=1e-4) for m in tuned)
    with handle.disabled():
        assert same(features(handle.encoder), frozen)
    handle.save(tmp_path)
    other.load(tmp_path)
    assert relative_error(features(other.encoder), tuned) < 1e-5
