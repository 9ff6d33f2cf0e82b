"""What istiod refuses of Telemetry, ProxyConfig, WasmPlugin, TrafficExtension and EnvoyFilter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from meshgen.istio.admission.hosts import regex_fault
from meshgen.istio.admission.said import ignored, port_faults, wrong
from meshgen.istio.envoy_filter import EnvoyConfigObjectPatch, EnvoyFilter, FilterMatch
from meshgen.istio.proxy_config import ProxyConfig
from meshgen.istio.rules import Rules
from meshgen.istio.shared import TrafficSelectorPort
from meshgen.istio.telemetry import AccessLogging, CustomTag, Metrics, Telemetry, Tracing
from meshgen.istio.traffic_extension import LuaConfig
from meshgen.istio.violation import Violation, show

_MATCH_OF: Final = {
    "LISTENER": "listener",
    "FILTER_CHAIN": "listener",
    "NETWORK_FILTER": "listener",
    "HTTP_FILTER": "listener",
    "ROUTE_CONFIGURATION": "routeConfiguration",
    "VIRTUAL_HOST": "routeConfiguration",
    "HTTP_ROUTE": "routeConfiguration",
    "CLUSTER": "cluster",
}
_MANAGERS: Final = frozenset({"envoy.filters.network.http_connection_manager", "envoy.http_connection_manager"})
_LONGEST_LUA, _LONGEST_VERSION = 65536, 1024


def telemetry(spec: Telemetry) -> Iterator[Violation]:
    """One way to trace."""
    if len(spec.tracing or ()) > 1:
        yield ignored("only the first `tracing` is followed", "tracing", 1)


def tracing(spec: Tracing) -> Iterator[Violation]:
    """One provider, and a share."""
    if len(spec.providers or ()) > 1:
        yield ignored("only the first provider is followed", "providers", 1)
    share = spec.random_sampling_percentage
    if share is not None and not 0 <= share <= 100:
        yield wrong(f"`randomSamplingPercentage` must be between 0 and 100, not {share:g}", "randomSamplingPercentage")
    if "" in (spec.custom_tags or {}):
        yield wrong("a tag needs a name", "customTags")
    yield from providers(spec)


def providers(spec: Tracing | Metrics | AccessLogging) -> Iterator[Violation]:
    """Providers by name."""
    for index, provider in enumerate(spec.providers or ()):
        if not provider.name:
            yield wrong("a provider needs a name", "providers", index)


def custom_tag(tag: CustomTag) -> Iterator[Violation]:
    """Where a tag's value comes from."""
    if tag.literal is not None and not tag.literal.value:
        yield wrong("a literal tag needs a value", "literal")
    for name, part in (("header", tag.header), ("environment", tag.environment)):
        if part is not None and not part.name:
            yield wrong(f"a tag by `{name}` needs its name", name)


def proxy_config(spec: ProxyConfig) -> Iterator[Violation]:
    """Threads."""
    if spec.concurrency is not None and spec.concurrency < 0:
        yield wrong(f"`concurrency` must be at least 0, not {spec.concurrency}", "concurrency")


def lua(spec: LuaConfig) -> Iterator[Violation]:
    """Some code, and not too much."""
    size = len((spec.inline_code or "").encode())
    if not 0 < size <= _LONGEST_LUA:
        yield wrong(f"`inlineCode` has between 1 and {_LONGEST_LUA} bytes, not {size}", "inlineCode")


def selector_port(port: TrafficSelectorPort) -> Iterator[Violation]:
    """A port."""
    yield from port_faults(port.number, "number")


def envoy_filter(spec: EnvoyFilter) -> Iterator[Violation]:
    """Patches, each of its own."""
    for index, patch in enumerate(spec.config_patches or ()):
        for violation in _patch(patch):
            yield violation.under("configPatches", index)


def _patch(entry: EnvoyConfigObjectPatch) -> Iterator[Violation]:
    if entry.match is not None and entry.match.context == "WAYPOINT":
        return
    if entry.apply_to in {None, "INVALID"}:
        yield wrong("a patch needs `applyTo`")
    if entry.patch is None or entry.patch.operation in {None, "INVALID"}:
        yield wrong("a patch needs a `patch` with an `operation`")
    elif entry.patch.operation != "REMOVE" and entry.patch.value is None:
        yield wrong(f"`operation: {entry.patch.operation}` needs a `value`", "patch")
    yield from _patch_match(entry)


def _patch_match(entry: EnvoyConfigObjectPatch) -> Iterator[Violation]:
    match = entry.match
    if match is None:
        return
    version = match.proxy.proxy_version if match.proxy is not None else None
    place = ("match", "proxy", "proxyVersion")
    if version and len(version) > _LONGEST_VERSION:
        yield ignored(f"`proxyVersion` has more than {_LONGEST_VERSION} characters, and is left out", *place)
    elif version and regex_fault(version):
        yield wrong(f"{show(version)} {regex_fault(version)}", *place)
    given = {"listener": match.listener, "routeConfiguration": match.route_configuration, "cluster": match.cluster}
    wanted = _MATCH_OF.get(entry.apply_to or "")
    for name, value in given.items():
        if value is not None and wanted is not None and name != wanted:
            yield wrong(f"`applyTo: {entry.apply_to}` is matched by `{wanted}`, not by `{name}`", "match", name)
    chain = match.listener.filter_chain if match.listener is not None else None
    if chain is not None and chain.filter is not None:
        yield from _filter_match(entry.apply_to or "", chain.filter)


def _filter_match(apply_to: str, match: FilterMatch) -> Iterator[Violation]:
    place = ("match", "listener", "filterChain", "filter")
    if apply_to in {"LISTENER", "FILTER_CHAIN"}:
        yield ignored(f"a match by filter does nothing with `applyTo: {apply_to}`", *place)
    if not match.name:
        yield wrong("a match by filter needs its `name`", *place)
    elif match.sub_filter is not None:
        if apply_to != "HTTP_FILTER":
            yield wrong("`subFilter` is for `applyTo: HTTP_FILTER`", *place, "subFilter")
        elif match.name not in _MANAGERS:
            hint = "it stands in `envoy.filters.network.http_connection_manager`"
            yield wrong(f"{show(match.name)} has no HTTP filters", *place, "name", help=hint)
        elif not match.sub_filter.name:
            yield wrong("`subFilter` needs its `name`", *place, "subFilter")


RULES: Final[Rules] = {
    Telemetry: (telemetry,),
    Tracing: (tracing,),
    Metrics: (providers,),
    AccessLogging: (providers,),
    CustomTag: (custom_tag,),
    ProxyConfig: (proxy_config,),
    LuaConfig: (lua,),
    TrafficSelectorPort: (selector_port,),
    EnvoyFilter: (envoy_filter,),
}
