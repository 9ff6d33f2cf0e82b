"""Leaf values that intent and the Istio types share: parsed once, printed in one form.

Parsers raise ValueError with a message for the user (lower case, no full stop); callers turn it into a diagnostic at its place.
"""

from __future__ import annotations

import ipaddress
import re
from enum import StrEnum
from typing import NamedTuple, TypeVar

SECOND = 1_000_000_000
"""In the nanoseconds that durations are counted in."""

_DURATION = re.compile(r"([0-9]*\.?[0-9]+)(ms|us|µs|ns|h|m|s)")
_NANOSECONDS = {
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": SECOND,
    "ms": 1_000_000,
    "us": 1_000,
    "µs": 1_000,
    "ns": 1,
}


def parse_duration(text: str) -> int:
    """Nanoseconds of a Go duration (`500ms`, `1m30s`, `0.5s`), the form of every duration in Istio's API.

    Raises ValueError for any other text.
    """
    if text == "0":
        return 0
    position = total = 0
    while position < len(text):
        match = _DURATION.match(text, position)
        if match is None:
            break
        number, unit = match.groups()
        whole, _, fraction = number.partition(".")
        scale = _NANOSECONDS[unit]
        total += int(whole or "0") * scale
        if fraction:
            total += int(fraction) * scale // 10 ** len(fraction)
        position = match.end()
    if not text or position < len(text):
        message = f"`{text}` is not a duration; write a number with a unit, as in `500ms`, `2s` or `1m30s`"
        raise ValueError(message)
    return total


def format_duration(nanoseconds: int) -> str:
    """The shortest Go form: `500ms`, `2s`, `1m30s`, `1.5s`."""
    if nanoseconds == 0:
        return "0s"
    if nanoseconds % SECOND == 0:
        minutes, seconds = divmod(nanoseconds // SECOND, 60)
        hours, minutes = divmod(minutes, 60)
        parts = ((hours, "h"), (minutes, "m"), (seconds, "s"))
        return "".join(f"{number}{unit}" for number, unit in parts if number)
    for unit, scale in (("ms", 1_000_000), ("us", 1_000), ("ns", 1)):
        if nanoseconds % scale == 0 and nanoseconds < 1_000 * scale:
            return f"{nanoseconds // scale}{unit}"
    return f"{nanoseconds // SECOND}.{nanoseconds % SECOND:09d}".rstrip("0") + "s"


def duration_to_envoy(text: str) -> str:
    """A Go duration as protobuf JSON has it: seconds with an `s` (`0.5s`, `90s`).

    Raises ValueError for text that is no duration.
    """
    nanoseconds = parse_duration(text)
    seconds, rest = divmod(nanoseconds, SECOND)
    return f"{seconds}s" if rest == 0 else f"{seconds}." + f"{rest:09d}".rstrip("0") + "s"


def constant(word: str) -> str:
    """A word of the intent language as enums of Istio's and Envoy's have it.

    >>> constant("registryOnly"), constant("upgrade")
    ('REGISTRY_ONLY', 'UPGRADE')
    """
    return re.sub(r"([A-Z])", r"_\1", word).upper()


class Protocol(StrEnum):
    """What Istio takes a port to speak (istio.io: protocol selection). UNSUPPORTED means: sniffed."""

    HTTP = "HTTP"
    HTTPS = "HTTPS"
    HTTP2 = "HTTP2"
    GRPC = "GRPC"
    GRPC_WEB = "GRPC-Web"
    TCP = "TCP"
    TLS = "TLS"
    UDP = "UDP"
    MONGO = "Mongo"
    MYSQL = "MySQL"
    REDIS = "Redis"
    HBONE = "HBONE"
    UNSUPPORTED = "UnsupportedProtocol"

    @property
    def is_http(self) -> bool:
        """Whether requests are routed by their content: HTTP, HTTP2, GRPC and GRPC-Web."""
        return self in (Protocol.HTTP, Protocol.HTTP2, Protocol.GRPC, Protocol.GRPC_WEB)

    @property
    def is_http2(self) -> bool:
        """Whether the upstream connection is HTTP/2."""
        return self in (Protocol.HTTP2, Protocol.GRPC, Protocol.GRPC_WEB)

    @property
    def is_tls(self) -> bool:
        """Whether connections are routed by SNI: HTTPS and TLS."""
        return self in (Protocol.HTTPS, Protocol.TLS)


_PROTOCOLS = {protocol.value.lower(): protocol for protocol in Protocol if protocol is not Protocol.UNSUPPORTED}
_APP_PROTOCOLS = {
    "kubernetes.io/h2c": Protocol.HTTP2,
    "kubernetes.io/ws": Protocol.HTTP,
    "kubernetes.io/wss": Protocol.HTTPS,
}


def parse_protocol(text: str) -> Protocol:
    """The protocol that Istio reads from a port's `protocol` (Gateway, ServiceEntry); unknown names mean sniffing."""
    return _PROTOCOLS.get(text.lower(), Protocol.UNSUPPORTED)


def protocol_of_port(name: str, app_protocol: str | None = None, transport: str = "TCP") -> Protocol:
    """The protocol of a Kubernetes Service port: appProtocol first, then the name's prefix up to `-`, else sniffed.

    Follows istio.io: protocol selection, and `pkg/config/kube/conversion.go` for the appProtocol values.
    """
    if transport == "UDP":
        return Protocol.UDP
    if app_protocol:
        return _APP_PROTOCOLS.get(app_protocol) or parse_protocol(app_protocol)
    if name.lower().startswith("grpc-web"):
        return Protocol.GRPC_WEB
    return parse_protocol(name.split("-", 1)[0])


_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def is_dns_label(text: str) -> bool:
    """Whether this is a name of one DNS label (RFC 1123), as names of Services and Namespaces are."""
    return _DNS_LABEL.fullmatch(text) is not None


def is_ip(text: str) -> bool:
    """Whether this is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


# --- releases -------------------------------------------------------------------------------------------------------
class Release(NamedTuple):
    """One release of a program, comparable: `target >= IstioVersion(1, 30)`. The patch is 0 where nobody named one."""

    major: int
    minor: int
    patch: int = 0

    def __str__(self) -> str:
        """As the programs write it: `1.31.0`."""
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def release(self) -> str:
        """Without the patch, on which neither fields nor behaviour hang here: `1.31`."""
        return f"{self.major}.{self.minor}"


R = TypeVar("R", bound=Release)


def parse_release(kind: type[R], text: str) -> R | None:
    """A release as `1.31` or `1.31.2`; None where it is no version."""
    if not re.fullmatch(r"[0-9]{1,6}\.[0-9]{1,6}(\.[0-9]{1,6})?", text, re.ASCII):
        return None
    return kind(*(int(part) for part in text.split(".")))
