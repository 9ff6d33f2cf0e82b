"""Intent documents in their short or long form, with comments, order and style kept where nothing changes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from meshgen.diagnostics import Diagnostic, Origin, Severity
from meshgen.diagnostics.catalogue.load import NOT_FORMATTED
from meshgen.intent.decode import decode_intents
from meshgen.intent.document import to_document
from meshgen.json import JsonObject
from meshgen.load.workspace import room_of
from meshgen.load.yaml import parse_documents

if TYPE_CHECKING:
    from ruamel.yaml import YAML


def format_source(data: bytes, file: str, *, short: bool) -> tuple[bytes, tuple[Diagnostic, ...]]:
    """A source with each of its intents in the short form, or in the long one; other documents keep their values.

    A source with errors is given back as it is, with the diagnostics. So is one whose rewriting would not read as the
    same documents, with MG0044: a formatter that changes meaning is worse than none.
    """
    documents, diagnostics = parse_documents(data, file)
    intents, found = decode_intents([document for document in documents if room_of(document.api_version) == "intents"])
    diagnostics += found
    if any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics):
        return data, diagnostics
    wanted = {document.origin.document: document.value for document in documents}
    wanted |= {intent.origin.document: to_document(intent.model, short=short) for intent in intents}
    rewritten = _rewrite(data, wanted)
    if rewritten is None or _meaning(rewritten, file, short=short) != list(wanted.values()):
        message = f"`{file}` cannot be formatted without a change of what it says"
        return data, (*diagnostics, NOT_FORMATTED.at(Origin(file), message, help="write the documents without anchors and tags"))
    return rewritten, diagnostics


def _meaning(data: bytes, file: str, *, short: bool) -> list[JsonObject]:
    """The documents of a text, each intent in one form; nothing of a text that has an error."""
    documents, diagnostics = parse_documents(data, file)
    intents, found = decode_intents([document for document in documents if room_of(document.api_version) == "intents"])
    if any(diagnostic.severity is Severity.ERROR for diagnostic in (*diagnostics, *found)):
        return []
    forms = {intent.origin.document: to_document(intent.model, short=short) for intent in intents}
    return [forms.get(document.origin.document, document.value) for document in documents]


def _rewrite(data: bytes, wanted: Mapping[int, JsonObject]) -> bytes | None:
    """The text with the values wanted, None where ruamel.yaml cannot read what libyaml can."""
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415 (start-up: only `fmt` needs it)

    text = data.decode("utf-8-sig")
    crlf = "\r\n" in text
    parser = _parser()
    try:
        trees: list[Any] = list(parser.load_all(text.replace("\r\n", "\n")))
    except (YAMLError, ValueError, RecursionError):
        return None
    if len(trees) <= max(wanted, default=-1):
        return None
    changed = False
    for index, value in wanted.items():
        if _plain(trees[index]) != value:
            _merge(trees[index], value)
            changed = True
    if not changed:
        return data
    stream = io.StringIO()
    parser.dump_all(trees, stream)
    result = stream.getvalue()
    if not text.lstrip().startswith("---"):
        result = result.removeprefix("---\n")
    return (result.replace("\n", "\r\n") if crlf else result).encode()


def _parser() -> YAML:
    from ruamel.yaml import YAML  # noqa: PLC0415 (start-up: only `fmt` needs it)

    parser = YAML(typ="rt")
    parser.preserve_quotes = True
    parser.width = 140
    parser.indent(mapping=2, sequence=4, offset=2)
    return parser


def _plain(value: Any) -> Any:  # noqa: ANN401 (a stranger's YAML)
    """The values without comments and styles."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return str(value)
    return value


def _merge(tree: Any, value: Any) -> None:  # noqa: ANN401 (a stranger's YAML)
    """Makes a map or list hold the value, touching only what differs, so that comments stay at what they speak of."""
    keys: Any = list(value) if isinstance(value, dict) else range(len(value))
    for key in [key for key in tree if key not in value] if isinstance(value, dict) else ():
        del tree[key]
    for key in keys:
        present = tree[key] if isinstance(value, list) or key in tree else None
        if _plain(present) == value[key] and present is not None:
            continue
        if _is_like(present, value[key]):
            _merge(present, value[key])
        elif isinstance(value[key], list) and len(value[key]) == 1 and _is_like(present, value[key][0]):
            _merge(present, value[key][0])  # one item, written without its list: a short form that comments may stand in
            if not _has_comment(present):
                tree[key] = [present]
        elif not _has_comment(present):  # else it keeps its form, which means the same
            tree[key] = value[key]


def _is_like(present: Any, value: object) -> bool:  # noqa: ANN401 (a stranger's YAML)
    """Whether both are maps, or lists of one length, so that one can be made the other item by item."""
    if isinstance(present, list) and isinstance(value, list):
        return len(present) == len(value)
    return isinstance(present, dict) and isinstance(value, dict)


def _has_comment(present: Any) -> bool:  # noqa: ANN401 (a stranger's YAML)
    """Whether a comment stands at or in a map or list."""
    if not isinstance(present, dict | list):
        return False
    mark = getattr(present, "ca", None)
    if mark is not None and (mark.comment or mark.items or mark.end):
        return True
    return any(_has_comment(item) for item in (present.values() if isinstance(present, dict) else present))
