"""What every encoder must do: a suite for a test class to inherit, naming the encoder.

    class TestMine(EncoderConformance):
        encoder = "mine"                  # registered, or with a YAML file in mmrec_configs/encoder/
        others = [{"encoder_seed": 1}]    # keys that make another encoder of it

It needs no data set and no pytest; any runner that finds `test_` methods runs it.
"""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..encoders.build import build_encoder
from ..encoders.dual import DualEncoder
from ..encoders.sample_features import features, features_alone, sample_inputs
from ..encoders.sample_items import TEXTS, relative_error
from ..encoders.towers import ROLES
from ..encoders.whole_tower import library_features
from .samples import HALF_PRECISION, as_cached, same, sample_config

ROUNDING = 1e-4  # relative error of the same numbers, computed in another order
MODES = ("RGB", "RGBA", "L", "P", "CMYK")
LONG_TEXT = "a rather long sentence about nothing in particular " * 50


def picture(mode: str, width: int, height: int) -> bytes:
    """An encoded picture of colours that change from left to right."""
    gradient = Image.linear_gradient("L").rotate(90).resize((width, height))
    file = io.BytesIO()
    Image.merge("RGB", [gradient, gradient.rotate(180), gradient]).convert(mode).save(file, "TIFF")
    return file.getvalue()


@functools.lru_cache(maxsize=2)
def _built(encoder: str, keys: tuple[tuple[str, Any], ...]) -> DualEncoder:
    return build_encoder(sample_config(encoder, **dict(keys)))


