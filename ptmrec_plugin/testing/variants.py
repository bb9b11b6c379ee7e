"""What every PEFT variant must do: a suite for a test class to inherit, naming the variant.

    class TestMine(VariantConformance):
        variant = "mine"          # registered, or with a YAML file in mmrec_configs/peft/
        encoder = "tiny"

It needs no data set and no pytest; any runner that finds `test_` methods runs it.
"""

from __future__ import annotations

import copy
import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmrec_host.config import Config
from mmrec_host.errors import ConfigError

from ..encoders.build import build_encoder
from ..encoders.dual import DualEncoder
from ..encoders.sample_features import features, features_alone, sample_inputs
from ..encoders.sample_items import relative_error
from ..peft import base
from ..peft.base import STEM, Handle
from ..peft.trial import ROWS, apply_tried, move
from .samples import HALF_PRECISION, as_cached, same, sample_config

LEARNING_RATE = 0.01


def variant_config(variant: str, encoder: str, **keys: Any) -> Config:
    """PTMRec's configuration with a variant and an encoder, on the CPU."""
    return sample_config(encoder, peft=variant, **keys)


def apply_variant(config: Config, modalities: Sequence[str], seed: int = 0) -> Handle:
    """A fresh encoder with the configuration's variant, from the random state of a seed."""
    built = _built(tuple((k, config[k]) for k in sorted(config) if k == "encoder" or k.startswith("encoder_")))
    torch.manual_seed(seed)
    return base.apply_variant(built.copy(), config, list(modalities))


@functools.lru_cache(maxsize=2)
def _built(options: tuple[tuple[str, Any], ...]) -> DualEncoder:
    return build_encoder(Config(dict(options)))


@functools.lru_cache(maxsize=4)
def _frozen_features(encoder: str, keys: tuple[tuple[str, Any], ...]) -> dict[str, Tensor]:
    return features(build_encoder(variant_config("none", encoder, **dict(keys))))


def new_optimizer(handle: Handle) -> torch.optim.Optimizer:
    """The optimizer that `train_steps` is meant for."""
    return torch.optim.AdamW(handle.named_parameters().values(), lr=LEARNING_RATE)


def train_steps(handle: Handle, optimizer: torch.optim.Optimizer, n_steps: int) -> None:
    """Take so many steps, as the tuner takes them, of a loss that depends on every feature."""
    inputs = sample_inputs(handle.encoder)
    for _ in range(n_steps):
        optimizer.zero_grad()
        handle.train(True)
        loss = handle.extra_loss() or torch.zeros(())
        for modality in handle.cuts:
            z = handle.encoder.encode(modality, inputs[modality])
            weights = torch.randn(z.shape, generator=torch.Generator().manual_seed(2))
            loss = loss + (z * weights).mean() + z.square().mean()
        loss.backward()
        optimizer.step()
        handle.after_step()
    handle.train(False)


