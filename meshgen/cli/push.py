"""`meshgen push`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshgen.cli.options import color_option, json_option, quiet_option
from meshgen.cli.session import Session, exit_code, stop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meshgen.deliver.admin import Admin
    from meshgen.deliver.push import Pushed
    from meshgen.json import JsonValue

EXAMPLES = """\b
Examples:
  meshgen compile --target envoy
  meshgen push out/envoy/shop/webapp --into /etc/meshgen/envoy/shop/webapp
  meshgen push build/edge --into /etc/envoy/edge --admin 127.0.0.1:15000 --wait 2m
"""


class _Seconds(click.ParamType):  # type: ignore[type-arg] # it is no generic in older releases of click
    """A duration, as `30s`, `2m` or `500ms`."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from meshgen.values import SECOND, parse_duration

        try:
            return parse_duration(str(value)) / SECOND
        except ValueError:
            self.fail(f"`{value}` is no duration; write it as `30s` or `2m`", param, ctx)


@click.command(epilog=EXAMPLES)
@click.argument("source", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--into",
    "directory",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The directory that Envoy watches.",
)
@click.option(
    "--admin",
    "addresses",
    multiple=True,
    metavar="HOST:PORT",
    help="Envoy's admin interface, by default the bootstrap's; may be repeated.",
)
@click.option("--wait", type=_Seconds(), default="30s", show_default=True, help="How long each wave may take.")
@click.option("--pause", type=_Seconds(), default="2s", show_default=True, help="Between waves, where no Envoy can be asked.")
@click.option("--force", is_flag=True, help="Overwrite files of meshgen's own that somebody edited.")
@quiet_option
@color_option
@json_option
def command(
    source: Path,
    directory: Path,
    addresses: tuple[str, ...],
    wait: float,
    pause: float,
    force: bool,
    color: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Bring compiled files to a running Envoy without losing a request.

    SOURCE is the directory of one proxy, as `meshgen compile` writes it with `delivery: filesystem`. Its files are written wave
    by wave (clusters, routes, listeners, what goes), each when Envoy has taken the one before. Files of others are not touched,
    and a push that was interrupted is healed by the next one.
    """
    session = Session(color=color, quiet=quiet, as_json=as_json)
    from meshgen.deliver.push import Pushed, Watch, push, read_source

    files, found = read_source(source)
    admins = _admins(addresses, source, directory) if not found else ()
    done = (
        Pushed(diagnostics=[*found])
        if found
        else push(files, directory, Watch(admins=admins, wait=wait, pause=pause), force=force)
    )
    session.report(done.diagnostics, {})
    for wave, paths in done.waves:
        session.say(f"{wave.label}: {', '.join(paths[:3])}{f' and {len(paths) - 3} more' if len(paths) > 3 else ''}")
    if not (done.waves or exit_code(done.diagnostics)):
        session.say(f"{directory}: nothing to change")
    if as_json:
        session.print_json(done.diagnostics, {}, _rows(done, directory))
    stop(exit_code(done.diagnostics))


def _admins(addresses: tuple[str, ...], source: Path, directory: Path) -> Sequence[Admin]:
    """Whom to ask: the addresses given, else what the running Envoy's bootstrap opens, else what the new one does."""
    from meshgen.deliver.admin import admin_of, parse_admin
    from meshgen.deliver.push import read_bootstrap

    try:
        given = [parse_admin(address) for address in addresses]
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    known = admin_of(read_bootstrap(directory) or read_bootstrap(source))
    return given or ([known] if known else [])


def _rows(done: Pushed, directory: Path) -> Mapping[str, JsonValue]:
    return {"directory": str(directory), "waves": [{"wave": wave.label, "files": [*paths]} for wave, paths in done.waves]}