class EncoderConformance:
    """What an encoder must do.

    Attributes:
        encoder: value of the key `encoder`.
        keys: further keys, such as `encoder_model`.
        others: keys that make an encoder of it that computes something else, of other weights or other preprocessing;
            each must be told apart by its identity, under which features are cached.
    """

    encoder: str
    keys: dict[str, Any] = {}
    others: Sequence[dict[str, Any]] = ()

    def build(self, **keys: Any) -> DualEncoder:
        """A fresh encoder, which a test may change; `keys` are further ones."""
        return build_encoder(sample_config(self.encoder, **{**self.keys, **keys}))

    def built(self) -> DualEncoder:
        """An encoder that tests share and leave as it is."""
        return _built(self.encoder, tuple(sorted(self.keys.items())))

    def sampled(self, encoder: DualEncoder) -> Iterator[tuple[str, Tensor, int]]:
        """Modality, inputs and cut, for every cut of both towers; the last cut of a tower is before its head."""
        for modality, inputs in sample_inputs(encoder).items():
            for cut in range(encoder.towers[modality].n_blocks + 1):
                yield modality, inputs, cut

    def test_features_are_a_finite_row_an_item_and_differ_between_items(self) -> None:
        """[n, dim] in float32, of the width that the tower names."""
        encoder = self.built()
        for modality, z in features(encoder).items():
            assert z.shape == (len(TEXTS), encoder.towers[modality].dim) and z.dtype == torch.float32, modality
            assert z.isfinite().all(), modality
            assert len(z.unique(dim=0)) == len(z), modality

    def test_pictures_of_every_mode_and_shape_become_pixels(self) -> None:
        """[n, 3, h, w], the same each time: what is cropped or flipped at random cannot be cached."""
        encoder = self.built()
        pictures = [picture(mode, 70, 41) for mode in MODES] + [picture("RGB", 1, 1), picture("L", 3, 500)]
        pixels = encoder.pixels(pictures)
        assert pixels.shape == (len(pictures), 3, *encoder.image_size) and pixels.dtype == torch.float32
        assert torch.equal(pixels, encoder.pixels(pictures))
        with torch.no_grad():
            assert encoder.encode("v", pixels).isfinite().all()

    def test_texts_become_token_ids_as_long_as_the_longest_of_them(self) -> None:
        """Empty and overlong texts too; `lengths` counts the tokens of each."""
        encoder = self.built()
        texts = [*TEXTS, "", "sale!~ now", LONG_TEXT]
        ids = encoder.tokens(texts)
        alone = [encoder.tokens([text]).shape[1] for text in texts]
        assert ids.dtype == torch.int64 and ids.shape == (len(texts), max(alone))
        assert encoder.lengths(ids).tolist() == alone
        with torch.no_grad():
            assert encoder.encode("t", ids).isfinite().all()

    def test_the_same_configuration_gives_the_same_features_and_identity(self) -> None:
        """Bit for bit, from two builds, whatever the random state."""
        torch.manual_seed(1)
        one = self.build()
        torch.manual_seed(2)
        other = self.build()
        assert one.identity == other.identity
        assert same(features(one), features(other)) and same(features(one), features(one))

    def test_the_identity_tells_other_weights_and_other_preprocessing_apart(self) -> None:
        """It is plain JSON, and differs for each of `others`."""
        identity = self.built().identity
        assert {"encoder", "weights", "preprocessing"} <= identity.keys()
        assert json.loads(json.dumps(identity)) == identity
        for keys in self.others:
            assert self.build(**keys).identity != identity, f"{keys} gives the same identity"

    def test_a_cut_before_any_block_gives_the_same_features(self) -> None:
        """`states` and `finish` share the work at every cut."""
        encoder = self.built()
        whole = features(encoder)
        with torch.no_grad():
            for modality, inputs, cut in self.sampled(encoder):
                z = encoder.finish(modality, encoder.states(modality, inputs, cut), cut)
                assert relative_error({modality: z}, whole) < ROUNDING, (modality, cut)

    def test_activations_as_cached_lead_to_the_same_features(self) -> None:
        """In half precision, and of texts without the padding."""
        encoder = self.built()
        whole = features(encoder)
        with torch.no_grad():
            for modality, inputs, cut in self.sampled(encoder):
                z = encoder.finish(modality, as_cached(encoder, encoder.states(modality, inputs, cut)), cut)
                assert relative_error({modality: z}, whole) < HALF_PRECISION, (modality, cut)

    def test_features_are_those_of_open_clip_itself(self) -> None:
        """Of `encode_image`, and of `encode_text` for texts at their full length, not normalised."""
        encoder = self.built()
        inputs = {"v": sample_inputs(encoder)["v"], "t": encoder.tokenize(list(TEXTS))}
        expected = {m: library_features(encoder.model, m, x) for m, x in inputs.items()}
        assert relative_error(features(encoder), expected) < ROUNDING

    def test_features_of_an_item_do_not_depend_on_its_batch(self) -> None:
        """Nor do they on the length of the texts beside it."""
        encoder = self.built()
        assert relative_error(features_alone(encoder), features(encoder)) < ROUNDING

    def test_activations_have_one_vector_an_item_at_every_cut(self) -> None:
        """`summary` gives [n, width], which side networks read."""
        encoder = self.built()
        with torch.no_grad():
            for modality, inputs, cut in self.sampled(encoder):
                vectors = encoder.towers[modality].summary(encoder.states(modality, inputs, cut))
                assert vectors.ndim == 2 and len(vectors) == len(inputs), (modality, cut)

    def test_is_frozen_and_stays_in_evaluation_mode(self) -> None:
        """`train` changes nothing: no dropout, and no batch norm that moves."""
        encoder = self.build()
        assert not any(p.requires_grad for p in encoder.parameters())
        before = features(encoder)
        encoder.train()
        assert not any(module.training for module in encoder.modules())
        assert same(features(encoder), before) and same(features(encoder), before)

    def test_gradients_reach_the_states_at_the_cut_and_every_block_from_there_on(self) -> None:
        """They reach none below it, and it is the block's parameters, by the tower's `path`, that they reach."""
        encoder = self.build().requires_grad_(True)
        for modality, inputs, cut in self.sampled(encoder):
            tower = encoder.towers[modality]
            encoder.zero_grad(set_to_none=True)
            with torch.no_grad():
                states = encoder.states(modality, inputs, cut)
            states.hidden.requires_grad_()
            z = encoder.finish(modality, states, cut)
            (z * torch.randn(z.shape, generator=torch.Generator().manual_seed(2))).sum().backward()
            assert states.hidden.grad is not None and states.hidden.grad.abs().sum() > 0, (modality, cut)
            for block in range(tower.n_blocks):
                parameters = encoder.model.get_submodule(f"{tower.path}.{block}").parameters()
                reached = any(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters)
                assert reached == (block >= cut), f"{modality}: cut {cut}, block {block}"

    def test_recomputing_between_blocks_gives_the_same_gradients(self) -> None:
        """`recompute` (gradient checkpointing) changes memory, not numbers."""
        encoder = self.build().requires_grad_(True)
        for modality, inputs in sample_inputs(encoder).items():
            found: list[dict[str, Tensor]] = []
            for recompute in (False, True):
                encoder.zero_grad(set_to_none=True)
                encoder.towers[modality].recompute = recompute
                encoder.encode(modality, inputs).square().sum().backward()
                found.append({n: p.grad for n, p in encoder.named_parameters() if p.grad is not None})
            assert found[0].keys() == found[1].keys() and found[0], modality
            for name in found[0]:
                torch.testing.assert_close(found[1][name], found[0][name])

    def test_names_modules_of_every_block_that_a_variant_can_adapt(self) -> None:
        """`modules_of` names modules of the encoder's model, some of `ROLES`; a tower without blocks says why."""
        encoder = self.built()
        modules = dict(encoder.model.named_modules())
        for modality, tower in encoder.towers.items():
            assert tower.n_blocks or tower.whole_because, f"{modality}: nothing says why it cannot be cut"
            for block in range(tower.n_blocks):
                names = tower.modules_of(block, list(ROLES))
                assert names and set(names) <= modules.keys(), (modality, block)
