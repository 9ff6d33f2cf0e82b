"""What is known of one request while the engine leads it through Envoy. Private to the engine and its steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from meshgen.json import JsonObject
from meshgen.trace.decision import Decision, Fault, Outcome, RouteRef, Source, Step
from meshgen.trace.fields import boolean, message, string, typed, typed_config

if TYPE_CHECKING:
    from meshgen.trace.config import EnvoyConfig
    from meshgen.trace.message import HttpMessage
    from meshgen.trace.request import Request


class _Common(TypedDict):
    listener: str
    filter_chain: str
    route_config: str
    virtual_host: str
    route: RouteRef | None
    tls: str
    faults: tuple[Fault, ...]
    asked: tuple[str, ...]
    opaque: tuple[str, ...]
    shadow: tuple[tuple[str, str], ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a step ends the request: what Envoy answers itself, or that it closes the connection."""

    outcome: Outcome
    status: int | None = None
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    location: str = ""
    is_routed: bool = True  # whether the answer is given in the name of the matched route


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """The result of the route table: virtual host and route, either of which may be missing."""

    route_config: JsonObject
    virtual_host: JsonObject | None = None
    route: JsonObject | None = None
    index: int = 0
    requires_tls: bool = False  # answered with a redirect to https before any route

    def per_filter(self, name: str) -> tuple[str, JsonObject] | None:
        """Type and content of the most specific `typed_per_filter_config` for a filter, or None."""
        for level in (self.route, self.virtual_host, self.route_config):
            entry = message(level, "typed_per_filter_config").get(name) if level else None
            if isinstance(entry, dict):
                return typed(entry)
        return None


@dataclass(slots=True, kw_only=True)
class Walk:
    """One request on its way; steps add to it, nobody else sees it."""

    config: EnvoyConfig
    request: Request
    steps: list[Step] = field(default_factory=list)
    listener: JsonObject = field(default_factory=dict)
    chain: JsonObject = field(default_factory=dict)
    manager: JsonObject = field(default_factory=dict)
    route_config: str = ""
    message: HttpMessage | None = None
    remote_ip: str = ""  # as trusted from x-forwarded-for
    metadata: JsonObject = field(default_factory=dict)  # dynamic metadata by filter name
    matched: Matched | None = None
    response_headers: list[tuple[str, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    is_pending: bool = False  # whether somebody asked has not answered
    spent: list[str] = field(default_factory=list)  # issuers of tokens that go no further
    opaque: list[str] = field(default_factory=list)
    shadow: list[tuple[str, str]] = field(default_factory=list)

    def note(
        self,
        stage: str,
        chosen: str,
        reason: str = "",
        nearly: tuple[tuple[str, str], ...] = (),
        source: Source | None = None,
    ) -> None:
        """Add a step."""
        self.steps.append(Step(stage=stage, chosen=chosen, reason=reason, nearly=nearly, source=source))

    def set_metadata(self, filter_name: str, values: JsonObject) -> None:
        """Merge dynamic metadata of a filter."""
        self.metadata = {**self.metadata, filter_name: {**message(self.metadata, filter_name), **values}}

    @property
    def has_tls(self) -> bool:
        """Whether this proxy terminated the client's TLS."""
        return self.request.is_tls and "transport_socket" in self.chain

    @property
    def tls(self) -> str:
        """What this proxy does with the client's TLS."""
        if not self.request.is_tls:
            return "none"
        if not self.has_tls:
            return "passed on"
        return "mutual" if self.has_certificate else "terminated"

    @property
    def has_certificate(self) -> bool:
        """Whether this proxy has the client's certificate: a client sends the one that it has only where it is asked for it."""
        return self.has_tls and self.request.has_certificate and _asks_for_certificate(self.chain)

    def decide(self, answer: Answer) -> Decision:
        """The decision where Envoy answers itself or closes."""
        return Decision(
            outcome=answer.outcome,
            status=answer.status,
            body=answer.body,
            location=answer.location,
            response_headers=(*self.response_headers, *answer.headers),
            **self.common(is_routed=answer.is_routed),
        )

    def common(self, *, is_routed: bool = True) -> _Common:
        """The fields of a decision that do not hang on how it ended."""
        found = self.matched if is_routed else None
        host = found.virtual_host if found else None
        return {
            "listener": string(self.listener, "name"),
            "filter_chain": string(self.chain, "name"),
            "route_config": self.route_config,
            "virtual_host": string(host, "name") if host else "",
            "route": route_ref(found) if found else None,
            "tls": self.tls,
            "faults": tuple(self.faults),
            "asked": tuple(self.asked),
            "opaque": tuple(self.opaque),
            "shadow": tuple(self.shadow),
            "steps": tuple(self.steps),
        }


def _asks_for_certificate(chain: JsonObject) -> bool:
    """Whether a chain's `DownstreamTlsContext` requires a certificate, or has something to validate one with."""
    _, context = typed_config(message(chain, "transport_socket"))
    held = message(context, "common_tls_context")
    return boolean(context, "require_client_certificate") or any("validation_context" in name for name in held)


def route_ref(matched: Matched) -> RouteRef | None:
    """The matched route by name and place."""
    if matched.route is None:
        return None
    return RouteRef(name=string(matched.route, "name"), index=matched.index, metadata=message(matched.route, "metadata"))
