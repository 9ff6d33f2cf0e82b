"""Discovery selectors: which namespaces istiod looks at (MeshConfig's `discoverySelectors`).

Follows istiod's `pkg/kube/namespace` (filter.go). A namespace that the sources do not declare is taken to be looked at, since its
labels are not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from meshgen import kubernetes
from meshgen.istio.mesh_config import LabelSelector, LabelSelectorRequirement, MeshConfig
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.kubernetes import CoreFacts

NAME_LABEL = "kubernetes.io/metadata.name"
"""The label that Kubernetes gives each namespace: its name."""


@dataclass(frozen=True, slots=True)
class Discovered:
    """What istiod knows of, and the objects of Istio's that it does not."""

    objects: tuple[IstioObject[IstioStruct], ...]
    facts: CoreFacts
    left_out: tuple[IstioObject[IstioStruct], ...] = ()
    unseen: frozenset[str] = frozenset()  # the namespaces


def discovered(objects: Sequence[IstioObject[IstioStruct]], facts: CoreFacts, config: MeshConfig) -> Discovered:
    """Objects and facts without those of namespaces that no selector picks; all where there are no selectors."""
    selectors = config.discovery_selectors
    unseen = _unseen(facts.namespaces, selectors, config.root_namespace) if selectors else frozenset()
    if not unseen:
        return Discovered(tuple(objects), facts)
    return Discovered(
        tuple(each for each in objects if each.namespace not in unseen),
        replace(
            facts,
            services=tuple(each for each in facts.services if each.metadata.namespace not in unseen),
            endpoint_slices=tuple(each for each in facts.endpoint_slices if each.metadata.namespace not in unseen),
            pods=tuple(each for each in facts.pods if each.metadata.namespace not in unseen),
            pod_owners=tuple(each for each in facts.pod_owners if each.metadata.namespace not in unseen),
        ),
        tuple(each for each in objects if each.namespace in unseen),
        unseen,
    )


def _unseen(
    namespaces: Iterable[kubernetes.Namespace], selectors: Sequence[LabelSelector], root_namespace: str
) -> frozenset[str]:
    """The declared namespaces that none of the selectors picks; the root namespace is always looked at."""
    labels = {each.metadata.name: {**each.metadata.labels, NAME_LABEL: each.metadata.name} for each in namespaces}
    return frozenset(
        name for name, own in labels.items() if name != root_namespace and not any(_picks(each, own) for each in selectors)
    )


def _picks(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """As Kubernetes reads a LabelSelector: all of it must hold, and an empty one picks everything."""
    wanted = (selector.match_labels or {}).items()
    return wanted <= labels.items() and all(_holds(each, labels) for each in selector.match_expressions or ())


def _holds(wanted: LabelSelectorRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(wanted.key or "")
    match wanted.operator:
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "NotIn":
            return value is None or value not in (wanted.values or ())
        case _:
            return value is not None and value in (wanted.values or ())
