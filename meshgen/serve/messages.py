"""Resources and answers as Envoy's own messages (`xds-protos`), and back."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import any_pb2, duration_pb2, json_format, struct_pb2, wrappers_pb2  # noqa: F401 - types that are named
from google.protobuf.descriptor_pool import Default

from meshgen.json import JsonValue
from meshgen.serve.ordering import Request, Response
from meshgen.serve.snapshots import TYPE_URLS, Kind, Resource, Served

Message: TypeAlias = Any
"""A message of the generated modules, which have no types."""

KINDS: Final = {url: kind for kind, url in TYPE_URLS.items()}


class EncodingError(ValueError):
    """A resource that Envoy's protos do not have a place for."""

    def __init__(self, kind: Kind, name: str, reason: str) -> None:
        super().__init__(reason)
        self.kind, self.name, self.reason = kind, name, reason


class Encoder:
    """Resources as bytes, each content once however many proxies have it."""

    def __init__(self) -> None:
        self._known: dict[tuple[Kind, str], any_pb2.Any] = {}
        self._used: set[tuple[Kind, str]] = set()

    def encode_all(self, served: Served) -> None:
        """Encodes all that a proxy is to have.

        Raises:
            EncodingError: for the first resource that cannot be.
        """
        for kind, resources in served.resources.items():
            for each in resources.values():
                self.encode(kind, each)

    def encode(self, kind: Kind, each: Resource) -> Message:
        """A resource as an `Any`; raises EncodingError."""
        key = kind, each.version
        self._used.add(key)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _packed(kind, each)
        return found

    def forget_unused(self) -> None:
        """Drops what was not asked for since the last time."""
        self._known = {key: value for key, value in self._known.items() if key in self._used}
        self._used.clear()


def _packed(kind: Kind, each: Resource) -> Message:
    body = each.body or {}
    for name in {text.partition("/")[2] for text in _types(body)}:
        _import(name)
    url = TYPE_URLS[kind]
    _import(url.partition("/")[2])
    packed = any_pb2.Any()
    try:
        json_format.ParseDict({"@type": url, **body}, packed)
    except (json_format.ParseError, TypeError, ValueError) as error:
        raise EncodingError(kind, each.name, _sentence(str(error))) from error
    return packed


def _sentence(text: str) -> str:
    """Protobuf's reason without the list of all fields that there are."""
    return text.partition("\n")[0].rstrip(" .")


def _types(value: JsonValue) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _types(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "@type" and isinstance(item, str):
                yield item
            else:
                yield from _types(item)


def _import(name: str) -> None:
    """Imports the modules of a message's package, where it is not known yet; one that does not exist is found out later."""
    try:
        Default().FindMessageTypeByName(name)
    except KeyError:
        package = name.rpartition(".")[0]
        try:
            path = importlib.import_module(package).__path__
        except (ImportError, AttributeError, ValueError):
            return
        for module in pkgutil.iter_modules(path, f"{package}."):
            if module.name.endswith("_pb2"):
                importlib.import_module(module.name)


# --- requests and responses -----------------------------------------------------------------------------------------
def read_request(message: Message, *, delta: bool) -> Request | None:
    """What a client says; None about types that meshgen has nothing of."""
    kind = KINDS.get(message.type_url)
    if kind is None:
        return None
    error = message.error_detail.message or "(no reason given)" if message.HasField("error_detail") else None
    if delta:
        return Request(
            kind=kind,
            nonce=message.response_nonce,
            error=error,
            names=tuple(message.resource_names_subscribe),
            dropped=tuple(message.resource_names_unsubscribe),
            versions=dict(message.initial_resource_versions),
        )
    names, nonce = tuple(message.resource_names), message.response_nonce
    return Request(kind=kind, nonce=nonce, error=error, version=message.version_info, names=names)


def write_response(response: Response, encoder: Encoder, *, delta: bool) -> Message:
    """A response on its way; its resources were encoded before, so this raises nothing."""
    url = TYPE_URLS[response.kind]
    packed = [(each, encoder.encode(response.kind, each)) for each in response.resources]
    if delta:
        resources = [discovery_pb2.Resource(name=each.name, version=each.version, resource=body) for each, body in packed]
        return discovery_pb2.DeltaDiscoveryResponse(
            type_url=url,
            system_version_info=response.version,
            nonce=response.nonce,
            resources=resources,
            removed_resources=response.removed,
        )
    bodies = [body for _, body in packed]
    return discovery_pb2.DiscoveryResponse(type_url=url, version_info=response.version, nonce=response.nonce, resources=bodies)


def node_of(message: Message) -> str:
    """The id of the node that a first request comes from."""
    return str(message.node.id)
