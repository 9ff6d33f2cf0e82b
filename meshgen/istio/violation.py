"""One place where a value is not what Istio's API says."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from meshgen.diagnostics import Code, JsonPath
from meshgen.diagnostics.catalogue.load import INVALID_FIELD


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong, and where below the value that was looked at."""

    path: JsonPath
    message: str
    help: str = ""
    code: Code = INVALID_FIELD

    def under(self, *path: str | int) -> Violation:
        """The same, seen from above."""
        return replace(self, path=(*path, *self.path))


def name_of(path: JsonPath) -> str:
    """The last name of a path, with the indexes behind it: `hosts[0]`."""
    last = max((index for index, part in enumerate(path) if isinstance(part, str)), default=0)
    return f"{path[last]}" + "".join(f"[{index}]" for index in path[last + 1 :])


_OTHER_TYPE = re.compile(r"-?[0-9]+(\.[0-9]+)?|true|false|null|")


def show(value: object) -> str:
    """A value as the user knows it, short."""
    if isinstance(value, dict | list | tuple):
        return "a map" if isinstance(value, dict) else "a list"
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, str) and _OTHER_TYPE.fullmatch(value):
        text = f'"{value}"'  # without its quotes it would look like what was asked for
    return f"`{text[:60]}{'…' if len(text) > 60 else ''}`"
