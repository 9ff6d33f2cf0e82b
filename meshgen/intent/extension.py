"""Extension: what is done to requests that Istio's API has no word for."""

import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from meshgen.intent.access import Target, check_target
from meshgen.intent.envoy import Envoy, ExternalProcessor, Tap, check_position
from meshgen.intent.kind import Intent
from meshgen.intent.leaves import ObjectName, PortNumber
from meshgen.intent.limits import LocalRateLimit, RateLimit
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.reference import Destination, GatewayName, ServiceName
from meshgen.intent.shorts import LIST, NOT_EMPTY, ONE_OR_MANY
from meshgen.intent.target import TargetReference
from meshgen.json import JsonObject, JsonValue

Direction: TypeAlias = Literal["inbound", "outbound", "both", "gateway"]

MAX_LUA = 65536
"""Bytes of a Lua program, as TrafficExtension has it."""


class ExtendedTraffic(Model):
    """Which traffic of the Pods. Short: the direction alone.

    `inbound` is what they serve, `outbound` what they call, `both` either, `gateway` what passes through a gateway.
    """

    SHORT_SCHEMA: ClassVar = {"enum": ["inbound", "outbound", "both", "gateway"]}

    direction: Direction | None = None
    ports: Annotated[Many[PortNumber], LIST, NOT_EMPTY] | None = None
    """The Pods' own ports inbound, the services' outbound, the listeners' at a gateway; all where absent."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"direction": value} if isinstance(value, str) else value

    def to_short(self, long: JsonObject) -> JsonValue:
        """The direction, if it stands alone."""
        return long["direction"] if set(long) == {"direction"} else long


class WasmVariable(Model):
    """An environment variable of the module. Short: its value."""

    SHORT_SCHEMA: ClassVar = {"type": "string"}

    value: Annotated[str, Field(max_length=2048)] | None = None
    from_host: Literal[True] | None = None
    """Taken from the proxy's own environment."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"value": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.value is None) == (self.from_host is None):
            raise broken("a variable has a `value` or `fromHost: true`")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The value."""
        return long["value"] if set(long) == {"value"} else long


class Wasm(Model):
    """A WebAssembly module. Short: its URL. Gives a TrafficExtension, or a WasmPlugin for releases of Istio before 1.30."""

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "`oci://…`, `https://…` or `file://…`."}

    url: Annotated[str, Field(min_length=1)]
    """`oci://registry/image@sha256:…` (also without `oci://`), `https://…`, or `file://…` in the proxy's container."""
    sha256: str | None = None
    """The module's, or the image's, SHA-256; 64 hexadecimal digits."""
    pull_policy: Literal["ifNotPresent", "always"] | None = None
    pull_secret: ObjectName | None = None
    """A Secret with the registry's credentials, in the same namespace."""
    verification_key: str | None = None
    """The public key that the image is signed with."""
    plugin: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """The plugin inside of the module (its root id)."""
    config: dict[str, Any] | None = None
    """What the plugin is configured with."""
    environment: dict[str, WasmVariable] | None = None
    fail: Literal["open", "closed", "reload"] | None = None
    """Whether requests pass (`open`) or fail (`closed`) when the module does; `reload` starts it anew."""
    type: Literal["http", "network"] | None = None
    object: Literal["TrafficExtension", "WasmPlugin"] | None = None
    """What Istio is given; where absent the newest that the target has. A WasmPlugin that is there already may stay one."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"url": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        scheme, separator, _ = self.url.partition("://")
        if separator and scheme not in {"oci", "http", "https", "file"}:
            raise broken(
                f"`{scheme}` is no way to get a module", help="write `oci://`, `https://` or `file://`", kind="value", at="url"
            )
        if self.sha256 is not None and re.fullmatch(r"[0-9a-f]{64}", self.sha256) is None:
            raise broken("`sha256` has 64 hexadecimal digits, in lower case", kind="value", at="sha256")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The URL, if it stands alone."""
        return long["url"] if len(long) == 1 else long


