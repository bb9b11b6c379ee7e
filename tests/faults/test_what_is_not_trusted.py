"""SECURITY.md's list of what is not trusted: each of its lines has a test, here or where the code is tested."""

from __future__ import annotations

import ast
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from feature_cache import BrokenImageError, check_image
from mmrec_host.config import Config
from mmrec_host.data.features import file_features
from mmrec_host.errors import ConfigError, DataError
from mmrec_host.runs.saved_model import best_state
from mmrec_host.training.checkpoint import Checkpoint
from mmrec_host.yaml_values import parse_value

ROOT = Path(__file__).parents[2]
HERE = "faults/test_what_is_not_trusted.py"
TESTS = {
    "`dataset.yaml` of a data folder": (
        "mmrec_host/test_trust.py",
        "test_a_data_folder_may_set_nothing_that_is_not_said_to_be_its_own",
    ),
    "`config.yaml` of a run": (
        "mmrec_host/test_trust.py",
        "test_a_run_that_names_an_encoder_by_path_asks_for_the_path",
    ),
    "`run.json`": ("mmrec_host/test_records.py", "test_a_field_of_another_type_costs_that_run_alone"),
    "encoders": (
        "ptmrec_plugin/test_model_code.py",
        "test_a_text_tower_with_code_is_refused_whether_or_not_transformers_know_its_kind",
    ),
    "YAML": (HERE, "test_yaml_makes_no_objects_and_is_bounded"),
    "`.npy`, `.npz`": (HERE, "test_arrays_are_never_unpickled"),
    "checkpoints, runs": (HERE, "test_checkpoints_are_weights_and_plain_values_alone"),
    "packs of `ptmrec unpack`": ("run_tools/test_pack.py", "test_a_pack_that_is_none_is_refused_and_leaves_nothing"),
    "adapters": (HERE, "test_adapters_are_read_as_safetensors_alone"),
    "the cache": ("feature_cache/test_arrays.py", "test_object_header_is_never_unpickled"),
    "a cache cut short": (
        "feature_cache/test_repair.py",
        "test_a_file_that_was_cut_short_is_refused_before_it_is_mapped",
    ),
    "images": (HERE, "test_images_are_of_the_named_formats_and_no_bombs"),
    "links in `images/`": ("feature_cache/test_content.py", "test_links_stay_in_the_dataset_folder"),
    "downloads": ("dataset_makers/test_prepare_download.py", "test_what_a_server_does_wrong_ends_in_a_message"),
    "fetched images": ("dataset_makers/test_prepare_images.py", "test_each_way_to_misbehave_has_its_outcome"),
    "pages of `ptmrec show`": ("run_tools/test_show.py", "test_the_page_needs_nothing_else_and_runs_nothing"),
    "requests to `ptmrec serve`": ("run_tools/test_serve.py", "test_a_bad_question_is_answered_with_what_is_wrong"),
    "`serving.safetensors` of a run": (
        "run_tools/test_serve.py",
        "test_a_second_start_reads_no_checkpoint_and_a_changed_run_is_read_anew",
    ),
    "tables in LaTeX": ("mmrec_host/test_tables.py", "test_latex_escapes_and_marks"),
    "what is printed and logged": ("mmrec_host/test_printable.py", "test_what_is_said_and_logged_is_printable"),
    "tables in CSV": (
        "mmrec_host/test_printable.py",
        "test_cells_that_a_spreadsheet_would_compute_are_text_and_numbers_stay_numbers",
    ),
    "names": ("mmrec_host/test_records.py", "test_no_name_leaves_the_root"),
    "outputs": ("faults/test_outputs.py", "test_nothing_is_written_over_what_is_there"),
}


def test_every_line_of_the_list_has_a_test():
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8").partition("## What is not")[2]
    lines = re.findall(r"^\| (.+?) \| .+ \|$", text, re.MULTILINE)[2:]  # behind the heading
    assert sorted(lines) == sorted(TESTS)
    for file, name in TESTS.values():
        tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, name


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def marker(tmp_path: Path):
    """The file that would be there if something had been unpickled."""
    path = tmp_path / "unpickled"
    yield path
    assert not path.exists()


def test_yaml_makes_no_objects_and_is_bounded():
    for text in ("!!python/object/apply:os.getcwd []", "!!python/name:os.getcwd", "a: &a [*a]", "[" * 5000):
        with pytest.raises(ConfigError, match="no YAML value"):
            parse_value(text)
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]" for old, new in zip("abcdefgh", "bcdefghi")]
    with pytest.raises(ConfigError, match="values, those of aliases among them"):
        parse_value("\n".join(lines))
    assert parse_value("a: &a {b: 1}\nc: {<<: *a, d: 2}")["c"] == {"b": 1, "d": 2}


def test_arrays_are_never_unpickled(tmp_path, marker):
    np.save(tmp_path / "image_feat.npy", np.array([[Touch(marker)]], object), allow_pickle=True)
    keys = {"modalities": ["v"], "vision_feature_file": "image_feat.npy", "text_feature_file": "text_feat.npy"}
    with pytest.raises(DataError, match=r"image_feat.npy: is no array that can be read safely"):
        file_features(Config(keys), tmp_path, 1)


def test_checkpoints_are_weights_and_plain_values_alone(tmp_path, marker):
    for name in ("checkpoint.pt", "resume.pt"):
        torch.save({"state": Touch(marker), "format": 1}, tmp_path / name)
    with pytest.raises(DataError, match="checkpoint.pt: cannot be read"):
        best_state(tmp_path)
    with pytest.raises(DataError, match="resume.pt: this checkpoint cannot be read"):
        Checkpoint(tmp_path / "resume.pt", {}, 0).load()


def test_adapters_are_read_as_safetensors_alone(finished, ptmrec, tmp_path, marker):
    import shutil

    run = tmp_path / "run"
    shutil.copytree(finished("tuned"), run)
    weights = next((run / "adapter").glob("*.safetensors"))
    weights.write_bytes(pickle.dumps(Touch(marker)))
    code, _, said = ptmrec("recommend", "-q", "--run", run, "--text", "a red shoe")
    assert code == 2 and f"{weights.name}: damaged, or replaced" in said


def test_images_are_of_the_named_formats_and_no_bombs(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.ppm")
    with pytest.raises(BrokenImageError, match="no JPEG, PNG, WEBP, GIF, BMP, AVIF, TIFF image"):
        check_image((tmp_path / "a.ppm").read_bytes())
    Image.new("1", (30_000, 30_000)).save(tmp_path / "bomb.png")
    with pytest.raises(BrokenImageError, match="DecompressionBomb"):
        check_image((tmp_path / "bomb.png").read_bytes())
