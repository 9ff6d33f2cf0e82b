"""`meshgen trace`."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshgen.cli.options import cluster_option, color_option, env_option, json_option, no_python_option, project_option, use_color
from meshgen.cli.session import Session, Wanted, stop

if TYPE_CHECKING:
    from meshgen.journey import Journey, Journeys, Question
    from meshgen.pipeline import Result
    from meshgen.trace.decision import Source

EXAMPLES = """\b
Examples:
  meshgen trace --from shop/webapp http://catalog/items
  meshgen trace --from shop/webapp curl -X POST -H 'x-cohort: internal' http://catalog/items
  meshgen trace https://shop.example.com/api/items            a client outside, at the gateway
  meshgen trace --claim iss=https://id.example --claim sub=ann https://shop.example.com/
  meshgen trace -f istio-yaml/ https://shop.example.com/      no project: native Istio YAML
  echo '{"url": "http://catalog/items", "from": "shop/webapp"}' | meshgen trace --request-json -
  meshgen trace --config-dump webapp.json curl http://catalog/items      what istiod gave a proxy
  meshgen trace --admin http://127.0.0.1:15000 http://catalog/items      what a running Envoy has
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
@click.option("--sni", default=None, help="The server name in TLS, where it is not the URL's host.")
@click.option("--http", default="", metavar="VERSION", help="1.0, 1.1 (the default) or 2.")
@click.option("--to", default="", metavar="NAME", help="Of a split follow this version, in place of the biggest share.")
@click.option(
    "--config-dump", "dumps", multiple=True, metavar="FILE", help="Read a proxy's dump in place of sources; repeatable."
)
@click.option("--admin", multiple=True, metavar="URL", help="As --config-dump, from a running Envoy's admin interface.")
@click.option("--explain", is_flag=True, help="Say also what was nearly chosen, and why it was not.")
@click.option(
    "--format", "form", type=click.Choice(["tree", "json", "mermaid"]), default="tree", show_default=True, help="What is printed."
)
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
    from meshgen.journey import UnanswerableError

    form = "json" if options["as_json"] else options["form"]
    session = Session(color=options["color"], as_json=form == "json")
    try:
        question = read_question(options, context.meta[_CURL])
        journeys, result = _journeys(options, session)
        journey = journeys.follow(_for_record(question, journeys) if result is None else question)
    except UnanswerableError as error:
        raise click.UsageError(str(error)) from error
    _show(journey, result, session, form, explain=options["explain"])
    stop(0 if journey.arrives else 1)


def _journeys(options: dict[str, Any], session: Session) -> tuple[Journeys, Result | None]:
    """Journeys through the mesh that is compiled, or through recorded proxies, which have no result.

    Raises:
        UnanswerableError: for a record that cannot be read.
    """
    from meshgen.journey import Journeys
    from meshgen.journey.clusters import journeys_of

    if options["dumps"] or options["admin"]:
        from meshgen.journey.recorded import read_records

        if options["sources"]:
            message = "a trace goes through sources (`--sources`) or through what Envoys have, not through both"
            raise click.UsageError(message)
        return Journeys.over(read_records(options["dumps"], options["admin"])), None
    wanted = Wanted.of(options)
    result = wanted.compile_one()
    if result.failed:
        session.give_up((result,))
    others = replace(wanted, cluster=None).compile_each() if result.cluster else ()
    return journeys_of(result, others), result


def _for_record(question: Question, journeys: Journeys) -> Question:
    """The question with the only sidecar that was read as its caller, where it names nobody."""
    from meshgen.mesh import Role

    proxies = journeys.proxies
    if question.source or question.gateway or len(proxies) != 1 or proxies[0].role is not Role.SIDECAR:
        return question
    return replace(question, source=proxies[0].id)


def read_question(options: dict[str, Any], curl: tuple[str, ...]) -> Question:
    """The question that options, words and a curl command ask together.

    Raises:
        UnanswerableError: for a request that cannot be read, or none.
    """
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
        sni=question.sni if options["sni"] is None else options["sni"],
        http=options["http"] or question.http,
        to=options["to"] or question.to,
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


def _show(journey: Journey, result: Result | None, session: Session, form: str, *, explain: bool) -> None:
    from meshgen.journey import source_line

    def locate(source: Source) -> str:
        return source_line(result, source) if result is not None else ""

    if form == "json":
        from meshgen.journey.to_json import journey_to_json

        found, texts = (result.diagnostics, result.texts) if result is not None else ((), {})
        session.print_json(found, texts, journey_to_json(journey, locate))
    elif form == "mermaid":
        from meshgen.journey.mermaid import render_mermaid

        click.echo(render_mermaid(journey, locate))
    else:
        from meshgen.journey.render import render_journey

        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        color = use_color(session.color, sys.stdout)
        click.echo(render_journey(journey, explain=explain, color=color, locate=locate, width=width), color=color)
