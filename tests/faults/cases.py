"""The faults that are tried: each kind of file, spoilt, before a command that reads it; each key with nonsense."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mutations import (
    spoil_array,
    spoil_bytes,
    spoil_json,
    spoil_json_lines,
    spoil_npz,
    spoil_text,
    spoil_weights,
    spoil_yaml,
    spoil_zip,
)
from world import WORDS

from mmrec_host.declared_keys import declared_kinds

Spoil = Callable[[random.Random, bytes], bytes]


@dataclass(frozen=True)
class Case:
    """One fault.

    Attributes:
        kind: of fault, for the table of what came out.
        command: words of the command line.
        file: glob in the world of the file that is spoilt, None if the words are the fault.
        spoil: what is done to it.
        must_fail: nothing but a message is right.
        writes: what the command may change.
    """

    kind: str
    command: tuple[str, ...]
    file: str | None = None
    spoil: Spoil | None = None
    must_fail: bool = False
    writes: tuple[str, ...] = ("runs", "cache")
    made: dict[str, str] = field(default_factory=dict)


def _train(model: str, *words: str) -> tuple[str, ...]:
    return ("-q", "-m", model, "-d", "toy", *WORDS, "epochs=1", *words)


FILES = ("features=files",)
SMALL_MINI = ("mini_users=60", "mini_items=40", "new_items=0", "selection=warm")
OPEN = ("-q", "--run", "last")
TUNED_RUN = "runs/toy/PTMRec*"
VBPR_RUN = "runs/toy/VBPR*s999*"
OF_FILES: list[Case] = [
    Case("interactions", _train("BPR"), "data/toy/toy.inter", spoil_text),
    Case("items.jsonl", _train("VBPR"), "data/toy/items.jsonl", spoil_json_lines),
    Case("images", _train("VBPR"), "data/toy/images/7.png", spoil_bytes),
    Case("features", _train("VBPR", *FILES), "data/toy/image_feat.npy", spoil_array),
    Case("dataset.yaml", _train("BPR"), "data/toy/dataset.yaml", spoil_yaml),
    Case("own YAML", _train("BPR"), "mmrec_configs/dataset/toy.yaml", spoil_yaml),
    Case("--config", (*_train("BPR"), "--config", "given.yaml"), "given.yaml", spoil_yaml),
    Case("id maps", ("recommend", *OPEN, "--user", "U3"), "data/toy/u_id_mapping.csv", spoil_text, writes=("cache",)),
    Case("run.json", ("table", "-d", "toy"), f"{VBPR_RUN}/run.json", spoil_json, writes=()),
    Case("run.json", ("runs",), f"{TUNED_RUN}/run.json", spoil_json, writes=()),
    Case("run.json", ("recommend", *OPEN, "--user", "3"), f"{TUNED_RUN}/run.json", spoil_json, writes=("cache",)),
    Case("per_user.npz", ("table", "-d", "toy"), f"{VBPR_RUN}/per_user.npz", spoil_npz, writes=()),
    Case("config.yaml", ("recommend", *OPEN, "--user", "3"), f"{TUNED_RUN}/config.yaml", spoil_yaml, writes=("cache",)),
    Case(
        "checkpoint.pt",
        ("recommend", *OPEN, "--user", "3"),
        f"{TUNED_RUN}/checkpoint.pt",
        spoil_weights,
        writes=("cache",),
    ),
    Case(
        "checkpoint.pt",
        ("recommend", *OPEN, "--user", "3"),
        f"{TUNED_RUN}/checkpoint.pt",
        spoil_zip,
        must_fail=True,
        writes=("cache",),
    ),
    Case(
        "adapter",
        ("recommend", *OPEN, "--text", "a red shoe"),
        f"{TUNED_RUN}/adapter/encoder.json",
        spoil_json,
        writes=("cache",),
    ),
    Case("adapter", ("encode", *OPEN), f"{TUNED_RUN}/adapter/adapter*.safetensors", spoil_bytes, writes=("cache",)),
    Case(
        "resume.pt",
        ("-q", "-m", "BPR", "-d", "toy", *WORDS, "epochs=4", "checkpoint_interval=0", "--resume"),
        "runs/toy/BPR*/resume.pt",
        spoil_weights,
    ),
    Case(
        "epochs.jsonl",
        ("-q", "-m", "BPR", "-d", "toy", *WORDS, "epochs=4", "checkpoint_interval=0", "--resume"),
        "runs/toy/BPR*/epochs.jsonl",
        spoil_json_lines,
    ),
    Case("study", ("study", "study.yaml", "--dry-run", "-q"), "study.yaml", spoil_yaml),
    Case(
        "preparation report",
        ("prepare", "-q", "shop", "--interactions", "orders.csv", "--items", "products.csv", "--k-core", "1"),
        "data/shop/prepare_report.json",
        spoil_json,
        writes=("data/shop/prepare_report.json",),
    ),
    Case(
        "mini.json",
        ("-q", "-m", "Pop", "-d", "mini", *SMALL_MINI),
        "data/mini/mini.json",
        spoil_json,
        writes=("runs", "data/mini"),
    ),
    Case("cache, cut short", _train("VBPR"), "cache/toy/data.mdb", lambda rng, data: data[: rng.randrange(len(data))]),
]

LONG = "x" * 5000
NAMES: list[Case] = [
    Case("names", (*words,), must_fail=True, writes=())
    for name in (LONG, "", "../toy", "a/b", "nul\x01", "ä" * 150, "no-such")
    for words in (
        ("-q", "-m", "BPR", "-d", name),
        ("-q", "-m", name, "-d", "toy"),
        ("table", "-d", name),
        ("runs", "-d", name),
        ("encode", "-q", "-d", name),
        ("export", "features", "-q", "-d", name, "--to", "out"),
        ("list", "keys", name),
        ("recommend", "-q", "--run", name, "--user", "1"),
        ("show", "-q", "--run", name),
        ("study", name),
        ("-q", "-m", "PTMRec", "-d", "toy", f"base={name}"),
        ("-q", "-m", "PTMRec", "-d", "toy", f"peft={name}"),
        ("-q", "-m", "PTMRec", "-d", "toy", f"encoder={name}"),
    )
]
OUTPUTS: list[Case] = [
    Case("outputs", (*words, place), must_fail=True, writes=())
    for words in (
        ("table", "-d", "toy", "--output"),
        ("table", "-d", "toy", "--plot"),
        ("show", *OPEN, "--output"),
        ("recommend", *OPEN, "--all-users", "--output"),
        ("study", "mini", "--report-only", "--output"),
        ("export", "vectors", *OPEN, "--to"),
    )
    for place in (
        "data/toy/toy.inter",
        "data/toy/new.txt",
        "data/toy/images/new.txt",
        "cache/toy/new.txt",
        "given.yaml",
        LONG,
        "cache/toy/data.mdb",
        "given.yaml/new.txt",
    )
]
PLACES: list[Case] = [
    Case("file for a folder", (*_train("BPR"), f"{key}={place}"), must_fail=True, writes=())
    for key in ("data_path", "run_path")
    for place in ("given.yaml", "given.yaml/more", LONG, "/dev/null")
]
PLUGINS = {
    "exits": "raise SystemExit(3)",
    "raises": "raise BaseException('no')",
    "fails": "1 / 0",
    "nothing": "from mmrec_host import FEATURES\n@FEATURES.register('nothing')\ndef nothing(*args):\n    'N.'\n",
    "no_encoder": "from ptmrec_plugin import ENCODERS\n@ENCODERS.register('none')\ndef none(config):\n    'N.'\n",
}
PLUGIN_CASES: list[Case] = [
    Case(
        "plugins",
        (*_train("VBPR", *words), "--plugin", f"{name}.py"),
        must_fail=True,
        made={f"{name}.py": PLUGINS[name]},
    )
    for name, words in (
        ("exits", ()),
        ("raises", ()),
        ("fails", ()),
        ("nothing", ("features=nothing",)),
        ("no_encoder", ("encoder=none",)),
    )
]


def key_cases() -> Iterator[Case]:
    """Each key that a model knows, with values that no key may have."""
    from mmrec_host.config_layers import collect_layers

    for model in ("PTMRec", "FREEDOM", "LATTICE", "ItemKNN", "Content"):
        known = {key for layer in collect_layers(model, "mini", {"peft": "adalora"}) for key in layer.values}
        for key in sorted(known & declared_kinds().keys()):
            for value in ("{a: {}}", "''", ".nan", "[]", "[[]]", "-1e300", '"\\0"'):
                words = ("-q", "-m", model, "-d", "mini", f"{key}={value}", "--dry-run")
                yield Case("keys", words, must_fail=(key, value) != ("clip_grad_norm", "{a: {}}"), writes=())


def all_cases(n: int, seed: int) -> Iterator[tuple[str, Case, random.Random]]:
    """`n` cases with a name and a random state each, in turn of every kind."""
    keys = list(key_cases())
    words = [*NAMES, *OUTPUTS, *PLACES, *PLUGIN_CASES]
    order = random.Random(seed)
    order.shuffle(keys)
    order.shuffle(words)
    for number in range(n):
        rng = random.Random(f"{seed} {number}")
        turn = number % 4
        if turn == 0:
            case = keys[number // 4 % len(keys)]
        elif turn == 1:
            case = words[number // 4 % len(words)]
        else:
            case = OF_FILES[(number // 4 * 2 + turn - 2) % len(OF_FILES)]
        yield f"{number}: {case.kind}", case, rng


def spoil_world(case: Case, world: Path, rng: random.Random) -> Path | None:
    """Do it; the file that was spoilt."""
    for name, text in case.made.items():
        (world / name).write_text(text)
    if case.file is None or case.spoil is None:
        return None
    file = next(world.glob(case.file))
    file.write_bytes(case.spoil(rng, file.read_bytes()))
    return file
