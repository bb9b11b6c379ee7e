"""What a key may be: the language of `keys.yaml`, what it lets through, and that every key of every file says it."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import pytest

import mmrec_configs
from mmrec_host.config import load_config
from mmrec_host.config_layers import read_layer
from mmrec_host.declared_keys import declared_kinds
from mmrec_host.errors import ConfigError
from mmrec_host.kinds import parse_kind

FOLDER = Path(mmrec_configs.__file__).parent
KEY_FILES = [
    path
    for path in sorted(FOLDER.rglob("*.yaml"))
    if path.parent.name not in ("source", "study") and path.name != "keys.yaml"
]

CASES = [
    # kind, what it takes, what it does not, its words
    ("flag", [True, False], [0, 1, "true", None], "true | false"),
    ("whole", [-3, 0, 2**31 - 1, 1e4], [2**31, 10**5000, 0.5, True, "1", math.nan, math.inf, None], "whole number"),
    ("whole 2..", [2, 5], [1, -1], "whole number, 2 or more"),
    ("whole 1..8", [1, 8, 8.0], [0, 9], "whole number, 1 to 8"),
    ("number >0..", [1e-9, 3], [0, -1, math.nan, math.inf, 1e39, "3"], "number, more than 0"),
    ("number 0..<1", [0, 0.999], [1, 1.0, -0.5], "number, 0 or more and less than 1"),
    ("number -1.5..1e3", [-1.5, 1000], [-1.6, 1001], "number, -1.5 to 1000"),
    ("text", ["\t", "a b/c"], ["", 3, None, "a" * 5000, "a\0"], "text"),
    (
        "name",
        ["vit-b-32", "mmrec:BM3", "ä"],
        ["", "a/b", "a\\b", " a", "a\nb", "a" * 300, None, date(2026, 1, 1)],
        "name",
    ),
    ("path", ["a/b", "/x", "http://a/b"], ["", "a/" + "b" * 300, 3], "path"),
    ("null | whole 0..", [None, 0], ["null", -1], "null | whole number, 0 or more"),
    ("score | modality", ["score", "modality"], ["Score", "", None, ["score"]], "score | modality"),
    (
        "list of 2 number >0..",
        [[1, 0.5]],
        [[], [1], [1, 2, 3], [1, 0], [1, "a"], 1],
        "list of 2 numbers, more than 0",
    ),
    ("all | whole 0.. | list of whole 0..", ["all", 0, [0, 3]], ["ALL", [], [-1], [[1]]], None),
    ("mapping", [{"a": 1}], [[], "a"], "mapping"),
    ("[] | list of any", [[], [None, 1]], ["a", {}], "[] | list of any"),
]


@pytest.mark.parametrize(("text", "takes", "refuses", "words"), CASES, ids=[case[0] for case in CASES])
def test_a_kind_takes_what_it_says_and_nothing_else(text, takes, refuses, words):
    kind = parse_kind(text)
    assert [value for value in takes if not kind.fits(value)] == []
    assert [value for value in refuses if kind.fits(value)] == []
    assert words is None or kind.words() == words


@pytest.mark.parametrize("text", ["", "whole 1", "whole 1...2", "list of", "a | ", "number > 0..", "a b"])
def test_what_is_no_kind_is_an_error(text):
    with pytest.raises(ConfigError, match="no kind of value"):
        parse_kind(text)


@pytest.mark.parametrize(
    ("text", "value", "message"),
    [
        ("whole 1..", 0, "k=0: must be a whole number, 1 or more"),
        ("whole 2..", 99999999999, "k=99999999999: must be a whole number, 2 or more, up to 2,147,483,647"),
        ("flag", "yes", "k=yes: must be true or false"),
        ("a | b", "c", "k=c: must be one of a, b"),
        ("null | whole 1..", [], "k=[]: must be null | whole number, 1 or more"),
        ("name", "x" * 5000, f"k={'x' * 100}… (5,000 characters): must be a name"),
    ],
)
def test_a_message_says_the_key_the_value_and_what_is_allowed(text, value, message):
    assert parse_kind(text).error("k", value) == message


@pytest.mark.parametrize("path", KEY_FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_every_key_has_a_kind_that_its_default_and_what_is_searched_and_tuned_are_of(path):
    layer = read_layer(path)
    tuned = [dict(read_layer(path, name).values) for name in ("mini", "mini-gap", "office", "toys", "ml-latest-small")]
    for key in {*layer.values, *layer.search}:
        assert key in declared_kinds(), f"say in mmrec_configs/keys.yaml what {key} may be"
        values = [layer.values.get(key, (layer.search.get(key) or [None])[0]), *layer.search.get(key, [])]
        kind = parse_kind(declared_kinds()[key])
        assert [value for value in values if not kind.fits(value)] == []
        assert [own[key] for own in tuned if key in own and not kind.fits(own[key])] == []


def test_no_key_takes_anything():
    assert [key for key, kind in declared_kinds().items() if "any" in kind.split()] == []


NONSENSE = [
    ("VBPR", "learning_rate", [0, -0.5]),
    ("VBPR", "reg_weight", [-1]),
    ("VBPR", "weight_decay", [-1, math.nan]),
    ("PTMRec", "kt_temperature", [0, math.nan]),
    ("PTMRec", "pool_size", [99999999999]),
    ("VBPR", "epochs", [1e30]),
    ("FREEDOM", "dropout", [-0.5, 1.0]),
    ("LightGCN", "n_layers", [-1]),
    ("LATTICE", "weight_size", [[], ["a"]]),
    ("VBPR", "cold_seed", ["abc"]),
    ("VBPR", "workers", ["abc", 1e9]),
    ("VBPR", "learning_rate_scheduler", [[]]),
    ("VBPR", "run_path", [""]),
    ("PTMRec", "base", [None, "", "x" * 5000]),
]


@pytest.mark.parametrize(("model", "key", "values"), NONSENSE, ids=[key for _, key, _ in NONSENSE])
def test_nonsense_is_refused_by_name(model, key, values):
    for value in values:
        with pytest.raises(ConfigError, match=rf"^{key}=.*: must be|^{key}='.*' is unknown"):
            load_config(model, "mini", overrides={key: value})


def test_a_wrong_value_in_a_file_names_the_file(tmp_path, monkeypatch):
    (tmp_path / "mmrec_configs" / "dataset").mkdir(parents=True)
    own = tmp_path / "mmrec_configs" / "dataset" / "toy.yaml"
    own.write_text("epochs: 0\n")
    given = tmp_path / "given.yaml"
    given.write_text("eval_step: many\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as error:
        load_config("BPR", "toy", files=[given])
    lines = str(error.value).splitlines()
    assert f"{own}: epochs=0: must be a whole number, 1 or more." in lines
    assert f"{given}: eval_step=many: must be a whole number, 1 or more." in lines


def test_a_file_of_one_s_own_says_what_its_own_keys_may_be(tmp_path, monkeypatch):
    (tmp_path / "mmrec_configs" / "dataset").mkdir(parents=True)
    own = tmp_path / "mmrec_configs" / "dataset" / "toy.yaml"
    own.write_text("kinds: {shelves: whole 1..9}\nshelves: 3\n")
    monkeypatch.chdir(tmp_path)
    assert load_config("BPR", "toy", overrides={"shelves": 9})["shelves"] == 9
    with pytest.raises(ConfigError, match="shelves=10: must be a whole number, 1 to 9"):
        load_config("BPR", "toy", overrides={"shelves": 10})
    own.write_text("minimum: {shelves: 1}\nshelves: 3\n")
    with pytest.raises(ConfigError, match=rf"{own}: minimum: say under `kinds`"):
        load_config("BPR", "toy")
