"""What may stand under `search`, and what the command line takes for a search."""

from __future__ import annotations

import sys

import pytest

from mmrec_host.search_spaces import space_errors


@pytest.mark.parametrize(
    "space, message",
    [
        ([1], "must be a mapping"),
        ({"a": 3}, "a: must be a list of values to try, or a range"),
        ({"a": []}, "a: must be a list of values to try"),
        ({"a": {"low": 1}}, "low, high and step must be numbers"),
        ({"a": {"low": "1e-4", "high": 1}}, "1e-3 is text in YAML"),
        ({"a": {"low": 2, "high": 1}}, "low must be below high"),
        ({"a": {"low": 0, "high": 1, "log": True}}, "low must be above 0"),
        ({"a": {"low": 1, "high": 2, "log": "yes"}}, "log must be true or false"),
        ({"a": {"low": 1, "high": 9, "step": 0}}, "step must be above 0"),
        ({"a": {"low": 1, "high": 2, "logarithmic": True}}, "no logarithmic"),
    ],
)
def test_what_is_no_space(space, message):
    (error,) = space_errors(space)
    assert error.startswith("search: ") and message in error


def test_what_is_a_space():
    space = {"a": [1], "b": {"low": 1e-4, "high": 0.1, "log": True}, "c": {"low": 1, "high": 9, "step": 2}}
    assert not list(space_errors(space))


@pytest.mark.parametrize(
    "words, message",
    [
        (["--search", "random"], "--search random: must be grid or optuna"),
        (["--trials", "3"], "--trials: belongs to --search optuna"),
        (["--search", "grid", "--pruner", "median"], "--pruner: belongs to --search optuna"),
        (["--search", "optuna", "--trials", "0"], "--trials 0: must be 1 or more"),
    ],
)
def test_bad_words(words, message, ptmrec):
    code, _, errors = ptmrec("-m", "BPR", "-d", "toy", *words)
    assert code == 2 and message in errors


def test_without_optuna(ptmrec, monkeypatch, toy_keys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    code, _, errors = ptmrec("-m", "BPR", "-d", "toy", "--search", "optuna", f"data_path={toy_keys['data_path']}")
    assert code == 2 and "optuna is not installed (pip install 'ptmrec[search]')" in errors


def test_a_range_in_a_yaml_file_of_one_s_own(ptmrec, monkeypatch, tmp_path):
    (tmp_path / "mmrec_configs" / "model").mkdir(parents=True)
    (tmp_path / "mmrec_configs" / "model" / "BPR.yaml").write_text(
        "# BPR\nreg_weight: 0.1\nsearch: {reg_weight: {low: 1}}\n"
    )
    monkeypatch.chdir(tmp_path)
    code, _, errors = ptmrec("-m", "BPR", "-d", "toy", "--search")
    assert code == 2 and "BPR.yaml: search: reg_weight:" in errors and "must be numbers" in errors
