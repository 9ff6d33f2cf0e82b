"""One form for Envoy resources, however they were delivered and whoever printed them.

A static bootstrap has its routes inside of listeners and its endpoints inside of clusters; over xDS they stand by themselves.
An admin dump leaves defaults out. Parsed by Envoy's own protos (xds-protos, where it is installed) both sides become one form.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson

from meshgen.json import JsonObject, JsonValue
from meshgen.trace.fields import message, messages, string
from meshgen.trace.steps.cluster import cluster_kind

TYPES = {
    "Listener": "envoy.config.listener.v3.Listener",
    "RouteConfiguration": "envoy.config.route.v3.RouteConfiguration",
    "Cluster": "envoy.config.cluster.v3.Cluster",
    "ClusterLoadAssignment": "envoy.config.endpoint.v3.ClusterLoadAssignment",
    "Secret": "envoy.extensions.transport_sockets.tls.v3.Secret",
}
"""The kinds of resources and their proto types, in the order of dependence seen from the outside."""

_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_SOURCES = frozenset(("config_source", "eds_config", "sds_config"))
_DURATION = re.compile(r"(-?[0-9]+)(?:\.([0-9]{1,9}))?s")


def without_inline_routes(listener: JsonObject) -> tuple[JsonObject, list[JsonObject]]:
    """The listener as if its routes came over RDS, and the route configurations that stood inside of it."""
    routes: list[JsonObject] = []
    result = dict(listener)
    if "filter_chains" in listener:
        result["filter_chains"] = [_chain(chain, routes) for chain in messages(listener, "filter_chains")]
    if "default_filter_chain" in listener:
        result["default_filter_chain"] = _chain(message(listener, "default_filter_chain"), routes)
    return result, routes


def _chain(chain: JsonObject, routes: list[JsonObject]) -> JsonObject:
    return {**chain, "filters": [_filter(each, routes) for each in messages(chain, "filters")]} if chain else chain


def _filter(entry: JsonObject, routes: list[JsonObject]) -> JsonObject:
    config = message(entry, "typed_config")
    if not string(config, "@type").endswith(_MANAGER) or "route_config" not in config:
        return entry
    inline = message(config, "route_config")
    routes.append(inline)
    rest = {name: value for name, value in config.items() if name != "route_config"}
    return {**entry, "typed_config": {**rest, "rds": {"route_config_name": string(inline, "name")}}}


def without_inline_endpoints(cluster: JsonObject) -> tuple[JsonObject, JsonObject | None]:
    """A STATIC cluster as if its endpoints came over EDS, and the load assignment that stood inside of it.

    Clusters that resolve names keep theirs: what is written there is not what an admin dump shows.
    """
    if cluster_kind(cluster) not in ("STATIC", "EDS"):
        return cluster, None
    assignment = message(cluster, "load_assignment")
    rest = {name: value for name, value in cluster.items() if name not in ("load_assignment", "eds_cluster_config")}
    named = {"cluster_name": string(cluster, "name"), **assignment} if assignment else None
    return {**rest, "type": "EDS"}, named


def load_assignment(value: JsonObject) -> JsonObject:
    """Localities and addresses only: health, defaults and empty policies are what a running Envoy adds."""
    localities = [_locality(each) for each in messages(value, "endpoints")]
    policy = {name: each for name, each in message(value, "policy").items() if name != "overprovisioning_factor"}
    result: JsonObject = {"cluster_name": string(value, "cluster_name")}
    if policy:
        result["policy"] = policy
    return {**result, "endpoints": [each for each in localities if each.get("lb_endpoints")]}


def _locality(value: JsonObject) -> JsonObject:
    result = {name: each for name, each in value.items() if each not in (0, {}) or isinstance(each, bool)}
    return {**result, "lb_endpoints": [_endpoint(each) for each in messages(value, "lb_endpoints")]}


def _endpoint(value: JsonObject) -> JsonObject:
    result = {name: each for name, each in value.items() if name != "health_status"}
    if result.get("load_balancing_weight") == 1:
        del result["load_balancing_weight"]
    inner = message(value, "endpoint")
    result["endpoint"] = {name: each for name, each in inner.items() if each not in ({}, "")}
    return result


def without_sources(value: JsonValue) -> JsonValue:
    """Without where resources are fetched from, which differs by delivery and decides nothing, and without private keys."""
    if isinstance(value, list):
        return [without_sources(item) for item in value]
    if isinstance(value, dict):
        return {name: without_sources(item) for name, item in value.items() if name not in _SOURCES and name != "private_key"}
    return value


def same_form(kind: str, *resources: JsonObject) -> tuple[JsonObject, ...]:
    """Resources of one kind in a form in which equal ones are equal: by their protos if all of them can be parsed."""
    bare = [{name: value for name, value in resource.items() if name != "@type"} for resource in resources]
    try:
        parsed = tuple(_by_proto(TYPES[kind], resource) for resource in bare)
    except (ImportError, ValueError):  # no xds-protos, or a message that they do not know
        parsed = tuple(_by_structure(resource) for resource in bare)
    return tuple(each if isinstance(each, dict) else {} for each in (without_sources(resource) for resource in parsed))


def _by_structure(value: JsonValue) -> Any:  # noqa: ANN401 - the shape of its argument
    """Empty texts and lists as absent (proto3 cannot tell them apart), durations in their shortest form."""
    if isinstance(value, list):
        return [_by_structure(item) for item in value]
    if isinstance(value, dict):
        return {name: _by_structure(item) for name, item in value.items() if item not in ("", [])}
    if isinstance(value, str) and (found := _DURATION.fullmatch(value)):
        fraction = (found[2] or "").rstrip("0")
        return f"{found[1]}.{fraction}s" if fraction else f"{found[1]}s"
    return value


def _by_proto(type_name: str, value: JsonObject) -> JsonObject:
    """Raises ImportError without the protos and ValueError for a message that they do not have."""
    json_format: Any = importlib.import_module("google.protobuf.json_format")
    for name in {type_name: None, **dict.fromkeys(_type_names(value))}:
        _load(name.rpartition(".")[0])
    pool: Any = importlib.import_module("google.protobuf.message_factory")
    descriptors: Any = importlib.import_module("google.protobuf.descriptor_pool")
    try:
        kind = pool.GetMessageClass(descriptors.Default().FindMessageTypeByName(type_name))
        # Not ParseDict, which moves each `@type` to the end of the very values that it is given.
        parsed = json_format.Parse(orjson.dumps(value), kind())
    except (KeyError, TypeError, AttributeError, json_format.Error) as error:
        raise ValueError(str(error)) from error
    result: JsonObject = json_format.MessageToDict(parsed, preserving_proto_field_name=True)
    return result


def _type_names(value: JsonValue) -> Iterator[str]:
    """The types of all messages that are packed inside."""
    if isinstance(value, dict):
        name = value.get("@type")
        if isinstance(name, str):
            yield name.rpartition("/")[2]
        for item in value.values():
            yield from _type_names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _type_names(item)


@cache
def _load(package: str) -> None:
    """Register the messages of a proto package; its modules are named after files that the type's name does not tell."""
    if package.startswith("google."):
        return
    module = importlib.import_module(package)
    for found in pkgutil.iter_modules(module.__path__):
        if found.name.endswith("_pb2"):
            importlib.import_module(f"{package}.{found.name}")
