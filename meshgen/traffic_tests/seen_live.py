"""What became of a request, as responses, access logs and stub applications tell it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from meshgen.emit.envoy.names import PASSTHROUGH
from meshgen.live.bench import Bench
from meshgen.live.http import Response
from meshgen.live.stubs import OURS, Arrival
from meshgen.trace.decision import Fault, Retry, Source
from meshgen.trace.source import source_of_policy
from meshgen.traffic_tests.seen import Place, Seen, place_of_cluster

_MILLISECOND = 1_000_000
_POLICY = re.compile(r"rbac_access_denied_matched_policy\[(?P<name>.*)\]")
_NO_LOCALITY = "all addresses are of loopback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known of the requests of one case."""

    responses: tuple[Response | None, ...]
    entries: tuple[tuple[str, dict[str, str]], ...]  # proxy, and what its access log says
    arrivals: tuple[Arrival, ...]
    shadows: tuple[Arrival, ...]  # copies
    probes: int  # how often the request that stubs make fail came
    gateways: frozenset[str]
    sender: str
    bench: Bench
    brought: tuple[str, ...]  # headers that the stubs answered with
    allowing: tuple[str, ...] = ()  # rules of policies that allowed it, by Envoy's names; looked at where a test asks for them

    def is_inbound(self, proxy: str, entry: dict[str, str]) -> bool:
        """Whether an entry is of a server's side."""
        return entry.get("port", "").isdigit() and self.bench.is_inbound(proxy, int(entry["port"]))

    def of_servers(self) -> Iterator[dict[str, str]]:
        """The entries of the servers' proxies, without copies."""
        yield from (entry for proxy, entry in self.entries if self.is_inbound(proxy, entry) and not _is_copy(entry))

    def routing(self) -> list[tuple[str, dict[str, str]]]:
        """The entries of the last proxies that chose where to go: gateways, else the sender."""
        out = [(proxy, entry) for proxy, entry in self.entries if not self.is_inbound(proxy, entry)]
        at_gateways = [pair for pair in out if pair[0] in self.gateways and pair[0] != self.sender]
        return at_gateways or [pair for pair in out if pair[0] == self.sender]


def _is_copy(entry: dict[str, str]) -> bool:
    return entry.get("authority", "").partition(":")[0].endswith("-shadow")


def seen_live(simulated: Seen, evidence: Evidence) -> Seen:
    """What was seen; sources of the configuration (`made_by`) are the simulator's."""
    count = len(evidence.responses)
    answered = [response for response in evidence.responses if response is not None]
    status = Counter(response.status for response in answered).most_common(1)
    shown = next((response for response in answered if response.status == status[0][0]), None) if status else None
    arrival = evidence.arrivals[-1] if evidence.arrivals else None
    ending = _ending(evidence)
    headers = shown.headers if shown is not None else ()
    location = next((value for name, value in headers if name == "location"), "")
    seen = Seen(
        outcome=_outcome(evidence, ending, location, status[0][0] if status else None),
        policies=_policies(ending) if arrival is None else _allowing(evidence),
        shares=_shares(evidence),
        through=_through(evidence),
        status=status[0][0] if status else None,
        location=location,
        body="" if shown is None or arrival is not None else shown.body.decode("utf-8", "replace"),
        arrived=arrival is not None,
        path=arrival.path if arrival is not None else "",
        host=arrival.host if arrival is not None else "",
        headers=tuple(pair for pair in arrival.headers if pair[0] not in OURS) if arrival is not None else (),
        response_headers=headers,
        removed=tuple(name for name in evidence.brought if all(name != key for key, _ in headers)),
        timeout=_timeout(evidence),
        retry=_retry(simulated.retry, evidence),
        mirrors=_mirrors(simulated, evidence, count),
        faults=_faults(simulated, evidence, count),
        endpoints=_endpoints(evidence),
        mtls=_mtls(evidence),
        samples=count if count > 1 else 0,
        made_by=simulated.made_by,
        reason=ending.get("details", "") if arrival is None else "",
    )
    return replace(seen, unseen=_unseen(simulated, evidence))


def _ending(evidence: Evidence) -> dict[str, str]:
    """The entry of the proxy that answered: of a server's, else of the last one on the way out."""
    entries = [*evidence.of_servers(), *(entry for _, entry in reversed(evidence.routing()))]
    own = [entry for entry in entries if not entry.get("details", "").startswith("via_upstream")]
    return next(iter(own), {})


_ENDINGS = (
    ("rbac_access_denied", "denied"),
    ("ext_authz_denied", "denied"),
    ("local_rate_limited", "denied"),
    ("jwt_authn_access_denied", "unauthorized"),
    ("fault_filter_abort", "aborted"),
    ("route_not_found", "noRoute"),
    ("cluster_not_found", "unavailable"),
    ("no_healthy_upstream", "unavailable"),
    ("upstream_reset", "closed"),
)


