"""The files of proxies as ConfigMaps that Argo CD or Flux delivers, and what Pods need to read them (decision 6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson

from meshgen.deliver.layout import safe_name
from meshgen.diagnostics import Diagnostic
from meshgen.diagnostics.catalogue.envoy_delivery import CONFIG_MAP_TOO_LARGE
from meshgen.emit.envoy.delivery import BOOTSTRAP, render
from meshgen.emit.envoy.release import Files
from meshgen.emit.envoy.snapshot import Snapshot
from meshgen.emit.istio.artifact import Artifact
from meshgen.json import JsonObject, JsonValue
from meshgen.load.yaml import parse_documents
from meshgen.mesh import Proxy

ROOM = 1_000_000
"""Bytes of one ConfigMap: Kubernetes takes 1,048,576 with all keys, and etcd 1.5 MiB with metadata and managed fields."""

_RESERVED = 4  # ConfigMaps that a Pod looks for, so that a proxy may grow without its Pods starting anew
_SUFFIX = "-envoy"
_USER = 101  # `envoy` in Envoy's own image


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods:
    """How Pods run Envoy."""

    image: str
    root: str  # where the files are mounted
    certificates: str
    replicas: int | None = None  # of a Deployment that is written for each gateway; None for no Deployment


# --- files to ConfigMaps and back -----------------------------------------------------------------------------------
def config_maps(proxy: Proxy, files: Files) -> tuple[tuple[Artifact, ...], tuple[Diagnostic, ...]]:
    """The ConfigMaps of one proxy: one where all has room in it, more where it has not. A file is never cut."""
    texts = {name: _text(content) for name, content in sorted(files.items())}
    large = [name for name, text in texts.items() if _size(name, text) > ROOM]
    parts: list[dict[str, str]] = [{}]
    room = ROOM
    for name, text in texts.items():
        if _size(name, text) > room and parts[-1]:
            parts.append({})
            room = ROOM
        parts[-1][name] = text
        room -= _size(name, text)
    artifacts = tuple(_artifact(proxy, _config_map(proxy, part_name(proxy, index), part)) for index, part in enumerate(parts))
    return artifacts, tuple(_too_large(proxy, name, texts[name]) for name in large)


def part_name(proxy: Proxy, index: int) -> str:
    """The name of a proxy's ConfigMap: `webapp-envoy`, then `webapp-envoy-2` and so on."""
    return f"{safe_name(proxy.name)}{_SUFFIX}{f'-{index + 1}' if index else ''}"


def _text(content: JsonObject) -> str:
    """Readable where that has room, for it is looked at in pull requests; else without blanks."""
    readable = render(content)
    return (readable if len(readable) <= ROOM // 2 else orjson.dumps(content) + b"\n").decode()


def _size(name: str, text: str) -> int:
    return len(name) + len(text.encode())


def _too_large(proxy: Proxy, name: str, text: str) -> Diagnostic:
    message = f"`{name}` of `{proxy.id}` has {_size(name, text):,} bytes, and a ConfigMap holds {ROOM:,}"
    advice = (
        "let the proxy see less (`calls` of its Service, or a Sidecar), or bring the files another way: `delivery: filesystem`"
    )
    return CONFIG_MAP_TOO_LARGE.at(proxy.origin, message, help=advice)


def _metadata(proxy: Proxy, name: str) -> JsonObject:
    labels: JsonObject = {
        "app.kubernetes.io/managed-by": "meshgen",
        "app.kubernetes.io/name": "envoy",
        "app.kubernetes.io/part-of": safe_name(proxy.name)[:63].rstrip("-._"),
    }
    return {"name": name, "namespace": proxy.namespace, "labels": labels}


def _config_map(proxy: Proxy, name: str, part: Mapping[str, str]) -> JsonObject:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(proxy, name), "data": dict[str, JsonValue](part)}


def _artifact(proxy: Proxy, found: JsonObject) -> Artifact:
    return Artifact(object=found, origin=proxy.origin, owner=proxy.name)


def released_files(content: bytes, file: str) -> Files:
    """The files in the ConfigMaps of a document stream that was released; nothing where it holds none that can be read."""
    documents, _ = parse_documents(content, file)
    return dict(_files_of([document.value for document in documents]))


def _files_of(objects: list[JsonObject]) -> Iterator[tuple[str, JsonObject]]:
    for found in objects:
        data = found.get("data") if found.get("kind") == "ConfigMap" else None
        for name, text in data.items() if isinstance(data, dict) else ():
            try:
                content = orjson.loads(str(text))
            except ValueError:
                continue
            if isinstance(content, dict):
                yield name, content


# --- Pods -----------------------------------------------------------------------------------------------------------
def pod_patch(proxy: Proxy, files: Files, pods: Pods) -> str:
    """A strategic merge patch that gives a workload's Pods an Envoy with these files."""
    from meshgen.emit.istio.yaml_writer import dump  # noqa: PLC0415 (only where it is written)

    patch: JsonObject = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": proxy.name, "namespace": proxy.namespace},
        "spec": {"template": {"metadata": {"annotations": _annotations(files)}, "spec": _pod(proxy, files, pods)}},
    }
    return _PATCH.format(name=proxy.name) + dump(patch)


