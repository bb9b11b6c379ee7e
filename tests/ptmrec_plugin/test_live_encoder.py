"""Less memory, other precision and loading ahead change what a training step costs, not what it computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks
from tuners import make_tuner

from mmrec_host.config import load_config
from mmrec_host.errors import ConfigError
from mmrec_host.quick_start import quick_start
from ptmrec_plugin.items.load_ahead import load_ahead
from ptmrec_plugin.stage2 import memory
from ptmrec_plugin.stage2.memory import kept_bytes

ITEMS = torch.arange(24)
DEEP = {"vision_blocks": "all", "text_blocks": "all", "peft_lora_dropout": 0.2}


def tuned(toy_keys, **keys):
    """A tuner whose LoRA is not at its start."""
    config = load_config("PTMRec", "toy", overrides={**toy_keys, **DEEP, **keys})
    tuner = make_tuner(config)
    generator = torch.Generator().manual_seed(3)
    for parameter in tuner.handle.named_parameters().values():
        parameter.data.normal_(0, 0.1, generator=generator)
    return tuner


def step(tuner):
    """Features and gradients of one step, and what is kept between its passes, in bytes."""
    torch.manual_seed(5)  # of the dropout
    tuner.handle.train(True)
    kept: list[int] = []

    def keep(tensor):
        kept.append(tensor.nbytes)
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        z = tuner.live(ITEMS)
        loss = sum((z[m] * torch.linspace(-1, 1, z[m].numel()).view_as(z[m])).sum().square() for m in z)
    loss.backward()
    gradients = {name: p.grad.clone() for name, p in tuner.handle.named_parameters().items()}
    return z, gradients, sum(kept)


@pytest.mark.parametrize("keys", [{"encode_chunk": 5}, {"gradient_checkpointing": True}], ids=["chunks", "blocks"])
@pytest.mark.parametrize("cached", [True, False])
def test_less_memory_gives_the_same_gradients(keys, cached, toy_keys):
    changes = {} if cached else {"reuse_activations": False}
    whole = step(tuned(toy_keys, **changes, peft_lora_dropout=0.0))
    spared = step(tuned(toy_keys, **changes, **keys, peft_lora_dropout=0.0))
    for m in "vt":
        torch.testing.assert_close(spared[0][m], whole[0][m], rtol=1e-4, atol=1e-5)
    for name, gradient in whole[1].items():
        torch.testing.assert_close(spared[1][name], gradient, rtol=1e-3, atol=1e-3 * float(gradient.abs().max()))
    assert spared[2] < whole[2] / 3


@pytest.mark.parametrize("keys", [{"encode_chunk": 24}, {"encode_chunk": 23}, {"gradient_checkpointing": True}])
def test_dropout_is_drawn_again_alike_in_the_backward_pass(keys, toy_keys):
    """Else the gradients would belong to other features than the loss: here they are its derivative."""
    tuner = tuned(toy_keys, **keys)
    _, gradients, _ = step(tuner)
    name, parameter = max(tuner.handle.named_parameters().items(), key=lambda pair: gradients[pair[0]].abs().max())
    place = np.unravel_index(int(gradients[name].abs().argmax()), parameter.shape)
    losses = []
    for change in (1e-3, -2e-3):
        parameter.data[place] += change
        z, _, _ = step(tuner)
        losses.append(sum((z[m] * torch.linspace(-1, 1, z[m].numel()).view_as(z[m])).sum().square() for m in z).item())
    assert (losses[0] - losses[1]) / 2e-3 == pytest.approx(float(gradients[name][place]), rel=0.05)


def test_processes_draw_dropout_of_their_own_and_nothing_else(toy_keys, monkeypatch):
    """Rank by rank other masks, epoch by epoch the same again; the recommender's draws stay those of one process."""
    tuner = tuned(toy_keys)
    monkeypatch.setenv("WORLD_SIZE", "2")
    draws = []
    for rank, epoch in ((0, 1), (1, 1), (1, 2), (1, 1)):
        monkeypatch.setenv("RANK", str(rank))
        torch.manual_seed(1)
        list(tuner.ahead([], epoch))
        with tuner._own_random_states():
            draws.append(float(torch.rand(())))
        assert torch.equal(torch.rand(2), torch.rand(2, generator=torch.Generator().manual_seed(1)))
    assert draws[1] == draws[3] and len(set(draws)) == 3


