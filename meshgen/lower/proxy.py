"""ProxyConfigs: of Proxies, of Services that say something of their proxies, and of the Mesh."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from meshgen.diagnostics import JsonPath, Origin
from meshgen.istio.proxy_config import ProxyConfig, ProxyImage
from meshgen.istio.shared import WorkloadSelector
from meshgen.lower.index import Index
from meshgen.lower.result import Made, Report, make
from meshgen.lower.target import pods_unknown, scope_of

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.decode import IntentObject
    from meshgen.intent.mesh_proxy import WorkloadProxy
    from meshgen.intent.proxy import Proxy


def proxies(index: Index, report: Report) -> Iterator[Made]:
    """One for each Proxy."""
    for proxy in cast("list[IntentObject[Proxy]]", index.by_kind.get("Proxy", [])):
        scope = scope_of(proxy, index, report)
        if scope is None:
            continue
        spec = proxy_config(proxy.model, scope.selector)
        origins: dict[JsonPath, Origin] = {
            ("spec", "concurrency"): proxy.at("spec", "concurrency"),
            ("spec", "environmentVariables"): proxy.at("spec", "environment"),
            ("spec", "image"): proxy.at("spec", "image"),
        }
        yield make(proxy, spec, namespace=scope.namespace, owner=scope.owner, origins=origins)


def service_proxies(index: Index, report: Report) -> Iterator[Made]:
    """One for each service that says something of its proxies."""
    for key, service in index.services.items():
        proxy = service.model.proxy
        if proxy is None:
            continue
        labels = index.labels_of(key)
        if labels:
            selector = WorkloadSelector(match_labels=dict(labels))
            yield make(service, proxy_config(proxy, selector), origin=service.at("spec", "proxy"))
        else:
            report.append(pods_unknown(service, "proxy", "has settings for its proxies"))


def proxy_config(proxy: Proxy | WorkloadProxy, selector: WorkloadSelector | None = None) -> ProxyConfig:
    """The ProxyConfig of some workloads; without a selector of all of a namespace."""
    return ProxyConfig(
        selector=selector,
        concurrency=proxy.concurrency,
        environment_variables=proxy.environment,
        image=None if proxy.image is None else ProxyImage(image_type=proxy.image),
    )
