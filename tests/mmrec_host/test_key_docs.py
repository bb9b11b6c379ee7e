"""What the keys mean: the comments of the YAML files, all there, and read as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

import mmrec_configs
from mmrec_host.errors import ConfigError
from mmrec_host.key_docs import keys_of, read_key_file

FOLDER = Path(mmrec_configs.__file__).parent
KEY_FILES = sorted(
    path for path in FOLDER.rglob("*.yaml") if path.parent.name not in ("source", "study") and path.name != "keys.yaml"
)

WRITTEN = """\
# What the file is about
option_groups: {encoder: encoder}
kinds: {rank: whole 1.., share: number 0.5.., mode: a | null, blocks: any}

# of the machine
rank: 8      # how many
             # there are
address: http://x/#y  # where "# is no comment
blocks: 1

# weight of the loss,
# in units of nothing
share: 1.0e-3
mode: a
path: null   # where
field: "\\t"  # between columns

# values to try
search:
  rank: [1, 2]
"""


@pytest.fixture
def written(tmp_path: Path):
    path = tmp_path / "written.yaml"
    path.write_text(WRITTEN)
    file = read_key_file(path, path.name)
    return file, {key.name: key for key in file.keys}


@pytest.mark.parametrize("path", KEY_FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_every_key_says_what_it_is_and_every_file_what_it_is_about(path):
    file = read_key_file(path, path.name)
    assert file.about
    assert [key.name for key in file.keys if not key.about or key.about == key.heading] == []


def test_a_comment_stands_behind_the_value_and_goes_on_below_or_stands_above(written):
    file, keys = written
    assert file.about == "What the file is about"
    assert keys["rank"].about == "how many there are"
    assert keys["address"].about == 'where "# is no comment'
    assert keys["share"].about == "weight of the loss, in units of nothing"
    assert keys["blocks"].about == keys["mode"].about == ""


def test_a_comment_above_a_key_that_has_its_own_heads_the_keys_up_to_a_blank_line(written):
    _, keys = written
    assert [name for name, key in keys.items() if key.heading == "of the machine"] == ["rank", "address", "blocks"]
    assert keys["path"].heading == ""


def test_what_is_structure_is_no_key(written):
    assert list(written[1]) == ["rank", "address", "blocks", "share", "mode", "path", "field"]


def test_what_may_be_given_is_what_the_file_allows(written):
    _, keys = written
    assert keys["rank"].allowed == "whole number, 1 or more"
    assert keys["share"].allowed == "number, 0.5 or more"
    assert keys["mode"].allowed == "a | null"
    assert keys["blocks"].allowed == keys["path"].allowed == "any"
    assert keys["address"].allowed == "null | text"
    assert keys["field"].shown == r"\t"


def test_a_model_s_keys_come_with_those_of_the_options_that_it_names():
    files = [file.name for file in keys_of("PTMRec")]
    assert files == ["overall.yaml", "model/PTMRec.yaml", "encoder/vit-b-32.yaml", "peft/lora.yaml", "model/VBPR.yaml"]
    assert [file.name for file in keys_of("PTMRec", {"peft": "dora"})][3] == "peft/dora.yaml"
    assert [file.name for file in keys_of()] == ["overall.yaml"]


def test_an_option_without_a_yaml_has_the_defaults_of_the_registered_object():
    options = keys_of("PTMRec", {"peft": "hf"})[3]
    assert options.name == "peft hf" and [key.name for key in options.keys] == ["peft_method", "adapt"]


def test_the_command_prints_default_range_and_comment(ptmrec):
    code, out, _ = ptmrec("list", "keys", "PTMRec", "peft=dora")
    assert code == 0
    assert "  pool_size: 128   (whole number, 2 or more)\n      items a pool\n" in out
    assert "peft/dora.yaml: DoRA" in out
    assert out.index("overall.yaml: ") < out.index("model/PTMRec.yaml: ")
    assert "pool_size" not in ptmrec("list", "keys")[1]


@pytest.mark.parametrize("words", [("keys", "PTMRek"), ("models", "PTMRec"), ("keys", "PTMRec", "peft=lorra")])
def test_a_name_that_there_is_not_is_an_error(ptmrec, words):
    code, out, error = ptmrec("list", *words)
    assert code == 2 and out == "" and words[-1].rpartition("=")[2] in error


def test_an_unknown_model_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'PTMRec'"):
        keys_of("PTMRek")
