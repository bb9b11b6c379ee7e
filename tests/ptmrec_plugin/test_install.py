from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from mmrec_host.errors import UserError
from mmrec_host.yaml_values import read_mapping
from ptmrec_plugin.commands.install import InstallCommand, UninstallCommand, install, uninstall
from ptmrec_plugin.commands.run_mmrec import RunMMRec, run_main

STUB, SETTINGS = "src/models/ptmrec.py", "src/configs/model/PTMRec.yaml"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The parts of MMRec's layout by which a checkout is recognised; its main.py says what it was given."""
    for name in (
        "src/common/abstract_recommender.py",
        "src/utils/quick_start.py",
        "src/configs/overall.yaml",
        "src/models/bpr.py",
        "src/configs/model/BPR.yaml",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("theirs\n")
    (tmp_path / "src/main.py").write_text(
        "import os, sys\nopen('seen.txt', 'w').write(' '.join([os.getcwd(), sys.path[0], *sys.argv]))\n"
    )
    return tmp_path


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def parsed(command: object, *arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return parser.parse_args(arguments)


def test_install_adds_two_files_and_uninstall_restores_the_tree(checkout: Path) -> None:
    before = tree(checkout)
    assert InstallCommand().run(parsed(InstallCommand(), "--mmrec-home", str(checkout))) == 0
    after = tree(checkout)
    assert set(after) - set(before) == {STUB, SETTINGS}
    assert {name: after[name] for name in before} == before
    cached = checkout / "src/models/__pycache__/ptmrec.cpython-311.pyc"
    cached.parent.mkdir()
    cached.write_bytes(b"bytecode of the stub")
    assert UninstallCommand().run(parsed(UninstallCommand(), "--mmrec-home", str(checkout))) == 0
    assert tree(checkout) == before


def test_yaml_leaves_the_schedule_to_the_plugin(checkout: Path) -> None:
    install(checkout)
    settings = read_mapping(checkout / SETTINGS)
    mmrec = {"req_training": False, "epochs": 1, "end2end": True, "hyper_parameters": []}
    assert {key: settings[key] for key in mmrec} == mmrec
    assert {"base", "mode", "encoder", "peft"} <= set(settings)


def test_both_are_idempotent_and_edits_of_the_yaml_survive_a_second_install(checkout: Path) -> None:
    install(checkout)
    edited = (checkout / SETTINGS).read_text().replace("VBPR", "FREEDOM")
    (checkout / SETTINGS).write_text(edited)
    assert install(checkout) == []
    assert (checkout / SETTINGS).read_text() == edited
    assert len(uninstall(checkout)) == 2
    assert uninstall(checkout) == []


def test_an_outdated_stub_is_renewed(checkout: Path) -> None:
    install(checkout)
    current = (checkout / STUB).read_text()
    (checkout / STUB).write_text(current.replace("ptmrec_class()", "an_older_name()"))
    assert install(checkout) == [checkout / STUB]
    assert (checkout / STUB).read_text() == current


@pytest.mark.parametrize("name", [STUB, SETTINGS])
def test_a_users_own_file_stops_install_before_anything_is_written(checkout: Path, name: str) -> None:
    (checkout / name).write_text("mine\n")
    before = tree(checkout)
    with pytest.raises(UserError, match=Path(name).name):
        install(checkout)
    assert tree(checkout) == before


def test_uninstall_leaves_a_users_own_file_and_says_so(checkout: Path) -> None:
    install(checkout)
    (checkout / SETTINGS).write_text("mine\n")
    with pytest.raises(UserError, match=r"PTMRec\.yaml.*left in place"):
        uninstall(checkout)
    assert not (checkout / STUB).exists()
    assert (checkout / SETTINGS).read_text() == "mine\n"


@pytest.mark.parametrize("action", [install, uninstall, lambda home: run_main(home, [])])
def test_a_folder_that_is_no_checkout_is_refused_by_what_it_lacks(checkout: Path, action) -> None:
    (checkout / "src/common/abstract_recommender.py").unlink()
    before = tree(checkout)
    with pytest.raises(UserError, match=r"no MMRec checkout, src/common/abstract_recommender\.py not found") as error:
        action(checkout)
    assert error.value.exit_code == 2
    assert tree(checkout) == before


def test_run_mmrec_runs_main_as_its_own_script(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())  # pandas, which the fake main does not use
    here = Path.cwd()
    assert RunMMRec().run(parsed(RunMMRec(), "--mmrec-home", str(checkout), "--", "-m", "BPR", "-d", "baby")) == 0
    source = (checkout / "src").resolve()
    assert (source / "seen.txt").read_text() == f"{source} {source} main.py -m BPR -d baby"
    assert Path.cwd() == here


def test_run_mmrec_asks_for_pandas(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install pandas"):
        run_main(checkout, ["-m", "BPR"])
    assert not (checkout / "src/seen.txt").exists()
