"""One modality's encoder as a stem, a list of blocks and a head, so that it can be cut before any block.

Block names are those of the encoder's model; `roles` says which of a block's modules do what, so that a PEFT variant
can ask for the query projections, whatever the architecture calls them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from open_clip.hf_model import ClsPooler, HFTextEncoder
from open_clip.model import CLIP
from open_clip.timm_model import TimmModel
from open_clip.transformer import TextTransformer, VisionTransformer, text_global_pool
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmrec_host.errors import ConfigError

ROLES = ("q", "k", "v", "out", "mlp", "mlp_in", "mlp_out", "norm", "conv", "conv_out")
"""q, k, v, out: projections of the attention; mlp: both layers of the feed-forward part, mlp_in, mlp_out: one of them;
norm: normalisation; conv: 1x1 convolutions, conv_out: those of them that end a residual branch."""


@dataclass
class States:
    """Activations that enter a block.

    Attributes:
        hidden: [batch, ...].
        tokens: the token ids [batch, length] that a text tower needs to mask and to pool; None for images.
    """

    hidden: Tensor
    tokens: Tensor | None = None

    def part(self, start: int, stop: int) -> States:
        """The states of the items from `start` to before `stop`."""
        return States(self.hidden[start:stop], None if self.tokens is None else self.tokens[start:stop])

    def to(self, device: torch.device) -> States:
        """The same states on a device, activations in float32."""
        hidden = self.hidden.to(device)
        tokens = None if self.tokens is None else self.tokens.to(device)
        return States(hidden.float() if hidden.is_floating_point() else hidden, tokens)

    def text(self) -> Tensor:
        """The token ids of a text [batch, length].

        Raises:
            TypeError: these are states of images.
        """
        if self.tokens is None:
            raise TypeError("states of images have no tokens")
        return self.tokens


class Tower:
    """A view of one tower of an encoder's model; it owns no parameters.

    Attributes:
        path: name of the module that holds the blocks.
        n_blocks: how many blocks it can be cut at.
        dim: width of the features.
        width: of the tokens; of a sequence only.
        block_roles: role -> module names inside a block; `attention` is the module that the projections belong to.
        head_roles: role -> module names, in the encoder's model, of what follows the last block.
        head_weights: where in the encoder's model the weights of what follows the last block are.
        is_sequence: whether a block maps tokens [batch, length, width] with a class or start token in front.
        kind: what activations are called in the cache's fingerprint.
        reads_padding: whether what fills a text up matters, so that texts are never cut to their own length.
        revision: of a tower whose features earlier versions got wrong, so that none of those are taken from a cache.
        whole_because: why it has no blocks that could be tuned, if it has none.
        recompute: keep only the states between blocks for the backward pass (gradient checkpointing).
    """

    path: str
    n_blocks: int
    dim: int
    width: int
    block_roles: dict[str, list[str]]
    head_roles: dict[str, list[str]] = {}
    head_weights: tuple[str, ...] = ()
    is_sequence = True
    kind = "states"
    reads_padding = False
    revision = ""
    whole_because = ""
    recompute = False

    def stem(self, inputs: Tensor) -> States:
        """Activations that enter block 0, from pixels [batch, 3, h, w] or token ids [batch, length]."""
        raise NotImplementedError

    def block(self, index: int, states: States) -> States:
        """Run one block."""
        raise NotImplementedError

    def head(self, states: States) -> Tensor:
        """Features [batch, dim]."""
        raise NotImplementedError

    def summary(self, states: States) -> Tensor:
        """One vector an item, [batch, width], from activations before any block."""
        raise NotImplementedError

    def run(self, states: States, start: int, stop: int) -> States:
        """Run the blocks from `start` to before `stop`."""
        for index in range(start, stop):
            if self.recompute and torch.is_grad_enabled():
                # By its tensors `checkpoint` knows whose random state a dropout draws from.
                states = checkpoint(self._block, index, states.hidden, states.tokens, use_reentrant=False)
            else:
                states = self.block(index, states)
        return states

    def _block(self, index: int, hidden: Tensor, tokens: Tensor | None) -> States:
        return self.block(index, States(hidden, tokens))

    def modules_of(self, block: int, roles: list[str]) -> list[str]:
        """Names, in the encoder's model, of a block's modules with the roles; the last block's include the head's."""
        inside = [f"{self.path}.{block}.{name}" for role in roles for name in self.block_roles.get(role, [])]
        head = [name for role in roles for name in self.head_roles.get(role, [])] if block == self.n_blocks - 1 else []
        return list(dict.fromkeys(inside + head))


CLIP_ROLES = {
    "attention": ["attn"],
    "q": ["attn.q_proj"],
    "k": ["attn.k_proj"],
    "v": ["attn.v_proj"],
    "out": ["attn.out_proj"],
    "mlp": ["mlp.c_fc", "mlp.c_proj"],
    "mlp_in": ["mlp.c_fc"],
    "mlp_out": ["mlp.c_proj"],
    "norm": ["ln_1", "ln_2"],
}


def roles_in(blocks: nn.ModuleList) -> dict[str, list[str]]:
    """Role -> names of the modules that open_clip's blocks have for it; a custom attention cannot be unfused."""
    there = {name for name, _ in blocks[0].named_modules()} if len(blocks) else set()
    if "attn.q_proj" not in there:
        there -= set(CLIP_ROLES["attention"])
    found = {role: [name for name in names if name in there] for role, names in CLIP_ROLES.items()}
    return {role: names for role, names in found.items() if names}


