"""The command line as a user meets it: results, lists, help, and errors with exit code 2."""

from __future__ import annotations

import csv
import io
import json
import logging
import re

import numpy as np
import pytest

from mmrec_host.cli.listed_values import expand
from mmrec_host.cli.main import OUR_PACKAGES, main
from mmrec_host.errors import ConfigError
from mmrec_host.version import __version__


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    root = logging.getLogger()
    root.handlers = [h for h in root.handlers if "Tqdm" not in type(h).__name__]
    for package in OUR_PACKAGES:  # -q and -v set their levels
        logging.getLogger(package).setLevel(logging.NOTSET)


@pytest.fixture
def words(toy_keys) -> list[str]:
    return [f"{k}={v}".replace("'", "") for k, v in toy_keys.items() if k != "progress"]


def test_two_models_and_two_seeds_end_in_one_table_that_prints_again(words, capsys, tmp_path):
    assert main(["-q", "-m", "VBPR", "BPR", "-d", "toy", "--seeds", "2", "--cost", *words, "VBPR.reg_weight=0.1"]) == 0
    first = capsys.readouterr().out
    assert first.index("VBPR") < first.index("\nBPR") and "±" in first and "peak MB" in first
    assert max(map(len, first.splitlines())) <= 100
    assert len(list((tmp_path / "runs" / "toy").iterdir())) == 4
    assert main(["table", "-d", "toy", "--runs", str(tmp_path / "runs"), "--format", "csv"]) == 0
    assert "VBPR" in capsys.readouterr().out


