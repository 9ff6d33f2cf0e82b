"""The runbook: what to ask Prometheus, Envoy and istiod about this mesh, service by service, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from meshgen.istio.destination_rule import DestinationRule
from meshgen.istio.gateway import Gateway
from meshgen.istio.hosts import fully_qualified
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.lower.index import Index, host_of
from meshgen.lower.telemetry.golden_signals import SIGNALS

_FLAGS: Mapping[str, str] = {
    "UT": "the upstream took longer than the route's timeout; `URX` beside it: every retry did",
    "URX": "the retries, or a TCP proxy's attempts to connect, are used up",
    "UO": "the circuit breaker is open: a limit of the service's connections or requests is reached",
    "UH": "no healthy upstream: outlier detection has ejected every endpoint, or there is none",
    "UF": "the connection to the upstream failed: look at mutual TLS on both sides, and at the port",
    "UC": "the upstream closed the connection while it answered",
    "DC": "the caller went away, often since its own timeout is shorter",
    "NR": "no route: no virtual host, rule or filter chain takes the request",
    "NC": "the route names a cluster that is not there: a subset, or a host that this proxy does not see",
    "RL": "a rate limit refused it",
    "UAEX": "an external authorizer refused it",
    "FI": "a fault was injected",
    "DI": "a delay was injected",
}
"""Envoy's response flags (`%RESPONSE_FLAGS%`, the tag `response_flags`)."""


def runbook(index: Index, objects: Sequence[IstioObject[IstioStruct]], home: str) -> str:
    """The text, without a table of contents: it is searched by the service's name. `home` is where istiod runs."""
    return "\n".join([
        "# Runbook",
        "",
        "Written by meshgen from the sources of this mesh: change those, not this file.",
        "",
        *_services(index, objects),
        *_flags(),
        *_traces(objects),
        *_one_proxy(),
        *_istiod(home),
    ])


def _services(index: Index, objects: Sequence[IstioObject[IstioStruct]]) -> Iterator[str]:
    versions = _versions(objects)
    yield from (
        "## Services",
        "",
        'Questions to Prometheus. `reporter="destination"` is what the service\'s own proxy saw; with `reporter="source"` it is',
        "what its callers saw, requests that never arrived included.",
        "",
    )
    for key in sorted({*index.services, *index.core_services}):
        host = host_of(key)
        yield from _service(host, versions.get(host, ()))


def _service(host: str, versions: Sequence[str]) -> Iterator[str]:
    where = f'reporter="destination", destination_service="{host}"'
    total = "istio_requests_total"
    duration = "istio_request_duration_milliseconds_bucket"
    yield from (f"### {host}", "")
    if versions:
        yield from (f"Versions: {', '.join(f'`{version}`' for version in versions)}.", "")
    questions = {
        "requests per second, by version": f"sum by (destination_version) (rate({total}{{{where}}}[5m]))",
        "share of failures, by version": (
            f'sum by (destination_version) (rate({total}{{{where}, response_code=~"5.."}}[5m]))'
            f" / sum by (destination_version) (rate({total}{{{where}}}[5m]))"
        ),
        "99th percentile of durations, by version": (
            f"histogram_quantile(0.99, sum by (le, destination_version) (rate({duration}{{{where}}}[5m])))"
        ),
        "failures by Pod": f'sum by (pod) (rate({total}{{{where}, response_code=~"5.."}}[5m]))',
        "failures by caller, code and flag": (
            "sum by (source_workload, response_code, response_flags)"
            f' (rate({total}{{reporter="source", destination_service="{host}", response_code!~"2..|3.."}}[5m]))'
        ),
    }
    for what, question in questions.items():
        yield from (f"- {what}:", "", "  ```promql", f"  {question}", "  ```", "")


def _versions(objects: Sequence[IstioObject[IstioStruct]]) -> dict[str, tuple[str, ...]]:
    """By host: the values of the label `version` of its subsets, which is what metrics call a version."""
    found: dict[str, dict[str, None]] = {}
    for each in objects:
        if isinstance(each.spec, DestinationRule):
            labels = [(subset.labels or {}).get("version") for subset in each.spec.subsets or ()]
            host = fully_qualified(each.spec.host, each.namespace)
            found.setdefault(host, {}).update(dict.fromkeys(label for label in labels if label))
    return {host: tuple(versions) for host, versions in found.items()}


def _flags() -> Iterator[str]:
    yield from ("## Response flags", "", "| flag | meaning |", "| --- | --- |")
    yield from (f"| {flag} | {meaning} |" for flag, meaning in _FLAGS.items())
    yield ""


def _traces(objects: Sequence[IstioObject[IstioStruct]]) -> Iterator[str]:
    hosts = [
        host.rpartition("/")[2]
        for each in objects
        if isinstance(each.spec, Gateway)
        for server in each.spec.servers or ()
        for host in server.hosts
    ]
    host = next((host for host in sorted(hosts) if "*" not in host), "shop.example.com")
    yield from (
        "## One request traced",
        "",
        "Whatever the sampling is, a request with this header is traced, if the first proxy on its way has a tracing provider:",
        "",
        "```sh",
        f"curl --header 'x-envoy-force-trace: true' https://{host}/",
        "```",
        "",
        "Envoy heeds it in internal requests alone: a gateway drops it where the client's address is a public one. Spans of one",
        "trace belong together only if each service passes the trace headers of the request on (`x-request-id`, `traceparent`,",
        "`tracestate`, `b3`, `x-b3-*`).",
        "",
    )


def _one_proxy() -> Iterator[str]:
    yield from (
        "## One proxy",
        "",
        "```sh",
        "istioctl proxy-status                                   # has it the newest configuration",
        "istioctl proxy-config listeners|routes|clusters|endpoints|secret POD.NAMESPACE",
        "istioctl proxy-config log POD.NAMESPACE --level http:debug,router:debug,connection:debug",
        "kubectl exec POD -n NAMESPACE -c istio-proxy -- pilot-agent request GET stats/prometheus",
        "kubectl sniff POD -n NAMESPACE -c istio-proxy           # packets, with the plugin ksniff",
        "```",
        "",
    )


def _istiod(home: str) -> Iterator[str]:
    yield from (
        "## istiod",
        "",
        "```sh",
        f"kubectl port-forward -n {home} deploy/istiod 15014 &",
        "curl -s localhost:15014/metrics | grep -E 'pilot_(proxy_convergence_time|xds_pushes|total_xds_rejects|conflict)'",
        "```",
        "",
    )
    for name, question in SIGNALS.items():
        yield from (f"- `{name}`:", "", "  ```promql", f"  {question}", "  ```", "")
