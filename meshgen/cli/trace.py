"""`meshgen trace`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshgen.cli.options import cluster_option, color_option, env_option, json_option, no_python_option, project_option, use_color
from meshgen.cli.session import Session, Wanted, stop
from meshgen.json import JsonValue

if TYPE_CHECKING:
    from meshgen.journey import Hop, Question
    from meshgen.pipeline import Result

EXAMPLES = """\b
Examples:
  meshgen trace --from shop/webapp http://catalog/items
  meshgen trace --from shop/webapp curl -X POST -H 'x-cohort: internal' http://catalog/items
  meshgen trace https://shop.example.com/api/items            a client outside, at the gateway
  meshgen trace --claim iss=https://id.example --claim sub=ann https://shop.example.com/
  meshgen trace -f istio-yaml/ https://shop.example.com/      no project: native Istio YAML
  echo '{"url": "http://catalog/items", "from": "shop/webapp"}' | meshgen trace --request-json -
"""


class CurlCommand(click.Command):
    """A command whose arguments from the word `curl` on are curl's own, whatever they look like."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keeps what stands behind `curl` from click."""
        place = next((index for index, word in enumerate(args) if is_curl_word(word)), len(args))
        ctx.meta[_CURL] = tuple(args[place:])
        return super().parse_args(ctx, args[:place])


_CURL = "meshgen.curl"


def is_curl_word(word: str) -> bool:
    """Whether a curl command begins here, as words or in one text."""
    from meshgen.journey.curl import is_curl

    return is_curl([word])


@click.command(epilog=EXAMPLES, cls=CurlCommand)
@click.argument("words", nargs=-1, metavar="[URL | curl ...]")
@click.option(
    "-f", "--sources", multiple=True, metavar="PATH", help="Read this in place of a project's sources; may be repeated."
)
@click.option(
    "--from", "source", default="", metavar="[NAMESPACE/]NAME", help="The caller's proxy; without it, a client outside."
)
@click.option("--gateway", default="", metavar="[NAMESPACE/]NAME", help="The gateway, where more than one serves the host.")
@click.option("-X", "--request", "method", default="", metavar="METHOD", help="The method; GET if not given.")
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A header; may be repeated.")
@click.option("--request-json", metavar="FILE", help="The request as a JSON object in a file, or `-` for standard input.")
@click.option("--principal", default="", help="The SPIFFE identity that a client outside presents, without `spiffe://`.")
@click.option("--claim", "claims", multiple=True, metavar="NAME=VALUE", help="A claim of a valid token; may be repeated.")
@click.option("--token", default="", metavar="FILE", help="A valid token: a file of its claims in JSON, or the token itself.")
@click.option("--remote-address", default="", metavar="IP", help="Where the connection comes from.")
@click.option("--explain", is_flag=True, help="Say also what was nearly chosen, and why it was not.")
@env_option
@cluster_option
@project_option
@no_python_option
@color_option
@json_option
@click.pass_context
def command(context: click.Context, /, **options: Any) -> None:  # noqa: ANN401 - click's own way to hand over options
    """Say what will happen to a request, step by step: listener, virtual host, rule, shares, policies.

    The request is a URL with options, a curl command behind all options of meshgen's own, or JSON.

    Exit code 0 when the request reaches somebody or is answered, 1 when it is denied or fails, 2 when it cannot be traced.
    """
    from meshgen.journey import Journeys, UnanswerableError

    color, as_json = options["color"], options["as_json"]
    wanted = Wanted(
        sources=options["sources"],
        directory=options["directory"],
        environment=options["environment"],
        cluster=options["cluster"],
        python=not options["no_python"],
        instead="-f",
    )
    try:
        question = read_question(options, context.meta[_CURL])
        result = wanted.compile_one()
        if result.failed:
            Session(color=color, as_json=as_json).give_up((result,))
        hops = Journeys(result.mesh, result.proxies).ask(question)
    except UnanswerableError as error:
        raise click.UsageError(str(error)) from error
    for note in question.notes:
        click.echo(f"note: {note}", err=True)
    _show(result, hops, explain=options["explain"], color=use_color(color, sys.stdout), as_json=as_json)
    stop(0 if all(_reaches(hop) for hop in hops) else 1)


def read_question(options: dict[str, Any], curl: tuple[str, ...]) -> Question:
    """The question that options, words and a curl command ask together.

    Raises:
        UnanswerableError: for a request that cannot be read, or none.
    """
    from dataclasses import replace

    from meshgen.journey.tokens import claims_of, read_token

    question = _written(options, curl)
    headers = (*question.headers, *(_header(text) for text in options["headers"]))
    tokens = [read_token(options["token"])] if options["token"] else []
    tokens += [claims_of(options["claims"])] if options["claims"] else []
    return replace(
        question,
        method=options["method"] or question.method,
        headers=headers,
        source=options["source"] or question.source,
        gateway=options["gateway"] or question.gateway,
        client_certificate=options["principal"] or question.client_certificate,
        remote_address=options["remote_address"] or question.remote_address,
        claims=(*question.claims, *tokens),
    )


def _written(options: dict[str, Any], curl: tuple[str, ...]) -> Question:
    """The request in the one form in which it is written."""
    from meshgen.journey import Question
    from meshgen.journey.curl import read_curl

    words: tuple[str, ...] = options["words"]
    forms = [bool(words), bool(curl), bool(options["request_json"])]
    if sum(forms) > 1 or len(words) > 1:
        left = words[-1] if words else curl[0]
        message = f"one URL is traced at a time; `{left}` is left over"
        raise click.UsageError(message)
    if curl:
        return read_curl(curl)
    if options["request_json"]:
        return _from_json(options["request_json"])
    if not words:
        message = "no request is given; write its URL, as in `meshgen trace --from shop/webapp http://catalog/items`"
        raise click.UsageError(message)
    return Question(url=words[0])


def _from_json(file: str) -> Question:
    from meshgen.journey.json_request import read_json_request

    if file == "-":
        return read_json_request(sys.stdin.buffer.read())
    try:
        return read_json_request(Path(file).read_bytes())
    except OSError as error:
        message = f"`{file}` cannot be read: {(error.strerror or str(error)).lower()}"
        raise click.UsageError(message) from error


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        message = f"`{text}` is no header; write it as in `-H 'x-cohort: internal'`"
        raise click.UsageError(message)
    return name.strip(), value.strip()


def _reaches(hop: Hop) -> bool:
    from meshgen.trace import Outcome

    return hop.decision.outcome in (Outcome.ROUTED, Outcome.DIRECT, Outcome.REDIRECT, Outcome.NEEDS_ANSWER)


def _show(result: Result, hops: tuple[Hop, ...], *, explain: bool, color: bool, as_json: bool) -> None:
    if as_json:
        from meshgen.trace import to_json

        rows: list[JsonValue] = [{"side": hop.side, "proxy": hop.proxy.id, "decision": to_json(hop.decision)} for hop in hops]
        Session(as_json=True).print_json(result.diagnostics, result.texts, {"hops": rows})
        return
    from meshgen.journey import source_line, without_alternatives
    from meshgen.report.terminal_trace import render_decision

    for hop in hops:
        decision = hop.decision if explain else without_alternatives(hop.decision)
        click.echo(click.style(f"{hop.side} {hop.proxy.id}", bold=color), color=color)
        click.echo(render_decision(decision, color=color, locate=lambda source: source_line(result, source)), color=color)
