"""What Telemetries want of Pods: a proxy reads its statistics and its bootstrap when it starts, from the Pod's annotations.

Deployments that meshgen makes carry them. All others are the application's own, so for these the annotations are given as a
kustomize component beside the output, ready for the kustomization that has the Deployments (`components: [pods/shop/webapp]`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from meshgen.diagnostics import Diagnostic, Related
from meshgen.diagnostics.catalogue.telemetry import ANNOTATION_REPLACED, PODS_TO_ANNOTATE
from meshgen.intent.decode import IntentObject
from meshgen.json import JsonObject, JsonValue, merge_patch
from meshgen.kubernetes import CustomBootstrap, KubernetesObject, ObjectMeta, PodOwner
from meshgen.load.yaml import parse_values
from meshgen.lower.index import Index
from meshgen.lower.result import DeliveryFile, Made, Report, make_other
from meshgen.lower.target import Scope

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.observation import ProxyStats
    from meshgen.intent.telemetry import Telemetry

CONFIG = "proxy.istio.io/config"
"""A part of ProxyConfig for one Pod, as YAML (Istio: resource annotations)."""

BOOTSTRAP = "sidecar.istio.io/bootstrapOverride"
"""The ConfigMap with what is merged into Envoy's bootstrap; its key is `custom_bootstrap.json`."""

