"""CUSTOM AuthorizationPolicies: a shadow RBAC that marks requests, and ext_authz for those (envoy-mapping.md §5.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from meshgen.emit.envoy.filters.rbac import HTTP_RBAC, NETWORK_RBAC, rbac_filter, rbac_rules
from meshgen.emit.envoy.names import TYPE, outbound_cluster
from meshgen.emit.envoy.versions import ZERO_CHECK_TIMEOUT
from meshgen.istio.authorization_policy import AuthorizationPolicy
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.mesh_defaults import providers_by_name
from meshgen.istio.object import IstioObject
from meshgen.json import JsonObject, JsonValue, drop_none
from meshgen.mesh import Mesh, Proxy
from meshgen.values import duration_to_envoy

_PREFIX: Final = "istio-ext-authz-"
_SHADOW: Final = "istio_ext_authz_"
# As long as Envoy's clock goes: 292 years.
_LONGEST: Final = "9223372035s"
# What istiod appends where a provider is missing or invalid: the requests that the policy picks are refused.
_BROKEN: Final = "-deny-due-to-bad-CUSTOM-action"


class RequestBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`includeRequestBodyInCheck`."""

    max_request_bytes: int = 0
    allow_partial_message: bool = False
    pack_as_bytes: bool = False


class Authorizer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`envoyExtAuthzHttp` and `envoyExtAuthzGrpc` of MeshConfig.extensionProviders."""

    service: str
    port: int
    timeout: str = "600s"
    fail_open: bool = False
    clear_route_cache: bool = False
    status_on_error: str = ""
    path_prefix: str = ""
    include_request_headers_in_check: tuple[str, ...] = ()
    include_headers_in_check: tuple[str, ...] = ()  # the old name of the same
    include_additional_headers_in_check: dict[str, str] = {}
    headers_to_upstream_on_allow: tuple[str, ...] = ()
    headers_to_downstream_on_deny: tuple[str, ...] = ()
    headers_to_downstream_on_allow: tuple[str, ...] = ()
    include_request_body_in_check: RequestBody | None = None

    @property
    def host(self) -> str:
        """The service's host; a namespace may stand before it (`shop/search.shop.svc.cluster.local`)."""
        return self.service.rpartition("/")[2]

    @property
    def cluster(self) -> str:
        """The cluster that answers."""
        return outbound_cluster(self.port, "", self.host)


