"""What the HTTP connection manager does to a request before filters see it (ConnectionManagerUtility)."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import TYPE_CHECKING

from meshgen.trace.decision import Outcome
from meshgen.trace.fields import boolean, integer, message, messages, string
from meshgen.trace.message import HttpMessage
from meshgen.trace.steps.grpc import is_grpc
from meshgen.trace.steps.inline_headers import joined
from meshgen.trace.steps.normalise import normalise_path
from meshgen.trace.walk import Answer

if TYPE_CHECKING:
    from meshgen.json import JsonObject
    from meshgen.trace.walk import Walk

# What an HTTP/1 parser takes for a method; others are refused unless `allow_custom_methods`.
METHODS = frozenset([
    "ACL",
    "BIND",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LINK",
    "LOCK",
    "M-SEARCH",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MOVE",
    "NOTIFY",
    "OPTIONS",
    "PATCH",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "PUT",
    "REBIND",
    "REPORT",
    "SEARCH",
    "SOURCE",
    "SUBSCRIBE",
    "TRACE",
    "UNBIND",
    "UNLINK",
    "UNLOCK",
    "UNSUBSCRIBE",
])
_HOP_BY_HOP = ("connection", "keep-alive", "proxy-connection")
# Removed from every request that does not come from inside (`cleanInternalHeaders`).
_INTERNAL = (
    "x-envoy-retriable-status-codes",
    "x-envoy-retriable-header-names",
    "x-envoy-retry-on",
    "x-envoy-retry-grpc-on",
    "x-envoy-max-retries",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-force-trace",
    "x-envoy-ip-tags",
    "x-envoy-original-url",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-internal",
)
# Removed as well where this proxy is the edge (`use_remote_address`).
_EDGE = (
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
    "x-envoy-original-path",
)


def receive(walk: Walk) -> Answer | None:
    """Set `walk.message` and `walk.remote_ip`, or answer 400 to what is no valid request."""
    walk.response_headers.append(("server", string(walk.manager, "server_name") or "envoy"))
    request = walk.request
    host, path = _target(request.host, request.path)
    failure = _why_old(walk) or _why_not_parsed(walk, path) or _why_invalid(walk, host, path)
    if failure is not None:
        walk.note("request", str(failure.status), "the request is not valid")
        return failure
    headers = joined(tuple((name.lower(), value.strip(" \t")) for name, value in request.headers))
    received = HttpMessage(
        method=request.method,
        path=None if request.method == "CONNECT" else path,
        host=_stripped_host(walk, host),
        scheme="https" if walk.has_tls else "http",
        headers=tuple(pair for pair in headers if pair[0] != "host" and not pair[0].startswith(":")),
    )
    walk.remote_ip = _remote_ip(walk, received)
    walk.message = _cleaned(walk, received)
    return _normalised(walk)


def _why_old(walk: Walk) -> Answer | None:
    """HTTP/1.0 is asked to come back with a later version, unless `accept_http_10`."""
    accepts = boolean(message(walk.manager, "http_protocol_options"), "accept_http_10")
    if walk.request.protocol != "http1.0" or accepts:
        return None
    return Answer(outcome=Outcome.REJECTED, status=426, is_routed=False)


def _target(host: str, path: str) -> tuple[str, str]:
    """Host and path; a request target that is a whole URL brings its own host."""
    scheme, separator, rest = path.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        return host, path
    authority, slash, tail = rest.partition("/")
    return authority, slash + tail or "/"


def _why_not_parsed(walk: Walk, path: str) -> Answer | None:
    """What the HTTP/1 parser refuses."""
    request = walk.request
    options = message(walk.manager, "http_protocol_options")
    knows_method = request.method in METHODS or boolean(options, "allow_custom_methods")
    knows_target = path.startswith("/") or path == "*" or request.method == "CONNECT"
    if request.protocol == "http2" or (knows_method and knows_target):
        return None
    rejected = Answer(outcome=Outcome.REJECTED, status=400, body="Bad Request", is_routed=False)
    return replace(rejected, headers=(("content-type", "text/plain"),))


def _why_invalid(walk: Walk, host: str, path: str) -> Answer | None:
    """What the connection manager refuses: no host, or a path that is none."""
    options = message(walk.manager, "http_protocol_options")
    if not host and not (boolean(options, "accept_http_10") and string(options, "default_host_for_http_10")):
        return Answer(outcome=Outcome.REJECTED, status=400, is_routed=False)
    if walk.request.method != "CONNECT" and not path.startswith("/"):
        return Answer(outcome=Outcome.NOT_FOUND, status=404, is_routed=False)
    return None


def _stripped_host(walk: Walk, host: str) -> str:
    manager = walk.manager
    host = host or string(message(manager, "http_protocol_options"), "default_host_for_http_10")
    name, port = split_port(host)
    if port and (boolean(manager, "strip_any_host_port") or _is_own_port(walk, port)):
        host = name
    if boolean(manager, "strip_trailing_host_dot"):
        name, port = split_port(host)
        host = name.removesuffix(".") + (f":{port}" if port else "")
    return host


def _is_own_port(walk: Walk, port: str) -> bool:
    return boolean(walk.manager, "strip_matching_host_port") and port == str(walk.request.port)


def split_port(host: str) -> tuple[str, str]:
    """Host and port of an authority; the port is empty where there is none. IPv6 addresses keep their brackets."""
    name, colon, port = host.rpartition(":")
    if colon and port.isascii() and port.isdigit() and (":" not in name or name.endswith("]")):
        return name, port
    return host, ""


def _cleaned(walk: Walk, received: HttpMessage) -> HttpMessage:
    is_inside = _is_internal(walk, received)
    is_edge = boolean(walk.manager, "use_remote_address")
    names = [*(_connection_headers(received)), *(() if is_inside else _INTERNAL)]
    wants_trailers = "trailers" in [each.strip().lower() for each in (received.header("te") or "").split(",")]
    if not wants_trailers:
        names.append("te")
    if is_edge and not is_inside:
        names += _EDGE
    if not _keeps_client_certificate(walk):
        names.append("x-forwarded-client-cert")
    cleaned = received.without(*names)
    if wants_trailers:
        cleaned = cleaned.with_header("te", "trailers")
    if is_inside:
        cleaned = cleaned.with_header("x-envoy-internal", "true")
    if is_edge and not is_inside:
        cleaned = cleaned.with_header("x-envoy-external-address", walk.remote_ip)
    if is_edge and not boolean(walk.manager, "skip_xff_append"):
        forwarded = [value for value in (cleaned.header("x-forwarded-for"), walk.request.source_ip) if value]
        cleaned = cleaned.with_header("x-forwarded-for", ",".join(forwarded))
    proto = cleaned.header("x-forwarded-proto")
    trusts_proto = not is_edge or integer(walk.manager, "xff_num_trusted_hops") > 0
    if proto not in ("http", "https") or not trusts_proto:
        cleaned = cleaned.with_header("x-forwarded-proto", received.scheme)
    scheme = cleaned.header("x-forwarded-proto") or received.scheme
    return HttpMessage(method=cleaned.method, path=cleaned.path, host=cleaned.host, scheme=scheme, headers=cleaned.headers)


def _connection_headers(received: HttpMessage) -> list[str]:
    """The headers that are for this connection; an upgrade goes on, but for `h2c`, which Envoy does not take."""
    nominated = [each.strip().lower() for each in (received.header("connection") or "").split(",") if each.strip()]
    upgrade = (received.header("upgrade") or "").lower()
    if "upgrade" in nominated and upgrade == "h2c":
        return [*_HOP_BY_HOP, "upgrade", "http2-settings", *nominated]
    if "upgrade" in nominated and upgrade:
        return [name for name in (*_HOP_BY_HOP, *nominated) if name not in ("upgrade", "connection")]
    return [*_HOP_BY_HOP, "upgrade", *nominated]


def _keeps_client_certificate(walk: Walk) -> bool:
    """Whether x-forwarded-client-cert passes: never from a client without a certificate, unless always forwarded."""
    details = string(walk.manager, "forward_client_cert_details", "SANITIZE")
    if details == "ALWAYS_FORWARD_ONLY":
        return True
    return details in ("FORWARD_ONLY", "APPEND_FORWARD") and walk.has_certificate


def _is_internal(walk: Walk, received: HttpMessage) -> bool:
    """Whether the client is inside: `internal_address_config`, for a client that no other proxy stands before.

    Nobody is inside where it is empty (Envoy 1.33 and later).
    """
    hops, forwarded = integer(walk.manager, "xff_num_trusted_hops"), _forwarded_for(received)
    is_edge = boolean(walk.manager, "use_remote_address")
    is_alone = not forwarded if is_edge else hops == 0 and len(forwarded) == 1
    config = message(walk.manager, "internal_address_config")
    return is_alone and any(in_range(walk.remote_ip, cidr) for cidr in messages(config, "cidr_ranges"))


def in_range(address: str, cidr: JsonObject) -> bool:
    """Whether an address lies in a `CidrRange`."""
    try:
        prefix = f"{string(cidr, 'address_prefix')}/{integer(cidr, 'prefix_len')}"
        return ipaddress.ip_address(address) in ipaddress.ip_network(prefix, strict=False)
    except ValueError:
        return False


def _forwarded_for(received: HttpMessage) -> list[str]:
    return [each.strip() for each in (received.header("x-forwarded-for") or "").split(",") if each.strip()]


def _remote_ip(walk: Walk, received: HttpMessage) -> str:
    """The trusted client address: the peer, or from x-forwarded-for, counted from the right by trusted hops."""
    hops = integer(walk.manager, "xff_num_trusted_hops")
    forwarded = _forwarded_for(received)
    place = hops if boolean(walk.manager, "use_remote_address") else hops + 1
    found = forwarded[-place] if 0 < place <= len(forwarded) else ""
    return found if _is_address(found) else walk.request.source_ip


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _normalised(walk: Walk) -> Answer | None:
    sent = walk.message
    if sent is None or sent.path is None:
        return None
    result = normalise_path(walk.manager, sent.path, rejects_fragment=walk.config.rejects_fragment)
    if result.status == 400 or (result.status == 307 and is_grpc(sent)):  # gRPC clients do not follow redirects
        walk.note("path", "400", result.reason)
        return Answer(outcome=Outcome.REJECTED, status=400, is_routed=False)
    if result.path != sent.path:
        walk.note("path", result.path, result.reason)
        walk.message = HttpMessage(method=sent.method, path=result.path, host=sent.host, scheme=sent.scheme, headers=sent.headers)
    if result.status == 307:
        return Answer(
            outcome=Outcome.REDIRECT,
            status=307,
            location=result.path,
            headers=(("location", result.path),),
            is_routed=False,
        )
    return None
