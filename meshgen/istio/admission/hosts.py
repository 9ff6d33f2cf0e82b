"""What istiod takes for a name of a host, a range of addresses or a regular expression."""

from __future__ import annotations

import re
from functools import lru_cache

from meshgen.values import is_ip

_LABEL = r"[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?"
_IS_LABEL = re.compile(_LABEL)
_WILDCARD = re.compile(rf"\*|(?:\*|\*-)?{_LABEL}")
_LONGEST_LABEL, _LONGEST_NAME, _LONGEST_REGEX = 63, 255, 1024


def is_label(text: str) -> bool:
    """A DNS label; upper case passes, as in istiod."""
    return len(text) <= _LONGEST_LABEL and _IS_LABEL.fullmatch(text) is not None


def _are_labels(text: str) -> bool:
    parts = text.split(".")
    if re.fullmatch(r"[-+]?[0-9]+", parts[-1], re.ASCII):
        return False  # a top level domain that is a number
    if parts[-1] == "":
        parts.pop()  # the dot at the end of an unambiguous name
    return all(is_label(part) for part in parts)


@lru_cache(maxsize=65536)
def is_host(text: str) -> bool:
    """A full or short name, with a wildcard in its first label at most."""
    if not 0 < len(text) <= _LONGEST_NAME:
        return False
    first, dot, rest = text.partition(".")
    return len(first) <= _LONGEST_LABEL and _WILDCARD.fullmatch(first) is not None and (not dot or _are_labels(rest))


def is_name(text: str) -> bool:
    """A full or short name without wildcards."""
    return 0 < len(text) <= _LONGEST_NAME and _are_labels(text)


def is_subnet(text: str) -> bool:
    """An IP address, or a range of them in CIDR notation."""
    address, slash, length = text.partition("/")
    if not is_ip(address):
        return False
    most = 128 if ":" in address else 32
    return not slash or (re.fullmatch(r"[0-9]{1,3}", length, re.ASCII) is not None and int(length) <= most)


@lru_cache(maxsize=4096)
def regex_fault(text: str) -> str:
    """Why istiod refuses a regular expression; empty where it takes it."""
    import re2  # noqa: PLC0415 (only where there is an expression)

    if not text:
        return "must not be empty"
    if len(text.encode()) > _LONGEST_REGEX:
        return f"may have at most {_LONGEST_REGEX} bytes, and has {len(text.encode())}"
    try:
        options = re2.Options()
        options.log_errors = False
        re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error.args[0])
        return f"is no RE2 expression: {reason}"
    return ""
