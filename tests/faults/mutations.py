"""Seeded ways to spoil what a command reads: bytes, JSON, YAML, tables and arrays."""

from __future__ import annotations

import io
import json
import math
import random
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

NONSENSE: list[Any] = [
    None,
    "",
    " ",
    "a" * 3000,
    "../../etc",
    "\x1b[2J",
    "nan",
    -1,
    0,
    2**70,
    10**400,
    1e308,
    -0.5,
    math.nan,
    math.inf,
    True,
    [],
    {},
    [[]],
    [None],
    {"a": {}},
    ["a", 1],
]
ALIASES = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi")
)
YAML_SHAPES = [
    "",
    "null",
    "[]",
    "- a\n- b\n",
    "just text",
    "3",
    "a: &a [*a]\n",
    "a: [" * 3000,
    "a: {b: " * 500,
    "key: [1, 2",
    "\t- x",
    "!!python/object/apply:os.getcwd []",
    "? [1, 2]\n: 3\n",
    "1: 2\n",
    "null: 3\n",
    "epochs: 2026-99-99\n",
    "epochs: " + "9" * 6000,
    ALIASES,
    "search: [1]\n",
    "search: 3\n",
    "search: text\n",
    "search: {epochs: 3}\n",
    "kinds: [1]\n",
    "kinds: {epochs: [1]}\n",
    "kinds: {epochs: 3}\n",
    "option_groups: {encoder: 3}\n",
    "kinds: {epochs: nothing such}\n",
    "tuned: 3\n",
    "tuned: {toy: [1]}\n",
    "option_groups: [encoder]\n",
    "absent: 1\n",
    "minimum: {epochs: 1}\n",
    "hyper_parameters: 4\n",
    "a: " + "x" * 2_000_000,
    "\x00",
    "\xff\xfe",
]


def spoil_bytes(rng: random.Random, data: bytes) -> bytes:
    """Cut, flipped, zeroed, doubled, replaced."""
    n = len(data)
    at = rng.randrange(n) if n else 0
    ways: list[Callable[[], bytes]] = [
        lambda: data[:at],
        lambda: b"",
        lambda: data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :] if n else b"\0",
        lambda: data[:at] + bytes(min(64, n - at)) + data[at + 64 :],
        lambda: data[:at] + rng.randbytes(16) + data[at + 16 :],
        lambda: rng.randbytes(max(1, min(n, 4096))),
        lambda: data[at:] + data[:at],
        lambda: data + data[at:],
    ]
    return rng.choice(ways)()


def spoil_text(rng: random.Random, data: bytes) -> bytes:
    """As bytes, or by the line and the field."""
    lines = data.split(b"\n")
    number = rng.randrange(len(lines))
    fields = lines[number].split(b"\t")
    value = rng.choice(
        [b"", b"-1", b"1e9", b"99999999999999999999", b"abc", b"\xff", b"nan", b"0x1", b"1.5", b" 3", b"\0"]
    )
    fields[rng.randrange(len(fields))] = value
    ways: list[Callable[[], bytes]] = [
        lambda: b"\n".join([*lines[:number], b"\t".join(fields), *lines[number + 1 :]]),
        lambda: b"\n".join(lines[:number] + lines[number + 1 :]),
        lambda: b"\n".join([*lines[: number + 1], *lines[number:]]),
        lambda: data.replace(b"\t", rng.choice([b",", b" ", b"\t\t"])),
        lambda: data.replace(b"\n", b"\r"),
        lambda: spoil_bytes(rng, data),
    ]
    return rng.choice(ways)()


