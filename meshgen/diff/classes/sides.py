"""One side of a change at one place: the gates that a request passes in order, and the rules of which the first decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from meshgen.diff.classes.fields import Value, with_token
from meshgen.diff.classes.matchers import Facts, Matchers
from meshgen.diff.classes.region import Choice, Demand
from meshgen.diff.classes.space import EVERYTHING, Both, Box, Either, Expression, Leaf, Opposite, Space
from meshgen.diff.content import content
from meshgen.json import JsonObject, JsonValue
from meshgen.trace import EnvoyConfig
from meshgen.trace.config import HTTP_CONNECTION_MANAGER, network_filters
from meshgen.trace.fields import boolean, message, messages, percent, string, typed_config
from meshgen.trace.match import why_not_metadata
from meshgen.trace.message import HttpMessage
from meshgen.trace.steps import jwt
from meshgen.trace.steps.ext_authz import service_of
from meshgen.trace.steps.filters import FILTERS, HARMLESS
from meshgen.trace.walk import Walk

PASSED = ""
_RBAC = (".http.rbac.v3.RBAC", ".network.rbac.v3.RBAC")
_JWT = ".jwt_authn.v3.JwtAuthentication"
_EXT_AUTHZ = (".http.ext_authz.v3.ExtAuthz", ".network.ext_authz.v3.ExtAuthz")
_NO_FATE = ("match", "metadata", "name", "decorator", "stat_prefix", "tracing", "statPrefix")
_MOVED_BY_MATCH = ("prefix_rewrite", "path_rewrite_policy", "regex_rewrite")
_OF_GATES = ("envoy.filters.http.rbac", "envoy.filters.http.jwt_authn", "envoy.filters.http.ext_authz")


@dataclass(slots=True)
class Gate:
    """An access filter: the first entry that takes the request says what becomes of it, `PASSED` if nothing."""

    written: list[tuple[Expression, str]]
    default: str
    key: bytes  # the same for gates that decide alike on both sides
    entries: list[tuple[Box, str]] = field(default_factory=list)

    def divide(self, space: Space) -> None:
        """Turn the expressions into boxes of the space."""
        self.entries = [(box, output) for written, output in self.written for box in space.boxes(written)]

    def ways(self, *outputs: str) -> Demand:
        """How a request comes to one of these outputs."""
        found: list[Choice] = []
        for number, (box, output) in enumerate(self.entries):
            if output in outputs:
                found.append(Choice(box, tuple(each for each, other in self.entries[:number] if other not in outputs)))
        if self.default in outputs:
            found.append(Choice(EVERYTHING, tuple(each for each, other in self.entries if other not in outputs)))
        return tuple(sorted(found, key=lambda each: len(each.box.bits)))  # the plainest requests first

    @property
    def outputs(self) -> frozenset[str]:
        """All that may come of it."""
        return frozenset((self.default, *(output for _, output in self.entries)))

    @property
    def passing(self) -> frozenset[str]:
        """The outputs with which a request goes on; another service may be asked on the way."""
        return frozenset(each for each in self.outputs if not each.startswith("denied"))


@dataclass(slots=True)
class Rule:
    """A route: who takes it, and a mark that is the same for routes that do the same."""

    written: Expression
    mark: bytes
    refined: list[Expression] = field(default_factory=list)  # requests for which its filters do something of their own
    boxes: tuple[Box, ...] = ()
    refinements: tuple[Box, ...] = ()


@dataclass(slots=True)
class Side:
    """What decides on the requests to one place; `marks` stands for all that is not told apart by requests."""

    gates: list[Gate] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    is_closed: bool = False  # no filter chain takes the connection
    is_http: bool = False
    issuers: tuple[str, ...] = ()  # whose tokens are verified
    opaque: dict[str, bytes] = field(default_factory=dict)  # the filters that nobody can simulate, by name

    def divide(self, space: Space) -> None:
        """Turn all expressions into boxes of the space."""
        for gate in self.gates:
            gate.divide(space)
        for rule in self.rules:
            rule.boxes = space.boxes(rule.written)
            rule.refinements = tuple(box for each in rule.refined for box in space.boxes(each))

    @property
    def passes(self) -> tuple[Demand, ...]:
        """What must hold for a request to be let in."""
        return tuple(gate.ways(*gate.passing) for gate in self.gates if gate.passing != gate.outputs)


class SideReader:
    """Reads a filter chain, and a virtual host where it is an HTTP one."""

    def __init__(self, space: Space, facts: Facts, config: EnvoyConfig, chain: JsonObject) -> None:
        self.space = space
        self.facts = facts
        self.config = config
        self.chain = chain
        self.matchers = Matchers(space, facts, self._metadata)
        self._judged: dict[object, tuple[str, JsonObject]] = {}
        self._jwt: JsonObject | None = None

    def read(self, table: JsonObject, host: JsonObject | None, marks: Mapping[str, JsonValue]) -> Side:
        """The side; `marks` are the shapes of clusters, by name."""
        side = Side()
        for _, kind, inner in network_filters(self.chain):
            if kind == HTTP_CONNECTION_MANAGER:
                side.is_http = True
                base = self.facts.base  # Envoy closes what it cannot read as HTTP
                side.is_closed = not base.is_http or (base.is_tls and not self.facts.has_tls)
                self._read_manager(side, inner, table, host, marks)
                return side
            if kind.endswith("tcp_proxy.v3.TcpProxy"):
                mark = content([{k: v for k, v in inner.items() if k != "stat_prefix"}, _shapes(_names_in(inner), marks)])
                side.rules.append(Rule(True, mark))
                return side
            self._read_filter(side, kind, inner, [])
        side.is_closed = True
        return side

    def _read_manager(
        self, side: Side, manager: JsonObject, table: JsonObject, host: JsonObject | None, marks: Mapping[str, JsonValue]
    ) -> None:
        filters = [(string(each, "name"), *typed_config(each)) for each in messages(manager, "http_filters")]
        rest: list[JsonValue] = []
        for name, kind, inner in filters:
            self._read_filter(side, kind, inner, filters)
            if kind not in FILTERS and kind not in HARMLESS:
                side.opaque[name] = content(inner)
            elif not kind.endswith((*_RBAC, _JWT, *_EXT_AUTHZ)):
                rest.append({"kind": kind, **inner})
        shown = ("http_filters", "route_config", "rds", "access_log", "stat_prefix", "tracing")
        own = {name: value for name, value in manager.items() if name not in shown}
        outside: list[JsonValue] = [own, {k: v for k, v in table.items() if k not in ("virtual_hosts", "name")}, rest]
        if host is not None:
            level = {k: v for k, v in host.items() if k not in ("routes", "name", "domains", "metadata")}
            side.rules = [self._rule(route, [*outside, level], marks) for route in messages(host, "routes")]
            if level.get("require_tls", "NONE") != "NONE":
                side.rules.insert(0, Rule(not self.facts.has_tls, content(level["require_tls"])))

    def _rule(self, route: JsonObject, outside: list[JsonValue], marks: Mapping[str, JsonValue]) -> Rule:
        own: JsonObject = {name: value for name, value in route.items() if name not in _NO_FATE}
        match, action = message(route, "match"), {**message(route, "route"), **message(route, "redirect")}
        if any(name in action for name in _MOVED_BY_MATCH):
            own["moved"] = {name: value for name, value in match.items() if name not in ("headers", "query_parameters")}
        filters = message(route, "typed_per_filter_config")
        if any(name in filters for name in _OF_GATES):
            self.space.sampled.add("access filters of single routes")
        rule = Rule(self.matchers.route(match), content([own, outside, _shapes(_names_in(action), marks)]))
        rule.refined = list(self._refined(filters))
        return rule

    def _refined(self, filters: JsonObject) -> Iterator[Expression]:
        """Requests that CORS or an injected fault treat apart."""
        fault = message(filters, "envoy.filters.http.fault")
        if messages(fault, "headers"):
            yield Both(tuple(self.matchers.header(each) for each in messages(fault, "headers")))
        policy = message(filters, "envoy.filters.http.cors")
        if not policy:
            return
        preflight = (
            self.matchers.header({"name": ":method", "string_match": {"exact": "OPTIONS"}}),
            self.matchers.header({"name": "access-control-request-method"}),
        )
        origins = messages(policy, "allow_origin_string_match")
        for wanted in (*({"string_match": each} for each in origins if string(each, "exact") != "*"), {}):
            origin = self.matchers.header({"name": "origin", **wanted})
            yield Both((origin, Opposite(Both(preflight))))
            yield Both((origin, *preflight))

    def _read_filter(self, side: Side, kind: str, inner: JsonObject, filters: Iterable[tuple[str, str, JsonObject]]) -> None:
        if kind.endswith(_RBAC):
            gate = self._rbac(inner, is_http=".http." in kind)
        elif kind.endswith(_JWT):
            side.issuers = tuple(sorted(_issuers(inner)))
            gate = self._authentication(inner)
        elif kind.endswith(_EXT_AUTHZ):
            gate = self._asked(inner, filters)
        else:
            return
        if gate is not None:
            side.gates.append(gate)

    def _policy(self, policy: JsonObject) -> Expression:
        permissions = tuple(self.matchers.permission(each) for each in messages(policy, "permissions"))
        principals = tuple(self.matchers.principal(each) for each in messages(policy, "principals"))
        return Both((Either(permissions), Either(principals)))

    def _rbac(self, inner: JsonObject, *, is_http: bool) -> Gate | None:
        rules = message(inner, "rules")
        action = string(rules, "action", "ALLOW")
        if "rules" not in inner or action == "LOG":
            return None
        refused = "denied 403" if is_http else "denied"
        output, default = (PASSED, refused) if action == "ALLOW" else (refused, PASSED)
        policies = message(rules, "policies")
        written = [(self._policy(message(policies, name)), output) for name in sorted(policies)]
        # The names of policies say nothing to a request.
        held = sorted(content(each).decode("utf-8", "replace") for each in policies.values())
        key: JsonValue = [action, *held]
        return Gate(written, default, b"rbac" + content([key, self._jwt]))

    def _authentication(self, inner: JsonObject) -> Gate:
        self._jwt = inner
        rules = messages(inner, "rules")
        if len({content(message(rule, "match")) for rule in rules}) > 1:
            self.space.sampled.add("tokens that are asked for by path")
        written: list[tuple[Expression, str]] = []
        for number, rule in enumerate(rules):
            match = self.matchers.route(message(rule, "match"))
            for output in ("denied 401", "denied 403"):
                leaf = Leaf("token", self._refusing(number, output))
                written.append((Both((match, self.space.leaf((self.facts.side, number, output), leaf))), output))
            written.append((match, PASSED))
        if boolean(inner, "bypass_cors_preflight"):
            self.matchers.unverified = self.matchers.preflight()
            written.insert(0, (self.matchers.unverified, PASSED))
        return Gate(written, PASSED, b"jwt" + content(inner))

    def _refusing(self, number: int, output: str) -> Callable[[Value], bool]:
        return lambda value: self._judge(value, number)[0] == output

    def _metadata(self, value: Value) -> JsonObject:
        return self._judge(value, 0)[1]

    def _judge(self, value: Value, number: int) -> tuple[str, JsonObject]:
        """What the token filter makes of a token by one of its rules: an output, and metadata."""
        if self._jwt is None:
            return PASSED, {}
        key = (repr(value), number)
        found = self._judged.get(key)
        if found is None:
            found = self._judged[key] = self._asked_of_filter(value, number)
        return found

    def _asked_of_filter(self, value: Value, number: int) -> tuple[str, JsonObject]:
        rules = messages(self._jwt or {}, "rules")
        rule: list[JsonValue] = [{**rules[number], "match": {"prefix": "/"}}] if number < len(rules) else []
        request = with_token(self.facts.base, value)
        sent = HttpMessage(method="GET", path="/", host="", scheme="http", headers=())
        walk = Walk(config=self.config, request=request, chain=self.chain, message=sent)
        answer = jwt.apply(walk, {**(self._jwt or {}), "rules": rule})
        return (f"denied {answer.status}" if answer is not None else PASSED), walk.metadata

    def _asked(self, inner: JsonObject, filters: Iterable[tuple[str, str, JsonObject]]) -> Gate | None:
        """Another service that is asked for some requests: those of a dry run whose verdict the filter looks for."""
        output = f"asks {service_of(inner)}"
        if "filter_enabled" in inner and percent(message(inner, "filter_enabled")) == 0:
            return None
        wanted = message(inner, "filter_enabled_metadata")
        if not wanted:
            return Gate([], output, b"asks" + content(inner))
        written: list[tuple[Expression, str]] = []
        default = PASSED
        shadows: list[JsonValue] = []
        for _, _, rbac in (each for each in filters if "shadow_rules" in each[2]):
            prefix, rules = string(rbac, "shadow_rules_stat_prefix"), message(rbac, "shadow_rules")
            action, policies = string(rules, "action", "ALLOW"), message(rules, "policies")
            shadows.append(rules)
            for name in sorted(policies):
                verdict = "denied" if action == "DENY" else "allowed"
                values: JsonObject = {f"{prefix}shadow_engine_result": verdict, f"{prefix}shadow_effective_policy_id": name}
                if why_not_metadata(wanted, {"envoy.filters.http.rbac": values}) is None:
                    written.append((self._policy(message(policies, name)), output))
            verdict = "denied" if action == "ALLOW" else "allowed"
            rest: JsonObject = {f"{prefix}shadow_engine_result": verdict}
            if why_not_metadata(wanted, {"envoy.filters.http.rbac": rest}) is None:
                default = output
        return Gate(written, default, b"asks" + content([inner, shadows, self._jwt]))


def _issuers(inner: JsonObject) -> Iterator[str]:
    providers = message(inner, "providers")
    yield from (string(message(providers, name), "issuer") for name in providers)


def _names_in(action: JsonObject) -> list[str]:
    """The clusters that a route action or a TCP proxy names."""
    found = [string(action, "cluster")]
    found += [string(each, "cluster") for each in messages(action, "request_mirror_policies")]
    found += [string(each, "name") for each in messages(message(action, "weighted_clusters"), "clusters")]
    return [each for each in found if each]


def _shapes(names: Iterable[str], marks: Mapping[str, JsonValue]) -> JsonValue:
    return [[name, marks.get(name)] for name in names]
