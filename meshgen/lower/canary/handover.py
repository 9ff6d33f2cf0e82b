"""Rules that hand over to an engine: whose weights a controller moves is for a delegate VirtualService of the controller's.

`spec.http` is one field to server-side apply, so an engine and Git cannot share it. The rules stay Git's, without a destination;
the delegate, which has the weights and nothing else, is the engine's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.lower import CANARIES_OVER_ONE_VERSION
from meshgen.diagnostics.catalogue.rollout import ENGINE_CANNOT, SPLIT_OVER_ENGINE
from meshgen.intent.decode import IntentObject
from meshgen.istio.virtual_service import Delegate
from meshgen.lower.index import Index, ServiceKey
from meshgen.lower.result import Report
from meshgen.lower.rules import HttpDraft

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.canary import Canary

WEIGHTS = "weights"
"""The rule, of Argo Rollouts' delegate, that has the weights."""


def delegate_name(canary: Canary, key: ServiceKey) -> str:
    """The engine's VirtualService: Flagger's has the name of its Service, that of Argo Rollouts the Canary's."""
    return key[1] if canary.engine == "flagger" else canary.name


def engine_of(
    canaries: Sequence[IntentObject[Canary]], key: ServiceKey, index: Index, report: Report
) -> IntentObject[Canary] | None:
    """The one canary of a service that an engine moves; None (and findings) where there is none that can be."""
    if not canaries:
        return None
    first = canaries[0]
    for canary in canaries[1:]:
        message = f"{canary.spoken} and {first.spoken} both give `{key[1]}` to an engine"
        related = [Related(first.at("spec", "service"), f"`{first.model.name}` has it")]
        hint = "keep one of them: an engine makes one new version at a time"
        report.append(CANARIES_OVER_ONE_VERSION.at(canary.at("spec", "service"), message, help=hint, related=related))
    service = index.services.get(key)
    engine = first.model.engine
    problem = None
    if service is None:
        problem = f"no Service intent says `{key[1]}`'s rules", f"add `kind: Service` with the name `{key[1]}` for them"
    elif key[0] != first.model.namespace:
        problem = f"`{engine}` looks for the Deployment in its own namespace", f"put the Canary into the namespace `{key[0]}`"
    elif not any(protocol.is_http for _, protocol in index.ports_of(key)):
        problem = f"`{key[1]}` has no HTTP port", "use `engine: weights`, or name an HTTP port"
    elif engine == "flagger" and service.model.versions:
        versions = ", ".join(f"`{version.name}`" for version in service.model.versions)
        problem = (
            f"Flagger makes the versions of `{key[1]}` itself, which declares {versions}",
            "remove `versions`, or use `engine: weights`",
        )
    elif engine == "argo-rollouts" and not index.labels_of(key):
        problem = (
            f"nothing says which Pods `{key[1]}` has",
            f"add `workload: {{selector: {{app: {key[1]}}}}}` to the Service, or the core Service to the tree",
        )
    if problem is None:
        return first
    related = [Related(service.origin, f"`{key[1]}` is declared here")] if service is not None else []
    message = f"{first.spoken} cannot be given to `{engine}`: {problem[0]}"
    report.append(ENGINE_CANNOT.at(first.at("spec", "engine"), message, help=problem[1], related=related))
    return None


def handed_over(
    draft: HttpDraft, engines: Mapping[ServiceKey, IntentObject[Canary]], index: Index, report: Report
) -> HttpDraft | None:
    """The rule with a delegate in place of a destination that an engine has; itself where none has, None where it cannot."""
    owned = [target for target in draft.targets if target.service in engines and target.version is None]
    if not owned:
        return draft
    key = owned[0].service or ("", "")
    canary = engines[key]
    related = [Related(canary.at("spec", "engine"), f"{canary.spoken} gives its weights to `{canary.model.engine}`")]
    if len(draft.targets) > 1:
        message = f"the split sends a share to `{key[1]}`, whose own shares an engine moves"
        hint = f"write a rule with `to: {key[1]}` alone"
        report.append(SPLIT_OVER_ENGINE.at(draft.origin, message, help=hint, related=related))
        return None
    port, ports = owned[0].port, index.ports_of(key)
    if port is not None and [port] != [number for number, _ in ports]:
        message = f"the rule sends to port {port} of `{key[1]}`, and the engine's delegate names no port"
        hint = "leave the port out: requests go to the port on which they came"
        report.append(SPLIT_OVER_ENGINE.at(draft.origin, message, help=hint, related=related))
        return None
    delegate = Delegate(name=delegate_name(canary.model, key), namespace=key[0])
    return replace(draft, targets=(), fields={**draft.fields, "delegate": delegate})
