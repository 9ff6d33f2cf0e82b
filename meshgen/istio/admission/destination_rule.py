"""What istiod refuses of a DestinationRule, and of the connection pools that Sidecars have as well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from meshgen.istio.admission.hosts import is_label, is_name
from meshgen.istio.admission.said import host_faults, port_faults, wrong
from meshgen.istio.destination_rule import (
    ClientTLSSettings,
    ConsistentHashLB,
    DestinationRule,
    LoadBalancerSettings,
    LocalityLoadBalancerSetting,
    OutlierDetection,
    PortTrafficPolicy,
    TrafficPolicy,
    TunnelSettings,
    WarmupConfiguration,
    ZoneAwareLoadBalancerSetting,
)
from meshgen.istio.rules import Rules
from meshgen.istio.shared import ConnectionPoolSettings
from meshgen.istio.violation import Violation, show
from meshgen.values import is_ip

_LARGEST_TABLE: Final = 5_000_011
_TOPOLOGY: Final = frozenset({"topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone"})


def destination_rule(spec: DestinationRule) -> Iterable[Violation]:
    """The host and the subsets' names."""
    found = list(host_faults(spec.host, "host"))
    names: set[str] = set()
    for index, subset in enumerate(spec.subsets or ()):
        if not is_label(subset.name):
            found.append(
                wrong(f"{show(subset.name)} is no name of a subset", "subsets", index, "name", help="letters, digits and `-`")
            )
        elif subset.name in names:
            found.append(wrong(f"the subset {show(subset.name)} is given twice", "subsets", index, "name", help="make them one"))
        names.add(subset.name)
    return found


def traffic_policy(policy: TrafficPolicy) -> Iterator[Violation]:
    """Something, and not two proxies in one."""
    if all(getattr(policy, field) is None for field in policy.__struct_fields__):
        yield wrong("a `trafficPolicy` needs at least one field", help="remove it, or write a setting into it")
    if policy.tunnel is not None and policy.proxy_protocol is not None:
        yield wrong("only one of `tunnel` and `proxyProtocol` can be given", "tunnel")


def port_policy(policy: PortTrafficPolicy) -> Iterator[Violation]:
    """A port and something about it."""
    if policy.port is None:
        yield wrong("settings of a port need the `port`", help="write `port: {number: …}`")
    if (
        policy.tls is None
        and policy.connection_pool is None
        and policy.load_balancer is None
        and policy.outlier_detection is None
    ):
        yield wrong("settings of a port need at least one field beside `port`")


def connection_pool(pool: ConnectionPoolSettings) -> Iterator[Violation]:
    """Limits at or above zero."""
    if pool.http is None and pool.tcp is None:
        yield wrong("a `connectionPool` needs `tcp` or `http`")
    limits: list[tuple[str, str, int | None]] = []
    if pool.tcp is not None:
        limits.append(("tcp", "maxConnections", pool.tcp.max_connections))
    http = pool.http
    if http is not None:
        limits += [
            ("http", "http1MaxPendingRequests", http.http1_max_pending_requests),
            ("http", "http2MaxRequests", http.http2_max_requests),
            ("http", "maxRequestsPerConnection", http.max_requests_per_connection),
            ("http", "maxRetries", http.max_retries),
            ("http", "maxConcurrentStreams", http.max_concurrent_streams),
        ]
        if http.h2_upgrade_policy == "UPGRADE" and http.use_client_protocol:
            yield wrong("`useClientProtocol` does not go with `h2UpgradePolicy: UPGRADE`", "http", "useClientProtocol")
        alive = http.http2_keep_alive
        for name, value in (("interval", alive.interval), ("timeout", alive.timeout)) if alive is not None else ():
            if value is None:
                yield wrong(f"`{name}` is missing in `http2KeepAlive`", "http", "http2KeepAlive")
    for side, name, limit in limits:
        if limit is not None and limit < 0:
            yield wrong(f"`{name}` must be at least 0, not {limit}", side, name)


def outlier_detection(outliers: OutlierDetection) -> Iterator[Violation]:
    """Shares, and failures that are told apart."""
    for name, share in (("maxEjectionPercent", outliers.max_ejection_percent), ("minHealthPercent", outliers.min_health_percent)):
        if share is not None and not 0 <= share <= 100:
            yield wrong(f"`{name}` must be between 0 and 100, not {share}", name)
    if outliers.consecutive_local_origin_failures and not outliers.split_external_local_origin_errors:
        hint = "write `splitExternalLocalOriginErrors: true`"
        yield wrong("failures of local origin are not told apart from others here", "consecutiveLocalOriginFailures", help=hint)


def load_balancer(settings: LoadBalancerSettings) -> Iterator[Violation]:
    """One way to look at places."""
    if settings.locality_lb_setting is not None and settings.zone_aware_lb_setting is not None:
        yield wrong("only one of `localityLbSetting` and `zoneAwareLbSetting` can be given", "zoneAwareLbSetting")