def test_what_a_dropped_part_of_the_graph_kept_is_not_counted():
    x = torch.ones(1000, requires_grad=True)

    def compute():
        (x.sin().cos()).sum()  # keeps two tensors, and is dropped
        return x.exp()  # keeps its result

    assert kept_bytes(compute, [x]) == 4000


def test_memory_that_does_not_grow_with_the_items_is_counted_once(toy_keys):
    """In bfloat16 the weights are copied once, however many items there are."""
    tuner = tuned(toy_keys, precision="bfloat16", peft="dora")
    needed = memory.need(tuner.live_encoder, "v")
    loaded = tuner.live_encoder.load_one("v", np.arange(24)).to(torch.device("cpu"))
    kept = kept_bytes(lambda: tuner.live_encoder.compute("v", loaded), tuner.encoder.parameters())
    assert needed.of(24) / memory.GRADIENTS == pytest.approx(kept, rel=0.05) and needed.fixed > needed.each


def test_bfloat16_is_near(toy_keys):
    whole, half = (step(tuned(toy_keys, precision=p, peft_lora_dropout=0.0)) for p in ("float32", "bfloat16"))
    for m in "vt":
        error = (half[0][m] - whole[0][m]).norm() / whole[0][m].norm()
        assert 1e-5 < error < 0.05 and half[0][m].dtype == torch.float32


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_what_is_loaded_ahead_comes_in_order_and_draws_nothing(workers):
    torch.manual_seed(1)
    parts = [np.arange(n) for n in (3, 1, 4, 1, 5)]
    loaded = list(load_ahead(lambda ids: torch.from_numpy(ids) * 2, parts, workers))
    assert [(len(part), got.tolist()) for part, got in loaded] == [(len(p), (2 * p).tolist()) for p in parts]
    assert torch.equal(torch.rand(2), torch.rand(2, generator=torch.Generator().manual_seed(1)))


def test_workers_change_no_number(toy_keys, tmp_path):
    """With nothing cached, so that they decode the pictures, at first encoding and in training."""
    keys = {**toy_keys, "stage2_epochs": 2, "reuse_activations": False, "pool_size": 16}
    places = [{"run_path": str(tmp_path / n), "cache_path": str(tmp_path / n / "cache")} for n in ("alone", "helped")]
    alone, helped = (quick_start("PTMRec", "toy", {**keys, **p, "workers": 2 * n}) for n, p in enumerate(places))
    assert [e["loss"] for e in alone.record.epochs()] == [e["loss"] for e in helped.record.epochs()]
    assert alone.test == helped.test


def test_too_little_memory_names_the_chunk_that_fits(toy_keys, monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda device: 3_000_000)
    with pytest.raises(ConfigError, match=r"too little memory.*encode_chunk=(\d+) would fit") as error:
        tuned(toy_keys)
    chunk = int(str(error.value).partition("encode_chunk=")[2].split()[0])
    assert 0 < chunk < 24
    tuned(toy_keys, encode_chunk=chunk)
    with pytest.raises(ConfigError, match="too little memory"):
        tuned(toy_keys, encode_chunk=2 * chunk + 2)


def test_what_is_kept_for_the_backward_pass_is_counted_without_weights():
    weight, x = torch.ones(1000, 1000, requires_grad=True), torch.ones(10, 1000)
    assert kept_bytes(lambda: (x @ weight).relu(), [weight]) == 2 * x.nbytes
