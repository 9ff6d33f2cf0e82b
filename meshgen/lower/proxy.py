"""ProxyConfigs of the Proxy intents."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.diagnostics import JsonPath, Origin
from meshgen.intent.proxy import Proxy
from meshgen.istio.proxy_config import ProxyConfig, ProxyImage
from meshgen.lower.index import Index
from meshgen.lower.result import Made, Report, make
from meshgen.lower.target import scope_of


def proxies(index: Index, report: Report) -> Iterator[Made]:
    """One for each Proxy."""
    for proxy in index.of(Proxy):
        scope = scope_of(proxy, index, report)
        if scope is None:
            continue
        model = proxy.model
        spec = ProxyConfig(
            selector=scope.selector,
            concurrency=model.concurrency,
            environment_variables=model.environment,
            image=None if model.image is None else ProxyImage(image_type=model.image),
        )
        origins: dict[JsonPath, Origin] = {
            ("spec", "concurrency"): proxy.at("spec", "concurrency"),
            ("spec", "environmentVariables"): proxy.at("spec", "environment"),
            ("spec", "image"): proxy.at("spec", "image"),
        }
        yield make(proxy, spec, namespace=scope.namespace, owner=scope.owner, origins=origins)
