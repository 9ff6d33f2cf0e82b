"""A case in other tools' words: a line of curl, a command of meshgen."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from meshgen.journey import Question
from meshgen.traffic_tests.cases import Case


def curl_line(question: Question) -> str:
    """`curl -X POST -H 'x-cohort: internal' http://catalog/items`."""
    return shlex.join(_curl(question))


def _curl(question: Question) -> Iterator[str]:
    yield "curl"
    if question.method != "GET":
        yield from ("-X", question.method)
    for name, value in question.headers:
        yield from ("-H", f"{name}: {value}")
    if question.http == "2":
        yield "--http2"
    yield question.url


def trace_line(case: Case) -> str:
    """The command that shows how the request of a case is decided: `meshgen trace --explain --from shop/webapp http://…`."""
    question = case.question
    if question is None:
        return ""
    words = ["meshgen", "trace", "--explain"]
    options = (("--from", question.source), ("--gateway", question.gateway), ("--cluster", case.cluster))
    words += [word for name, value in options if value for word in (name, value)]
    if question.client_certificate:
        words += ["--principal", question.client_certificate]
    if question.remote_address:
        words += ["--remote-address", question.remote_address]
    for payload in question.claims:
        words += [word for name, value in payload.items() for word in ("--claim", f"{name}={value}")]
    plain = question.method == "GET" and not question.headers and question.http != "2"
    return shlex.join([*words, *((question.url,) if plain else _curl(question))])
