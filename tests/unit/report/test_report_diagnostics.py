"""Diagnostics at a terminal: what the reader sees, to the character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgen.diagnostics import UNKNOWN, Code, Diagnostic, Origin, Related, Severity
from meshgen.report.json import diagnostics_to_json, render_json
from meshgen.report.printable import cells, printable, width
from meshgen.report.terminal import render_diagnostics, summarize, window

WRONG = Code(number="MG0104", slug="unknown-service", severity=Severity.ERROR, title="t", page="p", same_as=("IST0101",))
ODD = Code(number="MG0301", slug="odd", severity=Severity.WARNING, title="t", page="p")
NOTE = Code(number="MG0809", slug="note", severity=Severity.INFO, title="t", page="p")

SHOP = b"""kind: Service
name: payments
---
kind: Route
spec:
  rules:
    - match: /pay
      to: paymnts
"""
TEXTS = {"mesh/shop.yaml": SHOP}


def finding(text: bytes = SHOP, *path: str | int, **more: str) -> tuple[Diagnostic, dict[str, bytes]]:
    return WRONG.at(Origin("a.yaml", path=path), "wrong", **more), {"a.yaml": text}


def test_a_finding_has_code_message_place_source_caret_related_and_help():
    diagnostic = WRONG.at(
        Origin("mesh/shop.yaml", 1, ("spec", "rules", 0, "to")),
        "route `checkout` sends to unknown service `paymnts`",
        label="no service of this name in namespace `shop`",
        help="did you mean `payments`?",
        related=[Related(Origin("mesh/shop.yaml", 0, ("name",)), "`payments` is declared here")],
    )
    assert render_diagnostics([diagnostic], TEXTS) == "\n".join([
        "error[MG0104]: route `checkout` sends to unknown service `paymnts`",
        " --> mesh/shop.yaml:8:11",
        "  |",
        "8 |       to: paymnts",
        "  |           ^^^^^^^ no service of this name in namespace `shop`",
        "  = related: mesh/shop.yaml:2: `payments` is declared here",
        "  = help: did you mean `payments`?",
    ])


def test_the_gutter_is_as_wide_as_the_number():
    diagnostic, texts = finding(b"#\n" * 120 + b"to: x\n", "to")
    assert render_diagnostics([diagnostic], texts).splitlines()[1:] == [
        "   --> a.yaml:121:5",
        "    |",
        "121 | to: x",
        "    |     ^",
    ]


def test_a_file_that_is_not_at_hand_has_its_path_and_no_source():
    diagnostic = ODD.at(Origin("<stdin>", path=("spec", "http", 2)), "odd", label="why")
    assert render_diagnostics([diagnostic], {}) == "warning[MG0301]: odd\n --> <stdin> spec.http[2]\n  = note: why"
    assert render_diagnostics([NOTE.at(UNKNOWN, "general")], {}) == "info[MG0809]: general"


def test_a_python_source_has_its_line():
    diagnostic = WRONG.at(Origin("mesh.py", line=2), "wrong")
    assert "2 |   Route('a')" in render_diagnostics([diagnostic], {"mesh.py": b"x = [\n  Route('a')\n]\n"})


def test_the_caret_stands_right_behind_tabs_and_wide_and_combining_characters():
    diagnostic, texts = finding('{"日本": "é\u0301",\t"to": "世界"}'.encode(), "to")
    lines = render_diagnostics([diagnostic], texts).splitlines()
    source, caret = lines[3], lines[4]
    before = source[: source.index('"世界"')]
    assert width(before) == caret.index("^")
    assert caret.count("^") == width('"世界"') == 6


def test_a_long_line_is_cut_around_the_caret():
    line = b"{" + b", ".join(b'"key%d": "value"' % n for n in range(200)) + b"}"
    diagnostic, texts = finding(line, "key100")
    rendered = render_diagnostics([diagnostic], texts, width=60).splitlines()
    source, caret = rendered[3].removeprefix("1 | "), rendered[4].removeprefix("  | ")
    assert source.startswith("…")
    assert source.endswith("…")
    assert len(source) <= 60
    assert source[caret.index("^") :].startswith('"value"')
    assert caret.count("^") == len('"value"')


def test_nothing_in_a_source_or_message_reaches_the_terminal_as_a_command():
    evil = "\x1b[31mred\x07\u202e\u2066"
    diagnostic, texts = finding(f'to: "{evil[4:8]}x" # \x9b'.encode(), "to", label=evil, help=evil)
    diagnostic = WRONG.at(diagnostic.origin, evil, label=evil, help=evil, related=[Related(Origin(evil), evil)])
    rendered = render_diagnostics([diagnostic], {**texts, evil: b""})
    assert all(character.isprintable() or character == "\n" for character in rendered)
    assert "\\e[31mred" in rendered


def test_colour_is_added_only_where_it_is_asked_for_and_changes_no_text():
    diagnostic, texts = finding(SHOP, "name", label="here", help="try")
    plain, colored = (render_diagnostics([diagnostic], texts, color=color) for color in (False, True))
    assert "\x1b" not in plain
    assert colored.startswith("\x1b[1;31merror[MG0104]\x1b[0m")
    stripped = colored
    for code in ("1;31", "1", "34", "0"):
        stripped = stripped.replace(f"\x1b[{code}m", "")
    assert stripped == plain


def test_findings_are_parted_by_a_blank_line_and_summed_up():
    found = [WRONG.at(UNKNOWN, "a"), ODD.at(UNKNOWN, "b"), ODD.at(UNKNOWN, "c")]
    assert render_diagnostics(found, {}) == "error[MG0104]: a\n\nwarning[MG0301]: b\n\nwarning[MG0301]: c"
    assert summarize(found) == "1 error, 2 warnings; `meshgen explain MG0104` says more"
    assert summarize([]) == "no findings"


@given(st.text())
def test_printable_text_is_printable_and_stays_so(text: str):
    shown = printable(text)
    assert all(character.isprintable() or character == "\u200d" for character in shown)
    assert width(shown) >= 0


@given(st.text(alphabet="aé日\t\u0301\x1b ", max_size=60), st.integers(0, 60), st.integers(1, 20), st.integers(20, 60))
def test_a_window_keeps_the_caret_inside_of_what_is_shown(line: str, start: int, length: int, columns: int):
    start = min(start, len(line))
    text, offset, caret = window(line, start, start + length, columns)
    assert width(text) <= columns
    assert caret >= 1
    assert offset <= width(text)
    if start < len(line):
        behind = [text[end:] for end in range(len(text) + 1) if width(text[:end]) == offset]
        assert any(rest.startswith(cells(line)[start][0]) for rest in behind)


def test_json_has_the_place_with_line_and_column():
    diagnostic, texts = finding(SHOP, "name", label="here", help="try")
    assert diagnostics_to_json([diagnostic], texts) == [
        {
            "code": "MG0104",
            "slug": "unknown-service",
            "severity": "error",
            "message": "wrong",
            "label": "here",
            "help": "try",
            "place": {"file": "a.yaml", "document": 0, "line": 2, "column": 7, "endColumn": 15, "path": "name"},
            "sameAs": ["IST0101"],
        }
    ]


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, "é"]}, {"big": 2**70}, {"odd": "\ud800"}])
def test_any_value_can_be_rendered_as_json(value: dict[str, object]):
    assert render_json(value).endswith(b"\n")  # type: ignore[arg-type]
