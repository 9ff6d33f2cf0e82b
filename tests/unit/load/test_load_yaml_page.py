"""docs/yaml.md says how odd spellings are read; every row of its tables is run here."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from meshgen.load.yaml import parse_documents

PAGE = Path(__file__).parents[3] / "docs" / "yaml.md"
ROW = re.compile(r"\| `(.+?)` \| (?:`(.+?)`|nothing) \| (MG\d{4})? ?\| (MG\d{4})? ?\|")


def rows() -> list[tuple[str, str, str, str]]:
    lines = PAGE.read_text().splitlines()
    found = [match.groups(default="") for match in map(ROW.fullmatch, lines) if match]
    written = [line for line in lines if line.startswith("| `")]
    assert len(found) == len(written), "a row that the test cannot read"
    return found


def written(text: str) -> bytes:
    text = text.replace("\\|", "|").replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t")
    return re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes([int(match[1], 16)]), text.encode())


@pytest.mark.parametrize(("text", "value", "native", "intent"), rows(), ids=lambda part: part[:30])
def test_each_row_of_the_page_is_true(text: str, value: str, native: str, intent: str):
    for api_version, code in (("networking.istio.io/v1", native), ("meshgen/v1", intent)):
        documents, diagnostics = parse_documents(f"apiVersion: {api_version}\n".encode() + written(text), "f.yaml")
        assert [d.code.number for d in diagnostics] == ([code] if code else [])
        rest = [{key: item for key, item in document.value.items() if key != "apiVersion"} for document in documents]
        wanted = [json.loads(value.replace("\n", "\\n"))] if value else []
        assert json.dumps(rest) == json.dumps(wanted)


def test_the_page_has_its_tables():
    assert len(rows()) > 60
