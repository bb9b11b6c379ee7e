"""What Python files of a checkout say, read without running them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmrec_host.errors import ConfigError

CONFIGS = {"config", "cfg", "conf"}  # what a checkout calls its configuration: `config[...]`, `self.config[...]`


def parse(path: Path) -> ast.Module:
    """The file's syntax tree, by its coding line; `ConfigError` if it cannot be read or is no Python."""
    try:
        return ast.parse(path.read_bytes(), str(path))
    except (OSError, SyntaxError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as Python: {error}.") from error


def imports(nodes: Iterator[ast.AST], package: str = "") -> Iterator[tuple[str, list[str]]]:
    """Module and the names taken from it, of each import among `nodes`; relative ones are of `package`."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = f"{package}." if node.level else ""
            yield f"{prefix}{node.module or ''}".rstrip("."), [alias.name for alias in node.names]


def constant(node: ast.AST | None) -> Any:
    """The value of a literal; None for anything else."""
    try:
        return None if node is None else ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _is_config(node: ast.AST) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name.lower() in CONFIGS


def keys_read(tree: ast.Module) -> set[str]:
    """Keys of the configuration that the code reads: `config["key"]`, `config.get("key")`."""
    found = set()
    for node in ast.walk(tree):
        key: ast.AST | None = None
        if isinstance(node, ast.Subscript) and _is_config(node.value):
            key = node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            key = node.args[0] if node.func.attr == "get" and _is_config(node.func.value) else None
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            found.add(key.value)
    return found


def top_level_names(tree: ast.Module) -> set[str]:
    """Names that a module has when it is imported, but for those under `if` and the like."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    return found


def program_arguments(tree: ast.Module) -> dict[str, Any]:
    """Defaults of a program's `parser.add_argument(...)`, and of the literals of its `config_dict = {...}`."""
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            if any(isinstance(target, ast.Name) and target.id == "config_dict" for target in node.targets):
                pairs = zip(node.value.keys, node.value.values)
                found |= {str(constant(k)): constant(v) for k, v in pairs if constant(v) is not None}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument":
            names = [name for name in map(constant, node.args) if isinstance(name, str)]
            said = {keyword.arg: constant(keyword.value) for keyword in node.keywords}
            name = next((name for name in names if name.startswith("--")), names[0] if names else "")
            key = said.get("dest") or name.lstrip("-").replace("-", "_")
            flags = {"store_true": False, "store_false": True}
            if key:
                found[key] = said.get("default", flags.get(str(said.get("action"))))
    return found


def unused_packages(tree: ast.Module) -> frozenset[str]:
    """Packages that are imported at the top as a whole (`import x`) alone, and whose name occurs nowhere else."""
    bound = {
        alias.asname or alias.name.partition(".")[0]: alias.name.partition(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    needed = {root for name, root in bound.items() if name in used}
    needed |= {(node.module or "").partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return frozenset(bound.values()) - needed


def done_to_model(trainer: ast.Module) -> tuple[set[str], set[str]]:
    """Attributes that a trainer's code sets of `self.model`, and methods of it that it calls."""
    stored, called = set(), set()
    for node in ast.walk(trainer):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            stored |= {node.attr} if ast.unparse(node.value) == "self.model" else set()
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called |= {node.func.attr} if ast.unparse(node.func.value) == "self.model" else set()
    return stored, called
