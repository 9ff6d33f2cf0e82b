"""What Telemetries want of Pods: a proxy reads its statistics and its bootstrap when it starts, from the Pod's annotations.

Deployments are the application's own, so the annotations are given as a kustomize component beside the output, ready for the
kustomization that has the Deployments (`components: [pods/shop/webapp]`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from meshgen.intent.decode import IntentObject
from meshgen.intent.observation import ProxyStats
from meshgen.intent.telemetry import Telemetry
from meshgen.json import JsonObject, JsonValue
from meshgen.kubernetes import PodOwner
from meshgen.lower.index import Index
from meshgen.lower.result import DeliveryFile, Made, make_other
from meshgen.lower.target import Scope

CONFIG = "proxy.istio.io/config"
"""A part of ProxyConfig for one Pod, as YAML (Istio: resource annotations)."""

BOOTSTRAP = "sidecar.istio.io/bootstrapOverride"
"""The ConfigMap with what is merged into Envoy's bootstrap; its key is `custom_bootstrap.json`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodChange:
    """Annotations that the Pods of some workloads must have."""

    telemetry: IntentObject[Telemetry]
    namespace: str
    labels: Mapping[str, str]  # empty for all Pods of the namespace
    annotations: Mapping[str, str]


def pod_change(telemetry: IntentObject[Telemetry], scope: Scope) -> PodChange:
    """What a Telemetry with `stats` or `bootstrap` wants."""
    model = telemetry.model
    annotations = {}
    if model.stats is not None:
        annotations[CONFIG] = _stats_matcher(model.stats)
    if model.bootstrap is not None:
        annotations[BOOTSTRAP] = model.name_of("ConfigMap", _bootstrap_name(telemetry))
    labels = (scope.selector.match_labels or {}) if scope.selector is not None else {}
    return PodChange(telemetry=telemetry, namespace=scope.namespace, labels=labels, annotations=annotations)


def bootstrap(telemetry: IntentObject[Telemetry], value: Mapping[str, Any], scope: Scope) -> Made:
    """The ConfigMap that the injector mounts."""
    data: JsonObject = {"custom_bootstrap.json": json.dumps(value, indent=2, ensure_ascii=False) + "\n"}
    return make_other(
        telemetry,
        "v1",
        "ConfigMap",
        {"data": data},
        name=_bootstrap_name(telemetry),
        namespace=scope.namespace,
        owner=scope.owner,
        origin=telemetry.at("spec", "bootstrap"),
    )


def _bootstrap_name(telemetry: IntentObject[Telemetry]) -> str:
    return f"{telemetry.model.name}-bootstrap"


def _stats_matcher(stats: ProxyStats) -> str:
    lines = ["proxyStatsMatcher:"]
    for field, names in (
        ("inclusionPrefixes", stats.prefixes),
        ("inclusionSuffixes", stats.suffixes),
        ("inclusionRegexps", stats.regexes),
    ):
        if names:
            lines += [f"  {field}:", *(f"  - {json.dumps(name, ensure_ascii=False)}" for name in names)]
    return "\n".join(lines) + "\n"


# --- files ----------------------------------------------------------------------------------------------------------
def pod_files(change: PodChange, index: Index) -> Iterator[DeliveryFile]:
    """A kustomize component that annotates the Pod templates: those of the tree by name, else Deployments by their labels."""
    folder = f"pods/{change.namespace}/{change.telemetry.model.name}"
    targets = list(_targets(change, index))
    patches: list[JsonValue] = []
    for target in targets:
        name = str(target.get("name", "any"))
        path = f"{str(target['kind']).lower()}-{name}.yaml"
        patches.append({"path": path, "target": target})
        yield DeliveryFile(path=f"{folder}/{path}", content=_patch(str(target["kind"]), name, change))
    component: JsonObject = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "patches": patches}
    yield DeliveryFile(path=f"{folder}/kustomization.yaml", content=component)


def _targets(change: PodChange, index: Index) -> Iterator[JsonObject]:
    owners = [owner for owner in index.facts.pod_owners if _concerns(change, owner)]
    for owner in sorted(owners, key=lambda each: (each.kind, each.metadata.name)):
        yield {"kind": owner.kind, "name": owner.metadata.name}
    if not owners:
        selector = ",".join(f"{key}={value}" for key, value in sorted(change.labels.items()))
        yield {"kind": "Deployment", **({"labelSelector": selector} if selector else {})}


def _concerns(change: PodChange, owner: PodOwner) -> bool:
    labels = owner.spec.template.metadata.labels
    same = owner.metadata.namespace == change.namespace and owner.kind != "ReplicaSet"
    return same and change.labels.items() <= labels.items()


def _patch(kind: str, name: str, change: PodChange) -> JsonObject:
    annotations: JsonObject = dict(change.annotations)
    template: JsonObject = {"metadata": {"annotations": annotations}}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": {"template": template}}
