"""URI templates (envoy.extensions.path.match.uri_template.v3) as RE2 expressions."""

from __future__ import annotations

import re
from functools import lru_cache

_CHARACTERS = r"a-zA-Z0-9\-._~%!$&'()*+,;:@="
_SEGMENT = f"[{_CHARACTERS}]+"
_REST = f"[{_CHARACTERS}/]*"
_VARIABLE = re.compile(r"\{(?P<name>[a-zA-Z][a-zA-Z0-9_]*)(?:=(?P<pattern>[^{}]+))?\}")


@lru_cache(maxsize=1024)
def template_to_regex(template: str) -> str | None:
    """The RE2 expression of a template: `*` one segment, `**` any rest, `{name}` and `{name=pattern}` named groups."""
    if not template.startswith("/"):
        return None
    parts: list[str] = []
    position = 0
    for variable in _VARIABLE.finditer(template):
        parts.append(_pattern(template[position : variable.start()]))
        parts.append(f"(?P<{variable['name']}>{_pattern(variable['pattern'] or '*')})")
        position = variable.end()
    parts.append(_pattern(template[position:]))
    return "".join(parts)


def _pattern(text: str) -> str:
    pieces = re.split(r"(\*\*|\*)", text)
    return "".join({"*": _SEGMENT, "**": _REST}.get(piece) or re.escape(piece) for piece in pieces)
