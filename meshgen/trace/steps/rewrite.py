"""Rewrites of path and host, and where redirects lead (RouteEntryImplBase)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from meshgen.trace.fields import boolean, integer, message, string, typed_config
from meshgen.trace.match import regex
from meshgen.trace.template import template_to_regex

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.message import HttpMessage


def rewritten_path(match: JsonObject, action: JsonObject, path: str) -> str | None:
    """The path that goes upstream: prefix, regex or template rewrite of what stands before the query.

    None where no rewrite is configured, or where it leaves nothing.
    """
    bare, rest = _split(path)
    prefix = string(action, "prefix_rewrite")
    if prefix:
        return prefix + path[len(_matched_part(match, bare)) :]
    if "regex_rewrite" in action:
        return _substituted(message(action, "regex_rewrite"), bare) + rest or None
    if "path_rewrite_policy" in action:
        return _from_template(match, message(action, "path_rewrite_policy"), bare) + rest
    return None


def _split(path: str) -> tuple[str, str]:
    place = min((path.find(mark) for mark in "?#" if mark in path), default=len(path))
    return path[:place], path[place:]


def _matched_part(match: JsonObject, bare: str) -> str:
    """What a prefix rewrite replaces: the prefix, or the whole path of exact and regex matches."""
    for field in ("prefix", "path_separated_prefix"):
        if field in match:
            return bare[: len(string(match, field))]
    return bare


def _substituted(config: JsonObject, text: str) -> str:
    r"""A `RegexMatchAndSubstitute`: every match is replaced, `\1` stands for a group."""
    pattern = regex(string(message(config, "pattern"), "regex"))
    if pattern is None:
        return text
    wanted = string(config, "substitution")
    try:
        return str(pattern.sub(lambda found: _expanded(wanted, found), text))
    except UnicodeError:
        return text


def _expanded(substitution: str, found: Any) -> str:  # noqa: ANN401 - google-re2 is untyped
    r"""`\0` is the whole match, `\1` to `\9` its groups, two backslashes one."""
    groups = [found.group() or "", *(group or "" for group in found.groups())]
    return re.sub(r"\\(\d|\\)", lambda each: _group(groups, each.group(1)), substitution)


def _group(groups: list[str], reference: str) -> str:
    if reference == "\\":
        return reference
    return groups[int(reference)] if int(reference) < len(groups) else ""


def _from_template(match: JsonObject, extension: JsonObject, bare: str) -> str:
    template = string(typed_config(message(match, "path_match_policy"))[1], "path_template")
    wanted = string(typed_config(extension)[1], "path_template_rewrite")
    pattern = regex(template_to_regex(template) or "")
    found = pattern.fullmatch(bare) if pattern is not None else None
    if found is None:
        return bare
    groups = found.groupdict()
    return re.sub(r"\{([^{}]+)\}", lambda each: str(groups.get(each.group(1)) or ""), wanted)


def rewritten_host(action: JsonObject, sent: HttpMessage, endpoint_host: str) -> str:
    """The authority that goes upstream: literal, from the endpoint, from a header or from the path."""
    if string(action, "host_rewrite_literal"):
        return string(action, "host_rewrite_literal")
    if boolean(action, "auto_host_rewrite"):
        return endpoint_host or sent.host
    if string(action, "host_rewrite_header"):
        return next(iter(sent.header_values(string(action, "host_rewrite_header"))), "") or sent.host
    if "host_rewrite_path_regex" in action:
        return _substituted(message(action, "host_rewrite_path_regex"), sent.bare_path)
    return sent.host


def redirect_location(match: JsonObject, redirect: JsonObject, sent: HttpMessage) -> str:
    """The `location` of a `RedirectAction`."""
    scheme = string(redirect, "scheme_redirect") or ("https" if boolean(redirect, "https_redirect") else sent.scheme)
    port = integer(redirect, "port_redirect")
    host = string(redirect, "host_redirect") or _own_host(sent, scheme, drops_port=bool(port))
    return f"{scheme}://{host}{f':{port}' if port else ''}{_redirect_path(match, redirect, sent.path or '/')}"


def _own_host(sent: HttpMessage, scheme: str, *, drops_port: bool) -> str:
    """The request's own host; its port goes where another is set, or where it is the other scheme's default."""
    name, colon, port = sent.host.rpartition(":")
    if not colon or (sent.host.startswith("[") and not name.endswith("]")):
        return sent.host
    is_default = (sent.scheme, port) in (("http", "80"), ("https", "443"))
    return name if drops_port or (scheme != sent.scheme and is_default) else sent.host


def _redirect_path(match: JsonObject, redirect: JsonObject, path: str) -> str:
    keeps_query = not boolean(redirect, "strip_query")
    bare, mark, query = path.partition("?")
    new = string(redirect, "path_redirect")
    if new:
        new = new if new.startswith("/") else f"/{new}"
        return new if "?" in new or not keeps_query else new + mark + query
    current = path if keeps_query else bare
    return rewritten_path(match, redirect, current) or current
