"""Access: who may do what."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import model_validator

from meshgen.intent.kind import Intent
from meshgen.intent.leaves import IpRange, Labels, ObjectName, Pattern, PortNumber
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.reference import GatewayName, ServiceName
from meshgen.intent.shorts import LIST, ONE_OR_MANY, Short
from meshgen.intent.target import TargetReference
from meshgen.json import JsonObject, JsonValue


class JwtCaller(Model):
    """A valid token (Authentication says which issuers are believed); without fields any valid token."""

    issuer: str | None = None
    subject: str | None = None
    claims: dict[str, Annotated[Many[Pattern], LIST]] | None = None
    """Claims and the values they may have; `a.b` is a claim inside of a claim, a name with a `/` is one claim."""
    audiences: Annotated[Many[Pattern], LIST] | None = None
    presenter: Annotated[Many[Pattern], LIST] | None = None


def check_any_trust_domain(service_account: str | None, any_trust_domain: bool | None) -> None:
    """Raises where `anyTrustDomain` stands without a service account."""
    if any_trust_domain and service_account is None:
        raise broken("`anyTrustDomain` is about a `serviceAccount`", kind="missing", help="add the account", at="anyTrustDomain")


class NotCaller(Model):
    """One thing that a caller must not be."""

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "A service account of the same namespace."}

    service_account: ObjectName | None = None
    any_trust_domain: Literal[True] | None = None
    namespace: str | None = None
    principal: str | None = None
    request_principal: str | None = None
    trust_domain: str | None = None
    ip: IpRange | None = None
    remote_ip: IpRange | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return _caller_from_text(value)

    @model_validator(mode="after")
    def _some(self) -> Self:
        check_any_trust_domain(self.service_account, self.any_trust_domain)
        beside = {"namespace", "any_trust_domain"} if self.service_account is not None else set()
        given = self.model_fields_set - beside
        if len(given) != 1:
            raise broken("each entry of `not` says one thing that a caller must not be", kind="exclusive")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The service account, if it stands alone."""
        return _caller_to_text(long)


class Caller(Model):
    """Who calls; all fields that are given must hold.

    Short: `webapp` is `{serviceAccount: webapp}` of the same namespace, `webapp.shop` of another. In Python a Service or a
    Gateway stands for the account that it runs as.
    """

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "A service account, `webapp` or `webapp.shop`."}

    service_account: ObjectName | None = None
    """A service account, of `namespace`, or of the intent's own namespace."""
    any_trust_domain: Literal[True] | None = None
    """The service account of that name in whatever trust domain (Istio: `serviceAccounts`); else that of the mesh's own."""
    service: ServiceName | None = None
    """The service account that a Service of the mesh runs as."""
    gateway: GatewayName | None = None
    """The service account that a Gateway runs as."""
    namespace: str | None = None
    """With `serviceAccount` its namespace; alone every workload of it, `shop-*` and `*` included."""
    principal: str | None = None
    """A SPIFFE identity without its scheme, `cluster.local/ns/shop/sa/webapp`, `*` at either end."""
    request_principal: str | None = None
    """`issuer/subject` of the token, `*` at either end."""
    trust_domain: str | None = None
    anyone: Literal[True] | None = None
    """Everybody, plaintext callers included."""
    authenticated: Literal[True] | None = None
    """Everybody with a certificate of the mesh."""
    ip: IpRange | None = None
    """The address of the connection, or a CIDR."""
    remote_ip: IpRange | None = None
    """The client's address as trusted proxies forward it, or a CIDR."""
    jwt: JwtCaller | None = None
    not_: Annotated[Many[NotCaller], LIST] | None = None
    """What the caller must not be."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return _caller_from_text(value)

    @model_validator(mode="after")
    def _check(self) -> Self:
        accounts = (self.service_account, self.service, self.gateway, self.principal, self.authenticated)
        if sum(value is not None for value in accounts) > 1:
            names = "`serviceAccount`, `service`, `gateway`, `principal` and `authenticated`"
            raise broken(f"a caller has one of {names}", help="write two callers", kind="exclusive")
        if self.anyone and self.model_fields_set - {"anyone", "not_"}:
            raise broken("`anyone` is everybody: it narrows nothing that stands beside it", kind="exclusive")
        if not self.model_fields_set:
            raise broken("a caller says who it is", help="write `{anyone: true}` for everybody")
        check_any_trust_domain(self.service_account, self.any_trust_domain)
        if self.jwt is not None and self.jwt.issuer and self.request_principal:
            raise broken("a caller has a `requestPrincipal` or a `jwt.issuer`, not both", kind="exclusive")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The service account, if it stands alone."""
        return _caller_to_text(long)


