"""Authentication: mTLS between workloads, and the tokens of end users."""

import json
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from meshgen.intent.access import Target, check_target
from meshgen.intent.kind import Intent
from meshgen.intent.leaves import Duration, Url
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.reference import GatewayName, ServiceName
from meshgen.intent.shorts import LIST
from meshgen.intent.target import TargetReference
from meshgen.json import JsonObject, JsonValue

Mode = Literal["strict", "permissive", "disable", "unset"]


class MutualTls(Model):
    """The mTLS mode of servers (PeerAuthentication). Short: the mode alone."""

    SHORT_SCHEMA: ClassVar = {"enum": ["strict", "permissive", "disable", "unset"]}

    mode: Mode | None = None
    """The mode of all ports; the next wider Authentication's where absent."""
    ports: dict[Annotated[str, Field(pattern=r"^[0-9]{1,5}$")], Mode] | None = None
    """The mode of single ports of the workload, by number."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if isinstance(value, str):
            return {"mode": value}
        if isinstance(value, dict) and isinstance(value.get("ports"), dict):  # Python writes numbers where YAML has strings
            return {**value, "ports": {str(port): mode for port, mode in value["ports"].items()}}
        return value

    def to_short(self, long: JsonObject) -> JsonValue:
        """The mode, if it stands alone."""
        return long["mode"] if set(long) == {"mode"} else long


class TokenHeader(Model):
    """A header that carries the token. Short: its name."""

    SHORT_SCHEMA: ClassVar = {"type": "string"}

    name: str
    prefix: str | None = None
    """What stands before the token, `"Bearer "`."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"name": value} if isinstance(value, str) else value

    def to_short(self, long: JsonObject) -> JsonValue:
        """The name, if it stands alone."""
        return long["name"] if len(long) == 1 else long


_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})


def _jwks(value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
    """A key set as the text that Istio takes; a map is written compactly, with its members in order of their names."""
    if not isinstance(value, str | dict):
        return value
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))
    keys = _parsed(value) if isinstance(value, str) else value.get("keys")
    if not isinstance(keys, list):
        raise broken("`jwks` has no `keys`", help='write the key set, `{"keys": […]}`', kind="value")
    for key in keys:
        if isinstance(key, dict) and not _PRIVATE_MEMBERS.isdisjoint(key):
            raise broken("`jwks` holds a private key", help="give the public keys alone", kind="secret")
    return text


def _parsed(text: str) -> object:
    """The `keys` of a key set in JSON."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        raise broken("`jwks` is not JSON", help='write the key set, `{"keys": […]}`, or a `jwksUri`', kind="value") from None
    return parsed.get("keys") if isinstance(parsed, dict) else None


class JwtIssuer(Model):
    """An issuer of tokens that is believed, and how (Istio: JWTRule)."""

    issuer: str
    jwks: Annotated[str, BeforeValidator(_jwks), WithJsonSchema({"type": ["object", "string"]})] | None = None
    """The issuer's public keys (RFC 7517), as a map or as JSON text."""
    jwks_uri: Url | None = None
    audiences: Annotated[Many[str], LIST] | None = None
    from_headers: Many[TokenHeader] | None = None
    """Where the token is; `Authorization: Bearer` and the parameter `access_token` where nothing is said."""
    from_params: Many[str] | None = None
    from_cookies: Many[str] | None = None
    forward: bool | None = None
    """Whether the token goes on to the service (Istio: `forwardOriginalToken`)."""
    output_payload_to_header: str | None = None
    claims_to_headers: dict[str, str] | None = None
    """Headers and the claims that go into them (Istio: `outputClaimToHeaders`)."""
    space_delimited_claims: Many[str] | None = None
    presence: Literal["optional", "required"] | None = None
    timeout: Duration | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.jwks is not None and self.jwks_uri is not None:
            raise broken("an issuer has `jwks` or a `jwksUri`, not both", kind="exclusive")
        return self


class Authentication(Intent):
    """mTLS mode and JWT issuers of a service, a gateway, Pods, the whole namespace (nothing named) or the whole mesh.

    Gives a PeerAuthentication for `mtls` and a RequestAuthentication for `jwt`. A token of an unknown issuer is refused; a
    request without any token passes, unless an Access asks for one.
    """

    KIND: ClassVar[str] = "Authentication"

    service: ServiceName | None = None
    gateway: GatewayName | None = None
    workload: Target | None = None
    mesh: Literal[True] | None = None
    """The whole mesh: the objects go to the root namespace."""
    targets: Annotated[Many[TargetReference], LIST] | None = None
    """For `jwt` alone: Gateways of the Gateway API, and Services or ServiceEntries behind a waypoint (Istio: `targetRefs`)."""
    mtls: MutualTls | None = None
    jwt: Annotated[Many[JwtIssuer], LIST] | None = None

    if TYPE_CHECKING:

        def __init__(self, name: str, /, *, namespace: str = "default", **spec: Any) -> None: ...  # noqa: ANN401 (a user's values)

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_target(self)
        if self.mtls is None and self.jwt is None:
            raise broken("an Authentication says something", help="write `mtls:` or `jwt:`")
        if self.mtls is not None and self.targets is not None:
            raise broken("`mtls` is a matter of Pods, not of `targets`", kind="exclusive", help="write two Authentications")
        selects = self.service or self.gateway or self.workload
        if self.mtls is not None and self.mtls.ports and not selects:
            raise broken("`mtls.ports` needs a service, a gateway or a workload", help="Istio takes ports with a selector only")
        return self
