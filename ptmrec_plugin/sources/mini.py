"""The generated dataset `mini`: planted tastes in what pictures show and texts say, and communities that neither shows.

Made for demonstrations, tests and controls. Nothing about real data follows from it.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmrec_host.errors import ConfigError, DataError

from .mini_pictures import PATTERNS, SILHOUETTES, TONES, draw_picture

log = logging.getLogger(__name__)

MATERIALS = (("walnut", "oak", "pine"), ("linen", "wool", "cotton"), ("steel", "brass", "copper"), ("nylon", "vinyl", "acrylic"))
STYLES = (("minimal", "plain", "sleek"), ("rustic", "rugged", "rural"), ("playful", "quirky", "funny"), ("elegant", "noble", "refined"))
N = {"tone": 2, "hue": 4, "material": 4, "style": 4}
PLANTED = tuple(N)
MADE = (
    "A {style} {kind} with {material} details, for {use}.",
    "{style} {kind} trimmed in {material}, made for {use}.",
    "This {kind} has {material} accents and a {style} look for {use}.",
    "For {use}: a {style} {kind}, finished with {material}.",
)
USES = (
    "slow mornings", "a crowded desk", "rainy weekends", "the guest room", "long dinners", "a sunny balcony", "small flats",
    "the reading corner", "garden parties", "a quiet office", "student rooms", "the holiday house", "early trains", "train stations",
    "music lovers", "hikers", "large families", "night owls", "birthday tables", "the hallway", "winter evenings", "tea time",
)
REMARKS = (
    "Ships in a recycled box.", "A gift that people remember.", "Only a few are left.", "Wipe clean with a damp cloth.",
    "Designed by two brothers.", "Returns are free.", "Also sold as a pair.", "Awarded by a jury of readers.",
    "Numbered on the underside.", "Assembled in minutes.", "Our customers' favourite.", "New this season.",
    "Made in Portugal.", "Price reduced in March.", "The second edition.", "Seen on television.", "Five year warranty.",
    "Packed by volunteers.", "Inspired by an old film.", "Delivered by bicycle in town.", "Batteries are not included.",
    "Keep away from open fire.", "Ranked first by a magazine.", "Named after a river.",
)
COMMUNITIES = 10
FEWEST = 5


def draw_items(n, rng):
    def even(k):
        return rng.permutation(np.arange(n) % k)
    return {
        "kind": even(len(SILHOUETTES)), "pattern": even(len(PATTERNS)), **{k: even(n_) for k, n_ in N.items()},
        "community": even(COMMUNITIES), "popularity": rng.normal(size=n),
    }

def draw_users(n, rng):
    even = lambda k: rng.permutation(np.arange(n) % k)
    return {**{k: even(v) for k, v in N.items()}, "community": even(COMMUNITIES)}

def draw_purchases(users, items, taste, community, popularity, lo, hi, rng):
    match = lambda k: users[k][:, None] == items[k][None, :]
    liking = taste * sum(1.0 * match(k) for k in PLANTED) + community * match("community") + popularity * items["popularity"]
    liking = liking + rng.gumbel(size=liking.shape)
    n = rng.integers(lo, hi + 1, len(liking))
    rank = np.argsort(np.argsort(-liking, axis=1), axis=1)
    bought = rank < n[:, None]
    for i in np.flatnonzero(bought.sum(0) < FEWEST):
        order = np.argsort(np.where(bought[:, i], np.inf, -liking[:, i]))
        bought[order[: FEWEST - bought[:, i].sum()], i] = True
    return bought

def split(bought, rng):
    left = bought.sum(0)
    label = np.where(bought, 0, -1)
    for u, row in enumerate(bought):
        own = rng.permutation(np.flatnonzero(row))
        held = 2 if len(own) < 10 else int(len(own) * 0.2)
        valid = held // 2
        k = 0
        for i in own:
            if k < held and left[i] > 1:
                label[u, i] = 1 if k < valid else 2
                left[i] -= 1
                k += 1
    return label

def texts(items, rng):
    out = []
    for i in range(len(items["kind"])):
        pick = lambda s: s[rng.integers(len(s))]
        t = pick(MADE).format(style=pick(STYLES[items["style"][i]]), kind=list(SILHOUETTES)[items["kind"][i]], material=pick(MATERIALS[items["material"][i]]), use=pick(USES))
        out.append(t[0].upper() + t[1:] + " " + pick(REMARKS))
    return out