class VariantConformance:
    """What a PEFT variant must do, on one encoder.

    Attributes:
        variant: value of the key `peft`.
        encoder: value of the key `encoder`.
        keys: further keys, such as `vision_blocks`.
        modalities: what the recommender is said to use.
        merges: whether the method can be folded into the encoder's weights.
        n_parameters: how many numbers it should train; None where that is not known by heart.
    """

    variant: str
    encoder = "tiny"
    keys: dict[str, Any] = {}
    modalities: Sequence[str] = ("v", "t")
    merges = False
    n_parameters: int | None = None
    n_steps = 4

    def config(self) -> Config:
        """What a run of the variant would have."""
        return variant_config(self.variant, self.encoder, **self.keys)

    def apply(self, seed: int = 0) -> Handle:
        """The variant on a fresh encoder."""
        return apply_variant(self.config(), self.modalities, seed)

    def trained(self) -> Handle:
        """The variant after a few steps, its schedule half way through."""
        handle = self.apply()
        handle.begin(2 * self.n_steps)
        train_steps(handle, new_optimizer(handle), self.n_steps)
        return handle

    def frozen(self) -> dict[str, Tensor]:
        """Features of the encoder alone."""
        of_encoder = {k: v for k, v in self.keys.items() if k.startswith("encoder_")}
        return _frozen_features(self.encoder, tuple(sorted(of_encoder.items())))

    def test_starts_as_the_frozen_encoder_or_says_that_it_does_not(self) -> None:
        """The features before the first step, against `identity_at_start`."""
        handle = self.apply()
        error = relative_error(features(handle.encoder), self.frozen())
        assert (error < 1e-4) == handle.identity_at_start, (error, handle.identity_at_start)

    def test_trains_what_it_says_and_nothing_else(self) -> None:
        """What requires a gradient is what the handle names and counts."""
        handle = self.apply()
        assert handle.cuts, "no tower is touched"
        training = {id(p): p for p in handle.encoder.parameters() if p.requires_grad}
        assert training.keys() == {id(p) for p in handle.named_parameters().values()}
        assert handle.n_parameters() == sum(p.numel() for p in training.values()) > 0
        if self.n_parameters is not None:
            assert handle.n_parameters() == self.n_parameters, handle.n_parameters()

    def test_every_parameter_learns_and_frozen_weights_stay_bit_identical(self) -> None:
        """After a few steps: gradients, changes, and none elsewhere."""
        handle = self.apply()
        handle.begin(2 * self.n_steps)
        trainable = {id(p) for p in handle.named_parameters().values()}
        first = handle.state()
        weights = [*handle.encoder.named_parameters(), *handle.encoder.named_buffers()]
        before = {name: w.clone() for name, w in weights if id(w) not in trainable}
        train_steps(handle, new_optimizer(handle), self.n_steps)
        for name, parameter in handle.named_parameters().items():
            gradient = parameter.grad
            assert gradient is not None and gradient.isfinite().all() and gradient.abs().sum() > 0, name
            assert not torch.equal(parameter, first[name]), name
        for name, weight in [*handle.encoder.named_parameters(), *handle.encoder.named_buffers()]:
            assert name not in before or torch.equal(weight, before[name]), name
        tuned, frozen = features(handle.encoder), self.frozen()
        for modality in tuned:
            assert torch.equal(tuned[modality], frozen[modality]) == (modality not in handle.cuts), modality

    def test_disabled_is_the_frozen_encoder_bit_for_bit(self) -> None:
        """`disabled` gives the frozen features, and afterwards the tuned ones again."""
        handle = self.trained()
        tuned = features(handle.encoder)
        with handle.disabled():
            assert same(features(handle.encoder), self.frozen())
        assert same(features(handle.encoder), tuned)

    def test_what_is_saved_loads_to_the_same_features(self) -> None:
        """`save` and `load` into a fresh encoder, whose variant began in another random state."""
        handle, other = self.trained(), self.apply(seed=1)
        with tempfile.TemporaryDirectory() as folder:
            handle.save(Path(folder) / "adapter")
            other.load(Path(folder) / "adapter")
        assert relative_error(features(other.encoder), features(handle.encoder)) < 1e-5

    def test_a_state_brought_back_goes_on_bit_equal(self) -> None:
        """`state` holds all that further training depends on."""
        handle = self.apply()
        handle.begin(2 * self.n_steps)
        optimizer = new_optimizer(handle)
        train_steps(handle, optimizer, self.n_steps)
        state, moments = handle.state(), copy.deepcopy(optimizer.state_dict())
        assert all(isinstance(value, Tensor) for value in state.values())
        resumed = self.apply()
        resumed.begin(2 * self.n_steps)
        resumed.load_state(state)
        assert same(features(resumed.encoder), features(handle.encoder))
        again = new_optimizer(resumed)
        again.load_state_dict(moments)
        train_steps(handle, optimizer, self.n_steps)
        train_steps(resumed, again, self.n_steps)
        assert same(features(resumed.encoder), features(handle.encoder))

    def test_merged_equals_unmerged(self) -> None:
        """`merge` keeps the features, or says that there is none."""
        handle = self.trained()
        tuned = features(handle.encoder)
        try:
            handle.merge()
        except ConfigError:
            assert not self.merges
        else:
            assert self.merges and relative_error(features(handle.encoder), tuned) < 1e-4

    def test_cached_activations_lead_to_the_same_features(self) -> None:
        """Below the cut nothing changes, and half precision is enough there."""
        handle, encoder = self.trained(), self.apply().encoder
        inputs = sample_inputs(handle.encoder)
        for modality, cut in handle.cuts.items():
            if cut == STEM:
                continue
            with torch.no_grad():
                states = encoder.states(modality, inputs[modality], cut)  # of the untrained variant
                cached = handle.encoder.finish(modality, as_cached(encoder, states), cut)
                computed = handle.encoder.encode(modality, inputs[modality])
            assert relative_error({modality: cached}, {modality: computed}) < HALF_PRECISION, modality

    def test_features_of_an_item_do_not_depend_on_its_batch(self) -> None:
        """Nor do they on the length of the texts beside it, wherever the parameters are."""
        handle = self.trained()
        assert relative_error(features_alone(handle.encoder), features(handle.encoder)) < ROWS
        move(handle)
        assert relative_error(features_alone(handle.encoder), features(handle.encoder)) < ROWS

    def test_a_run_begins_with_it(self) -> None:
        """What a run tries before it trains finds nothing, and leaves the variant as it began."""
        config = self.config()
        encoder = build_encoder(config)
        torch.manual_seed(0)
        handle, first = apply_tried(encoder, config, list(self.modalities)), self.apply().state()
        state = handle.state()
        assert state.keys() == first.keys() and all(torch.equal(state[name], first[name]) for name in first)
