"""What no file may do: import against the arrows between the packages, stand in a circle, grow past 400 lines."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "feature_cache": set(),
    "mmrec_host": {"mmrec_configs"},
    "mmrec_bridge": {"mmrec_host"},
    "dataset_makers": {"mmrec_host", "feature_cache"},
    "run_tools": {"mmrec_host", "feature_cache"},
    "ptmrec_plugin": {"run_tools", "mmrec_bridge", "mmrec_host", "feature_cache"},
}
OURS = {*ALLOWED, "mmrec_configs", "benchmarks", "tests"}
LONGEST = 400  # lines
VAGUE = {"utils", "util", "common", "helpers", "helper"}
MMREC_S = "mmrec_bridge.mmrec_names"  # MMRec's own module names, under which its models import

Graph = dict[str, set[str]]


def module_name(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = {module_name(file): file for package in ALLOWED for file in sorted((ROOT / package).rglob("*.py"))}


def imports(module: str) -> Iterator[str]:
    """The modules that a file names in imports anywhere in it: at the top, in functions, for types only."""
    package = module.split(".") if FILES[module].name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) + 1 - node.level], *([node.module] if node.module else [])]
            start = ".".join(base) if node.level else str(node.module)
            for alias in node.names:
                whole = f"{start}.{alias.name}"
                yield whole if whole in FILES else start


IMPORTS: Graph = {module: set(imports(module)) for module in FILES}
"""Module -> what it imports, of other projects too."""


def circle(graph: Graph) -> str | None:
    """A chain of imports that ends where it begins, if there is one."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " imports ".join(reversed(error.args[1]))
    return None


def between_rooms(package: str) -> Graph:
    """Folder or file directly in the package -> those that it imports from."""

    def room(module: str) -> str:
        return ".".join(module.split(".")[:2])

    graph: Graph = {}
    for module, imported in IMPORTS.items():
        if module.startswith(f"{package}."):
            rooms = {room(name) for name in imported if name.startswith(f"{package}.")}
            graph.setdefault(room(module), set()).update(rooms - {room(module)})
    return graph


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_only_along_the_arrows(package):
    allowed = ALLOWED[package] | {package}
    against = [
        f"{module} imports {name}"
        for module, imported in IMPORTS.items()
        for name in sorted(imported)
        if module.split(".")[0] == package and name.split(".")[0] in OURS - allowed
    ]
    assert not against, "\n".join(against)


def test_no_files_import_each_other_in_a_circle():
    assert len(FILES) > 100
    chain = circle({module: imported & FILES.keys() for module, imported in IMPORTS.items()})
    assert chain is None, chain


def test_the_plugin_s_rooms_do_not_import_each_other_in_a_circle():
    chain = circle(between_rooms("ptmrec_plugin"))
    assert chain is None, chain


def test_no_file_is_too_long():
    files = [file for place in (*ALLOWED, "tests", "benchmarks") for file in (ROOT / place).rglob("*.py")]
    lengths = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert not {name: n for name, n in lengths.items() if n > LONGEST}


def test_modules_are_called_by_what_they_do():
    vague = [m for m in FILES if VAGUE.intersection(m.split(".")) and not m.startswith(f"{MMREC_S}.")]
    assert not vague


def test_a_circle_is_shown_as_a_chain():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) in {
        "a imports b imports c imports a", "b imports c imports a imports b", "c imports a imports b imports c"
    }  # fmt: skip
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None
