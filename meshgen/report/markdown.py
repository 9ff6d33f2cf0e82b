"""A diff as a comment on a pull request: traffic first, then the objects, then the YAML, folded."""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Iterator, Mapping

from meshgen.diff.changes import Changes, ObjectChange
from meshgen.diff.findings import Finding
from meshgen.diff.impact import Impact
from meshgen.report.fields import FieldLine, field_lines
from meshgen.report.places import Texts, place_of
from meshgen.report.printable import printable
from meshgen.report.terminal_diff import count, yaml_lines
from meshgen.report.traffic import before_after, command_line, presence, sections, strong

LIMIT = 65_536
"""Characters that GitHub takes in one comment."""

_WORST_TAIL = 400  # room for the closing tags and the note on what is left out
_MOST_FIELDS = 5  # of one object, in the table
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]|~<>&$]|^(?:[#+-]|[0-9]+(?=[.)])))")
_BREAK = "\u200b"  # a zero-width space, which keeps `@name` and `https://` from becoming mentions and links
_BROKEN = {"@": f"@{_BREAK}", "://": f":{_BREAK}//", "www.": f"www{_BREAK}.", "#": f"#{_BREAK}"}
_LINKS = re.compile(r"(@|://|www\.|(?<=\w)#(?=\d))")


def render_markdown(
    changes: Changes,
    impact: Impact | None = None,
    texts: Mapping[str, bytes] | None = None,
    *,
    title: str = "meshgen diff",
    marker: str = "meshgen",
    limit: int = LIMIT,
) -> str:
    """The comment, at most `limit` characters (UTF-16 units), ending in a line break.

    Its first line is a hidden `<!-- marker -->`, by which a job finds its comment again to update it in place. What does not
    fit is left out from the end and counted: YAML first, then rows of the table, then sentences.
    """
    budget = _Budget(limit - _WORST_TAIL)
    # `--` would end the comment.
    budget.add(f"<!-- {re.sub('[^A-Za-z0-9:._/]+', '-', marker)} -->\n## {inline(title)}\n\n")
    if impact is not None:
        budget.add("### Traffic\n\n")
        for heading, findings in sections(impact):
            _add_all(budget, f"**{heading}**\n\n", (f"{_sentence(each)}\n" for each in findings), "more sentences")
            budget.add("\n")
        rest = "".join(f"- {inline(text)}\n" for text in presence(impact))
        budget.add(f"{rest}\n" if rest else "")
        rest = "" if impact.findings else f"{impact.sentences[0].capitalize()}.\n"
        budget.add(f"{rest}\n<sub>{inline(impact.reach)}</sub>\n\n")
    budget.add(f"### Objects\n\n{count(changes).capitalize()}.\n\n")
    if changes:
        head = "| | object | changes | made by |\n| --- | --- | --- | --- |\n"
        _add_all(budget, head, (_row(each, texts or {}) for each in changes), "more objects")
        _add_all(budget, "\n", (_folded(each) for each in changes), "more objects whose YAML is")
    return budget.text.rstrip("\n") + "\n"


class _Budget:
    """Text that never grows beyond a limit."""

    def __init__(self, limit: int) -> None:
        self.text = ""
        self._room = limit

    def add(self, text: str) -> bool:
        """Whether there was room for it."""
        size = len(text.encode("utf-16-le", "surrogatepass")) // 2
        if size > self._room:
            return False
        self.text += text
        self._room -= size
        return True

    def note(self, text: str) -> None:
        """Add what the tail's room is kept for."""
        self.text += text


def _add_all(budget: _Budget, head: str, pieces: Iterator[str], what: str) -> None:
    """Whole pieces only, as many as fit; then the number of those that did not."""
    budget.add(head)
    left_out = sum(1 for piece in pieces if not budget.add(piece))
    if left_out:
        budget.note(f"\n_{left_out} {what} not shown here: `meshgen diff` prints all._\n\n")


def _sentence(finding: Finding) -> str:
    warning = f"**{strong(finding)}:** " if strong(finding) else ""
    change = before_after(finding)
    shown = f"{code(command_line(finding))}{f'<br>{inline(change)}' if change else ''}"
    return f"- {warning}{inline(finding.text)}  \n  <sub>{shown}</sub>"


def _row(change: ObjectChange, texts: Texts) -> str:
    symbol = "added" if change.before is None else "removed" if change.after is None else "changed"
    lines = field_lines(change)
    shown = [_cell(line) for line in lines[:_MOST_FIELDS]]
    if len(lines) > _MOST_FIELDS:
        shown.append(f"and {len(lines) - _MOST_FIELDS} more")
    place = place_of(change.origin, texts).short
    made_by = code(place, table=True) if place else ""
    return f"| {symbol} | {code(str(change.key), table=True)} | {'<br>'.join(shown)} | {made_by} |\n"


def _cell(line: FieldLine) -> str:
    text = f" {inline(line.text)}" if line.text else ""
    sign = {"+": "added ", "-": "removed "}.get(line.symbol, "")
    return f"{sign}{code(line.path, table=True)}{text}"


def _folded(change: ObjectChange) -> str:
    before = [printable(line) for line in yaml_lines(change.before)] if change.before is not None else []
    after = [printable(line) for line in yaml_lines(change.after)] if change.after is not None else []
    body = "\n".join(list(difflib.unified_diff(before, after, lineterm="", n=3))[2:])
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", body)), default=0))
    return f"<details><summary>{_html(str(change.key))}</summary>\n\n{fence}diff\n{body}\n{fence}\n\n</details>\n\n"


def inline(text: str) -> str:
    """Plain text in Markdown: nothing in it is markup, a mention or a link."""
    return _PUNCTUATION.sub(_entity, _LINKS.sub(lambda found: _BROKEN[found[0]], printable(text)))


def _html(text: str) -> str:
    """Plain text inside of an HTML tag, where Markdown is not read."""
    return html.escape(_LINKS.sub(lambda found: _BROKEN[found[0]], printable(text)))


def _entity(found: re.Match[str]) -> str:
    """HTML's own characters as entities, the others behind a backslash, and what would begin a list or a heading."""
    if found[0].isdigit():
        return f"{found[0]}{_BREAK}"
    return {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(found[0], f"\\{found[0]}")


def code(text: str, *, table: bool = False) -> str:
    """A code span that no text can leave; `table` also escapes the bar, which ends a cell even there."""
    safe = printable(text)
    longest = max((len(run) for run in re.findall("`+", safe)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if safe.startswith("`") or safe.endswith("`") or not safe else ""
    span = f"{fence}{pad}{safe}{pad}{fence}"
    return span.replace("|", "\\|") if table else span
