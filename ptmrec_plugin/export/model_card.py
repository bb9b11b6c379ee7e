"""The model card of an adapter, and the settings to load it with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmrec_host.config import MACHINE_KEYS, Config
from mmrec_host.config_layers import find_yaml, read_layer
from mmrec_host.yaml_values import dump, flow

from ..items.tuned_encoder import CARD, SETTINGS
from ..peft.base import PEFT, read_identity
from ..stage2.base_run import STAGE1

PEFT_FILE = "adapter_config.json"  # of an adapter in Hugging Face peft's format

OPEN = f"""folder = Path(".")  # where this card lies
config = recorded_config(folder / "{SETTINGS}", {{"device": "cpu"}})"""
WITH_PEFT = f"""from pathlib import Path

from mmrec_host.runs.recorded_config import recorded_config
from peft import PeftModel
from ptmrec_plugin.encoders.build import build_encoder

{OPEN}
encoder = build_encoder(config)  # encoder.model is the model with separate q, k, v projections
PeftModel.from_pretrained(encoder.model, str(folder)).eval()  # the adapter goes into encoder.model
features = encoder.encode("t", encoder.tokens(["a red mug"]))
"""
WITHOUT_PEFT = f"""from pathlib import Path

from mmrec_host.runs.recorded_config import recorded_config
from ptmrec_plugin.items.tuned_encoder import TunedEncoder

{OPEN}
tuned = TunedEncoder(config, folder)
features = tuned.encode("t", tuned.encoder.tokens(["a red mug"]))
"""


def card_files(config: Config, info: Mapping[str, Any], counts: dict[str, int], adapter: Path) -> dict[str, str]:
    """File name -> text of both.

    Args:
        config: of the run.
        info: what its run.json holds.
        counts: of the dataset, in words.
        adapter: the folder in which the adapter lies.
    """
    settings = {key: value for key, value in config.plain().items() if key not in MACHINE_KEYS}
    return {SETTINGS: dump(settings), CARD: model_card(config, info, counts, adapter)}


def model_card(config: Config, info: Mapping[str, Any], counts: dict[str, int], adapter: Path) -> str:
    """Markdown with a YAML header, as model hubs read it; the snippet in it runs from the card's folder."""
    identity = read_identity(adapter)
    is_hf = (adapter / PEFT_FILE).is_file()
    tags = ["multimodal-recommendation", "ptmrec", str(config["peft"])]
    header = {"library_name": "peft", "tags": tags} if is_hf else {"tags": tags}
    options = {key: config[key] for key in sorted({*_option_keys(config), "vision_blocks", "text_blocks"})}
    facts = {
        "Base encoder": config["encoder"],
        "Encoder options": _listed({k: config[k] for k in sorted(config) if k.startswith("encoder_")}),
        "Weights hash": f"`{identity['weights']}` (of all parameters and buffers, before tuning)",
        "Variant": config["peft"],
        "Variant options": _listed(options),
        "Modalities": flow(config["modalities"]),
        "Trained in": f"{config['model']}, mode {config['mode']}, on the recommender {config['base']}",
        "Dataset": f"{config['dataset']} ({_listed(counts)})",
        "Seed": config["seed"],
    }
    best = info["best"]
    of_frozen = best["phase"] == STAGE1
    read = (
        "frozen features: tuning brought nothing better, so **they are not this adapter's**"
        if of_frozen
        else "these features"
    )
    rows = [f"| {m} | {value:.4f} | {info['test'][m]:.4f} |" for m, value in best["valid"].items() if m in info["test"]]
    lines = [
        f"---\n{dump(header)}---",
        f"# {config['peft']} adapter of {config['encoder']}, tuned on {config['dataset']}",
        "An adapter of the image and text towers, tuned by what a recommender learned from interactions (PTMRec).",
        "\n".join(f"- {name}: {value}" for name, value in facts.items()),
        f"## Results\n\nThe state of epoch {best['epoch']} of {best['phase']}, the best by validation "
        f"{info['valid_metric']}; of the recommender that reads {read}, under the protocol "
        f"{_listed(info['protocol'])}.",
        "\n".join(["| Metric | Validation | Test |", "| --- | ---: | ---: |", *rows]),
        f"## How to load it\n\nWith the package `ptmrec`:\n\n```python\n{WITH_PEFT if is_hf else WITHOUT_PEFT}```",
        "These are the towers' outputs. Recommenders read them centred and scaled by constants of the frozen features "
        f"of their dataset (feature_norm: {config['feature_norm']}).",
        "## Intended use\n\nFeatures of items of this dataset, or of items like them, for recommenders. The adapter "
        "follows the tastes, and the biases, of this dataset's users; on other items it must be evaluated first.",
        "## Licence\n\nNot stated: whoever publishes this adapter must choose one that the base encoder's licence and "
        "the terms of the dataset allow.",
    ]
    return "\n\n".join(lines) + "\n"


def _option_keys(config: Any) -> set[str]:
    """The keys that belong to the variant."""
    path = find_yaml("peft", config["peft"])
    named = config["variant"] or config["peft"]
    values = read_layer(path).values if path is not None else getattr(PEFT.get(named), "defaults", {})
    return set(values)


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{key} {flow(value)}" for key, value in values.items())