def spoil_value(rng: random.Random, value: Any) -> Any:
    """A copy of plain values with one of them replaced, taken away or doubled."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        kept = {k: v for k, v in value.items() if k != key}
        if rng.random() < 0.25:
            return kept
        return {**kept, key: spoil_value(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.7:
        at = rng.randrange(len(value))
        return [*value[:at], spoil_value(rng, value[at]), *value[at + 1 :]]
    return rng.choice(NONSENSE)


def spoil_json(rng: random.Random, data: bytes) -> bytes:
    """A JSON document with one value spoilt, or the bytes."""
    if rng.random() < 0.25:
        return spoil_bytes(rng, data)
    return json.dumps(spoil_value(rng, json.loads(data))).encode()


def spoil_json_lines(rng: random.Random, data: bytes) -> bytes:
    """One line of JSON lines spoilt."""
    lines = data.splitlines()
    at = rng.randrange(len(lines))
    lines[at] = spoil_json(rng, lines[at])
    return b"\n".join(lines) + b"\n"


def spoil_yaml(rng: random.Random, data: bytes) -> bytes:
    """A YAML document of another shape, with one value spoilt, or the bytes."""
    import yaml

    chosen = rng.random()
    if chosen < 0.4:
        return rng.choice(YAML_SHAPES).encode("latin-1")
    if chosen < 0.6:
        return spoil_bytes(rng, data)
    return yaml.safe_dump(spoil_value(rng, yaml.safe_load(data))).encode()


def spoil_array(rng: random.Random, data: bytes) -> bytes:
    """Another array, or none: strings, dates, complex numbers, other shapes, no columns."""
    rows = len(np.load(io.BytesIO(data)))
    arrays: list[Any] = [
        np.array(["a"] * rows),
        np.array([b"ab"] * rows),
        np.zeros((rows, 3), "datetime64[D]"),
        np.zeros((rows, 0)),
        np.zeros((rows, 3), "timedelta64[s]"),
        np.zeros((rows, 3), complex),
        np.zeros(rows),
        np.zeros((rows + 1, 3)),
        np.full((rows, 3), np.nan),
        np.full((rows, 3), 1e300),
        np.zeros((rows, 3), [("a", "f4")]),
        np.float32(3),
        np.zeros((rows, 2, 2)),
        np.array([[object()] * 2] * rows, object),
    ]
    chosen = rng.randrange(len(arrays) + 4)
    if chosen >= len(arrays):
        return spoil_bytes(rng, data)
    file = io.BytesIO()
    np.save(file, arrays[chosen], allow_pickle=True)
    return file.getvalue()


def spoil_npz(rng: random.Random, data: bytes) -> bytes:
    """An archive with one array spoilt or missing, or the bytes."""
    if rng.random() < 0.4:
        return spoil_bytes(rng, data)
    with np.load(io.BytesIO(data)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    name = rng.choice(list(arrays))
    if rng.random() < 0.3:
        del arrays[name]
    else:
        arrays[name] = np.load(io.BytesIO(_npy(rng, arrays[name])), allow_pickle=True)
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _npy(rng: random.Random, array: np.ndarray) -> bytes:
    file = io.BytesIO()
    other = rng.choice([array[:1], np.array("text"), array[None], array.astype(complex), np.zeros(0)])
    np.save(file, other)
    return file.getvalue()


def spoil_weights(rng: random.Random, data: bytes) -> bytes:
    """A file of `torch.save` with a part gone, of another type or not a number; or the bytes."""
    if rng.random() < 0.3:
        return spoil_bytes(rng, data)
    values = torch.load(io.BytesIO(data), weights_only=True)
    file = io.BytesIO()
    torch.save(_spoil_tensors(rng, values), file)
    return file.getvalue()


def _spoil_tensors(rng: random.Random, value: Any) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        if rng.random() < 0.25:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: _spoil_tensors(rng, value[key])}
    if isinstance(value, torch.Tensor) and value.is_floating_point() and rng.random() < 0.8:
        return rng.choice([value * math.nan, value[:1], value.flatten(), value.to(torch.complex64)])
    return rng.choice([None, "text", -1, [], {}, torch.zeros(2), math.nan])


def spoil_zip(rng: random.Random, data: bytes) -> bytes:
    """A file of `torch.save` that is a whole archive with other members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("any/data.pkl", rng.randbytes(50))
    return file.getvalue()
