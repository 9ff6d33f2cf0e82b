"""Plain scalars: what YAML 1.2's core schema takes them for, and what a YAML 1.1 reader such as kubectl would."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_RADIX = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_JSON = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

MIN_INTEGER, MAX_INTEGER = -(2**63), 2**64 - 1
_LONGEST_NUMBER = 400  # characters; Python refuses to read integers of 4,300 digits

# The words that YAML 1.1 takes for truth values and 1.2 for text. PyYAML keeps `y` and `n` as text; the specification and
# Go's reader do not.
TRUTH_WORDS = frozenset("y Y yes Yes YES n N no No NO on On ON off Off OFF".split())  # noqa: SIM905 - reads as the specification has it


class NotJsonError(ValueError):
    """A number that JSON, and so Kubernetes, cannot hold."""


@lru_cache(maxsize=65_536)
def resolve(text: str) -> bool | int | float | str | None:
    """The value of a plain scalar in YAML 1.2's core schema (section 10.3.2).

    Raises NotJsonError for infinities, not-a-number and integers beyond 64 bits.
    """
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return _integer(text, 10)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise NotJsonError("too large for a number")
        return number
    if _RADIX.fullmatch(text):
        return _integer(text[2:], 8 if text[1] == "o" else 16)
    if _NO_JSON.fullmatch(text):
        raise NotJsonError("infinities and not-a-number have no place in JSON")
    return text


def _integer(digits: str, base: int) -> int:
    number = int(digits, base) if len(digits) < _LONGEST_NUMBER else MAX_INTEGER + 1
    return check_integer(number)


def check_integer(number: int) -> int:
    """The number itself; raises NotJsonError where 64 bits cannot hold it."""
    if not MIN_INTEGER <= number <= MAX_INTEGER:
        raise NotJsonError("an integer beyond 64 bits")
    return number


@cache
def _yaml11() -> Any:  # noqa: ANN401 - the stubs have no types here
    """PyYAML's reading of one scalar, which is YAML 1.1's."""
    import yaml  # noqa: PLC0415 (12 ms, and plain texts go without it)

    class Yaml11(yaml.resolver.Resolver, yaml.constructor.SafeConstructor):
        def __init__(self) -> None:
            yaml.resolver.Resolver.__init__(self)
            yaml.constructor.SafeConstructor.__init__(self)

    return Yaml11()


_TIMESTAMP = "tag:yaml.org,2002:timestamp"


@lru_cache(maxsize=65_536)
def yaml11_reading(text: str) -> str:
    """What YAML 1.1 makes of a plain scalar where that is something else than in 1.2, in words; else nothing.

    Timestamps are left out: kubectl keeps them as strings, as 1.2 does.
    """
    if len(text) > _LONGEST_NUMBER:
        return ""
    if text in TRUTH_WORDS:
        return "true" if text.lower() in {"y", "yes", "on"} else "false"
    import yaml  # noqa: PLC0415 (as above)

    value: Any
    tag = _yaml11().resolve(yaml.ScalarNode, text, (True, False))
    if tag == _TIMESTAMP:
        return ""
    try:
        value = _yaml11().construct_document(yaml.ScalarNode(tag, text))
        ours: Any = resolve(text)
    except (ValueError, IndexError, yaml.YAMLError):
        return ""  # `=` and `<<`, which 1.1 has no value for, and numbers that are errors anyway
    if type(value) is type(ours) and value == ours:
        return ""
    return f'the string "{value}"' if isinstance(value, str) else f"the number {value}"


def octal_trap(text: str) -> bool:
    """Whether both versions read a number and not the same one: `012` is 12 today and was ten."""
    reading = yaml11_reading(text)
    return reading.startswith("the number") and not isinstance(resolve(text), str)
