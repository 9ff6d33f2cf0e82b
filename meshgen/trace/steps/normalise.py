"""Path normalisation of the HTTP connection manager: fragment, escaped slashes, dot segments, merged slashes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshgen.trace.fields import boolean, string

if TYPE_CHECKING:
    from meshgen.json import JsonObject

_ESCAPED_SLASH = re.compile(r"%(?:2[Ff]|5[Cc])")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9\-._~]")
# Characters that a canonical path has escaped; what is left of printable ASCII passes.
_TO_ESCAPE = re.compile(r"[^!$%&'()*+,\-./0-9:;=@A-Z\[\]\\_a-z~]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalised:
    """A path, the status with which it is refused (400) or redirected (307) if any, and what was done to it."""

    path: str
    status: int | None = None
    reason: str = ""


def normalise_path(manager: JsonObject, path: str, *, rejects_fragment: bool) -> Normalised:
    """Apply the manager's settings in Envoy's order (`maybeNormalizePath`); the query stays as it is."""
    original = path
    if "#" in path:
        if rejects_fragment:
            return Normalised(path=path, status=400, reason="the path has a fragment")
        path = path.partition("#")[0]
    bare, mark, query = path.partition("?")
    action = string(manager, "path_with_escaped_slashes_action", "KEEP_UNCHANGED")
    unescaped = _unescape_slashes(bare)
    has_escaped = unescaped != bare
    if has_escaped and action == "REJECT_REQUEST":
        return Normalised(path=path, status=400, reason="the path has escaped slashes")
    if has_escaped and action in ("UNESCAPE_AND_FORWARD", "UNESCAPE_AND_REDIRECT"):
        bare = unescaped
    if boolean(manager, "normalize_path"):
        if "%00" in bare:
            return Normalised(path=path, status=400, reason="the path has an escaped null")
        bare = canonical_path(bare)
    if boolean(manager, "merge_slashes"):
        bare = _merge_slashes(bare)
    path = bare + mark + query
    status = 307 if has_escaped and action == "UNESCAPE_AND_REDIRECT" else None
    return Normalised(path=path, status=status, reason=f"normalised from `{original}`" if path != original else "")


def _merge_slashes(path: str) -> str:
    """One slash for several; a path of nothing but slashes keeps two, as Envoy leaves it."""
    if "//" not in path:
        return path
    return f"/{'/'.join(part for part in path.split('/') if part)}{'/' if path.endswith('/') else ''}"


def _unescape_slashes(path: str) -> str:
    return _ESCAPED_SLASH.sub(lambda match: "/" if match.group()[1] == "2" else "\\", path)


def canonical_path(path: str) -> str:
    """Dot segments resolved, unreserved characters unescaped, others escaped, backslashes as slashes (RFC 3986)."""
    decoded = _ESCAPE.sub(_unescape_unreserved, path).replace("\\", "/")
    escaped = _TO_ESCAPE.sub(lambda match: "".join(f"%{byte:02X}" for byte in _bytes(match.group())), decoded)
    result: list[str] = []
    segments = escaped.split("/")[1:]
    for place, segment in enumerate(segments):
        is_last = place == len(segments) - 1
        if segment == "..":
            result = result[:-1]
        elif segment != ".":
            result.append(segment)
            continue
        if is_last:
            result.append("")
    return "/" + "/".join(result)


def _unescape_unreserved(match: re.Match[str]) -> str:
    character = chr(int(match.group(1), 16))
    return character if _UNRESERVED.fullmatch(character) else match.group()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
