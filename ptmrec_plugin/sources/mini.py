"""The generated dataset `mini`: planted tastes in what pictures show and texts say, and communities that neither shows.

Made for demonstrations, tests and controls. Nothing about real data follows from it.
"""

from __future__ import annotations

import logging

import numpy as np

from .mini_pictures import SILHOUETTES

log = logging.getLogger(__name__)

MATERIALS = (("walnut", "oak", "pine"), ("linen", "wool", "cotton"), ("steel", "brass", "copper"), ("nylon", "vinyl", "acrylic"))
STYLES = (("minimal", "plain", "sleek"), ("rustic", "rugged", "rural"), ("playful", "quirky", "funny"), ("elegant", "noble", "refined"))
N = {"tone": 2, "pattern": 6, "material": 4, "style": 4}
PLANTED = tuple(N)
MADE = (
    "The {remark}. A {style} {kind} with {material} details for {use}.",
)
USES = (
    "slow mornings", "a crowded desk", "rainy weekends", "the guest room", "long dinners", "a sunny balcony", "small flats",
    "the reading corner", "garden parties", "a quiet office", "student rooms", "the holiday house", "early trains", "train stations",
    "music lovers", "hikers", "large families", "night owls", "birthday tables", "the hallway", "winter evenings", "tea time",
)
REMARKS="fox lighthouse violin cactus comet whale tractor pirate tulip volcano owl bicycle dragon mushroom anchor tiger castle balloon rocket cherry wolf piano island robot peacock bridge camel pumpkin mermaid train lion orchid knight penguin windmill turtle guitar desert wizard butterfly ship bear lemon tower elephant drum glacier monkey clown rose submarine parrot temple crab ballerina truck zebra moon snake market swan skeleton river horse".split()
COMMUNITIES = 10
FEWEST = 5


def draw_items(n, rng):
    def even(k):
        return rng.permutation(np.arange(n) % k)
    return {
        "kind": even(len(SILHOUETTES)), "hue": even(4), **{k: even(n_) for k, n_ in N.items()},
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
        t = pick(MADE).format(style=pick(STYLES[items["style"][i]]), kind=list(SILHOUETTES)[items["kind"][i]], remark=" and the ".join(rng.permutation(REMARKS)[:2]), material=pick(MATERIALS[items["material"][i]]), use=pick(USES))
        out.append(t)
    return out
