"""Short, long and short again: each source of the cases and examples says the same, with its comments."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from meshgen.fmt import format_source
from meshgen.intent.decode import decode_intents
from meshgen.intent.kind import Intent
from meshgen.load.yaml import parse_documents

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for path in sorted([*ROOT.glob("golden/**/in/**/*.yaml"), *ROOT.glob("examples/**/mesh/**/*.yaml")])
    if {"errors", "env", "templated"}.isdisjoint(path.parts) and path.name != "meshgen.yaml"
]
AREAS = sorted({path.relative_to(ROOT).parts[1] for path in SOURCES})


def read(text: bytes) -> list[Intent]:
    documents, _ = parse_documents(text, "mesh.yaml")
    intents, _ = decode_intents([each for each in documents if each.api_version == "meshgen/v1"])
    return [each.model for each in intents]


def comments(text: bytes) -> list[str]:
    """The comments, sorted: a form may set them apart by other line breaks."""
    return sorted(found.strip() for found in re.findall(r"(?:^|\s)#[^\n{}\[\]\"']*$", text.decode(), re.MULTILINE))


@pytest.mark.parametrize("area", AREAS)
def test_short_long_short_keeps_meaning_and_comments(area: str) -> None:
    for path in (path for path in SOURCES if path.relative_to(ROOT).parts[1] == area):
        text = path.read_bytes()
        short, found = format_source(text, path.name, short=True)
        assert found == (), path
        long, found = format_source(short, path.name, short=False)
        assert found == (), path
        again, found = format_source(long, path.name, short=True)
        assert found == (), path
        assert read(text) == read(short) == read(long) == read(again), path
        assert comments(text) == comments(short) == comments(long) == comments(again), path
        assert format_source(again, path.name, short=True)[0] == again, path
