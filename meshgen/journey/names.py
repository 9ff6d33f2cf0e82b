"""The proxies that people mean: by id, by name, or by what runs there."""

from __future__ import annotations

from collections.abc import Iterable

from meshgen.diagnostics import did_you_mean
from meshgen.journey.question import UnanswerableError
from meshgen.mesh import Mesh, Proxy

_APP_LABELS = ("app", "app.kubernetes.io/name", "service.istio.io/canonical-name", "istio")
_MANY = 12


def find_proxy(mesh: Mesh, proxies: Iterable[Proxy], name: str, what: str) -> Proxy:
    """The proxy of this id (`shop/webapp-0`), or the only one of this name, workload, Service, service account or `app` label.

    `what` is what a message calls it. Proxies that differ in their names alone are one.

    Raises:
        UnanswerableError: where there is none, with the nearest name, or several, with all of them.
    """
    known = tuple(proxies)
    namespace, _, short = name.rpartition("/")
    by_id = {proxy.id: proxy for proxy in known}
    if name in by_id:
        return by_id[name]
    inside = [proxy for proxy in known if namespace in ("", proxy.namespace)]
    named = [proxy for proxy in inside if proxy.name == short]
    found = named or [proxy for proxy in inside if short in _other_names(mesh, proxy)]
    if not found:
        message = f"there is no {what} `{name}`; {_nearest(mesh, known, name)}"
        raise UnanswerableError(message)
    if len({_kind_of(proxy) for proxy in found}) > 1:
        ids = ", ".join(f"`{proxy.id}`" for proxy in found[:_MANY]) + (", …" if len(found) > _MANY else "")
        message = f"`{name}` is {len(found)} proxies; say which one is meant: {ids}"
        raise UnanswerableError(message)
    return found[0]


def _other_names(mesh: Mesh, proxy: Proxy) -> set[str]:
    services = {service.host.partition(".")[0] for service, _, _ in mesh.view(proxy).inbound_services}
    labels = {proxy.labels[label] for label in _APP_LABELS if label in proxy.labels}
    account = {proxy.service_account} - {"default"}
    return {*services, *labels, *account}


def _kind_of(proxy: Proxy) -> tuple[object, ...]:
    labels = tuple(sorted(proxy.labels.items()))
    return proxy.namespace, proxy.role, labels, proxy.service_account, proxy.locality, proxy.network


def _nearest(mesh: Mesh, known: tuple[Proxy, ...], name: str) -> str:
    ids = [proxy.id for proxy in known]
    if not ids:
        return "the mesh has none: its sources name no workloads, Pods or gateways"
    near = did_you_mean(name, ids)
    if not near and "/" not in name:
        near = did_you_mean(name, [proxy.name for proxy in known])
    others = {f"{proxy.namespace}/{other}" if "/" in name else other for proxy in known for other in _other_names(mesh, proxy)}
    near = near or did_you_mean(name, sorted(others))
    return near or f"known are {', '.join(ids[:_MANY])}{', …' if len(ids) > _MANY else ''}"