def _caller_from_text(value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
    if isinstance(value, str):
        if not value or "*" in value or "/" in value:
            raise broken(
                f"`{value}` is not a service account",
                help="write a name, or `{anyone: true}`, `{namespace: …}`, `{principal: …}`",
                kind="value",
            )
        account, _, namespace = value.partition(".")
        return {"serviceAccount": account, **({"namespace": namespace} if namespace else {})}
    if type(value).__name__ in {"Service", "Gateway"} and hasattr(value, "namespace"):
        return {type(value).__name__.lower(): value}
    return value


def _caller_to_text(long: JsonObject) -> JsonValue:
    account, namespace = long.get("serviceAccount"), long.get("namespace")
    if not isinstance(account, str) or not set(long) <= {"serviceAccount", "namespace"} or "." in account:
        return long
    return f"{account}.{namespace}" if isinstance(namespace, str) else account


class Operation(Model):
    """What is done; all fields that are given must hold: `methods: [GET]`, `paths: [/items*]`, `ports: [8080]`, and opposites."""

    methods: Annotated[Many[Pattern], LIST] | None = None
    """HTTP methods; for gRPC the path is the method."""
    paths: Annotated[Many[Pattern], LIST] | None = None
    hosts: Annotated[Many[Pattern], LIST] | None = None
    ports: Annotated[Many[PortNumber], LIST] | None = None
    """The workload's ports, not the service's."""
    not_methods: Annotated[Many[Pattern], LIST] | None = None
    not_paths: Annotated[Many[Pattern], LIST] | None = None
    not_hosts: Annotated[Many[Pattern], LIST] | None = None
    not_ports: Annotated[Many[PortNumber], LIST] | None = None


class Condition(Model):
    """A condition on an attribute, by Istio's names: `request.headers[x-token]`, `request.auth.claims[group]`."""

    key: str
    values: Annotated[Many[str], LIST] | None = None
    not_values: Annotated[Many[str], LIST] | None = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.values is None and self.not_values is None:
            raise broken(f"the condition on `{self.key}` has no `values` and no `notValues`", kind="missing")
        return self


def _expand_conditions(value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
    if isinstance(value, dict) and "key" not in value:
        return tuple({"key": key, "values": values} for key, values in value.items())
    return ONE_OR_MANY.expand(value)


def _fold_conditions(conditions: tuple[Condition, ...], long: JsonValue) -> JsonValue:
    keys = [condition.key for condition in conditions]
    if "key" in keys or len(set(keys)) < len(keys) or any(c.not_values is not None or c.values is None for c in conditions):
        return long
    values = [list(condition.values or ()) for condition in conditions]
    return {key: list[JsonValue](some) if len(some) != 1 else some[0] for key, some in zip(keys, values, strict=True)}


Conditions = Annotated[
    Many[Condition],
    Short(
        expand=_expand_conditions,
        fold=_fold_conditions,
        schema={"type": "object", "description": "Attributes and the values they may have."},
    ),
]


class AccessRule(Model):
    """Some callers, some operations, under some conditions; what is absent is anything. `{}` is everything."""

    from_: Annotated[Many[Caller], LIST] | None = None
    to: Annotated[Many[Operation], ONE_OR_MANY] | None = None
    when: Conditions | None = None


class ExternalRule(AccessRule):
    """What an external authorizer decides."""

    provider: str
    """One of the Mesh's extension providers."""


class Target(Model):
    """The Pods of a policy by their labels."""

    selector: Labels


class Access(Intent):
    """Who may do what on a service, a gateway, Pods, the whole namespace (nothing named), or the whole mesh.

    Each action gives one AuthorizationPolicy: `allow` under the intent's own name, the others under `<name>-deny`, `<name>-audit`
    and `<name>-<provider>`. As in Istio, external authorizers decide first, then `deny`, then `allow`; once there is an `allow`,
    what it does not name is denied. `default: deny` without `allow` denies everything, `default: allow` allows it.
    """

    KIND: ClassVar[str] = "Access"

    service: ServiceName | None = None
    gateway: GatewayName | None = None
    workload: Target | None = None
    mesh: Literal[True] | None = None
    """The whole mesh: the policy goes to the root namespace."""
    targets: Annotated[Many[TargetReference], LIST] | None = None
    """Gateways of the Gateway API, and Services or ServiceEntries behind a waypoint, of this namespace (Istio: `targetRefs`)."""
    default: Literal["allow", "deny"] | None = None
    allow: Annotated[Many[AccessRule], LIST] | None = None
    deny: Annotated[Many[AccessRule], LIST] | None = None
    audit: Annotated[Many[AccessRule], LIST] | None = None
    external: Annotated[Many[ExternalRule], LIST] | None = None
    dry_run: bool | None = None
    """Only logged and counted (Istio's annotation `istio.io/dry-run`)."""

    if TYPE_CHECKING:

        def __init__(self, name: str, /, *, namespace: str = "default", **spec: Any) -> None: ...  # noqa: ANN401 (a user's values)

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_target(self)
        if self.default == "allow" and self.allow is not None:
            raise broken(
                "`default: allow` allows everything, whatever `allow` says", help="leave one of them out", kind="exclusive"
            )
        if (self.default, self.allow, self.deny, self.audit, self.external) == (None, None, None, None, None):
            raise broken(
                "an Access says something", help="write `default: deny`, or rules under `allow`, `deny`, `audit` or `external`"
            )
        return self


def check_target(intent: Any) -> None:  # noqa: ANN401 (Access, Authentication, Telemetry)
    """Raises where an intent names more than one target."""
    names = ("service", "gateway", "workload", "mesh", "targets")
    given = [name for name in names if getattr(intent, name, None) is not None]
    if len(given) > 1:
        raise broken(f"one of {', '.join(f'`{name}`' for name in given)} says what it is for", kind="exclusive")


Allow = AccessRule
Deny = AccessRule
Audit = AccessRule
External = ExternalRule

__all__ = [
    "Access",
    "AccessRule",
    "Allow",
    "Audit",
    "Caller",
    "Condition",
    "Deny",
    "External",
    "ExternalRule",
    "JwtCaller",
    "NotCaller",
    "Operation",
    "Target",
]