def consistent_hash(hashed: ConsistentHashLB) -> Iterator[Violation]:
    """The cookie and the table."""
    cookie = hashed.http_cookie
    if cookie is not None and not cookie.name:
        yield wrong("a cookie needs a name", "httpCookie", "name")
    names: set[str] = set()
    for index, attribute in enumerate(cookie.attributes or ()) if cookie is not None else ():
        if not attribute.name:
            yield wrong("an attribute of a cookie needs a name", "httpCookie", "attributes", index)
        elif attribute.name in names:
            yield wrong(f"the attribute {show(attribute.name)} is given twice", "httpCookie", "attributes", index, "name")
        names.add(attribute.name)
    if hashed.minimum_ring_size and (hashed.ring_hash is not None or hashed.maglev is not None):
        yield wrong(
            "`minimumRingSize` does not go with `ringHash` and `maglev`", "minimumRingSize", help="write it into `ringHash`"
        )
    if hashed.maglev is not None:
        size = hashed.maglev.table_size or 0
        if not 0 < size < _LARGEST_TABLE or not _is_prime(size):
            hint = "65537 is Envoy's default"
            yield wrong(
                f"`tableSize` must be a prime number below {_LARGEST_TABLE}, not {size}", "maglev", "tableSize", help=hint
            )


def _is_prime(number: int) -> bool:
    if number < 4:
        return number > 0
    return number % 2 == 1 and all(number % factor for factor in range(3, int(number**0.5) + 1, 2))


def warmup(settings: WarmupConfiguration) -> Iterator[Violation]:
    """How fast."""
    if settings.aggression is not None and settings.aggression <= 0:
        yield wrong("`aggression` must be above 0", "aggression")


def locality(setting: LocalityLoadBalancerSetting) -> Iterator[Violation]:
    """Shares that add up, and regions that differ."""
    if setting.distribute and setting.failover:
        yield wrong("only one of `distribute` and `failover` can be given", "failover")
    for index, label in enumerate(setting.failover_priority or ()) if setting.failover else ():
        if label in _TOPOLOGY:
            yield wrong(f"`failover` orders regions already, and does not go with {show(label)}", "failoverPriority", index)
    for index, share in enumerate(setting.distribute or ()):
        weights = share.to or {}
        for place, weight in weights.items():
            if not 1 <= weight <= 100:
                yield wrong(f"a weight is between 1 and 100, not {weight}", "distribute", index, "to", place)
        if sum(weights.values()) != 100:
            yield wrong(f"the weights add up to {sum(weights.values())}, not to 100", "distribute", index, "to")
    yield from _regions(setting)


def zones(setting: ZoneAwareLoadBalancerSetting) -> Iterator[Violation]:
    """Regions that differ."""
    for index, label in enumerate(setting.failover_priority or ()):
        if label in _TOPOLOGY:
            yield wrong(f"regions and zones are in order already, without {show(label)}", "failoverPriority", index)
    yield from _regions(setting)


def _regions(setting: LocalityLoadBalancerSetting | ZoneAwareLoadBalancerSetting) -> Iterator[Violation]:
    for index, failover in enumerate(setting.failover or ()):
        if failover.from_ == failover.to:
            yield wrong("a region cannot fail over to itself", "failover", index, "to", help="name another region")
        for name, region in (("from", failover.from_), ("to", failover.to)):
            if "/" in (region or "") or "*" in (region or ""):
                yield wrong(f"{show(region)} is no region", "failover", index, name, help="a region alone, without zone and `*`")


def client_tls(tls: ClientTLSSettings) -> Iterator[Violation]:
    """Certificates that go with the mode, from one source."""
    if tls.mode not in {"SIMPLE", "MUTUAL"}:
        return
    if tls.insecure_skip_verify:
        yield from _unverified(tls)
    files = {
        "clientCertificate": tls.client_certificate,
        "privateKey": tls.private_key,
        "caCertificates": tls.ca_certificates,
        "caCrl": tls.ca_crl,
    }
    if tls.credential_name:
        for name in (name for name, value in files.items() if value):
            yield wrong(f"`credentialName` and `{name}` both give certificates", name, help="keep one of them")
    elif tls.mode == "MUTUAL":
        for name in ("clientCertificate", "privateKey"):
            if not files[name]:
                yield wrong(f"`mode: MUTUAL` needs `{name}`", "mode", help="or name a Secret in `credentialName`")


def _unverified(tls: ClientTLSSettings) -> Iterator[Violation]:
    checks = {"caCertificates": tls.ca_certificates, "subjectAltNames": tls.subject_alt_names}
    if tls.mode == "SIMPLE":
        checks["credentialName"] = tls.credential_name
    for name in (name for name, value in checks.items() if value):
        message = f"`insecureSkipVerify` verifies nothing, and does not go with `{name}`"
        yield wrong(message, name, help="remove one of the two")


def tunnel(settings: TunnelSettings) -> Iterator[Violation]:
    """Where the tunnel ends."""
    if settings.protocol not in {None, "", "CONNECT", "POST"}:
        yield wrong(f"`protocol` must be `CONNECT` or `POST`, not {show(settings.protocol)}", "protocol")
    if not is_name(settings.target_host) and not is_ip(settings.target_host):
        yield wrong(f"{show(settings.target_host)} is no name of a host and no IP address", "targetHost")
    yield from port_faults(settings.target_port, "targetPort")


RULES: Final[Rules] = {
    DestinationRule: (destination_rule,),
    TrafficPolicy: (traffic_policy,),
    PortTrafficPolicy: (port_policy,),
    ConnectionPoolSettings: (connection_pool,),
    OutlierDetection: (outlier_detection,),
    LoadBalancerSettings: (load_balancer,),
    ConsistentHashLB: (consistent_hash,),
    WarmupConfiguration: (warmup,),
    LocalityLoadBalancerSetting: (locality,),
    ZoneAwareLoadBalancerSetting: (zones,),
    ClientTLSSettings: (client_tls,),
    TunnelSettings: (tunnel,),
}
