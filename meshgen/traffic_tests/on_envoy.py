"""The engine that asks real Envoys: the proxies on the way, with stub applications behind them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from meshgen.emit.envoy.names import PASSTHROUGH
from meshgen.journey import Hop, Journeys
from meshgen.json import JsonObject
from meshgen.live.bench import Bench
from meshgen.live.http import Client, Door, Headers, Response
from meshgen.live.process import find_envoy
from meshgen.live.stubs import ANSWER, BRING, TEST, Arrival, Stubs
from meshgen.mesh import Proxy
from meshgen.pipeline import Result
from meshgen.trace import Request
from meshgen.trace.steps.token import parse_token
from meshgen.traffic_tests.cases import Case
from meshgen.traffic_tests.seen import Seen, seen_by_simulator
from meshgen.traffic_tests.seen_live import Evidence, seen_live

SAMPLES = 400
"""Requests for a test of shares."""

Logs = Mapping[str, list[dict[str, str]]]
"""The access logs, by proxy."""

_AT_ONCE = 4
_PROXIES_AT_ONCE = 16
_PROBE = "retries"
_NOT_SENT = frozenset({"content-length", "host", "transfer-encoding"})


@dataclass(slots=True)
class _Sent:
    """A case and what came back."""

    case: Case
    hops: tuple[Hop, ...]
    number: str
    responses: list[Response | None] = field(default_factory=list)
    allowing: tuple[str, ...] = ()  # the rules that allowed it, by Envoy's names


class EnvoyEngine:
    """Answers by sending the requests of all cases through real Envoys, which are stopped before anything is compared."""

    def __init__(self, result: Result, journeys: Journeys, envoy: Path | None = None) -> None:
        self._result, self._journeys, self._envoy = result, journeys, envoy

    def see(self, cases: Sequence[Case], hops: Sequence[tuple[Hop, ...]]) -> Iterator[Seen]:
        """What becomes of each case; of one that this engine cannot send nothing is seen.

        Raises:
            EnvoyError: where there is no Envoy, or one of them does not start.
        """
        sent = [_Sent(case, way, str(index)) for index, (case, way) in enumerate(zip(cases, hops, strict=True))]
        reasons = [why_not_sent(each.case, each.hops) for each in sent]
        going = [each for each, reason in zip(sent, reasons, strict=True) if not reason]
        evidence: dict[str, Evidence] = {}
        for batch in _batches(going):
            evidence |= self._run(batch)
        for each, reason in zip(sent, reasons, strict=True):
            simulated = seen_by_simulator(each.hops, each.case.asked)
            yield seen_live(simulated, evidence[each.number]) if not reason else unseen(simulated, reason)

    def _run(self, sent: Sequence[_Sent]) -> dict[str, Evidence]:
        envoy = find_envoy(self._envoy)
        with tempfile.TemporaryDirectory(prefix="meshgen-test-") as directory:
            bench = self._bench(sent, Path(directory))
            arrivals: list[Arrival] = []
            asyncio.run(_send_all(bench, envoy, sent, arrivals))
            logs = bench.logs()
        return {each.number: _evidence(each, bench, arrivals, logs) for each in sent}

    def _bench(self, sent: Sequence[_Sent], directory: Path) -> Bench:
        hops = [hop for each in sent for hop in each.hops]
        used = {cluster for hop in hops if hop.side != "into" for cluster in _clusters(hop)}
        proxies = {hop.proxy.id: hop.proxy for hop in hops}
        unlisted = {name for proxy in proxies.values() for name in self._journeys.config(proxy).unlisted}
        bench = Bench(self._result.mesh, used, unlisted, directory)
        for each in sent:
            first = each.hops[0]
            if first.side == "into":
                bench.server_port(first.proxy, first.request.port, "plaintext")
        bench.add(tuple(proxies.values()), self._journeys.proxies)
        return bench


def _batches(sent: Sequence[_Sent]) -> Iterator[list[_Sent]]:
    """The cases in their order, as many at a time as a few proxies can answer."""
    batch: list[_Sent] = []
    proxies: set[str] = set()
    for each in sent:
        needed = {hop.proxy.id for hop in each.hops}
        if batch and len(proxies | needed) > _PROXIES_AT_ONCE:
            yield batch
            batch, proxies = [], set()
        batch.append(each)
        proxies |= needed
    if batch:
        yield batch


def _clusters(hop: Hop) -> Iterator[str]:
    yield hop.decision.cluster
    yield from (weight.cluster for weight in hop.decision.weights)
    yield from (mirror.cluster for mirror in hop.decision.mirrors)


def unseen(simulated: Seen, reason: str) -> Seen:
    """Nothing of a case is seen, and why."""
    return Seen(outcome=simulated.outcome, made_by=simulated.made_by, unseen=_Everything(reason))


class _Everything(dict[str, str]):
    """Every field, with one reason."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self._reason = reason

    def __contains__(self, key: object) -> bool:
        return True

    def __getitem__(self, key: str) -> str:
        return self._reason


