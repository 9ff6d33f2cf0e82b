"""The map is the house: rooms, sizes of modules and functions, and codes that are used, explained and proven."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from meshgen.diagnostics import Code
from meshgen.diagnostics.catalogue import AREAS, CODES

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "meshgen"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)
CATALOGUE = PACKAGE / "diagnostics/catalogue"

UNPROVEN: frozenset[str] = frozenset()
"""Codes that no test and no golden case gives. The list only shrinks."""


# --- rooms ----------------------------------------------------------------------------------------------------------------
def rooms() -> dict[str, str]:
    """The rows of the room table of docs/architecture.md: a room's path, and what it is said to hold."""
    text = (ROOT / "docs/architecture.md").read_text().partition("## Rooms")[2].partition("\n## ")[0]
    found: dict[str, str] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            found |= dict.fromkeys(re.findall(r"`([^`]+)`", cells[0]), cells[1])
    return found


def test_the_map_has_every_room_and_none_that_does_not_exist():
    present = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in PACKAGE.iterdir()
        if (path / "__init__.py").is_file() or path.suffix == ".py"
    }
    mapped = {f"{Path(room).parts[0]}/" if "/" in room else room for room in rooms()}
    assert mapped == present - {"__init__.py"}


@pytest.mark.parametrize("room", rooms())
def test_a_room_holds_the_modules_that_the_map_names(room: str):
    assert (PACKAGE / room).exists()
    named = re.findall(r"`([a-z_]+\.py)`", rooms()[room])
    assert [name for name in named if not (PACKAGE / room / name).is_file()] == []


# --- sizes ----------------------------------------------------------------------------------------------------------------
def test_no_module_has_more_than_500_lines():
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in MODULES}
    assert {path: length for path, length in lengths.items() if length > 500} == {}


def test_no_function_has_more_than_60_lines():
    long = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None
    }
    assert {name: length for name, length in long.items() if length > 60} == {}


# --- codes ----------------------------------------------------------------------------------------------------------------
NAMES = {value.number: name for area in AREAS for name, value in vars(area).items() if isinstance(value, Code)}


def words(paths: list[Path]) -> set[str]:
    return {word for path in paths for word in re.findall(r"\w+", path.read_text(errors="replace"))}


def test_the_catalogue_has_every_module_of_its_folder():
    assert {Path(str(area.__file__)).stem for area in AREAS} == {path.stem for path in CATALOGUE.glob("*.py")} - {"__init__"}


def test_every_code_is_used():
    used = words([path for path in MODULES if path.parent != CATALOGUE])
    assert [number for number, name in NAMES.items() if name not in used] == []


@pytest.mark.parametrize("number", CODES)
def test_every_code_has_a_page_with_an_example(number: str):
    code = CODES[number]
    assert re.fullmatch(r"MG[01][0-9]{3}", number)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code.slug)
    assert not code.title.endswith(".")
    assert code.page.count("```") >= 2
    assert code.page.count("```") % 2 == 0


def test_no_two_codes_have_one_slug():
    slugs = [code.slug for code in CODES.values()]
    assert [slug for slug in slugs if slugs.count(slug) > 1] == []


def test_every_code_has_a_test_or_a_golden_case_that_gives_it():
    tests = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    proven = words([*tests, *(ROOT / "golden").rglob("diagnostics.txt")])
    unproven = {number for number, name in NAMES.items() if not {number, name} & proven}
    assert unproven == UNPROVEN


# --- pages ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_the_sections_that_a_module_follows_exist(path: Path):
    cited = re.findall(r"(?<!\")\b(?:docs/)?([a-z0-9/-]+\.md)((?:(?: and|,)? §[0-9.]*[0-9])*)", path.read_text())
    for page, sections in cited:
        headings = re.findall(r"^#+ ([0-9.]*[0-9])", (ROOT / "docs" / page).read_text(), re.MULTILINE)
        assert set(re.findall(r"[0-9.]*[0-9]", sections)) <= set(headings)
