"""Sentences of the generated dataset: a material and a style that matter, a use and a remark that do not."""

from __future__ import annotations

import numpy as np

# Each value has several words, so that no single token tells it.
MATERIALS = {
    "wood": ("walnut", "oak", "pine"),
    "cloth": ("linen", "wool", "cotton"),
    "metal": ("steel", "brass", "copper"),
    "plastic": ("nylon", "vinyl", "acrylic"),
}
STYLES = {
    "minimal": ("minimal", "plain", "sleek"),
    "rustic": ("rustic", "rugged", "rural"),
    "playful": ("playful", "quirky", "funny"),
    "elegant": ("graceful", "noble", "refined"),
}
SENTENCES = (
    "A {style} {kind} with {material} details, for {use}.",
    "{style} {kind} trimmed in {material}, made for {use}.",
    "This {kind} has {material} accents and a {style} look for {use}.",
    "For {use}: a {style} {kind}, finished with {material}.",
)
USES = (
    "slow mornings",
    "a crowded desk",
    "rainy weekends",
    "the guest room",
    "long dinners",
    "a sunny balcony",
    "small flats",
    "the reading corner",
    "garden parties",
    "a quiet office",
    "student rooms",
    "early trains",
    "music lovers",
    "large families",
    "night owls",
    "tea time",
)
REMARKS = (
    "Ships in a recycled box.",
    "A gift that people remember.",
    "Only a few are left.",
    "Wipe clean with a damp cloth.",
    "Returns are free.",
    "Also sold as a pair.",
    "Numbered on the underside.",
    "Assembled in minutes.",
    "Our customers' favourite.",
    "New this season.",
    "Price reduced in March.",
    "Seen on television.",
    "Five year warranty.",
    "Batteries are not included.",
    "Keep away from open fire.",
    "Named after a river.",
)


def write_text(kind: str, material: str, style: str, rng: np.random.Generator) -> str:
    """One item's text; words, use, remark and sentence form are drawn from `rng`."""

    def pick(choices: tuple[str, ...]) -> str:
        return choices[rng.integers(len(choices))]

    words = {"material": pick(MATERIALS[material]), "style": pick(STYLES[style]), "use": pick(USES)}
    sentence = pick(SENTENCES).format(kind=kind, **words)
    return f"{sentence[0].upper()}{sentence[1:]} {pick(REMARKS)}"
