"""Which filter chain of the listener takes the connection."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

from meshgen.trace.decision import Outcome
from meshgen.trace.fields import boolean, integer, message, messages, string, typed_config
from meshgen.trace.request import Capture
from meshgen.trace.source import source_of
from meshgen.trace.walk import Answer

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.tables import ChainMatch, FilterChains, Network
    from meshgen.trace.walk import Walk

_NEAR = 8  # how many chains that were not chosen are told
_TLS_INSPECTOR = "tls_inspector.v3.TlsInspector"
_HTTP_INSPECTOR = "http_inspector.v3.HttpInspector"


def choose_filter_chain(walk: Walk) -> Answer | None:
    """Set `walk.chain`, or close the connection where none matches or its TLS does not fit."""
    table = walk.config.chains(walk.listener)
    chain, nearly = _match(walk, table)
    if chain is None:
        walk.note("filter chain", "", "no filter chain matches, so the connection is closed", nearly)
        return Answer(outcome=Outcome.CLOSED)
    walk.chain = chain
    reason = "the default filter chain" if chain is table.default else "the most specific match"
    walk.note("filter chain", string(chain, "name"), reason, nearly, source_of(chain))
    failure = _why_not_tls(walk, chain)
    if failure is not None:
        walk.note("tls", "closed", failure)
        return Answer(outcome=Outcome.CLOSED)
    _note_tls(walk, chain)
    return None


def _note_tls(walk: Walk, chain: JsonObject) -> None:
    """What the connection is protected by, where that is anything to say."""
    request = walk.request
    if not request.is_tls:
        if request.capture is Capture.INBOUND:
            walk.note("tls", "plaintext", "which this filter chain takes")
        return
    name = f"server name `{request.server_name}`" if request.server_name else "no server name"
    if "transport_socket" not in chain:
        walk.note("tls", "passed on", name)
    elif walk.has_certificate:
        walk.note("tls", "mutual", f"the client is {f'`{request.principal}`' if request.principal else 'of no known identity'}")
    else:
        walk.note("tls", "terminated", name)


def _match(walk: Walk, table: FilterChains) -> tuple[JsonObject | None, tuple[tuple[str, str], ...]]:
    """Narrow the chains criterion by criterion, as Envoy does: the most specific value wins and is final.

    There is no way back: a chain for this port hides those without a port even if its other criteria fail
    (`FilterChainManagerImpl::findFilterChain`).
    """
    candidates = table.chains
    nearly: list[tuple[str, str]] = []
    for field, criterion, narrow in _CRITERIA:
        if field not in table.criteria:
            continue
        kept = narrow(candidates, walk)
        if len(kept) < len(candidates) and len(nearly) < _NEAR:
            kept_ids = {id(each) for each in kept}
            lost = islice((each for each in candidates if id(each) not in kept_ids), _NEAR - len(nearly))
            nearly += [(each.name or "(unnamed)", f"another {criterion}") for each in lost]
        candidates = kept
    return (candidates[0].chain if candidates else table.default), tuple(nearly)


_Chains = tuple["ChainMatch", ...]


def _by_port(chains: _Chains, walk: Walk) -> _Chains:
    port = walk.request.port
    return tuple(each for each in chains if each.port == port) or tuple(each for each in chains if each.port == 0)


def _by_destination(chains: _Chains, walk: Walk) -> _Chains:
    return _by_network(chains, walk.request.address, lambda each: each.prefixes)


def _by_server_name(chains: _Chains, walk: Walk) -> _Chains:
    table = walk.config.chains(walk.listener)
    is_whole = len(chains) == len(table.chains)
    kept = None if is_whole else {id(each) for each in chains}
    for name in (*_server_names(walk), ""):
        found = table.by_server_name.get(name, ())
        if kept is not None:
            found = tuple(each for each in found if id(each) in kept)
        if found:
            return found
    return ()


def _server_names(walk: Walk) -> list[str]:
    """The SNI, then its wildcards from long to short; none where nobody looks into TLS."""
    name = walk.request.server_name if inspects_tls(walk) else ""
    labels = name.split(".")
    return [name, *("*." + ".".join(labels[index:]) for index in range(1, len(labels)))] if name else []


def _by_transport(chains: _Chains, walk: Walk) -> _Chains:
    transport = "tls" if walk.request.is_tls and inspects_tls(walk) else "raw_buffer"
    same = tuple(each for each in chains if each.transport == transport)
    return same or tuple(each for each in chains if not each.transport)


def _by_application_protocol(chains: _Chains, walk: Walk) -> _Chains:
    for protocol in _application_protocols(walk):
        found = tuple(each for each in chains if protocol in each.protocols)
        if found:
            return found
    return tuple(each for each in chains if not each.protocols)


def _application_protocols(walk: Walk) -> tuple[str, ...]:
    request = walk.request
    if request.is_tls:
        return request.offered_protocols if inspects_tls(walk) else ()
    if not _inspects(walk, _HTTP_INSPECTOR):
        return ()
    return {"http": ("http/1.1",), "http1.0": ("http/1.0",), "http2": ("h2c",)}.get(request.protocol, ())


def _by_direct_source(chains: _Chains, walk: Walk) -> _Chains:
    return _by_network(chains, walk.request.source_ip, lambda each: each.direct_source_prefixes)


def _by_source_type(chains: _Chains, walk: Walk) -> _Chains:
    request = walk.request
    address = _address(request.source_ip)
    is_local = address is not None and (address.is_loopback or request.source_ip == request.address)
    wanted = "SAME_IP_OR_LOOPBACK" if is_local else "EXTERNAL"
    same = tuple(each for each in chains if each.source_type == wanted)
    return same or tuple(each for each in chains if each.source_type == "ANY")


def _by_source(chains: _Chains, walk: Walk) -> _Chains:
    return _by_network(chains, walk.request.source_ip, lambda each: each.source_prefixes)


def _by_source_port(chains: _Chains, walk: Walk) -> _Chains:
    port = walk.request.source_port
    same = tuple(each for each in chains if port in each.source_ports)
    return same or tuple(each for each in chains if not each.source_ports)


def _by_network(chains: _Chains, address: str | None, prefixes: Callable[[ChainMatch], tuple[Network, ...]]) -> _Chains:
    """The chains with the longest prefix that holds the address; no prefix is the shortest."""
    if not any(prefixes(each) for each in chains):
        return chains
    ip = _address(address)
    lengths = [_longest(prefixes(each), ip) for each in chains]
    best = max(lengths, default=-1)
    return tuple(each for each, length in zip(chains, lengths, strict=True) if length == best and best >= 0)


def _longest(prefixes: tuple[Network, ...], ip: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> int:
    if not prefixes:
        return 0
    return max((each.prefixlen for each in prefixes if ip is not None and ip in each), default=-1)


def _address(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text) if text else None
    except ValueError:
        return None


_CRITERIA: tuple[tuple[str, str, Callable[[_Chains, Walk], _Chains]], ...] = (
    ("port", "destination port", _by_port),
    ("prefixes", "destination address", _by_destination),
    ("server_names", "server name", _by_server_name),
    ("transport", "transport protocol", _by_transport),
    ("protocols", "application protocol", _by_application_protocol),
    ("direct_source_prefixes", "direct source address", _by_direct_source),
    ("source_type", "source type", _by_source_type),
    ("source_prefixes", "source address", _by_source),
    ("source_ports", "source port", _by_source_port),
)


def inspects_tls(walk: Walk) -> bool:
    """Whether Envoy reads the ClientHello: by a filter, which Envoy adds itself where chain matches need it."""
    if any(typed_config(each)[0].endswith(_TLS_INSPECTOR) for each in messages(walk.listener, "listener_filters")):
        return _inspects(walk, _TLS_INSPECTOR)
    return walk.config.chains(walk.listener).needs_tls_inspector


def _inspects(walk: Walk, type_suffix: str) -> bool:
    for entry in messages(walk.listener, "listener_filters"):
        if typed_config(entry)[0].endswith(type_suffix):
            return not _is_disabled(message(entry, "filter_disabled"), walk.request.port)
    return False


def _is_disabled(predicate: JsonObject, port: int) -> bool:
    """A `ListenerFilterChainMatchPredicate` on the destination port."""
    if "or_match" in predicate:
        return any(_is_disabled(rule, port) for rule in messages(message(predicate, "or_match"), "rules"))
    if "and_match" in predicate:
        return all(_is_disabled(rule, port) for rule in messages(message(predicate, "and_match"), "rules"))
    if "not_match" in predicate:
        return not _is_disabled(message(predicate, "not_match"), port)
    if "destination_port_range" in predicate:
        limits = message(predicate, "destination_port_range")
        return integer(limits, "start") <= port < integer(limits, "end")
    return boolean(predicate, "any_match")


def _why_not_tls(walk: Walk, chain: JsonObject) -> str | None:
    """Why the client's TLS does not fit the chain's transport socket."""
    name, context = typed_config(message(chain, "transport_socket"))
    if not name.endswith("DownstreamTlsContext"):
        return None
    if not walk.request.is_tls:
        return "the client speaks plaintext where TLS is terminated"
    if boolean(context, "require_client_certificate") and not walk.request.has_certificate:
        return "a client certificate is required and the client has none"
    return None
