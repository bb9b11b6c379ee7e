"""Whether weights belong to the network that they are loaded into: GELU and QuickGELU load alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import open_clip
from open_clip.pretrained import _PRETRAINED, get_pretrained_cfg

from mmrec_host.errors import ConfigError

ACTIVATIONS = {"gelu": False, "quickgelu": True}
NAMES = {quick: name for name, quick in ACTIVATIONS.items()}
SUFFIX = "-quickgelu"
CONFIG_FILE = "open_clip_config.json"  # stands beside the weights in a hub's folder


def require_activation(model: str, pretrained: str | None, said: str | None) -> None:
    """Refuse weights that were trained with another activation than the model's.

    Args:
        model: open_clip's name of the model.
        pretrained: a tag, a weights file, or None for random weights.
        said: value of the key `encoder_activation`, for files that do not tell.

    Raises:
        ConfigError: the weights' activation is another one; it is not known and the key does not say it.
    """
    if said is not None and said not in ACTIVATIONS:
        raise ConfigError(f"encoder_activation={said!r}: must be one of {', '.join(ACTIVATIONS)}, or null.")
    sisters = {model.removesuffix(SUFFIX), model.removesuffix(SUFFIX) + SUFFIX}
    if pretrained is None or not sisters <= set(open_clip.list_models()):
        return  # there is one activation that it can have
    quick = bool((open_clip.get_model_config(model) or {}).get("quick_gelu"))
    known = of_tag(model, pretrained) if not Path(pretrained).exists() else of_file(Path(pretrained))
    trained = known if known is not None else None if said is None else ACTIVATIONS[said]
    if trained is None:
        raise ConfigError(
            f"encoder_pretrained={pretrained}: nothing says whether these weights were trained with GELU or QuickGELU, "
            f"and with the wrong one {model} computes wrong features without an error. OpenAI's, MetaCLIP's and DFN's "
            "have QuickGELU, LAION-2B's and DataComp's GELU: say encoder_activation=gelu or "
            "encoder_activation=quickgelu."
        )
    if trained != quick:
        right = next(name for name in sorted(sisters) if name.endswith(SUFFIX) == trained)
        raise ConfigError(
            f"encoder_pretrained={pretrained}: these weights were trained with {NAMES[trained]}, and {model} computes "
            f"with {NAMES[quick]}. encoder_model={right} is the model that they belong to."
        )


def of_tag(model: str, tag: str) -> bool:
    """Whether weights of a tag of open_clip have QuickGELU."""
    return bool(get_pretrained_cfg(model, tag).get("quick_gelu"))


def of_file(path: Path) -> bool | None:
    """Whether a weights file has QuickGELU, by the configuration beside it or by a name that open_clip knows.

    Returns:
        None where nothing tells.
    """
    beside = path.parent / CONFIG_FILE
    if beside.is_file():
        try:
            settings: Any = json.loads(beside.read_text())
            return bool(settings.get("model_cfg", settings).get("quick_gelu"))
        except (OSError, ValueError, AttributeError, RecursionError) as error:
            raise ConfigError(f"{beside}: is no configuration of a model ({error}). Correct or remove it.") from error
    parts = {part for place in (path, path.resolve()) for part in place.parts}
    folders = parts | {part.rpartition("--")[2] for part in parts}  # the hub's cache: models--laion--CLIP-…
    for tags in _PRETRAINED.values():
        for settings in tags.values():
            hub = str(settings.get("hf_hub") or "").strip("/").rpartition("/")[2]
            if Path(str(settings.get("url") or "")).name == path.name or (hub and hub in folders):
                return bool(settings.get("quick_gelu"))
    return True if "quickgelu" in path.name.lower() else None
