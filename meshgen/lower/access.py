"""AuthorizationPolicies: one for each action of an Access."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from meshgen.diagnostics import JsonPath, Origin, did_you_mean
from meshgen.diagnostics.catalogue.lower import UNKNOWN_INTENT_REFERENCE
from meshgen.intent.access import Access, AccessRule
from meshgen.intent.decode import IntentObject
from meshgen.intent.leaves import Pattern
from meshgen.intent.reference import split_service
from meshgen.istio import authorization_policy as istio
from meshgen.istio.shared import NamedReference
from meshgen.lower.index import Index
from meshgen.lower.result import Made, Report, make
from meshgen.lower.target import Scope, gateway_key, scope_of

if TYPE_CHECKING:  # a kind is imported where the mesh has it
    from meshgen.intent import access as intent
    from meshgen.intent.access import Caller, NotCaller

Action: TypeAlias = Literal["ALLOW", "DENY", "AUDIT", "CUSTOM"]

DRY_RUN = {"istio.io/dry-run": "true"}


def authorization_policies(index: Index, report: Report) -> Iterator[Made]:
    """The policies of all Access intents."""
    for access in index.of(Access):
        scope = scope_of(access, index, report)
        if scope is not None:
            yield from _policies(_Writer(access, scope, index, report))


def _policies(writer: _Writer) -> Iterator[Made]:
    access = writer.access.model
    if access.external is not None:
        for provider in dict.fromkeys(rule.provider for rule in access.external):
            rules = [(i, rule) for i, rule in enumerate(access.external) if rule.provider == provider]
            yield writer.policy("CUSTOM", "external", rules, f"-{provider}", provider)
    if access.deny is not None:
        yield writer.policy("DENY", "deny", list(enumerate(access.deny)), "-deny")
    if access.audit is not None:
        yield writer.policy("AUDIT", "audit", list(enumerate(access.audit)), "-audit")
    if access.allow is not None:
        yield writer.policy("ALLOW", "allow", list(enumerate(access.allow)), "")
    elif access.default == "deny":
        yield writer.nothing()
    elif access.default == "allow":
        yield writer.policy("ALLOW", "default", [(0, AccessRule())], "")


@dataclass(frozen=True)
class _Writer:
    """Writes the policies of one Access."""

    access: IntentObject[Access]
    scope: Scope
    index: Index
    report: Report

    def nothing(self) -> Made:
        """A policy without rules allows nothing; for a namespace its spec is empty. An absent action is ALLOW."""
        return self._make(istio.AuthorizationPolicy(selector=self.scope.selector, target_refs=self.scope.targets), "", {})

    def policy(
        self, action: Action, key: str, rules: Sequence[tuple[int, AccessRule]], suffix: str, provider: str | None = None
    ) -> Made:
        """The policy of one action; each of its rules points to the rule that it was made of."""
        origins: dict[JsonPath, Origin] = {}
        written: list[istio.Rule] = []
        for position, rule in rules:
            place = ("spec", key, position) if key != "default" else ("spec", key)
            for each in self._rules(rule, place):
                origins["spec", "rules", len(written)] = self.access.at(*place)
                written.append(each)
        spec = istio.AuthorizationPolicy(
            selector=self.scope.selector,
            target_refs=self.scope.targets,
            action=action,
            provider=None if provider is None else NamedReference(name=provider),
            rules=tuple(written),
        )
        return self._make(spec, suffix, origins)

    def _make(self, spec: istio.AuthorizationPolicy, suffix: str, origins: dict[JsonPath, Origin]) -> Made:
        return make(
            self.access,
            spec,
            name=f"{self.access.model.name}{suffix}",
            namespace=self.scope.namespace,
            owner=self.scope.owner,
            origins=origins,
            annotations=DRY_RUN if self.access.model.dry_run else None,
        )

    def _rules(self, rule: AccessRule, place: JsonPath) -> Iterator[istio.Rule]:
        """Istio's rules for one of ours: callers with conditions of their own (claims) need a rule of their own each."""
        to = None if rule.to is None else tuple(istio.RuleTo(operation=_operation(each)) for each in rule.to)
        when = tuple(istio.Condition(key=each.key, values=each.values, not_values=each.not_values) for each in rule.when or ())
        if rule.from_ is None or any(caller.anyone and caller.not_ is None for caller in rule.from_):
            yield istio.Rule(to=to, when=when or None)
            return
        by_condition: dict[tuple[istio.Condition, ...], list[istio.RuleFrom]] = {}
        for position, caller in enumerate(rule.from_):
            source = self._source(caller, (*place, "from", position))
            if source is None:
                continue
            by_condition.setdefault(_claims(caller.jwt), []).append(istio.RuleFrom(source=source))
        for conditions, sources in by_condition.items():
            yield istio.Rule(from_=tuple(sources), to=to, when=(*when, *conditions) or None)

    def _source(self, caller: Caller, place: JsonPath) -> istio.Source | None:
        """A caller in Istio's words; None (and a finding) where it names what nobody declares."""
        principal = caller.principal or ("*" if caller.authenticated else None)
        if caller.service is not None or caller.gateway is not None:
            principal = self._declared(caller, place)
            if principal is None:
                return None
        elif caller.service_account is not None and not caller.any_trust_domain:
            principal = self._principal(caller.namespace or self.access.model.namespace, caller.service_account)
        namespace = caller.namespace if caller.service_account is None else None
        excluded = [self._excluded(each) for each in caller.not_ or ()]
        return istio.Source(
            principals=_one(principal),
            service_accounts=_one(self._account(caller)),
            namespaces=_one(namespace),
            trust_domains=_one(caller.trust_domain),
            ip_blocks=_one(caller.ip),
            remote_ip_blocks=_one(caller.remote_ip),
            request_principals=_one(caller.request_principal or _request_principal(caller.jwt)),
            not_service_accounts=_some(excluded, "service_account"),
            not_principals=_some(excluded, "principal"),
            not_namespaces=_some(excluded, "namespace"),
            not_trust_domains=_some(excluded, "trust_domain"),
            not_ip_blocks=_some(excluded, "ip"),
            not_remote_ip_blocks=_some(excluded, "remote_ip"),
            not_request_principals=_some(excluded, "request_principal"),
        )

    def _excluded(self, caller: NotCaller) -> dict[str, str | None]:
        if caller.any_trust_domain:
            return {"service_account": self._account(caller)}
        if caller.service_account is not None:
            return {"principal": self._principal(caller.namespace or self.access.model.namespace, caller.service_account)}
        return dict(caller)

    def _account(self, caller: Caller | NotCaller) -> str | None:
        """An account whatever its trust domain."""
        namespace = caller.namespace or self.access.model.namespace
        return f"{namespace}/{caller.service_account}" if caller.any_trust_domain else None

    def _principal(self, namespace: str, account: str) -> str:
        return f"{self.index.trust_domain}/ns/{namespace}/sa/{account}"

    def _declared(self, caller: Caller, place: JsonPath) -> str | None:
        """The identity of a Service or a Gateway that is named as a caller."""
        namespace = self.access.model.namespace
        if caller.service is not None:
            key = split_service(caller.service, namespace)
            if self.index.knows_service(key):
                return self._principal(key[0], self.index.service_account_of(key))
            what, hint = f"service `{key[1]}`", self.index.suggestion(key)
        else:
            key = gateway_key(caller.gateway or "", namespace)
            gateway = self.index.gateways.get(key)
            if gateway is not None:
                return self._principal(gateway.model.workload_namespace, gateway.model.service_account)
            what, hint = f"gateway `{key[1]}`", did_you_mean(key[1], [name for _, name in self.index.gateways])
        message = f"Access `{self.access.model.name}` lets the {what} in, which nobody declares"
        field = "service" if caller.service is not None else "gateway"
        self.report.append(UNKNOWN_INTENT_REFERENCE.at(self.access.at(*place, field), message, help=hint))
        return None


