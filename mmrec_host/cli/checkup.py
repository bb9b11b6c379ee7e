"""What `ptmrec doctor` looks at, section by section; nothing here fails, whatever is broken."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..environment import CPU_FEATURES, cpu_features, cpu_model, n_cores
from ..hub import hub_answer
from ..installation import extras, packages
from ..version import DISTRIBUTION, __version__

GB = 1e9
WIDTH = 110  # characters of a line


@dataclass
class Section:
    """Rows of a name and what is found, and the problems among it: what is wrong, and what to do."""

    title: str
    rows: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def check_all(places: Mapping[str, Path]) -> list[Section]:
    """Everything, in the order of the screen."""
    return [check_packages(), check_extras(), check_devices(), check_places(places), check_hub()]


def screen(sections: list[Section]) -> str:
    """The sections as text."""
    width = max(len(name) for section in sections for name, _ in section.rows)
    lines = [f"{DISTRIBUTION} {__version__}, Python {platform.python_version()}, {platform.platform()}"]
    for section in sections:
        lines += ["", section.title]
        for name, said in section.rows:
            start, indent = f"  {name:<{width}}  ", " " * (width + 4)
            lines += textwrap.wrap(said, WIDTH, initial_indent=start, subsequent_indent=indent, break_on_hyphens=False)
    problems = [problem for section in sections for problem in section.problems]
    lines += ["", *(f"problem: {problem}" for problem in problems)]
    return "\n".join(lines if problems else [*lines, "All that is required is there and works."])


def check_packages() -> Section:
    """The required packages, each imported."""
    section = Section("Packages")
    said = []
    for package in packages():
        fault = package.fault() or package.import_fault()
        said.append(f"{package.name} {fault or package.version}")
        if fault:
            section.problems.append(f"{package.name} {fault}: {package.command()}")
    section.rows.append(("required", ", ".join(said)))
    return section


def check_extras() -> Section:
    """The optional parts; that one is not installed is no problem."""
    section = Section("Optional parts")
    for extra in extras():
        wanted = packages(extra)
        lacking = [f"{package.name} {fault}" for package in wanted if (fault := package.fault())]
        there = ", ".join(f"{package.name} {package.version}" for package in wanted)
        missing = f"{', '.join(lacking)}: pip install '{DISTRIBUTION}[{extra}]'"
        section.rows.append((extra, missing if lacking else there))
    return section


def check_devices() -> Section:
    """Processor, memory and CUDA devices."""
    section = Section("Devices")
    section.rows.append(("processor", f"{cpu_model()}, {n_cores()} of {os.cpu_count()} cores for this process"))
    known = cpu_features()
    said = "not known here" if known is None else ", ".join(known) or f"none of {', '.join(CPU_FEATURES)}"
    section.rows.append(("instructions", said))
    try:
        import psutil
        import torch
    except Exception:  # named among the packages
        return section
    memory = psutil.virtual_memory()
    section.rows.append(("memory", f"{memory.total / GB:.1f} GB, {memory.available / GB:.1f} GB of it free"))
    section.rows.append(("threads of torch", str(torch.get_num_threads())))
    if not torch.cuda.is_available():
        section.rows.append(("CUDA", "no device: everything runs on the processor"))
    for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        name = f"cuda:{number}"
        try:
            free, total = torch.cuda.mem_get_info(number)
            said = f"{torch.cuda.get_device_name(number)}, {total / GB:.1f} GB, {free / GB:.1f} GB of it free"
            torch.ones(2, device=name).sum().item()
        except RuntimeError as error:
            said = f"does not work ({str(error).partition(chr(10))[0]})"
            section.problems.append(f"{name} {said}: mend the driver, or go without by device=cpu")
        section.rows.append((name, said))
    return section


def check_places(places: Mapping[str, Path]) -> Section:
    """Whether the folders are there, or can be made, and can be written; data that are there may be read-only."""
    section = Section("Folders")
    for key, path in places.items():
        there = next(place for place in (path, *path.absolute().parents) if place.exists())
        said = "there" if path.exists() else "made when it is needed"
        fault = None
        if not there.is_dir():
            fault = f"{there} is a file, where a folder belongs"
        elif not _writable(there):
            said += ", read-only"
            fault = None if key == "data_path" and path.exists() else f"{there} cannot be written"
        free = shutil.disk_usage(there).free
        section.rows.append((key, f"{path}: {fault or said}, {free / GB:.1f} GB free"))
        if fault:
            section.problems.append(f"{key}={path}: {fault}. Name another folder: {key}=FOLDER.")
    return section


def _writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def check_hub() -> Section:
    """Whether the hub of weights answers; without it, encoders whose weights are here work."""
    return Section("Hub", [("hub", hub_answer())])
