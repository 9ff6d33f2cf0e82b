"""Values of Istio's Helm charts, checked against the charts' types."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from meshgen.diagnostics import Diagnostic, JsonPath, Origin, did_you_mean
from meshgen.diagnostics.catalogue.load import UNKNOWN_FIELD
from meshgen.diagnostics.catalogue.mesh import INVALID_VALUES
from meshgen.istio.decode import struct_violations
from meshgen.istio.helm_charts import BaseChart, GatewayChart
from meshgen.istio.helm_values import HelmValues, PilotValues
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.violation import Violation
from meshgen.json import JsonObject, JsonValue

# What the charts take beside the proto, by the map that it stands in.
_BESIDE: dict[JsonPath, set[str]] = {
    (): {
        "pdb", "platform", "defaults", "seLinuxOptions", "terminationMessagePolicy", "resourceQuotas", "ambient",
        "cni", "enabled", "initContainers", "deploymentAnnotations", "sidecarInjectorWebhookAnnotations", "podLabels",
    },
    ("pilot",): {
        "pdb", "initContainers", "deploymentAnnotations", "sidecarInjectorWebhookAnnotations", "trustedZtunnelName",
        "terminationMessagePolicy", "autoscaleBehavior",
    },
    ("global",): {"caAddress", "defaultPodDisruptionBudget", "hub", "externalIstiod", "compatibilityVersion"},
    ("global", "proxy"): {"variant"},
    ("global", "proxy_init"): {"forceApplyIptables"},
    ("global", "waypoint"): {"tolerations"},
}  # fmt: skip


def istiod_findings(values: JsonObject, origin: Origin) -> Iterator[Diagnostic]:
    """What is wrong with values of the chart `istiod`, or with `values` of an IstioOperator, which are the same.

    What the chart has under `pilot` may stand at the top, too.
    """
    own = {field.encode_name for field in msgspec.structs.fields(HelmValues)}
    beside = {key: value for key, value in values.items() if key not in own}
    nested = {key: value for key, value in values.items() if key in own and key != "meshConfig"}
    for violation in (*struct_violations(nested, HelmValues), *_flat(beside, own)):
        if not (violation.code is UNKNOWN_FIELD and violation.path[-1] in _BESIDE.get(violation.path[:-1], ())):
            yield _finding(violation, origin)
    config = values.get("meshConfig")
    if config is not None:
        for violation in struct_violations(config, MeshConfig):
            yield _finding(violation.under("meshConfig"), origin)


def _flat(values: JsonObject, own: set[str]) -> Iterator[Violation]:
    """Values of `pilot` that stand at the top."""
    known = {field.encode_name for field in msgspec.structs.fields(PilotValues)}
    pilot: dict[str, JsonValue] = {}
    for key, value in values.items():
        if key in known:
            pilot[key] = value
        elif key not in _BESIDE[()]:
            yield Violation((key,), f"Istio's charts have no value `{key}`", did_you_mean(key, own | known))
    yield from struct_violations(pilot, PilotValues)


def gateway_findings(values: JsonValue, origin: Origin) -> Iterator[Diagnostic]:
    """What is wrong with values of the chart `gateway`."""
    return (_finding(violation, origin) for violation in struct_violations(values, GatewayChart))


def base_findings(values: JsonValue, origin: Origin) -> Iterator[Diagnostic]:
    """What is wrong with values of the chart `base`."""
    return (_finding(violation, origin) for violation in struct_violations(values, BaseChart))


def _finding(violation: Violation, origin: Origin) -> Diagnostic:
    return INVALID_VALUES.at(origin.at(*violation.path), violation.message, help=violation.help)
