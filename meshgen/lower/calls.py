"""Calls against the access of their callees: a call that is declared and not allowed is a 403 to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.lower import CALL_NOT_ALLOWED
from meshgen.intent.decode import IntentObject
from meshgen.intent.reference import split_service
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct
from meshgen.lower.index import Index, ServiceKey
from meshgen.lower.result import Report

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.access import Access, Caller

_BY_IDENTITY = ("service_account", "service", "gateway", "namespace")


def check_calls(index: Index, natives: Sequence[IstioObject[IstioStruct]], report: Report) -> None:
    """Warns of calls to services whose Access names its callers, and not this one.

    A caller that is described by anything but its account, its namespace or its service may be this one; and a native policy in
    the callee's namespace or the root namespace may be what lets it in. Nothing is said then.
    """
    guards = _guards(index)
    guarded = {native.namespace for native in natives if native.kind == "AuthorizationPolicy"}
    for key, service in index.services.items() if guards else ():
        for position, call in enumerate(service.model.calls or ()):
            callee = (call.namespace or key[0], call.service or "")
            accesses = guards.get(callee)
            if (
                accesses is None
                or not guarded.isdisjoint((callee[0], index.root_namespace))
                or any(_admits(access, key, index) for access in accesses)
            ):
                continue
            message = f"Service `{key[1]}` calls `{callee[1]}`, whose Access does not name it"
            hint = f"add `{index.service_account_of(key)}` to the callers of `{accesses[0].model.name}`, or remove the call"
            related = [Related(accesses[0].origin, "who may call it")]
            place = service.item("spec", "calls", position)
            report.append(CALL_NOT_ALLOWED.at(place, message, help=hint, related=related))


def _guards(index: Index) -> Mapping[ServiceKey, list[IntentObject[Access]]]:
    """By service, the Accesses that say who may call it; none for services that a wider Access may be about as well."""
    accesses = cast("list[IntentObject[Access]]", index.by_kind.get("Access", []))
    wider = {access.model.namespace for access in accesses if _is_wide(access.model)}
    if any(access.model.mesh and access.model.allow is not None for access in accesses):
        return {}
    found: dict[ServiceKey, list[IntentObject[Access]]] = {}
    for access in accesses:
        model = access.model
        if model.service is not None and not model.dry_run and (model.allow is not None or model.default == "deny"):
            key = split_service(model.service, model.namespace)
            if key[0] not in wider:
                found.setdefault(key, []).append(access)
    return found


def _is_wide(access: Access) -> bool:
    narrow = access.service is not None or access.gateway is not None or access.mesh or access.targets is not None
    return not narrow and access.allow is not None


def _admits(access: IntentObject[Access], caller: ServiceKey, index: Index) -> bool:
    model = access.model
    if model.allow is None:
        return False
    return any(
        rule.from_ is None or any(_may_be(each, caller, model.namespace, index) for each in rule.from_) for rule in model.allow
    )


def _may_be(each: Caller, caller: ServiceKey, namespace: str, index: Index) -> bool:
    """Whether a caller of an Access may be this service."""
    if not each.model_fields_set <= set(_BY_IDENTITY):
        return True
    if each.service is not None:
        return split_service(each.service, namespace) == caller
    if each.service_account is not None:
        return (each.namespace or namespace, each.service_account) == (caller[0], index.service_account_of(caller))
    return each.namespace is not None and ("*" in each.namespace or each.namespace == caller[0])
