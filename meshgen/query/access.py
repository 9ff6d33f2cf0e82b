"""Who gets in at a door, with which requests, and what decides it: callers traced with the operations that are told apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from meshgen.json import JsonObject, JsonValue
from meshgen.query.examples.callers import ANYBODY, Caller
from meshgen.query.examples.predicates import Example
from meshgen.query.examples.targets import Target, classes_of
from meshgen.query.scene import Door, Scene
from meshgen.trace import Decision, Outcome, trace
from meshgen.trace.fields import message
from meshgen.trace.match import why_not_string

_SHUT = frozenset({Outcome.DENIED, Outcome.CLOSED, Outcome.NO_LISTENER})
EVERYTHING = "everything"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What one caller may do, in words: as it is, and with what it can bring besides (a token, an address)."""

    what: str  # empty where nothing
    more: tuple[tuple[str, str], ...] = ()  # what it brings, and what it may do then, each more than before
    by: tuple[str, ...] = ()  # policies, or what else decided
    where: tuple[str, ...] = ()  # their lines
    asks: tuple[str, ...] = ()  # external authorization services whose answer is assumed to be yes

    @property
    def is_open(self) -> bool:
        """Whether anything gets in."""
        return bool(self.what or self.more)

    @property
    def text(self) -> str:
        """`method POST, path /pay; everything with a token of …`; `no` where nothing gets in."""
        said = "; ".join((*((self.what,) if self.what else ()), *(f"{what} {need}" for need, what in self.more))) or "no"
        return f"{said} if {', '.join(self.asks)} says so" if self.asks else said


class Access:
    """One door, for callers with mutual TLS or without."""

    def __init__(self, scene: Scene, door: Door, *, tls: str) -> None:
        self._scene = scene
        self._door = door
        self._config = scene.config(door.proxy)
        self._tls = tls
        self._kept: dict[tuple[object, ...], Passage] = {}

    @cached_property
    def _target(self) -> Target | None:
        """The virtual host that requests meet; None on a port of plain connections, or where nobody without mTLS gets in."""
        for target in self._scene.targets(self._door.proxy):
            if target.inbound and target.base.port == self._door.workload_port and target.base.tls == self._tls:
                return target
        return None

    @cached_property
    def _examples(self) -> tuple[tuple[Example, ...], tuple[Caller, ...], int]:
        """Operations that policies tell apart, callers that they name, and matchers without an example."""
        if self._target is None or not self._door.is_http:
            return (Example(self._door.request(tls=self._tls)),), (), 0
        classes = classes_of(self._target)
        operations = distinct(example for _, example in classes.callers) or (classes.requests[0],)
        return operations, tuple(dict.fromkeys(caller for caller, _ in classes.callers)), classes.missed

    @property
    def missed(self) -> int:
        """Matchers for which no example was found: what they take is not in the answer."""
        return self._examples[2]

    @cached_property
    def named(self) -> tuple[Caller, ...]:
        """The callers by identity that policies name."""
        return tuple(
            dict.fromkeys(replace(each, claims=(), network="", source_ip=ANYBODY.source_ip) for each in self._examples[1])
        )

    @cached_property
    def _needs(self) -> tuple[Caller, ...]:
        """What a caller can bring besides its identity: tokens and addresses that policies name."""
        bare = (replace(each, workload="", principal="") for each in self._examples[1])
        return tuple(each for each in dict.fromkeys(bare) if each != ANYBODY)

    # --- one caller ---------------------------------------------------------------------------------------------------
    def of(self, identity: str, address: str = "") -> Passage:
        """What a caller of this SPIFFE identity may do; those that no matcher tells apart have one answer."""
        address = address if any(need.network for need in self._needs) else ""
        key = (bool(identity), address, *(why_not_string(each, f"spiffe://{identity}") is None for each in self._matchers))
        if key not in self._kept:
            self._kept[key] = self._with_needs(identity, address)
        return self._kept[key]

    @cached_property
    def _matchers(self) -> tuple[JsonObject, ...]:
        """All matchers of identities in what decides at this door."""
        parts: list[JsonValue] = [*self._target.parts] if self._target is not None else [*self._config.listeners.values()]
        return tuple(each for part in parts for each in _identities(part))

    def _with_needs(self, identity: str, address: str) -> Passage:
        """What the caller may do as it is, and then with each token or address that opens more."""
        bare = self._passage(replace(ANYBODY, workload=identity, principal=identity), address)
        known, found = {bare.what}, [bare]
        for need in self._needs if bare.what != EVERYTHING else ():
            given = self._passage(replace(need, workload=identity, principal=identity), "" if need.network else address)
            if given.what and given.what not in known:
                known.add(given.what)
                found.append(replace(given, what="", more=((need_of(need), given.what),)))
        decided = [each for each in found if each.is_open] or found
        return Passage(
            what=bare.what,
            more=tuple(pair for each in found for pair in each.more),
            by=tuple(dict.fromkeys(text for each in decided for text in each.by)),
            where=tuple(dict.fromkeys(line for each in decided for line in each.where)),
            asks=tuple(dict.fromkeys(each for one in decided for each in one.asks)),
        )

    def _passage(self, caller: Caller, address: str) -> Passage:
        issuers = self._target.issuers if self._target is not None else ()
        tried: list[tuple[Example, Decision]] = []
        for example in self._examples[0]:
            request = caller.sends(example.request, issuers)
            request = replace(request, source_ip=address) if address else request
            tried.append((example, trace(self._config, request)))
        let_in = [(example, decision) for example, decision in tried if decision.outcome not in _SHUT]
        deciding = let_in or tried
        return Passage(
            what=what_of([example for example, _ in let_in], [example for example, _ in tried]),
            by=tuple(dict.fromkeys(text for _, decision in deciding for text in policies_of(decision))),
            where=tuple(dict.fromkeys(line for _, each in deciding for line in self._lines(each))),
            asks=tuple(dict.fromkeys(each for _, decision in let_in for each in decision.asked)),
        )

    def _lines(self, decision: Decision) -> Iterator[str]:
        for step in decision.steps:
            if step.stage in ("rbac", "jwt") and (line := self._scene.line(step.source)):
                yield line


