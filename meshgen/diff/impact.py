"""The requests whose fate changes: what a diff of objects means for traffic.

The classes of requests come from the predicates of both configurations (`diff/classes`), in all their combinations, and each
sentence has a request that shows it to be true. Where the answer is no more than a sample, `Impact.reach` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from meshgen.diff.classes.comparison import compare_place
from meshgen.diff.classes.places import Configs, places_of
from meshgen.diff.findings import Finding, Tally, findings_of
from meshgen.diff.knowing import Known, meaning_of
from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.json import JsonObject
from meshgen.mesh import Proxy
from meshgen.trace import EnvoyConfig
from meshgen.trace.fields import message, messages, string


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """What changes for requests, and how far that was looked at."""

    findings: tuple[Finding, ...] = ()
    proxies: int = 0  # that were compared
    classes: int = 0  # of requests that were traced on both sides
    sampled: tuple[str, ...] = ()  # what the answer is but a sample for
    gave_up: bool = False  # whether a search took too long
    only_before: tuple[str, ...] = ()  # proxies that are not there any more
    only_after: tuple[str, ...] = ()  # new proxies
    meanings: Mapping[str, str] = field(default_factory=dict)  # what these take, by name

    @property
    def means_something(self) -> bool:
        """Whether requests or proxies differ."""
        return bool(self.findings or self.only_before or self.only_after)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The findings in words; `no request changes` where there is none."""
        return tuple(finding.text for finding in self.findings) or ("no request changes",)

    @property
    def reach(self) -> str:
        """What the sentences rest on, in words."""
        classes = "1 class" if self.classes == 1 else f"{self.classes} classes"
        proxies = "1 proxy" if self.proxies == 1 else f"{self.proxies} proxies"
        text = f"from {classes} of requests that the configurations of {proxies} tell apart"
        if self.sampled:
            text += f"; no more than a sample for {', '.join(self.sampled)}"
        return f"{text}; some rules are too many to be looked at in all combinations" if self.gave_up else text


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Proxies of both sides whose configuration was not made, because nothing that it is made of differs."""

    proxies: tuple[Proxy, ...] = ()
    alike: Mapping[str, tuple[Proxy, ...]] = field(default_factory=dict)  # those that another proxy speaks for, by its id
    sees: Callable[[Proxy, str], bool] = lambda _proxy, _host: False  # whether a proxy knows a host


def impact(
    before: Sequence[Snapshot],
    after: Sequence[Snapshot],
    left_out: LeftOut | None = None,
    trust_domain: str = "cluster.local",
) -> Impact:
    """Compare every proxy that is on both sides and whose configuration differs."""
    left_out = left_out or LeftOut()
    old, new = {each.proxy.id: each for each in before}, {each.proxy.id: each for each in after}
    both = sorted(set(old) & set(new))
    configs = {name: configs_of(old[name], new[name]) for name in both}
    spoken_for = [proxy for found in left_out.alike.values() for proxy in found]
    identities = _identities((*left_out.proxies, *spoken_for, *(each.proxy for each in (*before, *after))), trust_domain)
    tally = Tally(identities)
    for name in both:
        for place in places_of(configs[name]):
            others = tuple(each.id for each in left_out.alike.get(name, ()))
            tally.add(new[name].proxy, compare_place(place, tuple(identities)), others)
    gone, come = sorted(set(old) - set(new)), sorted(set(new) - set(old))
    return Impact(
        findings=findings_of(tally, Known(configs, left_out.proxies, left_out.sees)),
        proxies=len(both) + len(left_out.proxies) + len(spoken_for),
        classes=tally.classes,
        sampled=tuple(sorted(tally.sampled)),
        gave_up=tally.gave_up,
        only_before=tuple(gone),
        only_after=tuple(come),
        meanings={
            **{name: meaning_of(old[name]) for name in gone},
            **{name: meaning_of(new[name]) for name in come},
        },
    )


def _identities(proxies: Iterable[Proxy], domain: str) -> dict[str, str]:
    """Proxies by the identity that they call with."""
    found: dict[str, str] = {}
    for proxy in sorted(proxies, key=lambda each: (each.is_gateway, each.id)):
        found.setdefault(f"{domain}/ns/{proxy.namespace}/sa/{proxy.service_account}", proxy.id)
    return found


def _served(snapshot: Snapshot) -> frozenset[str]:
    """The clusters that have endpoints."""
    found = (each for each in snapshot.endpoints if any(messages(group, "lb_endpoints") for group in messages(each, "endpoints")))
    return frozenset(string(each, "cluster_name") for each in found)


_SOMEBODY: JsonObject = {"socket_address": {"address": "192.0.2.1", "port_value": 80}}


def configs_of(before: Snapshot, after: Snapshot) -> Configs:
    """A proxy before and after, with somebody behind every cluster that is known to serve."""
    served = _served(before) | _served(after)
    return Configs(_config(before, served), _config(after, served), workload_name(after.proxy))


def _config(snapshot: Snapshot, served: frozenset[str]) -> EnvoyConfig:
    """The configuration, with somebody behind each cluster that has no endpoints on either side.

    Sources rarely say which Pods run, and a route must not count as broken for that.
    """
    somebody: JsonObject = {"lb_endpoints": [{"endpoint": {"address": _SOMEBODY}}]}
    names = [string(message(each, "eds_cluster_config"), "service_name") or string(each, "name") for each in snapshot.clusters]
    assumed: list[JsonObject] = [{"cluster_name": name, "endpoints": [somebody]} for name in names if name not in served]
    endpoints = (*(each for each in snapshot.endpoints if string(each, "cluster_name") in served), *assumed)
    return EnvoyConfig.from_snapshot({}, snapshot.listeners, snapshot.clusters, snapshot.routes, endpoints)


def workload_name(proxy: Proxy) -> str:
    """How people call what a proxy stands in front of: its canonical name or `app` label, else its own name."""
    labels = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")
    return next((proxy.labels[label] for label in labels if proxy.labels.get(label)), proxy.name)
