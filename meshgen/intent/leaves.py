"""Leaf values of the intent language: durations, percentages, ports, string matches, references by name."""

import re
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from meshgen.intent.model import Model, broken
from meshgen.json import JsonObject, JsonValue
from meshgen.values import format_duration, parse_duration

_MILLISECOND = 1_000_000


@lru_cache(maxsize=4096)
def canonical_duration(text: str) -> str:
    """A duration in its shortest form; raises for any other text."""
    try:
        nanoseconds = parse_duration(text)
    except ValueError as error:
        raise broken(str(error), kind="value") from None
    if nanoseconds < _MILLISECOND:
        raise broken(f"`{text}` is shorter than 1ms, the shortest duration that Istio takes", kind="value")
    return format_duration(nanoseconds)


Duration: TypeAlias = Annotated[
    str,
    AfterValidator(canonical_duration),
    WithJsonSchema({
        "type": "string",
        "pattern": r"^([0-9]*\.?[0-9]+(ms|us|µs|ns|h|m|s))+$",
        "description": "A Go duration, as in `500ms`, `2s` or `1m30s`.",
    }),
]
"""A Go duration of at least 1ms, kept in its shortest form (`1m30s`)."""


def _percent(value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
    """A percentage without its sign, as a whole number where it is one."""
    if isinstance(value, str):
        number = value.removesuffix("%")
        if number == value or re.fullmatch(r"[0-9]+(\.[0-9]+)?", number) is None:
            raise broken(f"`{value}` is not a percentage; write a number, as in `25` or `25%`", kind="value")
        value = float(number)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


_PERCENT_SCHEMA = {
    "anyOf": [{"type": "number", "minimum": 0, "maximum": 100}, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?%$"}],
    "description": "A percentage from 0 to 100, with or without `%`.",
}

Percent: TypeAlias = Annotated[int | float, Field(ge=0, le=100), BeforeValidator(_percent), WithJsonSchema(_PERCENT_SCHEMA)]
"""0 to 100, fractions included; `25%` is `25`."""

WholePercent: TypeAlias = Annotated[int, Field(ge=0, le=100), BeforeValidator(_percent), WithJsonSchema(_PERCENT_SCHEMA)]
"""0 to 100 in whole numbers, where Istio has no fractions."""

PortNumber: TypeAlias = Annotated[int, Field(ge=1, le=65535)]
Count: TypeAlias = Annotated[int, Field(ge=0, le=2147483647)]
Labels: TypeAlias = dict[str, str]

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def _object_name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise broken(f"`{text}` is not a name: lower case letters, digits, `-` and `.`", kind="value")
    return text


def _label(text: str) -> str:
    if _DNS_LABEL.fullmatch(text) is None:
        raise broken(f"`{text}` is not a name of a DNS label: lower case letters, digits and `-`, at most 63", kind="value")
    return text


ObjectName: TypeAlias = Annotated[str, AfterValidator(_object_name)]
"""A name of a Kubernetes object (an RFC 1123 subdomain)."""

DnsLabel: TypeAlias = Annotated[str, AfterValidator(_label)]
"""A name of one DNS label, as Services, Namespaces and versions have."""

_HOST = re.compile(r"(\*|(\*\.)?[A-Za-z0-9_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?)")


def is_host(text: str) -> bool:
    """Whether a text is a DNS name, `*.` and a DNS name, or `*`: international names take their `xn--` form."""
    return _HOST.fullmatch(text) is not None


def _host(text: str) -> str:
    if not is_host(text):
        raise broken(f"`{text}` is not a host: a DNS name, `*.` and a DNS name, or `*`", kind="value")
    return text


Host: TypeAlias = Annotated[str, AfterValidator(_host)]
"""A DNS name, perhaps with `*` as its first label, or `*`."""


def _ip_range(text: str) -> str:
    from ipaddress import ip_network  # noqa: PLC0415 (start-up: few intents have an address)

    try:
        ip_network(text, strict=False)
    except ValueError:
        help_ = "write one as in `10.0.0.7` or `10.0.0.0/8`"
        raise broken(f"`{text}` is neither an IP address nor a CIDR", help=help_, kind="value") from None
    return text


IpRange: TypeAlias = Annotated[str, AfterValidator(_ip_range)]
"""An address, IPv4 or IPv6, or the block of a CIDR."""


def _check_url(text: str) -> str:
    from urllib.parse import urlsplit  # noqa: PLC0415 (start-up: few intents have a URL)

    try:
        parts = urlsplit(text)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and not re.search(r"[\s\x00]", text)
    except ValueError:  # an address in brackets, or a port, that is none
        fine = False
    if not fine:
        raise broken(f"`{text}` is not a URL", help="write `http://` or `https://`, a host, and what follows", kind="value")
    if parts.username is not None or parts.password is not None:
        raise broken("a URL must not hold credentials", help="give them by a Secret, where the tool reads one", kind="secret")
    return text


Url: TypeAlias = Annotated[
    str, AfterValidator(_check_url), WithJsonSchema({"type": "string", "pattern": "^https?://", "description": "A URL."})
]
"""An address over HTTP or HTTPS, without credentials."""


def match_from_text(text: str) -> dict[str, Any]:
    """The long form of a string match: `/api/*` is a prefix, `*.png` a suffix, `*` presence, all else exact."""
    if text == "*":
        return {"present": True}
    if text.endswith("*") and "*" not in text[:-1]:
        return {"prefix": text[:-1]}
    if text.startswith("*") and "*" not in text[1:]:
        return {"suffix": text[1:]}
    return {"exact": text}


def match_to_text(long: JsonObject) -> JsonValue:
    """The short form of a string match, or the long form where a `*` would be misread."""
    if long.get("present") is True:
        return "*"
    for key, before, after in (("exact", "", ""), ("prefix", "", "*"), ("suffix", "*", "")):
        value = long.get(key)
        if isinstance(value, str) and "*" not in value and (value or key == "exact"):
            return f"{before}{value}{after}"
    return long


_TEXT_SCHEMA: JsonObject = {
    "type": "string",
    "description": "`internal` is exact, `/api/*` a prefix, `*` anything that is there.",
}


class StringMatch(Model):
    """One of `exact`, `prefix`, `regex` (RE2, the whole value) and `present`.

    Short: `internal` is exact, `/api/*` a prefix, `*` presence. Istio has no suffix match here: `*.png` is an error that says to
    write `{regex: …}`.
    """

    SHORT_SCHEMA: ClassVar = _TEXT_SCHEMA

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None
    present: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if isinstance(value, str):
            value = match_from_text(value)
        if isinstance(value, dict) and "suffix" in value:
            pattern = f".*{re.escape(str(value['suffix']))}"
            raise broken("Istio has no suffix match here", help=f"write `{{regex: '{pattern}'}}`", kind="value")
        return value

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = sum(value is not None for value in (self.exact, self.prefix, self.regex, self.present))
        if given != 1:
            raise broken("a string match has one of `exact`, `prefix`, `regex` and `present`", kind="exclusive")
        if self.present is False:
            raise broken("`present: false` says nothing here", help="use `withoutHeaders` for a header that must be absent")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """`internal`, `/api/*` or `*`."""
        return match_to_text(long)


class Pattern(Model):
    """One of `exact`, `prefix`, `suffix`, `present` and, for paths, `template` (`/items/{*}`), as AuthorizationPolicy has them.

    Short: `GET` is exact, `/items*` a prefix, `*.png` a suffix, `*` presence.
    """

    SHORT_SCHEMA: ClassVar = {
        "type": "string",
        "description": "`GET` is exact, `/items*` a prefix, `*.png` a suffix, `*` anything that is there.",
    }

    exact: str | None = None
    prefix: str | None = None
    suffix: str | None = None
    present: bool | None = None
    template: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if not isinstance(value, str):
            return value
        if "{*}" in value or "{**}" in value:
            return {"template": value}
        return match_from_text(value)

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [value for value in (self.exact, self.prefix, self.suffix, self.present, self.template) if value is not None]
        if len(given) != 1 or self.present is False:
            raise broken("a pattern has one of `exact`, `prefix`, `suffix`, `present: true` and `template`", kind="exclusive")
        text = given[0]
        if isinstance(text, str) and self.template is None and "*" in text:
            raise broken(f"`{text}` has a `*` in it, and Istio's policies know it at the start or the end only", kind="value")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """`GET`, `/items*`, `*.png`, `*` or the template."""
        return long["template"] if "template" in long else match_to_text(long)

    def to_istio(self) -> str:
        """The pattern as AuthorizationPolicy writes it."""
        if self.present:
            return "*"
        if self.prefix is not None:
            return f"{self.prefix}*"
        return f"*{self.suffix}" if self.suffix is not None else self.exact or self.template or ""
