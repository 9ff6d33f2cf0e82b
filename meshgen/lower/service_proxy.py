"""ProxyConfigs: settings of the proxies of a service's Pods."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.lower import NO_WORKLOAD
from meshgen.lower.index import Index
from meshgen.lower.mesh.proxy import proxy_config
from meshgen.lower.result import Made, Report, make


def service_proxies(index: Index, report: Report) -> Iterator[Made]:
    """One for each service that says something of its proxies."""
    for key, service in index.services.items():
        proxy = service.model.proxy
        if proxy is None:
            continue
        labels = index.labels_of(key)
        if labels:
            yield make(service, proxy_config(proxy, dict(labels)), origin=service.at("spec", "proxy"))
        else:
            message = f"Service `{key[1]}` has settings for its proxies, and nothing says which Pods it has"
            hint = f"add `workload: {{selector: {{app: {key[1]}}}}}`, or the core Service to the tree"
            related = [Related(service.origin, "declared here")]
            report.append(NO_WORKLOAD.at(service.at("spec", "proxy"), message, help=hint, related=related))