_MATCHER = "proxyStatsMatcher"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodChange:
    """What the Pods of some workloads must have."""

    telemetry: IntentObject[Telemetry]
    namespace: str
    labels: Mapping[str, str]  # empty for all Pods of the namespace
    stats: JsonObject | None  # ProxyConfig's `proxyStatsMatcher`
    bootstrap: str | None  # the ConfigMap's name

    def concerns(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether Pods with these labels are meant."""
        return namespace == self.namespace and self.labels.items() <= labels.items()

    def annotations(self, given: Mapping[str, str]) -> dict[str, str]:
        """The annotations that Pods get which have some already: the rest of their ProxyConfig stays."""
        found: dict[str, str] = {}
        if self.stats is not None:
            present = _config(given)
            if not present:
                found[CONFIG] = _block(self.stats)
            elif present.get(_MATCHER) != self.stats:
                found[CONFIG] = json.dumps({**present, _MATCHER: self.stats}, indent=2, ensure_ascii=False) + "\n"
        if self.bootstrap is not None and given.get(BOOTSTRAP) != self.bootstrap:
            found[BOOTSTRAP] = self.bootstrap
        return found

    def replaced(self, given: Mapping[str, str]) -> str:
        """What of the annotations that are there is lost, in words; empty where nothing is."""
        if self.bootstrap is not None and given.get(BOOTSTRAP, self.bootstrap) != self.bootstrap:
            return f"`{BOOTSTRAP}: {given[BOOTSTRAP]}`"
        if self.stats is None or not given.get(CONFIG, "").strip():
            return ""
        present = _config(given)
        if not present:
            return f"`{CONFIG}`, which is not a map"
        return f"the `{_MATCHER}` in `{CONFIG}`" if present.get(_MATCHER, self.stats) != self.stats else ""


def pod_change(telemetry: IntentObject[Telemetry], scope: Scope) -> PodChange:
    """What a Telemetry with `stats` or `bootstrap` wants."""
    model = telemetry.model
    return PodChange(
        telemetry=telemetry,
        namespace=scope.namespace,
        labels=(scope.selector.match_labels or {}) if scope.selector is not None else {},
        stats=None if model.stats is None else _stats_matcher(model.stats),
        bootstrap=None if model.bootstrap is None else model.name_of("ConfigMap", _bootstrap_name(telemetry)),
    )


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


def bootstrap_fact(telemetry: IntentObject[Telemetry], value: Mapping[str, Any], scope: Scope) -> CustomBootstrap:
    """As our own Envoy output has it, which reads no ConfigMaps."""
    return CustomBootstrap(
        metadata=ObjectMeta(name=_bootstrap_name(telemetry), namespace=scope.namespace),
        pods=(scope.selector.match_labels or {}) if scope.selector is not None else {},
        value=dict(value),
        origin=telemetry.at("spec", "bootstrap"),
    )


def _bootstrap_name(telemetry: IntentObject[Telemetry]) -> str:
    return f"{telemetry.model.name}-bootstrap"


def _stats_matcher(stats: ProxyStats) -> JsonObject:
    fields = {"inclusionPrefixes": stats.prefixes, "inclusionSuffixes": stats.suffixes, "inclusionRegexps": stats.regexes}
    return {field: [*names] for field, names in fields.items() if names}


def _config(given: Mapping[str, str]) -> JsonObject:
    """The ProxyConfig of an annotation; empty where there is none, or none that can be read."""
    values, _ = parse_values(given.get(CONFIG, "").encode(), CONFIG)
    value = values[0][0] if len(values) == 1 else None
    return value if isinstance(value, dict) else {}


def _block(stats: JsonObject) -> str:
    """The annotation as people write it."""
    lines = [f"{_MATCHER}:"]
    for field, names in stats.items():
        entries = names if isinstance(names, list) else []
        lines += [f"  {field}:", *(f"  - {json.dumps(name, ensure_ascii=False)}" for name in entries)]
    return "\n".join(lines) + "\n"


# --- Deployments of ours --------------------------------------------------------------------------------------------
def annotated(made: Sequence[Made], changes: Sequence[PodChange]) -> list[Made]:
    """The objects, with the annotations on the Pods of the Deployments among them."""
    return [_annotated(each, changes) for each in made] if changes else list(made)


def _annotated(made: Made, changes: Sequence[PodChange]) -> Made:
    target = made.object
    if not isinstance(target, KubernetesObject) or target.kind != "Deployment":
        return made
    for change in changes:
        metadata = _template(target)
        labels, given = (_texts(metadata.get(key)) for key in ("labels", "annotations"))
        annotations = change.annotations(given) if change.concerns(target.namespace, labels) else {}
        if annotations:
            value = merge_patch(target.object, _template_patch(annotations))
            path = ("spec", "template", "metadata", "annotations")
            places = {(*path, key): change.telemetry.origin for key in annotations}
            target = replace(target, object=value, origins={**target.origins, **places})
    return made if target is made.object else replace(made, object=target)


def _template(deployment: KubernetesObject) -> JsonObject:
    found: JsonValue = deployment.object
    for key in ("spec", "template", "metadata"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _texts(value: JsonValue) -> dict[str, str]:
    return {key: str(text) for key, text in value.items()} if isinstance(value, dict) else {}


# --- files ----------------------------------------------------------------------------------------------------------
def pod_files(change: PodChange, made: Sequence[Made], index: Index, report: Report) -> Iterator[DeliveryFile]:
    """A kustomize component that annotates the Pod templates: those of the tree by name, else Deployments by their labels.

    Nothing where the Pods have the annotations already, or are meshgen's own.
    """
    owners = [owner for owner in index.facts.pod_owners if _concerns(change, owner)]
    own = any(
        isinstance(each.object, KubernetesObject)
        and each.object.kind == "Deployment"
        and change.concerns(each.object.namespace, _texts(_template(each.object).get("labels")))
        for each in made
    )
    folder = f"pods/{change.namespace}/{change.telemetry.model.name}"
    patches: list[JsonValue] = []
    for target, wanted in _targets(change, owners, report) if owners or not own else ():
        kind, name = str(target["kind"]), str(target.get("name", "any"))
        path = f"{kind.lower()}-{name}.yaml"
        patches.append({"path": path, "target": target})
        document: JsonObject = {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}}
        yield DeliveryFile(path=f"{folder}/{path}", content={**document, **_template_patch(wanted)})
    if patches:
        component: JsonObject = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "patches": patches}
        yield DeliveryFile(path=f"{folder}/kustomization.yaml", content=component)
        report.append(_to_annotate(change, folder))


def _targets(
    change: PodChange, owners: Sequence[PodOwner], report: Report
) -> Iterator[tuple[dict[str, JsonValue], Mapping[str, str]]]:
    for owner in sorted(owners, key=lambda each: (each.kind, each.metadata.name)):
        given = owner.spec.template.metadata.annotations
        lost = change.replaced(given)
        if lost:
            message = f"{change.telemetry.spoken} takes the place of {lost}, on the Pods of {owner.kind} `{owner.metadata.name}`"
            related = [Related(owner.origin, "the Pods are declared here")]
            place = change.telemetry.at("spec", "stats" if change.stats is not None else "bootstrap")
            report.append(ANNOTATION_REPLACED.at(place, message, help="say it in one place", related=related))
        annotations = change.annotations(given)
        if annotations:
            yield {"kind": owner.kind, "name": owner.metadata.name}, annotations
    if not owners:
        selector = ",".join(f"{key}={value}" for key, value in sorted(change.labels.items()))
        yield {"kind": "Deployment", **({"labelSelector": selector} if selector else {})}, change.annotations({})


def _concerns(change: PodChange, owner: PodOwner) -> bool:
    return owner.kind != "ReplicaSet" and change.concerns(owner.metadata.namespace, owner.spec.template.metadata.labels)


def _template_patch(annotations: Mapping[str, str]) -> JsonObject:
    return {"spec": {"template": {"metadata": {"annotations": dict(annotations)}}}}


def _to_annotate(change: PodChange, folder: str) -> Diagnostic:
    place = change.telemetry.at("spec", "stats" if change.stats is not None else "bootstrap")
    message = f"{change.telemetry.spoken} acts once its Pods carry annotations, and then when they start anew"
    hint = f"add `{folder}` of the delivery to `components` of the kustomization that has the Deployments"
    return PODS_TO_ANNOTATE.at(place, message, help=hint)
