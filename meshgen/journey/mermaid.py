"""A journey as a Mermaid sequence diagram (mermaid.js.org: sequence diagrams)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshgen.journey.cluster_names import short_cluster
from meshgen.journey.follow import Hop, Journey
from meshgen.journey.words import Locate, answer, limits, source_words, status_of, tls_words
from meshgen.trace import Decision, Outcome

# What a text may hold as it is; Mermaid gives `#`, `;`, quotes and brackets meanings of their own, and an entity is safe.
_UNSAFE = re.compile(r"[^\w ./:,()=+*?&@|-]")
_NOTED = frozenset({"rbac", "jwt", "ext_authz", "fault", "rewrite", "local rate limit", "rate limit", "upgrade"})
_ON = frozenset({Outcome.ROUTED, Outcome.NEEDS_ANSWER})


def escaped(text: str) -> str:
    """The text with every character that could mean something to Mermaid as an entity code (`#35;`), on one line."""
    plain = " ".join(text.split())
    return _UNSAFE.sub(lambda found: f"#{ord(found.group())};", plain).replace("%%", "#37;#37;")


def render_mermaid(journey: Journey, locate: Locate | None = None) -> str:
    """The diagram: a participant for the client, each proxy and what lies behind the last. No line break at the end."""
    return "\n".join(["sequenceDiagram", *(f"    {line}" for line in _lines(journey, locate))])


def _lines(journey: Journey, locate: Locate | None) -> Iterator[str]:
    names = [f"p{index}" for index in range(len(journey.hops))]
    client = journey.hops[0].proxy.id if journey.question.source else "client outside of the mesh"
    yield f"participant c as {escaped(client if not journey.question.source else f'application of {client}')}"
    for name, hop in zip(names, journey.hops, strict=True):
        kind = "gateway" if hop.side in ("in at", "through") else "sidecar"
        yield f"participant {name} as {kind} of {escaped(hop.proxy.id)}" + (escaped(f" in {hop.cluster}") if hop.cluster else "")
    if journey.end:
        yield f"participant e as {escaped(journey.end)}"
    before = "c"
    for index, (name, hop) in enumerate(zip(names, journey.hops, strict=True)):
        yield f"{before}->>{name}: {escaped(_arrival(hop, journey.hops[index - 1] if index else None))}"
        for note in _notes(hop, locate):
            yield f"Note over {name}: {note}"
        before = name
    yield from _ending(journey, before, locate)


def _ending(journey: Journey, last: str, locate: Locate | None) -> Iterator[str]:
    decision = journey.last.decision
    if decision.outcome in _ON:
        yield f"{last}->>e: {escaped(f'{decision.method} {decision.path}' if decision.method else 'the connection')}"
    else:
        yield f"{last}--xc: {escaped(f'{decision.outcome.value}{status_of(decision)}')}"
    yield f"Note over c,{last}: {escaped(answer(journey, locate))}"


def _arrival(hop: Hop, before: Hop | None) -> str:
    request = hop.request
    what = f"{request.method} {request.host}{request.path}" if request.is_http else f"connection to port {request.port}"
    return f"{what} {tls_words(before.decision)}" if before is not None else what


def _notes(hop: Hop, locate: Locate | None) -> Iterator[str]:
    decision = hop.decision
    lines: list[str] = []
    for step in decision.steps:
        if step.stage == "route" or step.stage in _NOTED:
            made = f" - {source_words(step.source, locate)}" if step.source is not None else ""
            lines.append(f"{step.stage} {step.chosen}{made}")
    lines += list(_limits(decision))
    if lines:
        yield "<br/>".join(escaped(line) for line in lines)


def _limits(decision: Decision) -> Iterator[str]:
    if len(decision.weights) > 1:
        yield "shares: " + ", ".join(f"{each.share * 100:.4g}% {short_cluster(each.cluster)}" for each in decision.weights)
    yield from limits(decision)
