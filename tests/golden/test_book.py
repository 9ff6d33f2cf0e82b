"""The chapters: each a short lesson in YAML and in Python that says the same, and every section of the book has its answer."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import pytest

from meshgen.load.load import Options
from meshgen.load.project import IstioOutput
from meshgen.outputs import delivery_tree
from meshgen.pipeline import Result, compile_clusters, envoy_snapshots

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "examples/book"
CHAPTERS = sorted(path.name for path in BOOK.iterdir() if path.is_dir())


@lru_cache(maxsize=64)
def compiled(folder: Path) -> Result:
    return compile_clusters(folder, Options())[0]


def delivered(result: Result) -> dict[str, bytes]:
    output = (result.project.outputs.istio if result.project is not None else None) or IstioOutput()
    tree, _ = delivery_tree(result, output, Path("deliver"))
    return dict(tree.files) if tree is not None else {}


def messages(result: Result) -> list[str]:
    return sorted(f"{diagnostic.code.number} {diagnostic.message}" for diagnostic in result.diagnostics)


def of_envoy(result: Result) -> list[object]:
    found, _ = envoy_snapshots(result.mesh, result.proxies)
    return [(each.proxy.id, each.listeners, each.routes, each.clusters, each.endpoints) for each in found]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_is_a_lesson_with_sources_in_yaml_and_in_python(chapter: str):
    folder = BOOK / chapter
    assert re.match(r"# (Chapter|Appendi)", (folder / "README.md").read_text())
    assert '"lesson"' in (folder / "case.toml").read_text()
    assert (folder / "mesh").is_dir()
    assert (folder / "python/meshgen.yaml").is_file()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_yaml_and_python_give_the_same_bytes(chapter: str):
    yaml, python = compiled(BOOK / chapter), compiled(BOOK / chapter / "python")
    assert messages(python) == messages(yaml)
    assert [artifact.object for artifact in python.artifacts] == [artifact.object for artifact in yaml.artifacts]
    assert python.mesh.config == yaml.mesh.config
    assert of_envoy(python) == of_envoy(yaml)
    assert delivered(python).keys() == delivered(yaml).keys()


SECTIONS = [line.split(maxsplit=1) for line in (ROOT / "tests/data/book-sections.txt").read_text().splitlines()]


def lesson_of(section: str) -> Path:
    """The README that answers for a section: its chapter's, the book's own for chapter 1, which has no configuration."""
    if section.startswith("1."):
        return BOOK / "README.md"
    prefix = f"{int(section.partition('.')[0]):02d}-" if section[0].isdigit() else "appendices"
    return next(BOOK / name / "README.md" for name in CHAPTERS if name.startswith(prefix))


@pytest.mark.parametrize(("section", "subject"), SECTIONS)
def test_every_section_of_the_book_has_its_answer(section: str, subject: str):
    lesson = lesson_of(section)
    rows = [line for line in lesson.read_text().splitlines() if line.startswith(f"| {section} |")]
    assert len(rows) == 1, f"{section} ({subject}) in {lesson}"
    answer = rows[0].split(" | ", 2)[2].strip(" |")
    assert answer
    for path in re.findall(r"\]\(([^)#]+)\)", answer):
        assert (lesson.parent / path).exists(), path
