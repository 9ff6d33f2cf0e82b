"""The files of a machine: `cluster.env`, `mesh.yaml` and `hosts`.

They say what `istioctl x workload entry configure` writes (istio/istio, istioctl/pkg/workload), from the intent and without a
cluster. What only a cluster can give, the root certificate and a token, is left to the README's commands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from meshgen.intent.decode import IntentObject
from meshgen.intent.virtual_machines import Join, VirtualMachines
from meshgen.istio.mesh_config import MeshConfig
from meshgen.istio.mesh_defaults import beyond_defaults
from meshgen.json import JsonObject, JsonValue, merge_patch
from meshgen.load.yaml import parse_documents
from meshgen.lower.index import Index
from meshgen.lower.machine_readme import readme
from meshgen.lower.result import DeliveryFile
from meshgen.lower.virtual_machines import probe
from meshgen.values import is_ip

_PROXY_CONFIG = "proxy.istio.io/config"
_NAMES = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")
_REVISIONS = ("service.istio.io/canonical-revision", "app.kubernetes.io/version", "version")
_EXCLUDED_PORTS = "22,15090,15021,15020"
"""Never captured: SSH, so that nobody is locked out, and the agent's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plane:
    """What a machine has to know of the mesh that it joins."""

    namespace: str  # where istiod runs
    trust_domain: str
    mesh_id: str
    proxy_defaults: JsonObject  # MeshConfig's `defaultConfig`, where the Mesh sets it
    cluster: str = ""  # istiod's name for it; `Kubernetes` where it has none
    context: str = ""  # of kubectl
    address: str = ""  # at which machines reach istiod, where the mesh says it


def machine_files(index: Index) -> Iterator[DeliveryFile]:
    """The files of all groups, under `vm/<namespace>/<group>/`."""
    groups = index.of(VirtualMachines)
    if not groups:
        return
    plane = _plane(index)
    for group in groups:
        for name, content in _files(group, plane).items():
            yield DeliveryFile(path=f"vm/{group.model.namespace}/{group.model.name}/{name}", content=content)


def _plane(index: Index) -> _Plane:
    config, cluster = index.config, index.cluster
    domain = config.trust_domain if config.trust_domain != MeshConfig().trust_domain else ""  # as istiod's chart has it
    mesh_id = index.mesh.model.mesh_id if index.mesh is not None else None
    door = cluster.east_west if cluster is not None else None
    defaults = beyond_defaults(config).get("defaultConfig")
    return _Plane(
        namespace=config.root_namespace,
        trust_domain=config.trust_domain,
        mesh_id=mesh_id or domain,
        proxy_defaults=defaults if isinstance(defaults, dict) else {},
        cluster=index.cluster_name,
        context=(cluster.context or index.cluster_name) if cluster is not None else "",
        address=(door.address or "") if door is not None and door.expose_istiod else "",
    )


def _files(group: IntentObject[VirtualMachines], plane: _Plane) -> dict[str, JsonObject | str]:
    """The files of a group by name: text, or the value of a YAML document."""
    model = group.model
    join = model.join or Join()
    metadata = _metadata(model, join, plane)
    istiod = f"istiod-{join.revision}" if _revisioned(join) else "istiod"
    host = f"{istiod}.{plane.namespace}.svc"
    address = join.control_plane or (plane.address if is_ip(plane.address) else "")
    return {
        "mesh.yaml": {"defaultConfig": _proxy_config(model, metadata, f"{host}:15012", plane)},
        "cluster.env": _environment(model, join, metadata, f"{host}:15012"),
        "hosts": f"{address} {host}\n" if address else f"# <address of the gateway that exposes istiod> {host}\n",
        "README.md": readme(model, context=plane.context, root_namespace=plane.namespace, istiod=host, address=address),
    }


def _revisioned(join: Join) -> bool:
    return join.revision not in {None, "", "default"}


