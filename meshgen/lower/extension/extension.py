"""Extensions: TrafficExtension, WasmPlugin, EnvoyFilter, and the rate limit service's ConfigMap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal

from msgspec.structs import replace

from meshgen.diagnostics import JsonPath, Origin
from meshgen.diagnostics.catalogue.extension import NOT_IN_TARGET
from meshgen.intent.extension import ExtendedTraffic, Extension, Lua, Wasm
from meshgen.intent.limits import RateLimit
from meshgen.istio.envoy_filter import EnvoyConfigObjectPatch
from meshgen.istio.kinds import KINDS
from meshgen.istio.shared import EnvVar, TrafficSelector, TrafficSelectorPort, VmConfig
from meshgen.istio.traffic_extension import LuaConfig, TrafficExtension, WasmConfig
from meshgen.istio.wasm_plugin import WasmPlugin
from meshgen.json import JsonObject
from meshgen.lower import envoy_patches as patches
from meshgen.lower.envoy_patches import PRIORITY, typed
from meshgen.lower.extension.envoy import envoy_patches, processor_patches, tap_patches, tap_request
from meshgen.lower.extension.order import check_order
from meshgen.lower.extension.place import Place
from meshgen.lower.extension.rate_limit_service import config_maps
from meshgen.lower.extension.rate_limits import global_patches, local_patches
from meshgen.lower.index import Index
from meshgen.lower.result import DeliveryFile, Made, Report, make
from meshgen.lower.target import scope_of

Placed = tuple[EnvoyConfigObjectPatch, JsonPath]
"""A patch and the place of what it was made of."""


def extensions(index: Index, report: Report) -> Iterator[Made]:
    """The objects of all Extensions."""
    places = list(_places(index, report))
    check_order(places)
    limits: list[tuple[Place, RateLimit]] = []
    for place in places:
        model = place.intent.model
        if model.wasm is not None:
            yield _wasm(place, model.wasm)
        elif model.lua is not None:
            yield from _lua(place, model.lua)
        elif not place.behind_waypoint(_means(model)):
            yield from _envoy_filter(place, _patches(place, model))
            if model.rate_limit is not None:
                limits.append((place, model.rate_limit))
    yield from config_maps(limits)


def tap_requests(index: Index) -> Iterator[DeliveryFile]:
    """What taps are posted with: `extensions/<namespace>/<name>/tap.yaml`."""
    for extension in index.of(Extension):
        request = None if extension.model.tap is None else tap_request(extension.model.tap)
        if request is not None:
            path = f"extensions/{extension.model.namespace}/{extension.model.name}/tap.yaml"
            yield DeliveryFile(path=path, content=request)


def _places(index: Index, report: Report) -> Iterator[Place]:
    for extension in index.of(Extension):
        scope = scope_of(extension, index, report)
        if scope is not None:
            yield Place(extension, scope, index, report)


def _means(extension: Extension) -> str:
    names = {"localRateLimit": extension.local_rate_limit, "rateLimit": extension.rate_limit, "tap": extension.tap}
    return next(
        (name for name, value in names.items() if value is not None), "externalProcessor" if extension.envoy is None else "envoy"
    )


# --- EnvoyFilter ----------------------------------------------------------------------------------------------------
def _patches(place: Place, model: Extension) -> Iterator[Placed]:
    if model.local_rate_limit is not None:
        yield from _at(local_patches(place, model.local_rate_limit), "localRateLimit")
    elif model.rate_limit is not None:
        yield from _at(global_patches(place, model.rate_limit), "rateLimit")
    elif model.tap is not None:
        yield from _at(tap_patches(place, model.tap), "tap")
    elif model.external_processor is not None:
        yield from _at(processor_patches(place, model.external_processor), "externalProcessor")
    elif model.envoy is not None:
        yield from envoy_patches(place, model.envoy)


def _at(made: Iterable[EnvoyConfigObjectPatch], *path: str) -> Iterator[Placed]:
    yield from ((patch, ("spec", *path)) for patch in made)


def _envoy_filter(place: Place, placed: Iterable[Placed]) -> Iterator[Made]:
    """The EnvoyFilter of some patches; none where there is no patch, which has been said then."""
    given = list(placed)
    if not given:
        return
    model = place.intent.model
    priority = PRIORITY + (model.order or 0)
    if model.envoy is not None and model.envoy.priority is not None:
        priority = model.envoy.priority
    spec = patches.envoy_filter([patch for patch, _ in given], place.scope.selector, priority=priority)
    if place.scope.targets is not None:
        spec = replace(spec, target_refs=place.scope.targets)
    origins: dict[JsonPath, Origin] = {
        ("spec", "configPatches", position): place.intent.at(*path) for position, (_, path) in enumerate(given)
    }
    yield make(place.intent, spec, namespace=place.scope.namespace, owner=place.scope.owner, origins=origins)


# --- Wasm and Lua ---------------------------------------------------------------------------------------------------
_PHASES: Final[dict[str, Literal["AUTHN", "AUTHZ", "STATS"]]] = {
    "authentication": "AUTHN",
    "authorization": "AUTHZ",
    "stats": "STATS",
}
_MODES: Final[dict[str, Literal["SERVER", "CLIENT", "CLIENT_AND_SERVER"]]] = {
    "inbound": "SERVER",
    "outbound": "CLIENT",
    "both": "CLIENT_AND_SERVER",
    "gateway": "CLIENT",  # a gateway is a client to Istio
}
_FAILURES: Final[dict[str, Literal["FAIL_CLOSE", "FAIL_OPEN", "FAIL_RELOAD"]]] = {
    "closed": "FAIL_CLOSE",
    "open": "FAIL_OPEN",
    "reload": "FAIL_RELOAD",
}
_PULLS: Final[dict[str, Literal["IfNotPresent", "Always"]]] = {"ifNotPresent": "IfNotPresent", "always": "Always"}


def _has_traffic_extension(index: Index) -> bool:
    return index.target >= KINDS["TrafficExtension"].since


def _match(model: Extension) -> tuple[TrafficSelector, ...] | None:
    return None if model.traffic is None else tuple(map(_selector, model.traffic))


def _selector(traffic: ExtendedTraffic) -> TrafficSelector:
    ports = None if traffic.ports is None else tuple(TrafficSelectorPort(number=port) for port in traffic.ports)
    return TrafficSelector(mode=None if traffic.direction is None else _MODES[traffic.direction], ports=ports)


def _priority(model: Extension) -> int | None:
    """Istio takes the greater priority first."""
    return None if model.order is None else -model.order


def _traffic_extension(place: Place) -> TrafficExtension:
    """What a TrafficExtension says beside its program."""
    model = place.intent.model
    return TrafficExtension(
        selector=place.scope.selector,
        target_refs=place.scope.targets,
        priority=_priority(model),
        match=_match(model),
        phase=None if model.phase is None else _PHASES[model.phase],
    )


def _wasm(place: Place, wasm: Wasm) -> Made:
    spec: TrafficExtension | WasmPlugin
    path: JsonPath
    if _has_traffic_extension(place.index) and wasm.object != "WasmPlugin":
        spec, path = replace(_traffic_extension(place), wasm=_module(wasm)), ("spec", "wasm")
    else:
        spec, path = _plugin(place, wasm), ("spec",)
    origins: dict[JsonPath, Origin] = {path: place.intent.at("spec", "wasm")}
    return make(place.intent, spec, namespace=place.scope.namespace, owner=place.scope.owner, origins=origins)


def _module(wasm: Wasm) -> WasmConfig:
    return WasmConfig(
        url=wasm.url,
        sha256=wasm.sha256,
        image_pull_policy=None if wasm.pull_policy is None else _PULLS[wasm.pull_policy],
        image_pull_secret=wasm.pull_secret,
        verification_key=wasm.verification_key,
        plugin_name=wasm.plugin,
        plugin_config=wasm.config,
        fail_strategy=None if wasm.fail is None else _FAILURES[wasm.fail],
        type=None if wasm.type is None else "HTTP" if wasm.type == "http" else "NETWORK",
        vm_config=_machine(wasm),
    )


def _plugin(place: Place, wasm: Wasm) -> WasmPlugin:
    model, module = place.intent.model, _module(wasm)
    return WasmPlugin(
        selector=place.scope.selector,
        target_refs=place.scope.targets,
        priority=_priority(model),
        match=_match(model),
        phase=None if model.phase is None else _PHASES[model.phase],
        url=module.url,
        sha256=module.sha256,
        image_pull_policy=module.image_pull_policy,
        image_pull_secret=module.image_pull_secret,
        verification_key=module.verification_key,
        plugin_name=module.plugin_name,
        plugin_config=module.plugin_config,
        fail_strategy=module.fail_strategy,
        type=module.type,
        vm_config=module.vm_config,
    )


def _machine(wasm: Wasm) -> VmConfig | None:
    if wasm.environment is None:
        return None
    return VmConfig(
        env=tuple(
            EnvVar(name=name, value=variable.value, value_from="HOST" if variable.from_host else None)
            for name, variable in wasm.environment.items()
        )
    )


def _lua(place: Place, lua: Lua) -> Iterator[Made]:
    """A TrafficExtension, with an EnvoyFilter for the clusters of its calls; or an EnvoyFilter with all of it."""
    if lua.code is None:
        return  # its file could not be read, which has been said
    clusters = list(_clusters(place, lua))
    if not _has_traffic_extension(place.index):
        if not place.behind_waypoint("lua"):
            yield from _envoy_filter(place, [*_lua_filter(place, lua.code), *clusters])
        return
    spec = replace(_traffic_extension(place), lua=LuaConfig(inline_code=lua.code))
    origins: dict[JsonPath, Origin] = {
        ("spec", "lua"): place.intent.at("spec", "lua"),
        ("spec", "lua", "inlineCode"): place.intent.at("spec", "lua", "code"),
    }
    yield make(place.intent, spec, namespace=place.scope.namespace, owner=place.scope.owner, origins=origins)
    yield from _envoy_filter(place, clusters)


def _lua_filter(place: Place, code: str) -> Iterator[Placed]:
    model = place.intent.model
    if model.phase in {"authorization", "stats"}:
        message = f"Istio {place.index.target.release} takes Lua as an EnvoyFilter, which has no phase `{model.phase}`"
        hint = f"leave `phase` out, or raise the target to {KINDS['TrafficExtension'].since.release}"
        place.say(NOT_IN_TARGET.at(place.intent.at("spec", "phase"), message, help=hint))
    config: JsonObject = {"default_source_code": {"inline_string": code}}
    value: JsonObject = {
        "name": "envoy.filters.http.lua",
        "typed_config": typed("envoy.extensions.filters.http.lua.v3.Lua", config),
    }
    for where in place.listeners(None):
        first = model.phase == "authentication"
        patch = patches.first_http_filter(where, value) if first else patches.insert_http_filter(where, value)
        yield patch, ("spec", "lua", "code")


def _clusters(place: Place, lua: Lua) -> Iterator[Placed]:
    """A cluster by the program's own name for each service that it calls.

    It stands for Istio's cluster of the service (Envoy: aggregate cluster), so that mutual TLS and balancing stay Istio's.
    """
    for name, destination in (lua.calls or {}).items():
        upstream = place.upstream(destination, "spec", "lua", "calls", name)
        if upstream is None:
            continue
        inside = typed("envoy.extensions.clusters.aggregate.v3.ClusterConfig", {"clusters": [upstream.cluster]})
        cluster: JsonObject = {
            "name": name,
            "connect_timeout": "10s",
            "lb_policy": "CLUSTER_PROVIDED",
            "cluster_type": {"name": "envoy.clusters.aggregate", "typed_config": inside},
        }
        for where in place.cluster_listeners(None):
            yield patches.add_cluster(where, cluster), ("spec", "lua", "calls", name)


__all__ = ["extensions", "tap_requests"]