def test_a_list_of_options_is_a_run_each_in_one_table_with_what_each_costs(words, capsys, tmp_path):
    argv = ["-q", "-m", "PTMRec", "VBPR", "-d", "toy", "peft=[lora,adapter]", "base=[VBPR,Content]", "adapter_width=4"]
    quick = ["stage2_epochs=2", "pool_size=24", "PTMRec.tuning_learning_rate=0.01"]
    assert main([*argv, *quick, *words]) == 0
    capsys.readouterr()
    assert main(["table", "-d", "toy", "--runs", str(tmp_path / "runs"), "--format", "csv", "--cost"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    tuned = [row for row in rows if row["model"].startswith("PTMRec")]
    (plain,) = (row for row in rows if row["model"].startswith("VBPR"))
    chosen = [(row["peft"], "base=Content" in row["model"], "adapter_width=4" in row["model"]) for row in tuned]
    assert chosen == [("lora", False, False), ("lora", True, False), ("adapter", False, True), ("adapter", True, True)]
    assert not plain["peft"]
    for row in tuned:
        assert float(row["s/epoch"]) > 0 and float(row["items/s"]) > 0 and float(row["valid gain"]) >= 0
        share = 100 * float(row["peft parameters"]) / 3_490_000  # the tiny encoder's size, nearly
        assert float(row["peft share %"]) == pytest.approx(share, rel=0.02)
        assert float(row["adapter kB"]) * 1000 > 4 * float(row["peft parameters"])  # float32
    assert len(tuned) == 4


def test_any_key_of_one_value_may_be_listed_for_the_models_that_know_it(words, capsys, tmp_path):
    listed = ["mode=[frozen,frozen_continued]", "n_layers=[1,2]", "stage2_epochs=1", "seed=[3,4]"]
    assert main(["-q", "-m", "PTMRec", "LightGCN", "BPR", "-d", "toy", *listed, *words]) == 0
    capsys.readouterr()
    assert main(["table", "-d", "toy", "--runs", str(tmp_path / "runs"), "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    changed = [
        re.findall(r"^\w+|mode=\w+|n_layers=\d", row["model"]) for row in rows if row["model"].split()[0] != "VBPR"
    ]
    frozen, continued, one, two, bpr = changed
    assert (frozen, continued) == (["PTMRec", "mode=frozen"], ["PTMRec", "mode=frozen_continued"])
    assert (one, two, bpr) == (["LightGCN", "n_layers=1"], ["LightGCN"], ["BPR"])  # 2 is the default
    assert {row["seeds"] for row in rows} == {"2"}


def test_what_is_a_list_already_or_changes_no_result_is_not_run_for_each(words, capsys):
    changes = {"kt_teacher": ["base", "VBPR"], "vision_blocks": [3, 4], "topk": [5, 10], "kt_weight": [0, 1, 1]}
    runs = expand("PTMRec", "toy", changes)
    assert runs == [{**changes, "kt_weight": weight} for weight in (0, 1)]
    for_options = expand("PTMRec", "toy", {"peft": ["lora", "adapter"], "adapter_width": [4, 8]})
    assert [(run["peft"], run["adapter_width"]) for run in for_options] == [
        ("lora", [4, 8]),
        ("adapter", 4),
        ("adapter", 8),
    ]
    with pytest.raises(ConfigError, match=r"workers=\[0, 1\].*changes no result"):
        expand("BPR", "toy", {"workers": [0, 1]})


def test_a_failed_model_does_not_stop_the_others(words, capsys):
    assert main(["-q", "-m", "VBPR", "BPR", "-d", "toy", *words, "VBPR.features=files"]) == 1
    captured = capsys.readouterr()
    assert "image_feat.npy" in captured.err and re.search(r"^BPR", captured.out, re.M)


def test_dry_run_trains_nothing_and_says_what_it_would_cost(words, capsys, tmp_path):
    assert main(["-q", "-m", "PTMRec", "-d", "toy", "--dry-run", *words]) == 0
    out = capsys.readouterr().out
    settings = ("kt_weight: 10.0", "teachers: base, FREEDOM", "40 users", "48 items")
    for part in (*settings, "an epoch", "MB", "encodings an epoch", "ms an item"):
        assert part in out
    assert not (tmp_path / "runs").exists()


def test_search_ranks_combinations_by_validation(words, capsys):
    assert main(["-q", "-m", "BPR", "-d", "toy", "--search", *words, "learning_rate=0.01"]) == 0
    out = capsys.readouterr().out
    rows = re.findall(r"^(reg_weight=\S+) +(0\.\d{4}) +train +\d+ +\S+ s$", out, re.M)
    scores = [float(score) for _, score in rows]
    assert len(scores) == 3 and scores == sorted(scores, reverse=True)
    winner = out.partition("-m BPR -d toy")[2].split()
    assert rows[0][0] in winner and "learning_rate=0.01" in winner
    assert max(map(len, out.splitlines())) <= 100


def test_a_list_of_modes_is_a_row_each_and_the_table_says_what_they_do(words, capsys):
    keys = ["mode=[frozen,frozen_continued]", "stage2_epochs=1", "kt_teacher=[base]"]
    assert main(["-q", "-m", "PTMRec", "VBPR", "-d", "toy", *words, *keys]) == 0
    said = " ".join(capsys.readouterr().out.split())
    left = "stage 2 leaves the encoder frozen, without teachers."
    for mode, means in (("frozen", "stage 1 alone, on frozen features."), ("frozen_continued", left)):
        assert re.search(f"PTMRec [^:]*mode={mode}( [^:]*)?: {means}", said)


@pytest.mark.parametrize(
    "kind, names",
    [
        ("models", ["PTMRec", "LATTICE", "Content"]),
        ("peft", ["lora"]),
        ("encoders", ["offline", "vit-b-32", "tiny"]),
        ("datasets", ["mini", "sports"]),
        ("studies", ["mini", "gains"]),
    ],
)
def test_list_names_everything_with_a_few_words(kind, names, capsys):
    assert main(["list", kind]) == 0
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert set(names) <= set(lines) and all(len(lines[name]) > 15 for name in names)


def test_an_encoder_without_a_yaml_serves_the_baselines_too(words, capsys):
    chosen = [w for w in words if not w.startswith("encoder=")]
    keys = ["encoder=open_clip", "encoder_model=tiny", "encoder_pretrained=null"]
    assert main(["-q", "-m", "VBPR", "-d", "toy", *chosen, *keys]) == 0
    assert "encoder=open_clip" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv", [["-h"], ["run", "-h"], ["list", "-h"], ["table", "-h"], ["install", "-h"], ["run-mmrec", "-h"]]
)
def test_help_anywhere(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        main(argv)
    assert stop.value.code == 0 and "usage" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv, message",
    [
        (["-m", "VBPRR", "-d", "toy"], "VBPR"),
        (["-m", "VBPR", "-d", "toys"], "-d mini"),
        (["-m", "VBPR", "-d", "toy", "epoch=3"], "'epochs'"),
        (["-m", "VBPR", "-d", "toy", "encoder=ofline"], "offline"),
        (["-m", "PTMRec", "-d", "toy", "peft=lorra"], "lora"),
        (["-m", "PTMRec", "-d", "toy", "peft=[side,lorra]"], "did you mean 'lora'"),
        (["-m", "PTMRec", "-d", "toy", "peft=[]"], "peft=[a, b]"),
        (["-m", "PTMRec", "-d", "toy", "mode=[frozen,twostage]"], "two_stage"),
        (["-m", "PTMRec", "-d", "toy", "peft=[lora,side]", "adapter_width=3"], "adapter_width"),
        (["-m", "PTMRec", "-d", "toy", "peft=[lora,adapter]", "PTMRec.adapter_widht=3"], "'adapter_widht'"),
        (["-m", "VBPR", "-d", "toy", "encoder=vit-b-32"], "encoder=offline"),
        (["-m", "BPR", "-d", "toy", "topk=[5, 99]"], "topk"),
        (["-m", "BPR", "-d", "toy", "metrics=[Recal]"], "recall"),
        (["-m", "BPR", "-d", "toy", "valid_metric=Recall@7"], "valid_metric"),
        (["-m", "BPR", "-d", "toy", "learner=adamm"], "adamw"),
        (["-m", "BPR", "-d", "toy", "device=tpu9"], "device"),
        (["-m", "BPR", "-d", "toy", "--plugin", "nothing.py"], "nothing.py"),
        (["-m", "BPR", "-d", "toy", "--seeds", "0"], "1 or more"),
        (["-m", "VBPR", "PTMRec", "-d", "toy", "VBPR.kt_weight=0.3"], "kt_weight"),
        (["-m", "BPR", "-d", "toy", "epochs=1.5"], "whole number"),
        (["-m", "BPR", "-d", "toy", "epochs="], "whole number"),
        (["-m", "BPR", "-d", "toy", "learning_rate_scheduler=5"], "list of 2"),
        (["-m", "VBPR", "-d", "toy", "features=no"], "a name"),
        (["-m", "BPR", "-d", "toy", "train_batch_size=0"], "1 or more"),
        (["-m", "BPR", "-d", "toy", "seed=-1"], "whole number, 0 to"),
        (["-m", "VBPR", "-d", "toy", "feature_norm=standart"], "standard, none"),
        (["-m", "PTMRec", "-d", "toy", "pool_size=1"], "2 or more"),
        (["-m", "PTMRec", "-d", "toy", "mode=two_stages"], "joint_kt"),
        (["-m", "PTMRec", "-d", "toy", "mode=[frozen,two_stages]"], "joint_kt"),
        (["-m", "PTMRec", "-d", "toy", "base=LightGCN"], "reads no item features"),
        (["-m", "LATTICE", "-d", "toy", "cf_model=gcn"], "must be one of lightgcn, ngcf, mf"),
        (["-m", "PTMRec", "-d", "toy", "kt_teacher=[base,FREEDON]"], "did you mean 'FREEDOM'"),
    ],
)
def test_what_the_user_can_mend_is_a_message_and_exit_code_2_and_leaves_no_run(words, argv, message, capsys, tmp_path):
    given = {word.partition("=")[0] for word in argv if "=" in word}
    assert main([*argv, "-q", *(w for w in words if w.partition("=")[0] not in given)]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ") and message in captured.err and "Traceback" not in captured.err
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").rglob("run.json"))


def test_a_plugin_file_adds_a_model(words, tmp_path, capsys):
    (tmp_path / "popular.py").write_text(
        "import torch\n"
        "from mmrec_host.models.base import MODELS, Recommender\n"
        "@MODELS.register('Popular')\n"
        "class Popular(Recommender):\n"
        "    'Ranks by popularity.'\n"
        "    def __init__(self, config, loader):\n"
        "        super().__init__(config, loader)\n"
        "        self.counts = torch.tensor(loader.inter_matrix('csr').sum(0).A1, dtype=torch.float32)\n"
        "    def representations(self):\n"
        "        return torch.ones(self.n_users, 1), self.counts[:, None]\n"
    )
    assert (
        main(
            [
                "-q",
                "-m",
                "Popular",
                "-d",
                "toy",
                "--plugin",
                "popular.py",
                *words,
                "req_training=false",
                "is_multimodal_model=false",
            ]
        )
        == 0
    )
    assert "Popular" in capsys.readouterr().out
    (tmp_path / "broken.py").write_text("import nowhere_to_be_found\n")
    assert main(["-m", "BPR", "-d", "toy", "--plugin", "broken.py"]) == 2
    assert "nowhere_to_be_found" in capsys.readouterr().err


def test_a_corrupt_image_is_reported_and_survived(words, raw_data, caplog, tmp_path):
    (raw_data / "toy" / "images" / "3.png").write_bytes(b"no picture")
    (raw_data / "toy" / "images" / "4.png").unlink()
    assert main(["-m", "VBPR", "-d", "toy", *words]) == 0
    assert "1 have no image and 1 a broken one" in caplog.text and "content_report.json" in caplog.text
    report = json.loads(next((tmp_path / "cache").rglob("content_report.json")).read_text())
    assert report["missing_images"] == [4] and list(report["broken_images"]) == ["3"]


def test_features_of_a_wrong_length_and_with_nan(words, raw_data, capsys):
    for rows, message in ((47, "48 items"), (48, "NaN")):
        table = np.ones((rows, 4))
        table[5] = np.nan
        np.save(raw_data / "toy" / "image_feat.npy", table)
        assert main(["-q", "-m", "VBPR", "-d", "toy", *words, "features=files", "modalities=[v]"]) == 2
        assert message in capsys.readouterr().err


def test_what_nobody_foresaw_is_a_bug_with_its_traceback_in_a_file(words, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("mmrec_host.runs.engine.load_dataset", lambda config: {}["nobody"])
    assert main(["-q", "-m", "BPR", "-d", "toy", *words]) == 1
    said = capsys.readouterr().err
    assert f"error: this is a bug in ptmrec {__version__}: KeyError: 'nobody'" in said and "Traceback" not in said
    (file,) = tmp_path.glob("ptmrec-bug-*.txt")
    assert str(file) in said and "Traceback" in file.read_text() and __version__ in file.read_text()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileExistsError(17, "File exists", "runs"), "runs: a file stands where a folder must be"),
        (IsADirectoryError(21, "Is a directory", "a/b"), "a/b: is a folder, and a file must be there"),
        (OSError(36, "File name too long", "x" * 5000), "the name is too long for a file"),
        (OSError(28, "No space left on device"), "the disk is full. Free space"),
        (MemoryError(), "there is not enough memory"),
    ],
)
def test_what_the_system_refuses_is_a_message(words, monkeypatch, capsys, error, said):
    def refuse(config):
        raise error

    monkeypatch.setattr("mmrec_host.runs.engine.load_dataset", refuse)
    assert main(["-q", "-m", "BPR", "-d", "toy", *words]) == 2
    err = capsys.readouterr().err
    assert said in err and "Traceback" not in err and len(err) < 1000


@pytest.mark.parametrize("body", ["raise SystemExit(3)", "raise BaseException('no')", "exit()", "1 / 0"])
def test_a_plugin_that_ends_or_fails_is_named(words, tmp_path, capsys, body):
    (tmp_path / "odd.py").write_text(body)
    assert main(["-q", "-m", "BPR", "-d", "toy", *words, "--plugin", str(tmp_path / "odd.py")]) == 2
    assert "odd.py: fails on import with" in capsys.readouterr().err


def test_a_device_that_is_not_there_is_one_line(words, capsys):
    assert main(["-q", "-m", "Pop", "-d", "toy", *words, "device=mps"]) == 2
    said = capsys.readouterr().err
    assert "no Metal device" in said and said.count("error: ") == 1


def test_signs_that_the_terminal_lacks_end_no_command(monkeypatch, tmp_path):
    with (tmp_path / "out").open("w", encoding="ascii") as out:
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setattr("mmrec_host.cli.commands.list.known_yamls", lambda kind: {"naïve": tmp_path / "y.yaml"})
        (tmp_path / "y.yaml").write_text("# † about\n", encoding="utf-8")
        assert main(["list", "studies"]) == 0
    assert "na?ve  ? about" in (tmp_path / "out").read_text()


def test_keys_of_other_toolkits_are_told_what_stands_in_for_them(words, capsys):
    assert main(["-q", "-m", "Pop", "-d", "toy", *words, "split_ratio=[8,1,1]", "eval_neg=99", "epoch=3"]) == 2
    split, ranking, near = capsys.readouterr().err.splitlines()
    assert "--split-rule" in split and "of all items" in ranking and "did you mean 'epochs'" in near
