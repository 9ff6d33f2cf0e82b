"""`meshgen serve`."""

from __future__ import annotations

import ipaddress
import os
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshgen.cli.options import compile_options
from meshgen.cli.session import CANNOT_RUN, Session, Wanted, project_root, stop
from meshgen.diagnostics import suggest
from meshgen.json import JsonObject

if TYPE_CHECKING:
    from meshgen.load.project import EnvoyOutput
    from meshgen.mesh import Proxy
    from meshgen.pipeline import Result
    from meshgen.serve.service import Event
    from meshgen.serve.watch import Seen

ADDRESS, PORT = "127.0.0.1", 18000
SHOWN = 5  # proxies whose start is spelled out
PACKAGES = {"grpcio": "grpc", "xds-protos": "envoy"}

EXAMPLES = """\b
Examples:
  meshgen serve                                     all proxies of the project, on 127.0.0.1:18000
  meshgen serve --proxy shop/webapp --port 19000
  envoy --disable-hot-restart --config-yaml "$(meshgen serve --print-bootstrap shop/webapp)"
"""


@click.command(epilog=EXAMPLES)
@click.option("-p", "--proxy", "proxies", multiple=True, metavar="NAMESPACE/NAME", help="Only this proxy; may be repeated.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: one that is free.")
@click.option("--address", default=ADDRESS, show_default=True, help="A loopback address; no other is taken.")
@click.option("--print-bootstrap", "printed", metavar="NAMESPACE/NAME", help="Print this proxy's bootstrap and end.")
@click.option(
    "--api-type",
    type=click.Choice(["DELTA_GRPC", "GRPC"]),
    default="DELTA_GRPC",
    show_default=True,
    help="Of the printed bootstrap; the server speaks both.",
)
@click.option("--admin-port", type=click.IntRange(0, 65535), help="Of the printed bootstrap; 0 for no admin interface.")
@click.option(
    "--interval", type=click.FloatRange(0.01, 60), default=0.1, show_default=True, help="Seconds between looks at the sources."
)
@compile_options
def command(
    proxies: tuple[str, ...],
    port: int,
    address: str,
    printed: str | None,
    api_type: str,
    admin_port: int | None,
    interval: float,
    environment: str | None,
    cluster: str | None,
    directory: Path | None,
    no_python: bool,
    color: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Serve the project's proxies to Envoys on this machine over ADS, and follow the sources.

    For one developer's machine: each save is compiled and sent, in an order that loses no request; a broken source is said and
    changes nothing; what an Envoy refuses is said with the line that made it. Both forms of the protocol are spoken.
    """
    session = Session(color=color, quiet=quiet, as_json=as_json)
    _require_loopback(address)
    wanted = Wanted(directory=directory, environment=environment, cluster=cluster, python=not no_python)
    place = Place(address=address, port=port, options=_options(wanted))
    if printed is not None:
        result = _compiled(session, wanted)
        _print_bootstrap(result, _proxy(result, printed), place, (api_type, admin_port))
        return
    _require_packages()
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what it would log is said in our own words
    from meshgen.serve.watch import look

    root = project_root(directory)
    wanted = replace(wanted, directory=root)  # it stays this one, even while its project file is gone
    seen = look(root)
    result = _compiled(session, wanted)
    for name in proxies:
        _proxy(result, name)
    _serve(Run(session=session, wanted=wanted, place=place, proxies=frozenset(proxies)), result, (root, seen, interval))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where is served, and the options that lead another run to the same project."""

    address: str
    port: int
    options: tuple[str, ...]

    @property
    def text(self) -> str:
        """As people write an address."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    def start(self, proxy: str, *, has_admin: bool) -> str:
        """The line that starts a proxy's Envoy; only the first has the project's admin port, which the others would lack."""
        options = [*self.options]
        options += ["--port", str(self.port)] if self.port != PORT else []
        options += ["--address", self.address] if self.address != ADDRESS else []
        options += [] if has_admin else ["--admin-port", "0"]
        asked = shlex.join(["meshgen", "serve", *options, "--print-bootstrap", proxy])
        return f'envoy --disable-hot-restart --config-yaml "$({asked})"'


def _options(wanted: Wanted) -> tuple[str, ...]:
    given = {"-C": str(wanted.directory or ""), "--env": wanted.environment, "--cluster": wanted.cluster}
    found = [word for option, value in given.items() if value for word in (option, value)]
    return (*found, *(() if wanted.python else ("--no-python",)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run of the server."""

    session: Session
    wanted: Wanted
    place: Place
    proxies: frozenset[str]  # those that are served; all where it is empty

    def say(self, event: Event) -> None:
        """What happens, as it happens: a line of JSON, or a line and the findings for people."""
        if self.session.as_json:
            from meshgen.report.json import diagnostics_to_json

            found: JsonObject = {"event": event.name, "proxy": event.proxy, "message": event.message, **event.more}
            found["diagnostics"] = diagnostics_to_json(event.diagnostics, event.texts)
            click.echo(_line({key: value for key, value in found.items() if value not in ("", [])}))
            return
        if event.message:
            self.session.say(event.message)
        self.session.report(event.diagnostics, event.texts)

    def compile_again(self) -> Result:
        """The project as it is now."""
        from meshgen.clusters import findings

        results = self.wanted.compile_each()
        return replace(results[0], diagnostics=findings(results))

    def ready(self, result: Result, port: int) -> None:
        """Says where is served, and how Envoys are started."""
        names = sorted(self.proxies or {proxy.id for proxy in result.output_proxies})
        where = Place(address=self.place.address, port=port, options=self.place.options)
        if self.session.as_json:
            click.echo(_line({"event": "listening", "address": where.address, "port": port, "proxies": [*names]}))
            return
        self.session.say(f"serving {len(names)} {'proxy' if len(names) == 1 else 'proxies'} on {where.text}; start an Envoy with")
        for index, name in enumerate(names[:SHOWN]):
            self.session.say("  " + where.start(name, has_admin=index == 0))
        if len(names) > SHOWN:
            self.session.say(f"  and so for {len(names) - SHOWN} more: {', '.join(names[SHOWN : 2 * SHOWN])} …")


def _serve(run: Run, result: Result, watched: tuple[Path, Seen, float]) -> None:
    import asyncio

    from meshgen.serve.server import PortInUseError, Sources, serve
    from meshgen.serve.service import Service

    run.session.report(result.diagnostics, result.texts)
    root, seen, interval = watched
    output = _output(result)
    service = Service(result, run.say, run.proxies, output.certificates)
    sources = Sources(root=root, seen=seen, compile_again=run.compile_again, interval=interval)
    try:
        asyncio.run(serve(service, sources, run.place.address, run.place.port, lambda port: run.ready(result, port)))
    except PortInUseError as error:
        click.echo(
            f"meshgen cannot serve on {error}: something else does; choose another with --port, or 0 for a free one", err=True
        )
        stop(CANNOT_RUN)
    run.session.say("stopped")


def _line(value: JsonObject) -> str:
    import orjson

    return orjson.dumps(value).decode()


def _output(result: Result) -> EnvoyOutput:
    from meshgen.load.project import EnvoyOutput

    return (result.project.outputs.envoy if result.project is not None else None) or EnvoyOutput()


def _compiled(session: Session, wanted: Wanted) -> Result:
    """The project, compiled; a run without one that compiles ends here."""
    results = wanted.compile_each()
    if any(result.failed or result.project is None for result in results):
        session.give_up(results)
    if len(results) > 1:
        message = f"one cluster is served at a time; name it with --cluster: {', '.join(result.cluster for result in results)}"
        raise click.UsageError(message)
    return results[0]


def _proxy(result: Result, name: str) -> Proxy:
    known = {proxy.id: proxy for proxy in result.output_proxies}
    if name not in known:
        message = f"there is no proxy `{name}`; {suggest(name, known)}"
        raise click.UsageError(message)
    return known[name]


def _print_bootstrap(result: Result, proxy: Proxy, place: Place, form: tuple[str, int | None]) -> None:
    from meshgen.emit.envoy.ads import ControlPlane, ads_bootstrap
    from meshgen.emit.envoy.bootstrap import BootstrapOptions
    from meshgen.emit.envoy.custom_bootstrap import custom_bootstrap
    from meshgen.emit.envoy.delivery import render

    api_type, admin_port = form
    output = _output(result)
    port = output.admin_port if admin_port is None else admin_port
    plane = ControlPlane(address=place.address, port=place.port, api_type=api_type)
    extra, _ = custom_bootstrap(result.mesh, proxy)
    options = BootstrapOptions(certificates=output.certificates, admin_port=port or -1)
    sys.stdout.buffer.write(render(ads_bootstrap(proxy, plane, extra, options=options)))


def _require_loopback(address: str) -> None:
    try:
        fine = ipaddress.ip_address(address).is_loopback
    except ValueError:
        fine = False
    if not fine:
        message = (
            f"`{address}` is no loopback address, and whoever reaches this server gets every proxy's configuration; "
            "take 127.0.0.1 or ::1, and for a fleet a control plane of its own (docs/serve.md)"
        )
        raise click.UsageError(message)


def _require_packages() -> None:
    import importlib.util

    missing = [package for package, module in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing:
        message = f"`meshgen serve` needs {' and '.join(missing)}: pip install 'meshgen[serve]'"
        raise click.UsageError(message)