def _settings(model: VirtualMachines, plane: _Plane) -> JsonObject:
    """The mesh's settings for proxies, with those of the group's own annotation over them."""
    written = {**model.metadata.annotations, **(model.template.annotations or {})}.get(_PROXY_CONFIG, "")
    settings: JsonObject = dict(plane.proxy_defaults)
    for document in parse_documents(written.encode(), _PROXY_CONFIG)[0] if written else ():
        settings = merge_patch(settings, document.value)
    return settings


def _proxy_config(model: VirtualMachines, metadata: Mapping[str, str], address: str, plane: _Plane) -> JsonObject:
    config: JsonObject = {"discoveryAddress": address, **_settings(model, plane)}
    if plane.mesh_id:
        config.setdefault("meshId", plane.mesh_id)
    config["proxyMetadata"] = dict[str, JsonValue](sorted(metadata.items()))
    if model.probe is not None:
        config["readinessProbe"] = msgspec.json.decode(msgspec.json.encode(probe(model.probe)))
    return dict(sorted(config.items()))


def _metadata(model: VirtualMachines, join: Join, plane: _Plane) -> dict[str, str]:
    """`proxyMetadata`: who the proxy is, in Istio's own variables."""
    given = _settings(model, plane).get("proxyMetadata")
    metadata = {key: str(value) for key, value in given.items()} if isinstance(given, dict) else {}
    labels = model.machine_labels
    name = next((labels[label] for label in _NAMES if labels.get(label)), model.name)
    revision = next((labels[label] for label in _REVISIONS if labels.get(label)), "latest")
    template = model.template
    metadata |= {
        "CANONICAL_SERVICE": name,
        "CANONICAL_REVISION": revision,
        "POD_NAMESPACE": model.namespace,
        "SERVICE_ACCOUNT": template.service_account or "default",
        "TRUST_DOMAIN": plane.trust_domain,
        "ISTIO_META_CLUSTER_ID": plane.cluster or "Kubernetes",
        "ISTIO_META_MESH_ID": plane.mesh_id,
        "ISTIO_META_NETWORK": template.network or "",
        "ISTIO_META_WORKLOAD_NAME": model.name,
        "ISTIO_METAJSON_LABELS": _json({**labels, _NAMES[0]: name, _REVISIONS[0]: revision}),
    }
    if template.ports:
        ports = [{"name": key, "containerPort": port, "protocol": ""} for key, port in sorted(template.ports.items())]
        metadata["ISTIO_META_POD_PORTS"] = msgspec.json.encode(ports).decode()
    if join.dns_proxy is not False:
        metadata["ISTIO_META_DNS_CAPTURE"] = "true"
    if model.auto_register:
        metadata["ISTIO_META_AUTO_REGISTER_GROUP"] = model.name
    return metadata | (join.environment or {})


def _environment(model: VirtualMachines, join: Join, metadata: Mapping[str, str], address: str) -> str:
    """`cluster.env`: the metadata, and what the machine's traffic capture and agent have to know; one quoted line each."""
    ports = sorted((model.template.ports or {}).values())
    values = {
        **metadata,
        "ISTIO_INBOUND_PORTS": ",".join(map(str, ports)) or "*",
        "ISTIO_NAMESPACE": model.namespace,
        "ISTIO_SERVICE": f"{model.name}.{model.namespace}",
        "ISTIO_SERVICE_CIDR": "*",
        "ISTIO_LOCAL_EXCLUDE_PORTS": _EXCLUDED_PORTS,
        "SERVICE_ACCOUNT": model.template.service_account or "default",
    }
    if _revisioned(join):
        values["CA_ADDR"] = address
    if join.internal_ip is not None:
        values["ISTIO_SVC_IP"] = join.internal_ip
    elif join.external_ip is not None:
        values["ISTIO_SVC_IP"] = join.external_ip
        values["REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION"] = "true"
    return "".join(f"{key}={_quoted(value)}\n" for key, value in sorted(values.items()))


def _quoted(value: str) -> str:
    """A value as one word of a shell."""
    return "'" + value.replace("'", "'\"'\"'") + "'"


def _json(labels: Mapping[str, str]) -> str:
    return msgspec.json.encode(dict(sorted(labels.items()))).decode()