class Provider(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An extension provider that authorizes, over HTTP or gRPC."""

    name: str
    envoy_ext_authz_http: Authorizer | None = None
    envoy_ext_authz_grpc: Authorizer | None = None


def http_filters(mesh: Mesh, proxy: Proxy) -> tuple[JsonObject, ...]:
    """For each provider in use, by name: RBAC (shadow) and ext_authz."""
    return tuple(_filters(mesh, proxy, tcp=False))


def network_filters(mesh: Mesh, proxy: Proxy) -> tuple[JsonObject, ...]:
    """The same for TCP, for which only a gRPC provider can answer."""
    return tuple(_filters(mesh, proxy, tcp=True))


def _filters(mesh: Mesh, proxy: Proxy, *, tcp: bool) -> Iterator[JsonObject]:
    for name, policies in sorted(_by_provider(mesh, proxy).items()):
        provider = find_provider(mesh, name)
        prefix = f"{_PREFIX}{name}-"
        if provider is None:
            rules = rbac_rules(policies, "DENY", mesh.config, tcp=tcp, prefix=prefix, suffix=_BROKEN)
            yield rbac_filter({"rules": rules}, tcp=tcp)
        elif provider.envoy_ext_authz_grpc is not None or not tcp:
            rules = rbac_rules(policies, "DENY", mesh.config, tcp=tcp, prefix=prefix)
            yield rbac_filter({"shadow_rules": rules, "shadow_rules_stat_prefix": _SHADOW}, tcp=tcp)
            yield _network(provider, prefix, proxy) if tcp else _http(provider, prefix, proxy)


def _by_provider(mesh: Mesh, proxy: Proxy) -> dict[str, list[IstioObject[AuthorizationPolicy]]]:
    found: dict[str, list[IstioObject[AuthorizationPolicy]]] = {}
    for policy in mesh.authorization_policies(proxy.namespace, proxy.labels):
        if policy.spec.action == "CUSTOM":
            name = (policy.spec.provider.name if policy.spec.provider else None) or ""
            found.setdefault(name, []).append(policy)
    return found


def find_provider(mesh: Mesh, name: str) -> Provider | None:
    """The provider of this name, if it authorizes through a service that the mesh knows."""
    provider = _declared(mesh.config, name)
    authorizer = provider and (provider.envoy_ext_authz_http or provider.envoy_ext_authz_grpc)
    if not authorizer or not any(service.host == authorizer.host for service in mesh.services):
        return None
    return provider


def _declared(config: MeshConfig, name: str) -> Provider | None:
    settings = providers_by_name(config).get(name)
    if settings is None:
        return None
    try:
        return msgspec.convert({"name": name, **settings}, Provider, strict=False)
    except msgspec.ValidationError:
        return None


# --- the filters ----------------------------------------------------------------------------------------------------
def _http(provider: Provider, prefix: str, proxy: Proxy) -> JsonObject:
    authorizer = provider.envoy_ext_authz_http or provider.envoy_ext_authz_grpc
    assert authorizer is not None  # noqa: S101 - find_provider gives none without
    timeout = _timeout(authorizer, proxy)
    is_http = provider.envoy_ext_authz_http is not None
    service = {"http_service": _http_service(authorizer, timeout)} if is_http else _grpc_service(authorizer, timeout)
    body = authorizer.include_request_body_in_check
    status = int(authorizer.status_on_error or 0)
    headers = authorizer.include_request_headers_in_check or authorizer.include_headers_in_check
    config: JsonObject = {
        "@type": f"{TYPE}envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
        **service,
        **_shared(authorizer, HTTP_RBAC, prefix),
        "allowed_headers": _patterns(headers),
        "status_on_error": {"code": status} if status else None,
        "clear_route_cache": True if authorizer.clear_route_cache else None,
        "with_request_body": _body(body) if body else None,
    }
    return {"name": "envoy.filters.http.ext_authz", "typed_config": drop_none(config)}


def _network(provider: Provider, prefix: str, proxy: Proxy) -> JsonObject:
    authorizer = provider.envoy_ext_authz_grpc
    assert authorizer is not None  # noqa: S101 - checked by the caller
    config: JsonObject = {
        "@type": f"{TYPE}envoy.extensions.filters.network.ext_authz.v3.ExtAuthz",
        "stat_prefix": "tcp.",
        **_grpc_service(authorizer, _timeout(authorizer, proxy)),
        **_shared(authorizer, NETWORK_RBAC, prefix),
    }
    return {"name": "envoy.filters.network.ext_authz", "typed_config": config}


def _shared(authorizer: Authorizer, rbac: str, prefix: str) -> JsonObject:
    # istiod compares with `istio-ext-authz-<provider>`, which would also pick those of a provider whose name goes on from there.
    policy_id: JsonObject = {
        "filter": rbac,
        "path": [{"key": f"{_SHADOW}shadow_effective_policy_id"}],
        "value": {"string_match": {"prefix": f"{prefix}ns["}},
    }
    shared: JsonObject = {"transport_api_version": "V3", "filter_enabled_metadata": policy_id}
    return shared | ({"failure_mode_allow": True} if authorizer.fail_open else {})


def _timeout(authorizer: Authorizer, proxy: Proxy) -> str:
    timeout = duration_to_envoy(authorizer.timeout)
    return _LONGEST if timeout == "0s" and not ZERO_CHECK_TIMEOUT.holds_in(proxy.envoy_version) else timeout


def _grpc_service(authorizer: Authorizer, timeout: str) -> JsonObject:
    grpc: JsonObject = {"cluster_name": authorizer.cluster, "authority": authorizer.host}
    return {"grpc_service": {"envoy_grpc": grpc, "timeout": timeout}}


def _http_service(authorizer: Authorizer, timeout: str) -> JsonObject:
    uri: JsonObject = {
        "uri": f"http://{authorizer.host}",
        "cluster": authorizer.cluster,
        "timeout": timeout,
    }
    added: list[JsonValue] = [
        {"key": key, "value": value} for key, value in sorted(authorizer.include_additional_headers_in_check.items())
    ]
    response = drop_none({
        "allowed_upstream_headers": _patterns(authorizer.headers_to_upstream_on_allow),
        "allowed_client_headers": _patterns(authorizer.headers_to_downstream_on_deny),
        "allowed_client_headers_on_success": _patterns(authorizer.headers_to_downstream_on_allow),
    })
    return drop_none({
        "server_uri": uri,
        "path_prefix": authorizer.path_prefix or None,
        "authorization_request": {"headers_to_add": added} if added else None,
        "authorization_response": response or None,
    })


def _patterns(names: Sequence[str]) -> JsonObject | None:
    """Header names, of any case; `p*` is a prefix and `*s` a suffix."""
    patterns: list[JsonValue] = [{**_pattern(name), "ignore_case": True} for name in names]
    return {"patterns": patterns} if patterns else None


def _pattern(name: str) -> JsonObject:
    if name.endswith("*"):
        return {"prefix": name[:-1]}
    return {"suffix": name[1:]} if name.startswith("*") else {"exact": name}


def _body(body: RequestBody) -> JsonObject:
    options: JsonObject = {"max_request_bytes": body.max_request_bytes}
    if body.allow_partial_message:
        options["allow_partial_message"] = True
    return options | ({"pack_as_bytes": True} if body.pack_as_bytes else {})
