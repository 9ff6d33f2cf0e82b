"""Header operations of routes: removals, then additions, from the most specific level to the least."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshgen.trace.fields import boolean, message, messages, string, strings

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.message import HttpMessage
    from meshgen.trace.walk import Walk

_COMMAND = re.compile(r"%%|%([A-Z_]+)(?:\(([^)]*)\))?%")


@dataclass(frozen=True, slots=True)
class Values:
    """What `%COMMAND%`s in header values stand for, where configuration and request tell it."""

    walk: Walk
    sent: HttpMessage

    def expand(self, text: str) -> str:
        """The text with the commands that are known; others stay as they are."""
        return _COMMAND.sub(self._value, text) if "%" in text else text

    def _value(self, match: re.Match[str]) -> str:
        if match.group() == "%%":
            return "%"
        command, argument = match.group(1), match.group(2) or ""
        if command == "REQ":
            values = (self.sent.header_values(name) for name in argument.split("?"))
            return next((each[0] for each in values if each), "")
        request = self.walk.request
        known = {
            "PROTOCOL": "HTTP/2" if request.protocol == "http2" else "HTTP/1.1",
            "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": self.walk.remote_ip,
            "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT": request.source_ip,
            "DOWNSTREAM_LOCAL_PORT": str(request.port),
            "REQUESTED_SERVER_NAME": request.server_name or "-",
            "ROUTE_NAME": string((self.walk.matched and self.walk.matched.route) or {}, "name") or "-",
        }
        return known.get(command, match.group())


def levels(walk: Walk, entry: JsonObject | None) -> list[JsonObject]:
    """Where header operations stand, in the order in which they are applied: the last one has the last word."""
    matched = walk.matched
    if matched is None:
        return []
    found = [level for level in (entry, matched.route, matched.virtual_host) if level]
    found.append(matched.route_config)
    wins = boolean(matched.route_config, "most_specific_header_mutations_wins")
    return found[::-1] if wins else found


def mutate(headers: tuple[tuple[str, str], ...], level: JsonObject, side: str, values: Values) -> tuple[tuple[str, str], ...]:
    """Apply `<side>_headers_to_remove` and `<side>_headers_to_add` of one level; side is request or response.

    Whether a header is there is asked of what the removals have left; then all overwriting comes before all adding
    (`HeaderParser::evaluateHeaders`).
    """
    gone = {name.lower() for name in strings(level, f"{side}_headers_to_remove")}
    result = [pair for pair in headers if pair[0] not in gone]
    if side == "request":  # values see what earlier levels and the removals have left
        values = Values(values.walk, replace(values.sent, headers=tuple(result)))
    present = {name for name, _ in result}
    replaced: list[tuple[str, str]] = []
    added: list[tuple[str, str]] = []
    for option in messages(level, f"{side}_headers_to_add"):
        name = string(message(option, "header"), "key").lower()
        value = values.expand(string(message(option, "header"), "value"))
        if name.startswith(":") or name == "host" or not (value or boolean(option, "keep_empty_value")):
            continue
        match _action(option):
            case "APPEND_IF_EXISTS_OR_ADD":
                added.append((name, value))
            case "ADD_IF_ABSENT" if name not in present:
                added.append((name, value))
            case "OVERWRITE_IF_EXISTS_OR_ADD":
                replaced.append((name, value))
            case "OVERWRITE_IF_EXISTS" if name in present:
                replaced.append((name, value))
    for pair in replaced:
        result = [*(each for each in result if each[0] != pair[0]), pair]
    return (*result, *added)


def _action(option: JsonObject) -> str:
    if "append" in option:  # the older field
        appends = boolean(option, "append", default=True)
        return "APPEND_IF_EXISTS_OR_ADD" if appends else "OVERWRITE_IF_EXISTS_OR_ADD"
    return string(option, "append_action", "APPEND_IF_EXISTS_OR_ADD")