def distinct(examples: Iterable[Example]) -> tuple[Example, ...]:
    """One for each set of conditions."""
    return tuple({each.conditions: each for each in examples}.values())


def _identities(value: JsonValue) -> Iterator[JsonObject]:
    if isinstance(value, list):
        for item in value:
            yield from _identities(item)
    elif isinstance(value, dict):
        if "principal_name" in value:
            yield message(value, "principal_name")
        for item in value.values():
            yield from _identities(item)


def what_of(let_in: list[Example], tried: list[Example]) -> str:
    """`everything`, `method GET, path /items*`, `everything but path /admin*`; empty where nothing."""
    if not let_in:
        return ""
    out = [each for each in tried if each not in let_in]
    if not out:
        return EVERYTHING
    if any(not each.conditions for each in let_in):
        return f"{EVERYTHING} but {either(out)}"
    return either(let_in)


def either(examples: Iterable[Example]) -> str:
    """The widest conditions, `or` between two."""
    given = list(examples)
    known = [frozenset(each.conditions) for each in given]
    wide = [each for each in given if not any(other < frozenset(each.conditions) for other in known if other)]
    return " or ".join(dict.fromkeys(", ".join(each.conditions) or "requests of other kinds" for each in wide))


def need_of(caller: Caller) -> str:
    """`with a token of …`, `from 10.0.0.0/8`: what a caller brings besides its identity."""
    text = replace(caller, workload="", principal="").name(inbound=False, mutual=True, namespace="")
    return text.removeprefix("any other workload").strip()


def policies_of(decision: Decision) -> Iterator[str]:
    """The policies that decided, as people name them; or how the connection ended."""
    decided = [step for step in decision.steps if step.stage == "rbac"]
    for step in decided[-1:]:
        yield f"{step.source.namespace}/{step.source.name}" if step.source is not None else step.reason
    if not decided and decision.outcome is Outcome.CLOSED:
        yield "mTLS is required"
