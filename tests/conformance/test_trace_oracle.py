"""Every recorded call of tests/oracle, traced over the configuration that istiod recorded, against what happened.

Two records answer for each call (tests/oracle/README.md): `istio` for listener, filter chain, route configuration and TCP
clusters; `envoy`, a real Envoy, for everything that HTTP does. What either cannot tell is left out by name here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshgen.trace import Capture, Decision, EnvoyConfig, Outcome, Request, trace

ORACLE = Path(__file__).parent.parent / "oracle"
NOW = 1_780_000_000  # between the recording and the expiry of the long-lived test tokens
GRPC_AUTHORIZATION = "outbound|9000||search.shop.svc.cluster.local"
# Differences that remain, each with its reason: (case, proxy, call, field) -> why the record and the trace may differ.
ARGUED: dict[tuple[str, str, str, str], str] = {
    # A real Envoy sends `//x` (tests/envoy); the upstream of the recording folded leading slashes, as http.server does.
    ("08-rewrite", "webapp", "to-root", "upstream path"): "the recording upstream folded leading slashes",
    ("50-client-headers", "edge", "rw", "upstream path"): "the recording upstream folded leading slashes",
    ("37-ext-authz", "search-v1", "http", "asked"): "limit 3: gRPC authorization services were not replayed",
    ("41-envoy-filter", "catalog-v1", "block", "body"): "the Lua script answers: only its status is given to the trace",
    ("41-envoy-filter", "catalog-v1", "block", "responseHeaders"): "as its body",
}


@dataclass(frozen=True)
class Recorded:
    case: str
    proxy: str
    nth: int
    call: dict[str, Any]
    istio: dict[str, Any]
    envoy: dict[str, Any] | None

    def __str__(self) -> str:
        return f"{self.case}/{self.proxy}/{self.call['name']}"


def record_files() -> list[Path]:
    return sorted(ORACLE.glob("*/istiod/*.calls.json"))


@cache
def config_of(case: str, proxy: str) -> EnvoyConfig:
    return EnvoyConfig.from_record(json.loads((ORACLE / case / "istiod" / f"{proxy}.json").read_text()))


@cache
def tokens() -> dict[str, str]:
    parts = yaml.safe_load((ORACLE / "tokens.yaml").read_text())
    return {f"<{name}>": ".".join(sections) for name, sections in parts.items()}


def recorded_calls(path: Path) -> Iterator[Recorded]:
    """The calls of a proxy in their order; `nth` counts those that met the same port, as its rate limit does."""
    seen: dict[int, int] = {}
    for entry in json.loads(path.read_text()):
        port = entry["call"]["port"]
        seen[port] = seen.get(port, 0) + 1
        case, proxy = path.parent.parent.name, path.name.removesuffix(".calls.json")
        yield Recorded(case, proxy, seen[port], entry["call"], entry["istio"], entry.get("envoy"))


def with_tokens(text: str) -> str:
    for name, token in tokens().items():
        text = text.replace(name, token)
    return text


def original_destination(recorded: Recorded) -> str | None:
    mode = recorded.call["mode"]
    if mode == "gateway":
        return None
    return proxy_ip(recorded.case, recorded.proxy) if mode == "inbound" else recorded.call.get("address", "1.3.3.7")


@cache
def proxy_ip(case: str, proxy: str) -> str:
    return str(json.loads((ORACLE / case / "istiod" / f"{proxy}.json").read_text())["proxy"]["ip"])


def request_of(recorded: Recorded) -> Request:
    call, envoy = recorded.call, recorded.envoy or {}
    tls = call.get("tls", "plaintext")
    answers: dict[str, str | int] = {}
    if "check" in envoy:  # the recorded answer of the authorization service
        answers["envoy.filters.http.ext_authz"] = "deny" if envoy["status"] == 403 else "allow"
    if call.get("headers", {}).get("x-block"):  # the recorded answer of the Lua filter of case 41
        answers["shop.lua"] = envoy["status"]
    answers[GRPC_AUTHORIZATION] = "allow"  # limit 3: not replayed
    is_gateway = call["mode"] == "gateway"
    return Request(
        method=call.get("method", "GET"),
        host=call["host"],
        path=with_tokens(call["path"]),
        headers=tuple((name, with_tokens(value)) for name, value in call.get("headers", {}).items()),
        port=call["port"],
        address=original_destination(recorded),
        capture=Capture.NONE if is_gateway else Capture(call["mode"]),
        protocol=call.get("protocol", "http"),
        # Limit 7: on a gateway `tls` stands for clients with a certificate of their own too.
        tls="none" if tls == "plaintext" else "mtls" if is_gateway else tls,
        sni=call.get("sni", call["host"] if tls == "tls" else None),
        principal=call.get("principal", ""),
        source_ip=call.get("source_ip", "10.20.0.10"),
        now=NOW,
        answers=answers,
        nth=recorded.nth,
    )


Difference = tuple[str, Any, Any]


def compare(recorded: Recorded, decision: Decision) -> list[Difference]:
    pairs = [*istio_pairs(recorded, decision)]
    if recorded.envoy is not None:
        pairs += envoy_pairs(recorded, recorded.envoy, decision)
    return [(field, wanted, found) for field, wanted, found in pairs if wanted != found]


ERRORS = {
    "no listener matched": Outcome.NO_LISTENER,
    "no filter chains matched": Outcome.CLOSED,
    "protocol error": Outcome.CLOSED,
    "invalid mTLS": Outcome.CLOSED,
}


def istio_pairs(recorded: Recorded, decision: Decision) -> Iterator[Difference]:
    istio = recorded.istio
    error = istio.get("error")
    yield "listener", istio["listener"], decision.listener
    if error == "invalid mTLS" and recorded.call["mode"] == "gateway":
        return  # limit 7: the simulation knows only the workload's certificate
    yield "filterChain", istio["filterChain"], decision.filter_chain
    config = config_of(recorded.case, recorded.proxy)
    yield "routeConfig", istio["routeConfig"], decision.route_config if decision.route_config in config.routes else ""
    if error in ERRORS:
        yield "error", ERRORS[error], decision.outcome
    elif decision.outcome is Outcome.DENIED and not decision.route_config:
        yield "denied by a network filter", True, has_network_rbac(decision)  # limit 3: not replayed
    elif not decision.route_config:  # TCP, or TLS that is not terminated
        yield "tcp cluster", istio["cluster"], "" if is_split(decision) else decision.cluster
        yield "is served", False, decision.outcome in (Outcome.NO_LISTENER, Outcome.CLOSED)


def has_network_rbac(decision: Decision) -> bool:
    return decision.steps[-1].stage == "rbac" and decision.steps[-1].chosen == "denied"


def is_split(decision: Decision) -> bool:
    """Limit 2: the simulation names no cluster of a weighted route."""
    return bool(decision.weights)


def envoy_pairs(recorded: Recorded, envoy: dict[str, Any], decision: Decision) -> Iterator[Difference]:
    status = decision.status or (200 if decision.outcome is Outcome.ROUTED else None)
    yield "status", envoy["status"], status
    yield "virtualHost", envoy.get("virtualHost"), decision.virtual_host if decision.route else None
    yield "routeIndex", envoy.get("routeIndex"), decision.route.index if decision.route else None
    yield "route", envoy.get("route"), decision.route.name if decision.route else None
    weights = [[each.cluster, each.weight] for each in decision.weights]
    yield "weights", envoy.get("weights", []), weights
    yield "body", envoy.get("body", ""), decision.body
    yield "mirrored", envoy.get("mirrored", []), [m.cluster for m in decision.mirrors if m.percent == 100]
    yield "mirrorPolicy", bool(envoy.get("mirrorPolicy")), any(m.percent < 100 for m in decision.mirrors)
    yield "asked", [each["cluster"] for each in envoy.get("check", [])], list(decision.asked)
    if "cluster" in envoy:
        yield "cluster", envoy["cluster"], decision.cluster
    yield "reached upstream", "upstream" in envoy, decision.outcome is Outcome.ROUTED
    if "upstream" in envoy:
        yield from upstream_pairs(recorded, envoy["upstream"], decision)
    if "responseHeaders" in envoy:
        is_told = decision.asked and decision.outcome is Outcome.DENIED  # what the service answers is its own
        wanted = [pair for pair in envoy["responseHeaders"] if not (is_told and pair[0] == "location")]
        yield "responseHeaders", wanted, sorted([name, value] for name, value in decision.response_headers)


def upstream_pairs(recorded: Recorded, upstream: dict[str, Any], decision: Decision) -> Iterator[Difference]:
    yield "upstream method", upstream["method"], decision.method
    yield "upstream path", upstream["path"], decision.path
    yield "upstream host", upstream["host"], decision.host
    if "headers" in upstream:
        wanted = {(name, with_tokens(value)) for name, value in upstream["headers"]}
        found = set(decision.request_headers)
        ignored = ignored_headers(recorded, decision)
        yield "upstream headers", *({pair for pair in each if pair[0] not in ignored} for each in (wanted, found))


def ignored_headers(recorded: Recorded, decision: Decision) -> set[str]:
    ignored = {"x-forwarded-for", "x-request-id", "x-envoy-external-address"}  # limit 6: not in the records
    if recorded.call.get("tls", "plaintext") != "plaintext" and not recorded.call.get("principal"):
        ignored.add("x-forwarded-proto")  # limit 4: replayed without the listener's TLS
    if decision.asked:
        ignored.add("x-user")  # what the authorization service adds is its own
    if "shop.lua" in decision.opaque:
        ignored.add("x-lua")  # what the script adds is its own
    return ignored


@pytest.mark.parametrize("path", record_files(), ids=lambda p: f"{p.parent.parent.name}-{p.name.split('.')[0]}")
def test_recorded_calls_are_decided_as_istiod_and_envoy_decided_them(path: Path):
    failures = []
    for recorded in recorded_calls(path):
        decision = trace(config_of(recorded.case, recorded.proxy), request_of(recorded))
        for field, wanted, found in compare(recorded, decision):
            if (recorded.case, recorded.proxy, recorded.call["name"], field) not in ARGUED:
                failures.append(f"{recorded} {field}: recorded {wanted!r}, traced {found!r}")
    assert not failures, "\n".join(failures)


def test_all_recorded_calls_are_compared_and_every_argued_difference_is_one(capsys: pytest.CaptureFixture[str]):
    cases, calls, different, argued = set(), 0, 0, set()
    for path in record_files():
        for recorded in recorded_calls(path):
            cases.add(recorded.case)
            calls += 1
            decision = trace(config_of(recorded.case, recorded.proxy), request_of(recorded))
            found = compare(recorded, decision)
            different += bool(found)
            argued |= {(recorded.case, recorded.proxy, recorded.call["name"], field) for field, _, _ in found}
    with capsys.disabled():
        print(f"\ntrace oracle: {len(cases)} cases, {calls} calls, {calls - different} equal, {different} different")  # noqa: T201 - the figures are what this is for
    assert (len(cases), calls) == (50, 662)
    assert argued == set(ARGUED), "the table of argued differences is out of date"
