"""MeshConfig: the settings of istiod that change what it generates, with istiod's defaults.

Source: istio.io, reference/config/istio.mesh.v1alpha1, and `pkg/config/mesh/mesh.go` for the defaults. Settings that
decide nothing for a compiler are let through unread.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from meshgen.istio.destination_rule import LocalityLoadBalancerSetting
from meshgen.istio.shared import TcpKeepalive
from meshgen.istio.struct import FreeForm
from meshgen.istio.virtual_service import HTTPRetry


class ModeSetting(Struct, frozen=True, kw_only=True):
    """`outboundTrafficPolicy`."""

    mode: Literal["ALLOW_ANY", "REGISTRY_ONLY"] = "ALLOW_ANY"


class PathNormalization(Struct, frozen=True, kw_only=True):
    """`pathNormalization`."""

    normalization: Literal["DEFAULT", "NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"] = "DEFAULT"


class GatewayTopology(Struct, frozen=True, kw_only=True, rename="camel"):
    """`defaultConfig.gatewayTopology`."""

    num_trusted_proxies: int = 0
    forward_client_cert_details: str = "UNDEFINED"
    proxy_protocol: FreeForm | None = None


class ProxySettings(Struct, frozen=True, kw_only=True, rename="camel"):
    """`defaultConfig`: the part of ProxyConfig that shapes listeners and bootstraps."""

    gateway_topology: GatewayTopology = GatewayTopology()
    tracing: FreeForm | None = None
    concurrency: int | None = None
    proxy_metadata: dict[str, str] = {}


class MeshConfig(Struct, frozen=True, kw_only=True, rename="camel"):
    """istiod's settings; every field has istiod's default."""

    trust_domain: str = "cluster.local"
    trust_domain_aliases: tuple[str, ...] = ()
    root_namespace: str = "istio-system"
    outbound_traffic_policy: ModeSetting = ModeSetting()
    enable_auto_mtls: bool = True
    connect_timeout: str = "10s"
    protocol_detection_timeout: str = "0s"
    tcp_keepalive: TcpKeepalive | None = None
    default_http_retry_policy: HTTPRetry | None = None
    locality_lb_setting: LocalityLoadBalancerSetting = LocalityLoadBalancerSetting()
    h2_upgrade_policy: Literal["DO_NOT_UPGRADE", "UPGRADE"] = "DO_NOT_UPGRADE"
    path_normalization: PathNormalization = PathNormalization()
    default_service_export_to: tuple[str, ...] = ("*",)
    default_virtual_service_export_to: tuple[str, ...] = ("*",)
    default_destination_rule_export_to: tuple[str, ...] = ("*",)
    extension_providers: tuple[FreeForm, ...] = ()
    default_config: ProxySettings = ProxySettings()
    access_log_file: str = ""
    access_log_format: str = ""
    access_log_encoding: Literal["TEXT", "JSON"] = "TEXT"
    enable_tracing: bool = True
    dns_refresh_rate: str = "60s"
    proxy_http_port: int = 0
    outbound_cluster_stat_name: str = ""
    inbound_cluster_stat_name: str = ""
