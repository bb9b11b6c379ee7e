from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

import pytest
from made_up_fork import write_fork

from mmrec_bridge import clone
from mmrec_host.errors import UserError
from mmrec_host.yaml_values import read_mapping
from ptmrec_plugin.checkout.install import install, uninstall
from ptmrec_plugin.commands.install import InstallCommand, UninstallCommand
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


def test_forks_without_src_or_with_names_in_capitals(tmp_path: Path) -> None:
    pytest.importorskip("pandas")  # run-mmrec looks for it before it starts a checkout
    capitals = {"utils/configurator.py": "folder = 'src/configs'\nname = config_dict['model'].upper()\n"}
    main = {"main.py": "import os, sys\nopen('seen.txt', 'w').write(' '.join([os.getcwd(), sys.path[0], *sys.argv]))\n"}
    flat = write_fork(tmp_path / "flat", main, source=".").resolve()
    named = write_fork(tmp_path / "named", {**main, **capitals}).resolve()
    for home, expected in (
        (flat, {"models/ptmrec.py", "configs/model/PTMRec.yaml"}),
        (named, {"src/models/ptmrec.py", "src/configs/model/PTMREC.yaml"}),
    ):
        before = tree(home)
        assert {str(path.relative_to(home)) for path in install(home)} == expected == set(tree(home)) - set(before)
        stub = next(text for name, text in tree(home).items() if name.endswith("ptmrec.py"))
        assert (b"\nPTMREC = PTMRec\n" in stub) == (home == named)
        uninstall(home)
        assert tree(home) == before
        run_main(home, ["-m", "BPR"])
    assert (flat / "seen.txt").read_text() == f"{flat} {flat} main.py -m BPR"
    assert (named / "seen.txt").read_text() == f"{named} {named / 'src'} src/main.py -m BPR"  # it looks for src/configs


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


def git(folder: Path, *arguments: str) -> str:
    own = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]
    return subprocess.run(
        ["git", *own, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def remote(checkout: Path) -> Path:
    """The checkout as a repository: two commits on main, one more on the branch `fork`."""
    git(checkout, "init", "-q")
    for message, branch in (("first", None), ("second", None), ("third", "fork")):
        if branch:
            git(checkout, "checkout", "-q", "-b", branch)
        (checkout / "src/models/bpr.py").write_text(message)
        git(checkout, "add", ".")
        git(checkout, "commit", "-q", "-m", message)
    git(checkout, "checkout", "-q", "main")
    return checkout


def install_with(home: Path, *arguments: str) -> int:
    return InstallCommand().run(parsed(InstallCommand(), "--mmrec-home", str(home), *arguments))


@pytest.fixture
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("elsewhere") / "deep" / "MMRec"


def test_clone_gets_the_default_branch_a_branch_or_a_commit(remote: Path, new: Path) -> None:
    for number, (at, content) in enumerate([([], "second"), (["fork"], "third"), (["main~1"], "first")]):
        home = new.with_name(f"MMRec{number}")
        at = [git(remote, "rev-parse", at[0])] if at == ["main~1"] else at
        assert install_with(home, "--clone", "--from", str(remote), *(["--at", *at] if at else [])) == 0
        assert (home / "src/models/bpr.py").read_text() == content and (home / STUB).is_file()
        assert [p.name for p in home.parent.iterdir() if p.name.startswith(".")] == []


def test_clone_leaves_an_existing_checkout_at_its_commit(remote: Path, new: Path, capsys) -> None:
    install_with(new, "--clone", "--from", str(remote), "--at", "fork")
    before = tree(new)
    assert install_with(new, "--clone", "--from", str(remote), "--at", "main") == 0
    assert tree(new) == before and "left alone" in capsys.readouterr().out


def test_clone_by_default_is_of_the_commit_that_is_known_to_work(monkeypatch, new: Path) -> None:
    seen = []
    monkeypatch.setattr(clone, "_git", lambda failure, *words: seen.append(words))
    monkeypatch.setattr(clone, "_commit", lambda checkout, ref: ref)
    with pytest.raises(UserError):  # nothing was cloned
        clone.clone(new)
    assert clone.MMREC in seen[0] and seen[1][-1] == clone.KNOWN_TO_WORK


def test_a_clone_that_fails_says_why_and_leaves_nothing(remote: Path, new: Path, monkeypatch) -> None:
    for words, message in (
        (["--from", str(remote), "--at", "nothing"], "no branch, tag or commit 'nothing'"),
        (["--from", str(remote), "--at=--force"], "no branch, tag or commit '--force'"),
        (["--from", str(remote / "nowhere")], "cannot clone .*nowhere.*git says"),
        (["--from=--upload-pack=touch x"], "cannot clone"),
    ):
        with pytest.raises(UserError, match=message):
            install_with(new, "--clone", *words)
        assert list(new.parent.iterdir()) == []
    (remote / "src/main.py").unlink()
    git(remote, "commit", "-q", "-am", "gone")
    with pytest.raises(UserError, match=r"is not MMRec.*src/main\.py"):
        install_with(new, "--clone", "--from", str(remote))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="needs git"):
        install_with(new, "--clone", "--from", str(remote))
    assert list(new.parent.iterdir()) == []
    new.mkdir()
    (new / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="no MMRec checkout"):
        install_with(new, "--clone")
    assert tree(new) == {"mine.txt": b"mine"}
    with pytest.raises(UserError, match="add --clone"):
        install_with(remote, "--at", "main")


def test_uninstall_keeps_the_runs_unless_told(checkout: Path, capsys) -> None:
    runs = checkout / "src/log/ptmrec/runs"
    runs.mkdir(parents=True)
    (checkout / "src/log/theirs.log").write_text("theirs")
    before = tree(checkout)
    (runs / "run.json").write_text("{}")
    install(checkout)
    words = ["--mmrec-home", str(checkout)]
    UninstallCommand().run(parsed(UninstallCommand(), *words))
    assert (runs / "run.json").is_file() and "--runs" in capsys.readouterr().out
    UninstallCommand().run(parsed(UninstallCommand(), *words, "--runs"))
    assert tree(checkout) == before and not runs.parent.exists()


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
