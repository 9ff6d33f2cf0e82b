"""Which fields and values came with which release of Istio, from 1.24 on.

Each row comes from the difference of the CRDs of the Go module istio.io/api (`kubernetes/customresourcedefinitions.gen.yaml`)
between one release's tag and the next: v1.24.0, v1.25.0, v1.26.0, v1.27.0, v1.28.0, v1.29.0, v1.30.8, v1.31.0, v1.32.0. Whole
kinds stand in `kinds.py` (`since`), as by the same difference: TrafficExtension came with 1.30. No field, value or version of a
kind was removed in these releases, and 1.24 serves every kind in the newest version that 1.32 has: the `apiVersion` of what is
emitted is the same for all of them.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from meshgen.diagnostics.catalogue.load import NEWER_THAN_TARGET
from meshgen.istio.authorization_policy import Source
from meshgen.istio.destination_rule import HTTPCookie, LoadBalancerSettings, OutlierDetection, RetryBudget, TrafficPolicy
from meshgen.istio.envoy_filter import EnvoyConfigObjectMatch, FilterChainMatch, Patch, VirtualHostMatch
from meshgen.istio.request_authentication import JWTRule
from meshgen.istio.rules import Rule, Rules, when_given
from meshgen.istio.service_entry import ServiceEntry
from meshgen.istio.shared import HTTPSettings, ServerTLSSettings
from meshgen.istio.struct import IstioStruct, wire_name
from meshgen.istio.telemetry import CustomTag, Tracing
from meshgen.istio.versions import IstioVersion
from meshgen.istio.violation import Violation
from meshgen.istio.virtual_service import HTTPRedirect, HTTPRetry
from meshgen.istio.wasm_plugin import WasmPlugin
from meshgen.istio.workload_group import ReadinessProbe

TARGET_HELP: Final = 'leave it out, or say that the cluster has it: `targets: {{istio: "{}"}}` in meshgen.yaml'


class Since(NamedTuple):
    """A field of a struct, or one value of it, and the release that brought it."""

    struct: type[IstioStruct]
    attribute: str
    release: IstioVersion
    value: str = ""  # empty: the field itself


def _rows(minor: int, *rows: tuple[type[IstioStruct], str] | tuple[type[IstioStruct], str, str]) -> list[Since]:
    return [Since(row[0], row[1], IstioVersion(1, minor), *row[2:]) for row in rows]


SINCE: Final = (
    *_rows(
        25,
        (Source, "service_accounts"),
        (Source, "not_service_accounts"),
        (VirtualHostMatch, "domain_name"),
        (Tracing, "enable_istio_tags"),
        (ReadinessProbe, "grpc"),
    ),
    *_rows(
        26,
        (ServerTLSSettings, "credential_names"),
        (ServerTLSSettings, "tls_certificates"),
        (HTTPRetry, "backoff"),
        (HTTPRetry, "retry_ignore_previous_hosts"),
    ),
    *_rows(27, (TrafficPolicy, "retry_budget"), (WasmPlugin, "fail_strategy", "FAIL_RELOAD")),
    *_rows(
        28,
        (HTTPCookie, "attributes"),
        (ServerTLSSettings, "ca_cert_credential_name"),
        (JWTRule, "space_delimited_claims"),
        (ServiceEntry, "resolution", "DYNAMIC_DNS"),
    ),
    *_rows(
        29,
        (EnvoyConfigObjectMatch, "context", "WAYPOINT"),
        (EnvoyConfigObjectMatch, "waypoint"),
        (CustomTag, "formatter"),
    ),
    *_rows(30, (Source, "trust_domains"), (Source, "not_trust_domains"), (Tracing, "disable_context_propagation")),
    *_rows(
        31,
        (HTTPSettings, "http2_keep_alive"),
        (LoadBalancerSettings, "zone_aware_lb_setting"),
        (OutlierDetection, "outlier_detection_http_error_codes"),
        (RetryBudget, "budget_interval"),
        (Patch, "operation", "MERGE_AND_REPLACE_LIST"),
        (ServerTLSSettings, "insecure_skip_verify"),
        (HTTPRedirect, "prefix_rewrite"),
    ),
    *_rows(
        32,
        (LoadBalancerSettings, "backend_utilization"),
        (FilterChainMatch, "transport_socket"),
        (ServerTLSSettings, "ecdh_curves"),
        (JWTRule, "presence"),
    ),
)


def kind_violation(kind: str, since: IstioVersion, target: IstioVersion) -> Violation:
    """What is said of an object whose whole kind is too new."""
    message = f"Istio {target.release} has no `{kind}`: it came with {since.release}"
    return Violation(("kind",), message, TARGET_HELP.format(since.release), NEWER_THAN_TARGET)


def since_rules(target: IstioVersion) -> Rules:
    """The rules that refuse what a release does not have yet."""
    table: dict[type[IstioStruct], tuple[Rule, ...]] = {}
    for row in SINCE:
        if target < row.release:
            table[row.struct] = (*table.get(row.struct, ()), _rule(row, target))
    return table


def _rule(row: Since, target: IstioVersion) -> Rule:
    wire = wire_name(row.struct, row.attribute)
    what = f"`{wire}: {row.value}`" if row.value else f"`{wire}` in `{row.struct.__name__}`"
    message = f"Istio {target.release} has no {what}: it came with {row.release.release}"
    violation = Violation((wire,), message, TARGET_HELP.format(row.release.release), NEWER_THAN_TARGET)
    return when_given(row.attribute, row.value, violation)
