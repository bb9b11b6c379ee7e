"""What the documents point at is there: their links, and the files of this repository that they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
MADE = {"docs/keys.md"}  # while the site is built
TOPS = "mmrec_(?:host|bridge|configs)|feature_cache|dataset_makers|run_tools|ptmrec_plugin|tests|benchmarks|docs"


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M)


def anchors(document: Path) -> set[str]:
    """Of the headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.+)$", without_code(document.read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_what_is_there(document):
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(document.read_text())):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if str(target.relative_to(ROOT)) in MADE:
            continue
        assert target.is_file(), link
        if anchor and target.suffix == ".md" and target.name != "api.md":  # whose anchors the site makes
            assert anchor in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_of_the_repository_that_are_named_are_there(document):
    for name in re.findall(rf"`((?:{TOPS})/[\w./]*)`", document.read_text().replace("NAME.yaml", "baby.yaml")):
        assert (ROOT / name).exists(), name


def test_the_api_page_s_attributes_are_described_one_a_line():
    """`valid, test: …` is read as an attribute `valid,` of the type `test`."""
    for module in re.findall(r"^::: (\S+)", (ROOT / "docs/api.md").read_text(), re.M):
        path = ROOT / module.replace(".", "/")
        source = (path.with_suffix(".py") if not path.is_dir() else path / "__init__.py").read_text()
        for attributes in re.findall(r"^ +Attributes:\n(.*?)(?:\n\n|\"\"\")", source, re.S | re.M):
            assert not re.search(r"^ +\w+, [\w, ]+:", attributes, re.M), f"{module}:\n{attributes}"