class Lua(Model):
    """A Lua program with `envoy_on_request` or `envoy_on_response`. Short: the path of its file in the project.

    Gives a TrafficExtension, or an EnvoyFilter for releases of Istio before 1.30.
    """

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "A file of the project."}

    file: Annotated[str, Field(min_length=1)] | None = None
    """A file of the project, by its path from the project's directory; at most 64 KiB. It is read when the project is loaded."""
    code: Annotated[str, Field(min_length=1)] | None = None
    """The program itself."""
    calls: dict[str, Destination] | None = None
    """The services that it calls (`handle:httpCall`), by the names that it has for them: `{bucket_tester: bucket-tester:80}`."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"file": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.file is None) == (self.code is None):
            raise broken("a Lua program is a `file` or `code`")
        if self.code is not None and len(self.code.encode()) > MAX_LUA:
            raise broken("a Lua program has at most 64 KiB", help="write less of it, or a Wasm module", kind="value", at="code")
        if self.code is not None and not self.code.strip():
            raise broken("the Lua program is empty", kind="value", at="code")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The file, if it stands alone."""
        return long["file"] if set(long) == {"file"} else long


class Extension(Intent):
    """One thing more that is done to the requests of a service, a gateway, Pods, a namespace (nothing named) or the mesh.

    One of `wasm`, `lua`, `localRateLimit`, `rateLimit`, `tap`, `externalProcessor` and `envoy`.
    """

    KIND: ClassVar[str] = "Extension"

    service: ServiceName | None = None
    gateway: GatewayName | None = None
    workload: Target | None = None
    mesh: Literal[True] | None = None
    """The whole mesh: the objects go to the root namespace."""
    targets: Annotated[Many[TargetReference], LIST, NOT_EMPTY] | None = None
    """Gateways of the Gateway API and services behind waypoints, in place of Pods."""
    traffic: Annotated[Many[ExtendedTraffic], ONE_OR_MANY, NOT_EMPTY] | None = None
    """Where absent: all for `wasm` and `lua`, as Istio has it; what the Pods serve for the rest (at a gateway what passes)."""
    order: Annotated[int, Field(ge=-2147483647, le=2147483647)] | None = None
    """Of several in one place the smaller comes first; 0 where absent."""
    phase: Literal["authentication", "authorization", "stats"] | None = None
    """With `wasm` and `lua`: before Istio's filter for this; behind all of them, before the router, where absent."""
    before: str | None = None
    """With all others: the filter that it stands before, `router` where absent; see `envoy.filters[].before`."""
    after: str | None = None
    wasm: Wasm | None = None
    lua: Lua | None = None
    local_rate_limit: LocalRateLimit | None = None
    rate_limit: RateLimit | None = None
    tap: Tap | None = None
    external_processor: ExternalProcessor | None = None
    envoy: Envoy | None = None

    if TYPE_CHECKING:

        def __init__(self, name: str, /, *, namespace: str = "default", **spec: Any) -> None: ...  # noqa: ANN401 (a user's values)

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_target(self)
        given = [name for name in MEANS if getattr(self, name) is not None]
        if len(given) != 1:
            names = "`wasm`, `lua`, `localRateLimit`, `rateLimit`, `tap`, `externalProcessor` and `envoy`"
            raise broken(f"an Extension is one of {names}", help="write an Extension for each" if given else "")
        if self.phase is not None and given[0] not in {"wasm", "lua"}:
            raise broken("`phase` goes with `wasm` and `lua`", help="say `before` or `after` which filter it stands")
        _check_place(self, given[0])
        return self


MEANS = ("wasm", "lua", "local_rate_limit", "rate_limit", "tap", "external_processor", "envoy")
"""The fields of which an Extension has one."""


def _check_place(extension: Extension, means: str) -> None:
    """Raises where it says wrongly where it stands among the filters."""
    if (extension.before is not None or extension.after is not None) and means in {"wasm", "lua", "envoy"}:
        hint = "say the `phase`" if means != "envoy" else "say it with each of `filters`"
        raise broken(f"`before` and `after` do not go with `{means}`", help=hint)
    if extension.before is not None and extension.after is not None:
        raise broken("one of `before` and `after` says where it stands")
    check_position(extension.before, "before")
    check_position(extension.after, "after")
    if means not in {"wasm", "lua"} and not -9 <= (extension.order or 0) <= 1_000_000:
        raise broken("the `order` of an Envoy filter is between -9 and 1000000", kind="value", at="order")


__all__ = ["ExtendedTraffic", "Extension", "Lua", "Wasm", "WasmVariable"]