def _one(value: str | None) -> tuple[str, ...] | None:
    return None if value is None else (value,)


def _some(excluded: Sequence[dict[str, str | None]], key: str) -> tuple[str, ...] | None:
    return tuple(value for each in excluded if (value := each.get(key)) is not None) or None


def _request_principal(jwt: intent.JwtCaller | None) -> str | None:
    if jwt is None:
        return None
    if jwt.issuer is None and jwt.subject is None:
        return "*"
    return f"{jwt.issuer or '*'}/{jwt.subject or '*'}"


def _claims(jwt: intent.JwtCaller | None) -> tuple[istio.Condition, ...]:
    """What a token must hold besides its issuer and subject."""
    if jwt is None:
        return ()
    found = [
        istio.Condition(key="request.auth.claims" + "".join(f"[{part}]" for part in _claim_path(name)), values=_patterns(values))
        for name, values in (jwt.claims or {}).items()
    ]
    if jwt.audiences is not None:
        found.append(istio.Condition(key="request.auth.audiences", values=_patterns(jwt.audiences)))
    if jwt.presenter is not None:
        found.append(istio.Condition(key="request.auth.presenter", values=_patterns(jwt.presenter)))
    return tuple(found)


def _claim_path(name: str) -> list[str]:
    """`a.b` is a claim inside of a claim; a name that is a URL is one claim."""
    return [name] if "/" in name else name.split(".")


def _patterns(patterns: Sequence[Pattern] | None) -> tuple[str, ...] | None:
    return None if patterns is None else tuple(pattern.to_istio() for pattern in patterns)


def _ports(ports: Sequence[int] | None) -> tuple[str, ...] | None:
    return None if ports is None else tuple(map(str, ports))


def _operation(value: intent.Operation) -> istio.Operation:
    return istio.Operation(
        methods=_patterns(value.methods),
        paths=_patterns(value.paths),
        hosts=_patterns(value.hosts),
        ports=_ports(value.ports),
        not_methods=_patterns(value.not_methods),
        not_paths=_patterns(value.not_paths),
        not_hosts=_patterns(value.not_hosts),
        not_ports=_ports(value.not_ports),
    )
