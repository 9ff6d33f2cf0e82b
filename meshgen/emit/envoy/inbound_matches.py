"""Which connections an inbound port takes, by its mutual TLS mode and by what it speaks (envoy-mapping.md §2.6).

There is no answer such as 403 in plaintext's place under STRICT: no chain matches, and the connection is closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from meshgen.json import JsonObject
from meshgen.values import Protocol

HTTP_ALPN: Final = ("h2", "http/1.1")
ISTIO_ALPN: Final = ("istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2")
"""What clients of the mesh offer, whatever they speak inside."""

_ISTIO_HTTP: Final = ("istio-http/1.0", "istio-http/1.1", "istio-h2")
_ISTIO_TCP: Final = ("istio-peer-exchange", "istio")
_SEEN_HTTP: Final = ("http/1.1", "h2c")


class Speaks(StrEnum):
    """What a port's listener must be ready for."""

    HTTP = "HTTP"
    TCP = "TCP"
    ANYTHING = "anything"  # a port whose protocol is sniffed


@dataclass(frozen=True, slots=True)
class ChainMatch:
    """One chain of a port."""

    fields: JsonObject  # its FilterChainMatch, without the port
    http: bool  # an HTTP connection manager, or a TCP proxy
    terminates: bool  # whether the mesh's mutual TLS ends here


def speaks(protocol: Protocol) -> Speaks:
    """TLS that the application itself terminates is TCP to the sidecar."""
    if protocol.is_http:
        return Speaks.HTTP
    return Speaks.ANYTHING if protocol is Protocol.UNSUPPORTED else Speaks.TCP


def chain_matches(mode: str, port: Speaks) -> tuple[ChainMatch, ...]:
    """The chains of a port under STRICT, PERMISSIVE or DISABLE."""
    return _TABLE[mode, port]


def _tls(*alpn: str, http: bool, terminates: bool = True) -> ChainMatch:
    fields: JsonObject = {"transport_protocol": "tls"}
    return ChainMatch(fields | ({"application_protocols": list(alpn)} if alpn else {}), http, terminates)


def _raw(*alpn: str, http: bool) -> ChainMatch:
    fields: JsonObject = {"transport_protocol": "raw_buffer"}
    return ChainMatch(fields | ({"application_protocols": list(alpn)} if alpn else {}), http, terminates=False)


_TABLE: Final[dict[tuple[str, Speaks], tuple[ChainMatch, ...]]] = {
    ("STRICT", Speaks.HTTP): (_tls(http=True),),
    ("STRICT", Speaks.TCP): (_tls(http=False),),
    ("STRICT", Speaks.ANYTHING): (_tls(*_ISTIO_HTTP, http=True), _tls(http=False)),
    ("PERMISSIVE", Speaks.HTTP): (_tls(*ISTIO_ALPN, http=True), _raw(http=True)),
    ("PERMISSIVE", Speaks.TCP): (
        _tls(*ISTIO_ALPN, http=False),
        _tls(http=False, terminates=False),  # TLS of the application's own
        _raw(http=False),
    ),
    ("PERMISSIVE", Speaks.ANYTHING): (
        _tls(*_ISTIO_HTTP, http=True),
        _raw(*_SEEN_HTTP, http=True),
        _tls(*_ISTIO_TCP, http=False),
        _raw(http=False),
        _tls(http=False, terminates=False),
    ),
    ("DISABLE", Speaks.HTTP): (_raw(http=True),),
    ("DISABLE", Speaks.TCP): (_raw(http=False),),
    ("DISABLE", Speaks.ANYTHING): (_raw(*_SEEN_HTTP, http=True), _raw(http=False)),
}
