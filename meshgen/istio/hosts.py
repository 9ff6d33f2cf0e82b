"""Host names as Istio reads them: short names, wildcards, which host matches which.

Follows istio.io (VirtualService: `hosts`, DestinationRule: `host`) and istiod's `pkg/config/host`: a wildcard host is `*` or
begins with `*` and matches by its suffix; names compare in lower case where Envoy compares them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from meshgen.values import is_ip

CLUSTER_DOMAIN = "cluster.local"
SERVICE_SUFFIX = f".svc.{CLUSTER_DOMAIN}"
"""What the host of every Kubernetes service ends with."""

T = TypeVar("T")


def fully_qualified(host: str, namespace: str) -> str:
    """A host as an object of `namespace` writes it, fully qualified.

    Only a name without any dot is short: `catalog` becomes `catalog.shop.svc.cluster.local`, `catalog.shop` stays as it is.

    >>> fully_qualified("catalog", "shop")
    'catalog.shop.svc.cluster.local'
    >>> fully_qualified("*.example.com", "shop")
    '*.example.com'
    """
    if not host or "." in host or host == "*" or is_ip(host):
        return host
    return service_host(host, namespace) if namespace else f"{host}{SERVICE_SUFFIX}"


def service_host(name: str, namespace: str) -> str:
    """The host of a Kubernetes service.

    >>> service_host("catalog", "shop")
    'catalog.shop.svc.cluster.local'
    """
    return f"{name}.{namespace}{SERVICE_SUFFIX}"


def is_wildcard(host: str) -> bool:
    """Whether a host stands for many (`*`, `*.example.com`)."""
    return host[:1] == "*"


def subset_of(host: str, other: str) -> bool:
    """Whether every name that `host` stands for is one that `other` stands for.

    >>> subset_of("a.example.com", "*.example.com"), subset_of("*.example.com", "a.example.com")
    (True, False)
    """
    if not is_wildcard(other):
        return host == other
    if not is_wildcard(host):
        return host.endswith(other[1:])
    return len(host) >= len(other) and host[1:].endswith(other[1:])


def overlaps(host: str, other: str) -> bool:
    """Whether some name belongs to both hosts."""
    return subset_of(host, other) or subset_of(other, host)


def narrower(host: str, other: str) -> str | None:
    """The narrower of two hosts that overlap; None where they do not."""
    if subset_of(host, other):
        return host
    return other if subset_of(other, host) else None


def covering(host: str) -> Iterator[str]:
    """Hosts of the usual form that cover `host`, the most specific first: itself, `*.` with each suffix, `*`."""
    yield host
    rest = host.removeprefix("*.") if is_wildcard(host) else host
    while "." in rest:
        rest = rest.partition(".")[2]
        yield f"*.{rest}"
    if host != "*":
        yield "*"


def most_specific(host: str, hosts: Mapping[str, T]) -> T | None:
    """The value of the most specific host of `hosts` that covers `host` (istiod's MostSpecificHostMatch)."""
    for candidate in covering(host):
        value = hosts.get(candidate)
        if value is not None:
            return value
    return None