_PATCH = """\
# What the Pods of `{name}` need to run Envoy with its ConfigMaps, as a strategic merge patch: in a kustomization.yaml
#   patches:
#   - path: pod.patch.yaml
#     target: {{kind: Deployment, name: {name}}}
# or `kubectl patch deployment {name} --patch-file pod.patch.yaml`. The volume has no `subPath`: with one, changes never arrive.
"""


def _annotations(files: Files) -> JsonObject:
    """The bootstrap's version: Envoy reads it once, so a change of it has to start the Pods anew."""
    from hashlib import sha256  # noqa: PLC0415 (only where it is written)

    return {"meshgen/bootstrap": sha256(orjson.dumps(files[BOOTSTRAP])).hexdigest()[:16]}


def _pod(proxy: Proxy, files: Files, pods: Pods) -> JsonObject:
    names = [part_name(proxy, index) for index in range(_RESERVED)]
    sources: list[JsonValue] = [{"configMap": {"name": names[0]}}]
    sources += [{"configMap": {"name": name, "optional": True}} for name in names[1:]]
    mounts: list[JsonValue] = [{"name": "envoy-config", "mountPath": pods.root, "readOnly": True}]
    volumes: list[JsonValue] = [{"name": "envoy-config", "projected": {"sources": sources}}]
    for credential in _credentials(files, pods.certificates):
        volume = f"envoy-{safe_name(credential)}"[:63].rstrip("-.")
        mounts.append({"name": volume, "mountPath": f"{pods.certificates}/{credential}", "readOnly": True})
        # Without it Envoy starts all the same, and what needs the certificate waits for it.
        volumes.append({"name": volume, "secret": {"secretName": _secret_name(proxy, credential), "optional": True}})
    container: JsonObject = {
        "name": "envoy",
        "image": pods.image,
        "args": ["-c", f"{pods.root}/{BOOTSTRAP}"],
        "securityContext": {
            "runAsUser": _USER,
            "runAsNonRoot": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }
    return {"containers": [container], "volumes": volumes}


def _credentials(files: Files, certificates: str) -> list[str]:
    """The directories below `certificates` that the secrets' files are in."""
    inside = f"{certificates}/"
    secrets = (content for name, content in files.items() if name.startswith("sds."))
    names = (name for secret in secrets for name in _file_names(secret) if name.startswith(inside))
    return sorted({name.removeprefix(inside).partition("/")[0] for name in names})


def _file_names(value: JsonValue) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _file_names(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "filename" and isinstance(item, str):
                yield item
            else:
                yield from _file_names(item)


def _secret_name(proxy: Proxy, credential: str) -> str:
    """A credential is a Secret of its name; the workload's own certificate one of its service account's."""
    return f"{proxy.service_account}-workload" if credential == "workload" else credential


def gateway_pods(snapshot: Snapshot, files: Files, pods: Pods) -> tuple[Artifact, ...]:
    """A Deployment and a Service for a gateway, which is all that its Pods run."""
    proxy, ports = snapshot.proxy, _ports(snapshot)
    labels = dict[str, JsonValue](proxy.labels)
    spec = _pod(proxy, files, pods)
    containers = spec["containers"]
    assert isinstance(containers, list)  # noqa: S101 - `_pod` made it
    opened: list[JsonValue] = [{"name": f"port-{port}", "containerPort": port} for port in ports]
    probe: JsonObject = {"readinessProbe": {"tcpSocket": {"port": ports[0]}}} if ports else {}
    container: JsonObject = {**(containers[0] if isinstance(containers[0], dict) else {}), "ports": opened, **probe}
    sysctl: JsonObject = {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}
    template: JsonObject = {
        "metadata": {"labels": labels, "annotations": _annotations(files)},
        "spec": {
            "serviceAccountName": proxy.service_account,
            "securityContext": {"sysctls": [sysctl]},
            "containers": [container],
            "volumes": spec["volumes"],
        },
    }
    metadata: JsonObject = {**_metadata(proxy, proxy.name)}
    deployment: JsonObject = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"replicas": pods.replicas or 1, "selector": {"matchLabels": labels}, "template": template},
    }
    service: JsonObject = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": dict(metadata),
        "spec": {
            "type": "LoadBalancer",
            "selector": dict(labels),
            "ports": [{"name": f"port-{port}", "port": port, "targetPort": port} for port in ports],
        },
    }
    return tuple(_artifact(proxy, each) for each in ((deployment, service) if ports else (deployment,)))


def _ports(snapshot: Snapshot) -> list[int]:
    """The ports that listeners bind."""
    found: set[int] = set()
    for listener in snapshot.listeners:
        match listener.get("address"):
            case {"socket_address": {"port_value": int(port)}} if listener.get("bind_to_port") is not False:
                found.add(port)
    return sorted(found)