class ViTTower(Tower):
    """open_clip's vision transformer."""

    head_weights = ("visual.ln_post", "visual.attn_pool", "visual.proj")

    def __init__(self, visual: VisionTransformer, dim: int) -> None:
        self.visual, self.dim, self.width = visual, dim, visual.transformer.width
        self.path, self.n_blocks = "visual.transformer.resblocks", len(visual.transformer.resblocks)
        self.block_roles = roles_in(visual.transformer.resblocks)

    def stem(self, inputs: Tensor) -> States:
        """Patch, class and position embeddings."""
        return States(self.visual._embeds(inputs))

    def block(self, index: int, states: States) -> States:
        """Run one residual block."""
        return States(self.visual.transformer.resblocks[index](states.hidden))

    def head(self, states: States) -> Tensor:
        """Pooling and projection."""
        pooled, _ = self.visual._pool(states.hidden)
        return pooled if self.visual.proj is None else pooled @ self.visual.proj

    def summary(self, states: States) -> Tensor:
        """The class token."""
        return states.hidden[:, 0]


class TimmConvTower(Tower):
    """A timm EfficientNet in open_clip's TimmModel; a block is a stage, its adaptable modules the 1x1 convolutions."""

    is_sequence = False
    head_weights = ("visual.trunk.conv_head", "visual.trunk.bn2", "visual.head")

    def __init__(self, visual: TimmModel, dim: int) -> None:
        self.trunk, self.head_module, self.dim = visual.trunk, visual.head, dim
        if not all(hasattr(self.trunk, part) for part in ("conv_stem", "bn1", "blocks", "conv_head", "bn2")):
            raise ConfigError(f"{type(self.trunk).__name__} is no EfficientNet, the one kind of timm's that can be cut")
        self.path, self.n_blocks = "visual.trunk.blocks", len(self.trunk.blocks)
        self.head_roles = {"conv": ["visual.trunk.conv_head"]}

    @property
    def block_roles(self) -> dict[str, list[str]]:  # type: ignore[override]
        """Not used: stages differ, so `modules_of` looks into each."""
        return {}

    def modules_of(self, block: int, roles: list[str]) -> list[str]:
        """The stage's pointwise convolutions and batch norms."""
        found = [
            f"{self.path}.{block}.{name}"
            for name, module in self.trunk.blocks[block].named_modules()
            if roles_of(name, module) & set(roles)
        ]
        return found + super().modules_of(block, roles)

    def stem(self, inputs: Tensor) -> States:
        """The first convolution."""
        return States(self.trunk.bn1(self.trunk.conv_stem(inputs)))

    def block(self, index: int, states: States) -> States:
        """Run one stage."""
        return States(self.trunk.blocks[index](states.hidden))

    def head(self, states: States) -> Tensor:
        """Last convolution, pooling and projection."""
        hidden = self.trunk.bn2(self.trunk.conv_head(states.hidden))
        return self.head_module(self.trunk.forward_head(hidden))

    def summary(self, states: States) -> Tensor:
        """Mean over the picture."""
        return states.hidden.mean((2, 3))


def roles_of(name: str, module: nn.Module) -> set[str]:
    """The roles of one module of a stage; its blocks end in `conv_pwl`, those without expansion in `conv_pw`."""
    if isinstance(module, nn.BatchNorm2d):
        return {"norm"}
    if not isinstance(module, nn.Conv2d) or module.kernel_size != (1, 1):
        return set()
    narrows = module.out_channels < module.in_channels
    return {"conv", "conv_out"} if narrows else {"conv"}


