"""Fields of MeshConfig and ProxyConfig that Istio's protos mark as deprecated, and what to write now.

tests/unit/istio/test_deprecated_mesh.py compares the table with the protos.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from meshgen.diagnostics import JsonPath
from meshgen.diagnostics.catalogue.admission import DEPRECATED_FORM
from meshgen.istio.violation import Violation
from meshgen.json import JsonValue

Pattern: TypeAlias = tuple[str, ...]
"""Names of fields from the root of MeshConfig; `*` is each item of a list."""

_PROVIDER: Final = ("extensionProviders", "*")
_UNREAD: Final = "leave it out: it has no successor, and istiod does nothing with it"
_OPEN_TELEMETRY: Final = "write `opentelemetry: {service: …, port: …}`"

SUCCESSORS: Final[dict[Pattern, str]] = {
    ("certificates",): _UNREAD,
    ("verifyCertificateAtClient",): "set `VERIFY_CERTIFICATE_AT_CLIENT` in istiod's environment",
    ("defaultConfig", "availabilityZone"): "label the nodes or the Pods with their locality",
    ("defaultConfig", "discoveryRefreshDelay"): _UNREAD,
    ("defaultConfig", "envoyMetricsServiceAddress"): "write `envoyMetricsService: {address: …}`",
    ("defaultConfig", "sds"): _UNREAD,
    ("defaultConfig", "zipkinAddress"): "write `tracing: {zipkin: {address: …}}`",
    (*_PROVIDER, "lightstep"): _OPEN_TELEMETRY,
    (*_PROVIDER, "opencensus"): _OPEN_TELEMETRY,
    (*_PROVIDER, "envoyExtAuthzHttp", "includeHeadersInCheck"): "write `includeRequestHeadersInCheck`",
    (*_PROVIDER, "stackdriver", "debug"): _UNREAD,
    (*_PROVIDER, "stackdriver", "maxNumberOfAnnotations"): _UNREAD,
    (*_PROVIDER, "stackdriver", "maxNumberOfAttributes"): _UNREAD,
    (*_PROVIDER, "stackdriver", "maxNumberOfMessageEvents"): _UNREAD,
}


def deprecated_settings(config: JsonValue) -> Iterator[Violation]:
    """Each deprecated field that a MeshConfig gives, by its place."""
    for pattern, now in SUCCESSORS.items():
        for path in _given(config, pattern, ()):
            yield Violation(path, f"`{pattern[-1]}` is deprecated", now, DEPRECATED_FORM)


def _given(value: JsonValue, pattern: Pattern, path: JsonPath) -> Iterator[JsonPath]:
    if not pattern:
        yield path
    elif pattern[0] == "*":
        for index, item in enumerate(value) if isinstance(value, list) else ():
            yield from _given(item, pattern[1:], (*path, index))
    elif isinstance(value, dict) and value.get(pattern[0]) is not None:
        yield from _given(value[pattern[0]], pattern[1:], (*path, pattern[0]))
