"""A witness of the impact as a command that people can run, and its whole way through both meshes."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace

from meshgen.diff.fate import ending_of
from meshgen.diff.findings import Finding, Way, Witness
from meshgen.diff.impact import Impact
from meshgen.journey.follow import Hop, Journeys
from meshgen.journey.question import OUTSIDE, Question, UnanswerableError
from meshgen.json import JsonObject
from meshgen.mesh import Proxy
from meshgen.trace import Capture, Outcome, Request

_MOST = 24  # findings whose way is followed; each may need proxies that are not translated yet


def replayed(impact: Impact, before: Journeys, after: Journeys) -> Impact:
    """The impact with a command for each witness, and for the first ones their way on both sides."""
    findings = [_with_way(each, before, after, follows=number < _MOST) for number, each in enumerate(impact.findings)]
    return replace(impact, findings=tuple(findings))


def _with_way(finding: Finding, before: Journeys, after: Journeys, *, follows: bool) -> Finding:
    journeys = after if any(proxy.id == finding.witness.proxy for proxy in after.proxies) else before
    question = question_of(finding, journeys)
    if question is None:
        return finding
    witness = replace(finding.witness, command=command_of(question))
    if follows:
        witness = replace(witness, way=(_way(before, question), _way(after, question)))
    return replace(finding, witness=witness)


def _way(journeys: Journeys, question: Question) -> Way:
    """What each proxy on the way does; empty where nobody can say."""
    try:
        hops = journeys.ask(question)
    except UnanswerableError:
        return ()
    return tuple((f"{hop.side} {hop.proxy.id}", _ending(hop)) for hop in hops)


def _ending(hop: Hop) -> str:
    if hop.side == "into" and hop.decision.outcome is Outcome.ROUTED:
        return "let in"
    return ending_of(hop.decision, hop.request.host, hop.request.path)


def question_of(finding: Finding, journeys: Journeys) -> Question | None:
    """The question that meets the witness's proxy as the witness does; None where nobody in the mesh can ask it."""
    witness = finding.witness
    proxy = next((each for each in journeys.proxies if each.id == witness.proxy), None)
    if proxy is None:
        return None
    request = witness.request
    if request.capture is Capture.INBOUND:
        return _to_server(witness, proxy, journeys)
    host = request.host if request.is_http else (finding.hosts or (request.host,))[0]
    if request.capture is Capture.OUTBOUND:
        return _asked(request, _short(host, proxy.namespace), request.port, source=proxy.id)
    port = next((port.number for service, port, own in journeys.mesh.view(proxy).inbound_services if own == request.port), None)
    several = sum(each.is_gateway for each in journeys.proxies) > 1
    asked = _asked(request, host, port or request.port, source="")
    return replace(
        asked,
        gateway=proxy.id if several else "",
        remote_address="" if request.source_ip in ("127.0.0.1", OUTSIDE) else request.source_ip,
        client_certificate=request.principal if request.tls == "mtls" else "",
    )


def _to_server(witness: Witness, proxy: Proxy, journeys: Journeys) -> Question | None:
    """A call of a workload of the mesh; nobody outside of it reaches a sidecar."""
    request = witness.request
    inbound = journeys.mesh.view(proxy).inbound_services
    found = next(((service, port) for service, port, own in inbound if own == request.port), None)
    if found is None or not witness.source:
        return None
    service, port = found
    host = _short(service.host, witness.source.partition("/")[0])
    return _asked(replace(request, tls="none", host=service.host), host, port.number, source=witness.source)


def _short(host: str, namespace: str) -> str:
    """A host as people of a namespace write it."""
    parts = host.split(".")
    if len(parts) < 3 or parts[2] != "svc":
        return host
    return parts[0] if parts[1] == namespace else f"{parts[0]}.{parts[1]}"


def _asked(request: Request, host: str, port: int, *, source: str) -> Question:
    plain, secure = ("http", "https") if request.is_http else ("tcp", "tls")
    scheme = secure if request.is_tls else plain
    usual = {"http": 80, "https": 443}.get(scheme)
    name = host.partition(":")[0]
    dialled = request.sni if request.is_tls and request.sni and request.sni != name else name
    headers = request.headers if dialled == name else (("host", host), *request.headers)
    return Question(
        url=f"{scheme}://{dialled}{'' if port == usual else f':{port}'}{request.path if request.is_http else ''}",
        method=request.method,
        headers=headers,
        source=source,
        claims=tuple(dict(payload) for payload in request.claims.values()),
    )


def command_of(question: Question) -> str:
    """The question as a command line: `meshgen trace --from shop/webapp curl http://catalog/items`."""
    words = ["meshgen", "trace"]
    for option, value in (
        ("--from", question.source),
        ("--gateway", question.gateway),
        ("--principal", question.client_certificate),
        ("--remote-address", question.remote_address),
    ):
        words += [option, value] if value else []
    for payload in question.claims:
        words += [word for claim in _claims(payload) for word in ("--claim", claim)]
    if question.url.startswith(("tcp:", "tls:")):
        return shlex.join([*words, question.url])
    words.append("curl")
    words += [] if question.method == "GET" else ["-I"] if question.method == "HEAD" else ["-X", question.method]
    words += [word for name, value in question.headers for word in ("-H", f"{name}: {value}" if value else f"{name};")]
    return shlex.join([*words, question.url])


def _claims(payload: JsonObject, path: str = "") -> Iterator[str]:
    for name, value in payload.items():
        place = f"{path}[{name}]" if path else name
        if isinstance(value, dict):
            yield from _claims(value, place)
        else:
            values: Iterable[object] = value if isinstance(value, list) else [value]
            yield from (f"{place}={each}" for each in values)


__all__ = ["command_of", "question_of", "replayed"]