def why_not_sent(case: Case, hops: Sequence[Hop]) -> str:
    """Why this engine cannot send the request of a case; empty if it can."""
    first = hops[0]
    request = first.request
    headers = case.question.headers if case.question is not None else ()
    reasons = {
        "it sends HTTP, not TCP": not request.is_http,
        "it sends HTTP/1.1": request.is_http and request.protocol != "http",
        "it opens no tunnels": request.method == "CONNECT",
        "it sends no TLS through a sidecar": request.is_tls and first.side == "out of",
        "what a sidecar passes through goes to a stub, not to the server's sidecar": (
            first.decision.cluster == PASSTHROUGH and len(hops) > 1
        ),
        "a header has a line break": any("\n" in value for _, value in headers),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


async def _send_all(bench: Bench, envoy: Path, sent: Sequence[_Sent], arrivals: list[Arrival]) -> None:
    stubs = Stubs(arrivals)
    with bench.start(envoy):
        try:
            for stub in bench.stubs.values():
                await stubs.add(stub.name, stub.port, bench.server_context(stub) if stub.names else None)
            for each in sent:
                before = bench.allowed() if each.case.expect.by is not None else None
                await _send(bench, each)
                if before is not None:
                    each.allowing = tuple(sorted(bench.allowed() - before))
        finally:
            await stubs.close()


async def _send(bench: Bench, sent: _Sent) -> None:
    """All requests of a case: one, or as many as its shares call for, on a few connections; and one that is to be retried."""
    request = sent.hops[0].request
    headers = _headers(bench, request, sent.case)
    extra: Headers = ((TEST, sent.number),)
    if sent.case.expect.without_response_headers:
        extra = (*extra, (BRING, ",".join(sent.case.expect.without_response_headers)))
    count = samples_of(sent.case)
    clients = [Client(_door(bench, sent)) for _ in range(min(_AT_ONCE, count))]

    async def several(client: Client, share: int) -> None:
        for _ in range(share):
            sent.responses.append(await client.send(request.method, request.path, (*headers, *extra)))
        await client.close()

    shares = [count // len(clients) + (index < count % len(clients)) for index in range(len(clients))]
    await asyncio.gather(*(several(client, share) for client, share in zip(clients, shares, strict=True)))
    failure = _failure(sent)
    if failure:
        probe = Client(_door(bench, sent))
        await probe.send(request.method, request.path, (*headers, (TEST, f"{sent.number}-{_PROBE}"), (ANSWER, failure)))
        await probe.close()


def samples_of(case: Case) -> int:
    """How many requests tell what a case asks."""
    expect = case.expect
    shares = len(expect.to or ()) > 1
    return SAMPLES if shares or expect.mirror or expect.fault or expect.endpoints is not None else 1


def _failure(sent: _Sent) -> str:
    """How a stub must fail for the request to be tried again; empty where that is not asked, or no stub can."""
    retry = sent.hops[0].decision.retry
    if sent.case.expect.retries is None or retry is None:
        return ""
    if {"5xx", "gateway-error"} & set(retry.on) or 503 in retry.codes:
        return "503"
    return "reset" if "reset" in retry.on else ""


def _headers(bench: Bench, request: Request, case: Case) -> Headers:
    pairs = [("Host", request.host)]
    for name, value in request.headers:
        if name not in _NOT_SENT:
            pairs.append((name, _signed(bench, value) if name == "authorization" else value))
    payload = case.question.claims[0] if case.question is not None and case.question.claims else None
    if payload is not None:
        pairs.append(("authorization", f"Bearer {bench.signer.sign(payload)}"))
    return tuple(pairs)


def _signed(bench: Bench, value: str) -> str:
    """A bearer token with the same claims, signed with the key that this run's Envoys know; anything else as it is."""
    scheme, _, text = value.partition(" ")
    token = parse_token(text) if scheme.lower() == "bearer" else ""
    payload: JsonObject | None = None if isinstance(token, str) else token.payload
    return value if payload is None else f"{scheme} {bench.signer.sign(payload)}"


def _door(bench: Bench, sent: _Sent) -> Door:
    first = sent.hops[0]
    request, proxy = first.request, first.proxy
    if first.side == "out of":
        return _captured(bench.outbound[proxy.id], request, request.address or "240.0.0.1", request.port)
    if first.side == "into":
        port = bench.server_port(proxy, request.port, "plaintext")
        return _captured(port, request, request.address or "10.255.255.2", port)
    port = bench.listeners[proxy.id].get(request.port, 1)
    address = proxy.address or "10.255.255.2"
    if not request.is_tls:
        return _captured(port, request, address, request.port)
    door = _captured(port, request, address, request.port)
    context = bench.client_context(request.principal, certificate=request.has_certificate)
    return Door(
        port=port,
        source=door.source,
        destination=door.destination,
        destination_port=door.destination_port,
        tls=context,
        sni=request.server_name,
    )


def _captured(port: int, request: Request, address: str, destination_port: int) -> Door:
    """A connection that says by the PROXY protocol where it comes from, and where it was meant to go."""
    source = request.source_ip
    if (":" in source) != (":" in address):
        source = "2001:db8::7" if ":" in address else "203.0.113.7"
    return Door(port=port, source=source, destination=address, destination_port=destination_port)


def _evidence(sent: _Sent, bench: Bench, arrivals: Iterable[Arrival], logs: Logs) -> Evidence:
    entries = [(name, entry) for name, several in logs.items() for entry in several if entry.get("test") == sent.number]
    probes = sum(arrival.test == f"{sent.number}-{_PROBE}" and not _is_shadow(arrival) for arrival in arrivals)
    own = [arrival for arrival in arrivals if arrival.test == sent.number]
    roles = {proxy.id: proxy for hop in sent.hops for proxy in (hop.proxy,)}
    return Evidence(
        responses=tuple(sent.responses),
        entries=tuple(entries),
        arrivals=tuple(arrival for arrival in own if not _is_shadow(arrival)),
        shadows=tuple(arrival for arrival in own if _is_shadow(arrival)),
        probes=probes,
        gateways=frozenset(name for name, proxy in roles.items() if _is_gateway(proxy)),
        sender=sent.hops[0].proxy.id,
        bench=bench,
        allowing=sent.allowing,
        brought=tuple(name.lower() for name in sent.case.expect.without_response_headers or ()),
    )


def _is_gateway(proxy: Proxy) -> bool:
    return proxy.is_gateway


def _is_shadow(arrival: Arrival) -> bool:
    return arrival.host.partition(":")[0].endswith("-shadow")
