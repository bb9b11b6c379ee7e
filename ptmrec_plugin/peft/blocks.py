"""Where a variant works: the chosen blocks of the chosen towers, and the modules in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mmrec_host.errors import ConfigError

from ..encoders.dual import DualEncoder
from ..encoders.towers import ROLES, Tower

BLOCK_KEYS = {"v": "vision_blocks", "t": "text_blocks"}
TOWERS = {"v": "image tower", "t": "text tower"}


def chosen_blocks(tower: Tower, wanted: Any, key: str) -> list[int]:
    """Block numbers from a key's value: the number of top blocks, `all`, or a list of block numbers.

    Raises:
        ConfigError: more blocks than there are, a block that does not exist, or a tower that cannot be tuned.
    """
    if tower.whole_because and wanted != 0:
        raise ConfigError(
            f"{key}={wanted!r}: this tower is encoded as a whole and nothing of it can be tuned, because "
            f"{tower.whole_because}. {key}=0 leaves it frozen; towers that can be tuned: open_clip's vision and causal "
            "text transformers, timm's EfficientNets, Hugging Face's BERTs."
        )
    allowed = (
        f"0 to {tower.n_blocks} (that many top blocks), all, or a list of block numbers from 0 to {tower.n_blocks - 1}"
    )
    if wanted == "all":
        return list(range(tower.n_blocks))
    if isinstance(wanted, int) and not isinstance(wanted, bool) and 0 <= wanted <= tower.n_blocks:
        return list(range(tower.n_blocks - wanted, tower.n_blocks))
    if isinstance(wanted, list) and all(isinstance(b, int) and 0 <= b < tower.n_blocks for b in wanted):
        return sorted(set(wanted))
    raise ConfigError(f"{key}={wanted!r}: must be {allowed}.")


def blocks_by_modality(encoder: DualEncoder, config: Any, modalities: Iterable[str]) -> dict[str, list[int]]:
    """The blocks to adapt in each tower, by `vision_blocks` and `text_blocks`; towers without any are left out.

    Raises:
        ConfigError: no block in any tower.
    """
    modalities = list(modalities)
    chosen = {m: chosen_blocks(encoder.towers[m], config[BLOCK_KEYS[m]], BLOCK_KEYS[m]) for m in modalities}
    chosen = {m: blocks for m, blocks in chosen.items() if blocks}
    if not chosen:
        keys = " and ".join(BLOCK_KEYS[m] for m in modalities)
        raise ConfigError(
            f"no block is chosen: {keys} leave{'s' if len(modalities) == 1 else ''} nothing to tune with "
            f"peft={config['peft']} (modalities={modalities}). Choose blocks, or mode=frozen_continued to tune nothing."
        )
    return chosen


def whole_towers(encoder: DualEncoder, config: Any, modalities: Iterable[str]) -> list[str]:
    """The towers of a variant that knows no single blocks: `all` of a tower, or 0 to leave it frozen.

    Raises:
        ConfigError: another value, or no tower is left.
    """
    for modality in modalities:
        key = BLOCK_KEYS[modality]
        if config[key] not in ("all", 0):
            raise ConfigError(
                f"{key}={config[key]!r}: peft={config['peft']} is about the whole {TOWERS[modality]}, so it must be "
                "all, or 0 to leave it frozen; peft=last_k trains single blocks."
            )
    return list(blocks_by_modality(encoder, config, modalities))


def require_sequence(encoder: DualEncoder, modalities: Iterable[str], config: Any) -> None:
    """`ConfigError` for a tower without tokens, where prompts and prefixes have no place."""
    for modality in modalities:
        if not encoder.towers[modality].is_sequence:
            raise ConfigError(
                f"peft={config['peft']} adds tokens, and the {TOWERS[modality]} of {encoder.name} is a convolutional "
                f"network, which has none. {BLOCK_KEYS[modality]}=0 leaves this tower frozen; peft=lora, adapter, "
                "ia3 and side work in it."
            )


def targets(encoder: DualEncoder, config: Any, modalities: Iterable[str]) -> dict[str, list[str]]:
    """Names, in the encoder's model, of the modules with the roles `adapt` in each tower's chosen blocks.

    Raises:
        ConfigError: an unknown role, no block chosen, or a tower without such a module, with what it has.
    """
    roles = config["adapt"] if isinstance(config["adapt"], list) else [config["adapt"]]
    if set(roles) - set(ROLES):
        raise ConfigError(f"adapt={config['adapt']!r}: must be a list of {', '.join(ROLES)}.")
    found = {}
    for modality, blocks in blocks_by_modality(encoder, config, modalities).items():
        tower = encoder.towers[modality]
        found[modality] = [name for b in blocks for name in tower.modules_of(b, roles)]
        if not found[modality]:
            has = [role for role in ROLES if tower.modules_of(tower.n_blocks - 1, [role])]
            raise ConfigError(
                f"adapt={roles}: no module of the {TOWERS[modality]} has one of these roles; it has {', '.join(has)}. "
                f"{BLOCK_KEYS[modality]}=0 leaves this tower frozen."
            )
    return found


def lowest(encoder: DualEncoder, config: Any, modalities: Iterable[str]) -> dict[str, int]:
    """Modality -> the lowest chosen block, which is where the frozen part ends."""
    return {m: min(blocks) for m, blocks in blocks_by_modality(encoder, config, modalities).items()}