class ClipTextTower(Tower):
    """open_clip's text transformer, flattened into CLIP or standing in CustomTextCLIP.

    Raises:
        ConfigError: it is no causal transformer over the tokens alone.
    """

    def __init__(self, text: TextTransformer | CLIP, path: str, dim: int) -> None:
        self.text, self.dim, self.width = text, dim, text.transformer.width
        self.path, self.n_blocks = f"{path}transformer.resblocks", len(text.transformer.resblocks)
        self.block_roles = roles_in(text.transformer.resblocks)
        self.pool_type = getattr(text, "text_pool_type", None) or getattr(text, "pool_type", "argmax")
        self.eos_id = getattr(text, "text_eos_id", getattr(text, "eos_id", None))
        self.head_weights = (f"{path}ln_final", f"{path}text_projection")
        if (
            getattr(text, "cls_emb", None) is not None
            or getattr(text, "use_pad_mask", False)
            or self.text.attn_mask is None
        ):
            raise ConfigError("it has a class token, a padding mask or no causal mask")
        if self.pool_type == "last":
            self.reads_padding, self.revision = True, "last"

    def stem(self, inputs: Tensor) -> States:
        """Token and position embeddings."""
        hidden = self.text.token_embedding(inputs) + self.text.positional_embedding[: inputs.shape[1]]
        return States(hidden, inputs)

    def block(self, index: int, states: States) -> States:
        """Run one residual block under the causal mask."""
        mask = self._mask(states.hidden)
        return States(self.text.transformer.resblocks[index](states.hidden, attn_mask=mask), states.tokens)

    def _mask(self, hidden: Tensor) -> Tensor:
        """The causal mask [length, length]; with prompts the text may be longer than the model's own."""
        length = hidden.shape[1]
        if length <= len(self.text.attn_mask):
            return self.text.attn_mask[:length, :length]
        return hidden.new_full((length, length), -torch.inf).triu(1)

    def head(self, states: States) -> Tensor:
        """The end-of-text position, projected."""
        pooled = self.summary(States(self.text.ln_final(states.hidden), states.tokens))
        projection = self.text.text_projection
        if projection is None:
            return pooled
        return projection(pooled) if isinstance(projection, nn.Linear) else pooled @ projection

    def summary(self, states: States) -> Tensor:
        """The end-of-text position."""
        return text_global_pool(states.hidden, states.tokens, self.pool_type, eos_token_id=self.eos_id)


class BertTower(Tower):
    """A Hugging Face BERT inside open_clip's HFTextEncoder."""

    head_weights: tuple[str, ...] = ("text.proj",)
    block_roles = {
        "attention": ["attention.self"],
        "q": ["attention.self.query"],
        "k": ["attention.self.key"],
        "v": ["attention.self.value"],
        "out": ["attention.output.dense"],
        "mlp": ["intermediate.dense", "output.dense"],
        "mlp_in": ["intermediate.dense"],
        "mlp_out": ["output.dense"],
        "norm": ["attention.output.LayerNorm", "output.LayerNorm"],
    }

    def __init__(self, text: HFTextEncoder, dim: int) -> None:
        self.text, self.bert, self.dim = text, text.transformer, dim
        self.width = self.bert.config.hidden_size
        layers = getattr(getattr(self.bert, "encoder", None), "layer", None)
        if layers is None or not hasattr(self.bert, "embeddings"):
            raise ConfigError(f"{type(self.bert).__name__} is no BERT, the one kind of Hugging Face's that can be cut")
        self.path, self.n_blocks, self.pad = (
            "text.transformer.encoder.layer",
            len(layers),
            self.bert.config.pad_token_id,
        )
        asks = isinstance(text.pooler, ClsPooler) and text.pooler.use_pooler_output
        self.has_pooler = asks and getattr(self.bert, "pooler", None) is not None
        if self.has_pooler:
            self.revision = "pooler"
            self.head_weights = ("text.transformer.pooler", *self.head_weights)

    def _mask(self, tokens: Tensor, dtype: torch.dtype) -> Tensor:
        """Additive attention mask [batch, 1, 1, length] that hides the padding."""
        return tokens.eq(self.pad)[:, None, None, :].to(dtype) * torch.finfo(dtype).min

    def stem(self, inputs: Tensor) -> States:
        """Token and position embeddings."""
        return States(self.bert.embeddings(input_ids=inputs), inputs)

    def block(self, index: int, states: States) -> States:
        """Run one layer."""
        output = self.bert.encoder.layer[index](states.hidden, self._mask(states.text(), states.hidden.dtype))
        return States(output[0] if isinstance(output, tuple) else output, states.tokens)

    def head(self, states: States) -> Tensor:
        """Pooled tokens, projected; by BERT's own pooling layer where open_clip's pooler asks for it."""
        if not self.has_pooler:
            return self.text.proj(self.summary(states))
        return self.text.proj(self.bert.pooler(states.hidden))

    def summary(self, states: States) -> Tensor:
        """Mean over the tokens that are no padding (or the encoder's own pooling)."""
        from transformers.modeling_outputs import BaseModelOutput

        return self.text.pooler(BaseModelOutput(last_hidden_state=states.hidden), states.text().ne(self.pad).long())
