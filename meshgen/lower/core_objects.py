"""Core Services and ServiceAccounts that Service intents ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.edge import CORE_SERVICE_INCOMPLETE
from meshgen.diagnostics.catalogue.lower import STATED_TWICE
from meshgen.intent.decode import IntentObject
from meshgen.json import JsonObject, JsonValue, drop_none
from meshgen.kubernetes import EXPORT_TO
from meshgen.lower.facts import app_protocol, workload_port
from meshgen.lower.index import Index
from meshgen.lower.result import Made, Report, make_other
from meshgen.values import Protocol

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent.core_objects import CoreService, CoreServiceAccount
    from meshgen.intent.service import Port, Service


def core_objects(index: Index, report: Report) -> Iterator[Made]:
    """What each Service asks for; a finding where it does not say enough for it."""
    for key, service in index.services.items():
        wanted = service.model.kubernetes
        if wanted is None:
            continue
        if wanted.service is not None:
            yield from _service(service, wanted.service, index, report)
        if wanted.service_account is not None:
            account = index.service_account_of(key)
            if account == "default":
                message = f"Service `{key[1]}` asks for a ServiceAccount, and nothing says which account its Pods run as"
                hint = f"add `workload: {{serviceAccount: {key[1]}}}`"
                report.append(CORE_SERVICE_INCOMPLETE.at(service.at("spec", "kubernetes"), message, help=hint))
            else:
                yield _service_account(service, wanted.service_account, account)


def _service(service: IntentObject[Service], wanted: CoreService, index: Index, report: Report) -> Iterator[Made]:
    model = service.model
    place = service.at("spec", "kubernetes")
    known = index.core_services.get((model.namespace, model.name))
    if known is not None:
        message = f"Service `{model.name}` asks for a core Service, and the tree has one of its name"
        related = [Related(known.origin, "the core Service")]
        report.append(STATED_TWICE.at(place, message, help="leave `kubernetes` out of the intent", related=related))
        return
    selector = model.workload.selector if model.workload is not None else None
    if not model.ports:
        message = f"Service `{model.name}` asks for a core Service, and says no `ports` for it"
        report.append(CORE_SERVICE_INCOMPLETE.at(place, message, help="add `ports: [80]`"))
        return
    spec: JsonObject = drop_none({
        "type": wanted.type,
        "clusterIP": "None" if wanted.headless else None,
        "selector": None if selector is None else dict[str, JsonValue](selector),
        "ports": [_port(port, model) for port in model.ports],
        "trafficDistribution": wanted.traffic_distribution,
        "internalTrafficPolicy": wanted.internal_traffic_policy,
        "externalTrafficPolicy": wanted.external_traffic_policy,
        "publishNotReadyAddresses": wanted.publish_not_ready_addresses,
        "sessionAffinity": wanted.session_affinity,
        "ipFamilies": None if wanted.ip_families is None else list(wanted.ip_families),
        "ipFamilyPolicy": wanted.ip_family_policy,
        "healthCheckNodePort": wanted.health_check_node_port,
    })
    exported = {EXPORT_TO: ",".join(model.export_to)} if model.export_to else {}
    yield make_other(
        service,
        "v1",
        "Service",
        {"spec": spec},
        labels=wanted.labels,
        annotations={**exported, **(wanted.annotations or {})},
        origin=place,
        origins={("spec", "ports", position): service.item("spec", "ports", position) for position in range(len(model.ports))},
    )


def _port(port: Port, model: Service) -> JsonObject:
    return drop_none({
        "name": port.name,
        "port": port.port,
        "targetPort": workload_port(port, model),
        "protocol": "UDP" if Protocol(port.protocol) is Protocol.UDP else None,
        "appProtocol": app_protocol(port),
    })


def _service_account(service: IntentObject[Service], wanted: CoreServiceAccount, account: str) -> Made:
    secrets = wanted.image_pull_secrets
    content: JsonObject = drop_none({
        "automountServiceAccountToken": wanted.automount_token,
        "imagePullSecrets": None if secrets is None else [{"name": name} for name in secrets],
    })
    return make_other(
        service,
        "v1",
        "ServiceAccount",
        content,
        name=account,
        labels=wanted.labels,
        annotations=wanted.annotations,
        origin=service.at("spec", "kubernetes"),
    )
