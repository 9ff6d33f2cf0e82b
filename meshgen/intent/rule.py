"""The rules of a Route and of a Service's own routes: HTTP, TCP and TLS."""

from collections.abc import Callable
from typing import Annotated, Any, Self, TypeAlias, TypeVar

from pydantic import AfterValidator, Field, model_validator

from meshgen.intent.actions import Cors, Delegate, DirectResponse, Fault, Headers, Redirect, Retries, Rewrite, RuleMirror
from meshgen.intent.leaves import Duration
from meshgen.intent.match import Match, TcpMatch, TlsMatch
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.reference import Destination, Weight, destination_to_text
from meshgen.intent.shorts import ONE_OR_MANY, Short
from meshgen.json import JsonObject, JsonValue, drop_none


class Share(Destination):
    """One part of a split: a destination, its weight in percent, and changes to headers that only this part gets."""

    weight: Annotated[int, Field(ge=0, le=100)]
    headers: Headers | None = None

    def to_short(self, long: JsonObject) -> JsonValue:
        """A share has no short form by itself; a whole split has."""
        return long

    def text(self) -> str | None:
        """The destination's short form, if the share has no headers."""
        if self.headers is not None:
            return None
        given = {name: getattr(self, name) for name in ("service", "namespace", "host", "port", "version")}
        short = self.bare or destination_to_text(drop_none(given))
        return short if isinstance(short, str) else None


def _expand_split(value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
    if isinstance(value, dict) and "weight" not in value:
        return tuple(Weight(str(text), weight) for text, weight in value.items())
    return value


def fold_split(shares: tuple[Share, ...], long: JsonValue) -> JsonValue:
    """`{v1: 90, v2: 10}`, where each share is a text and a weight."""
    texts = [share.text() for share in shares]
    if None in texts or len(set(texts)) < len(texts):
        return long
    return {str(text): share.weight for text, share in zip(texts, shares, strict=True)}


def hundred(shares: tuple[Share, ...]) -> tuple[Share, ...]:
    """The shares; raises where they do not add up to 100."""
    total = sum(share.weight for share in shares)
    if total != 100:
        raise broken(f"the weights of the split add up to {total}, not to 100", kind="split")
    return shares


Split: TypeAlias = Annotated[
    Many[Share],
    AfterValidator(hundred),
    Short(
        expand=_expand_split,
        fold=fold_split,
        schema={
            "type": "object",
            "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 100},
            "description": "Destinations and their weights, which add up to 100: `{v1: 90, v2: 10}`.",
        },
    ),
]
"""Shares that add up to 100. Short: `{v1: 90, v2: 10}`."""


class Rule(Model):
    """One HTTP rule (Istio: HTTPRoute). Of several rules the first that matches decides.

    It has one outcome: `to`, `split`, `redirect`, `directResponse` or `delegate`.
    """

    name: str | None = None
    """A name for access logs and metrics."""
    match: Annotated[Many[Match], ONE_OR_MANY] | None = None
    """Which requests; any one of several. All requests where absent."""
    to: Destination | None = None
    split: Split | None = None
    redirect: Redirect | None = None
    direct_response: DirectResponse | None = None
    delegate: Delegate | None = None
    rewrite: Rewrite | None = None
    headers: Headers | None = None
    timeout: Duration | None = None
    retries: Retries | None = None
    fault: Fault | None = None
    cors: Cors | None = None
    mirror: Annotated[Many[RuleMirror], ONE_OR_MANY] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        outcomes = (self.to, self.split, self.redirect, self.direct_response, self.delegate)
        if sum(outcome is not None for outcome in outcomes) != 1:
            raise broken(
                "a rule has one of `to`, `split`, `redirect`, `directResponse` and `delegate`",
                kind="exclusive",
                help="" if any(outcomes) else "add `to:` with where the requests go",
            )
        return self

    def destinations(self) -> tuple[Destination, ...]:
        """Where requests go; empty for a redirect, an answer or a delegate."""
        return (self.to,) if self.to is not None else self.split or ()


class StreamRule(Model):
    """What TCP and TLS rules share: `to` or `split`."""

    to: Destination | None = None
    split: Split | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.to is None) == (self.split is None):
            raise broken("a rule has a `to` or a `split`", kind="exclusive")
        return self

    def destinations(self) -> tuple[Destination, ...]:
        """Where connections go."""
        return (self.to,) if self.to is not None else self.split or ()


class TcpRule(StreamRule):
    """One TCP rule (Istio: TCPRoute)."""

    match: Annotated[Many[TcpMatch], ONE_OR_MANY] | None = None


class TlsRule(StreamRule):
    """One rule for TLS connections that are passed on, chosen by SNI (Istio: TLSRoute)."""

    match: Annotated[Many[TlsMatch], ONE_OR_MANY]


R = TypeVar("R", Rule, TcpRule, TlsRule)


def in_service(rules: tuple[R, ...]) -> tuple[R, ...]:
    """The rules as a Service's own: a bare name is one of its versions."""
    return tuple(map(_in_service, rules))


def _in_service(rule: R) -> R:
    changes: dict[str, object] = {}
    if rule.to is not None:
        _change(changes, "to", rule.to, rule.to.as_version())
    if rule.split is not None:
        _change(changes, "split", rule.split, _each(Share.as_version, rule.split))
    mirrors: tuple[RuleMirror, ...] | None = getattr(rule, "mirror", None)
    if mirrors is not None:
        _change(changes, "mirror", mirrors, _each(_mirror_in_service, mirrors))
    if not changes:
        return rule
    return rule.model_copy(update=changes)


T = TypeVar("T")


def _each(function: Callable[[T], T], values: tuple[T, ...]) -> tuple[T, ...]:
    """The values changed one by one; the very same tuple where none changes."""
    changed = tuple(map(function, values))
    return changed if any(after is not before for after, before in zip(changed, values, strict=True)) else values


def _mirror_in_service(mirror: RuleMirror) -> RuleMirror:
    to = mirror.to.as_version()
    return mirror if to is mirror.to else mirror.model_copy(update={"to": to})


def _change(changes: dict[str, object], name: str, before: object, after: object) -> None:
    if after is not before:
        changes[name] = after