def _outcome(evidence: Evidence, ending: dict[str, str], location: str, status: int | None) -> str:
    if evidence.arrivals:
        clusters = {entry.get("cluster", "") for _, entry in evidence.routing()}
        return "passedThrough" if PASSTHROUGH in clusters else "allowed"
    if status is None:
        return "closed"
    if ending.get("route") == "block_all":
        return "noRoute"
    details = ending.get("details", "")
    known = next((outcome for prefix, outcome in _ENDINGS if details.startswith(prefix)), None)
    if known is not None:
        return known
    return "redirected" if location and 300 <= status < 400 else "answered"


def _policies(ending: dict[str, str]) -> tuple[Source, ...]:
    found = _POLICY.match(ending.get("details", ""))
    source = source_of_policy(found["name"]) if found is not None else None
    return (source,) if source is not None else ()


def _allowing(evidence: Evidence) -> tuple[Source, ...]:
    found = (source_of_policy(name) for name in evidence.allowing)
    return tuple(source for source in found if source is not None)


def _shares(evidence: Evidence) -> tuple[tuple[Place, float], ...]:
    clusters = Counter(entry.get("cluster", "") for _, entry in evidence.routing())
    clusters.pop("", None)
    clusters.pop("-", None)
    if not clusters and evidence.arrivals:  # straight to a server's proxy
        server = next((parsed for stub in evidence.arrivals[:1] for parsed in [stub.stub.rpartition(":")[0]]), "")
        return ((Place(host=server), 100.0),)
    total = sum(clusters.values())
    return tuple((place_of_cluster(name), 100 * number / total) for name, number in sorted(clusters.items()))


def _through(evidence: Evidence) -> tuple[str, ...]:
    met = {proxy for proxy, _ in evidence.entries if proxy in evidence.gateways}
    return tuple(sorted(met, key=lambda proxy: proxy != evidence.sender))


def _timeout(evidence: Evidence) -> int | None:
    out = [(proxy, entry) for proxy, entry in evidence.entries if not evidence.is_inbound(proxy, entry)]
    ordered = sorted(out, key=lambda pair: pair[0] != evidence.sender)  # the sender's proxy first, then gateways
    values = [entry.get("timeout", "") for _, entry in ordered]
    found = next((value for value in values if value.isdigit()), None)
    return int(found) * _MILLISECOND if found is not None else None


def _retry(configured: Retry | None, evidence: Evidence) -> Retry | None:
    """The retries that happened; on what, and how long each may take, is taken from the configuration."""
    if configured is None or not evidence.probes:
        return configured
    return replace(configured, attempts=evidence.probes - 1)


def _mirrors(simulated: Seen, evidence: Evidence, count: int) -> tuple[tuple[Place, float], ...]:
    expected = [place for place, _ in simulated.mirrors]
    found: Counter[Place] = Counter()
    for proxy, entry in evidence.entries:
        if _is_copy(entry) and evidence.is_inbound(proxy, entry):
            found[_place_at(evidence, int(entry["port"]), expected)] += 1
    ports = {stub.name: stub.port for stub in evidence.bench.stubs.values()}
    for shadow in evidence.shadows:
        port = ports.get(shadow.stub, 0)
        if port in evidence.bench.endpoints:  # a stub that no proxy stands before
            found[_place_at(evidence, port, expected)] += 1
    return tuple((place, 100 * number / count) for place, number in found.items())


def _place_at(evidence: Evidence, port: int, expected: list[Place]) -> Place:
    """What a port stands for: several clusters may have it, and the one that is copied to is meant."""
    places = [place_of_cluster(name) for name in evidence.bench.endpoints[port].clusters]
    return next((place for place in places if place in expected), places[0])


def _faults(simulated: Seen, evidence: Evidence, count: int) -> tuple[Fault, ...]:
    flags = Counter(
        flag for _, entry in evidence.entries for flag in set(entry.get("flags", "").split(",")) if flag in {"DI", "FI"}
    )
    found = []
    for fault in simulated.faults:
        number = flags["DI"] if fault.delay is not None else flags["FI"]
        if number:
            found.append(replace(fault, percent=100 * number / count))
    return tuple(found)


def _endpoints(evidence: Evidence) -> tuple[str, ...]:
    ports = {entry.get("upstream", "").rpartition(":")[2] for _, entry in evidence.routing()}
    known = (evidence.bench.endpoints.get(int(port)) for port in ports if port.isdigit())
    return tuple(sorted({endpoint.address for endpoint in known if endpoint is not None and endpoint.address}))


def _mtls(evidence: Evidence) -> bool | None:
    versions = {entry.get("tls", "") for entry in evidence.of_servers()}
    return bool(versions - {"", "-"}) if versions else None


def _unseen(simulated: Seen, evidence: Evidence) -> dict[str, str]:
    found = {"locality": _NO_LOCALITY}
    if simulated.retry is not None and simulated.retry.per_try_timeout:
        found["timeout"] = "Envoy tells how long it waits for one try"
    if simulated.retry is not None and not evidence.probes:
        found["retries"] = "no stub fails in a way that is tried again"
    return found
