"""The golden runner: one folder is one case.

`case.toml` says what the case is about and what it asserts; `in/` holds the sources (or `source` names another folder); the
outputs stand beside it: `istio.yaml`, `deliver/…`, `envoy/<namespace>/<proxy>/<kind>.json`, `diagnostics.txt`, `trace.txt`,
`tests.txt` (TrafficTests and what they reach), `recorded.yaml` (those that `meshgen test --record` proposes), `query.txt` (what
`meshgen query --all` answers), and of an adoption of the sources `adopt.yaml` and `adopt.txt`; for a mesh of several clusters
`istio/<cluster>.yaml` and `envoy/<cluster>/…`. An output that no case asks for, and a case that asserts nothing, fail.

    description = "a canary takes 10% of every rule that names its version"
    outputs = ["istio", "deliver", "diagnostics", "envoy", "trace", "tests", "query", "adopt"]
    proxies = ["shop/webapp"]               # for envoy; all by default
    envoy = ["routes"]                      # bootstrap, listeners, routes, clusters, endpoints; all by default
    trace = [["--from", "shop/webapp", "http://catalog/items"]]
    query = ["who can call payments?", "reach webapp"]

Usage: python -m meshgen.testing.golden [--update] DIRECTORY…
"""

from __future__ import annotations

import difflib
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from meshgen.testing.lesson import README

OUTPUTS = ("istio", "deliver", "diagnostics", "envoy", "trace", "adopt", "tests", "record", "query", "lesson")
ENVOY_KINDS = ("bootstrap", "listeners", "routes", "clusters", "endpoints")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case folder."""

    directory: Path
    description: str
    source: Path
    outputs: tuple[str, ...]
    environment: str
    proxies: tuple[str, ...]
    envoy: tuple[str, ...]
    trace: tuple[tuple[str, ...], ...]
    query: tuple[str, ...] = ()


def find_cases(root: Path) -> tuple[Path, ...]:
    """The folders below (or at) `root` that hold a case.toml, sorted."""
    return tuple(sorted(path.parent for path in root.rglob("case.toml")))


def read_case(directory: Path) -> Case:
    """Reads a case.toml.

    Raises:
        ValueError: where it does not say what it must.
    """
    settings: dict[str, Any] = tomllib.loads((directory / "case.toml").read_text())
    unknown = settings.keys() - {"description", "source", "outputs", "environment", "proxies", "envoy", "trace", "query"}
    outputs = tuple(settings.get("outputs", ()))
    problems = [f"unknown setting `{name}`" for name in sorted(unknown)]
    problems += [f"unknown output `{name}`" for name in outputs if name not in OUTPUTS]
    problems += [f"unknown kind `{name}` of Envoy resource" for name in settings.get("envoy", ()) if name not in ENVOY_KINDS]
    if not settings.get("description"):
        problems.append("`description` is missing")
    if not outputs:
        problems.append("`outputs` is empty: the case asserts nothing")
    source = directory / settings.get("source", "in")
    if not source.is_dir():
        problems.append(f"there is no folder `{settings.get('source', 'in')}`")
    if problems:
        message = f"{directory}/case.toml: {'; '.join(problems)}"
        raise ValueError(message)
    return Case(
        directory=directory,
        description=settings["description"],
        source=source,
        outputs=outputs,
        environment=settings.get("environment", ""),
        proxies=tuple(settings.get("proxies", ())),
        envoy=tuple(settings.get("envoy", ENVOY_KINDS)),
        trace=tuple(tuple(arguments) for arguments in settings.get("trace", ())),
        query=tuple(settings.get("query", ())),
    )


def render(case: Case) -> dict[str, bytes]:
    """What the case's sources give now: path beside case.toml → bytes."""
    from meshgen.testing.outputs import render_outputs  # noqa: PLC0415 (a broken case.toml is told without a compile)

    return render_outputs(case)


def stored(case: Case) -> dict[str, bytes]:
    """What the case's folder holds: path → bytes."""
    names = (
        "istio.yaml",
        "diagnostics.txt",
        "trace.txt",
        "adopt.yaml",
        "adopt.txt",
        "tests.txt",
        "query.txt",
        "recorded.yaml",
        *((README,) if "lesson" in case.outputs else ()),
    )
    files = [path for name in names if (path := case.directory / name).is_file()]
    files += [path for name in ("envoy", "deliver", "istio") for path in (case.directory / name).rglob("*") if path.is_file()]
    return {path.relative_to(case.directory).as_posix(): path.read_bytes() for path in files}


def differences(want: Mapping[str, bytes], got: Mapping[str, bytes]) -> Iterator[str]:
    """Unified diffs from the stored outputs to the present ones, in the order of their paths."""
    for path in sorted(want.keys() | got.keys()):
        before, after = want.get(path, b"").decode(), got.get(path, b"").decode()
        if path not in want or path not in got or before != after:
            lines = difflib.unified_diff(before.splitlines(), after.splitlines(), f"stored/{path}", f"now/{path}", lineterm="")
            yield "\n".join(lines) or f"{path}: {'not stored' if path not in want else 'no longer given'}"


def update(case: Case, got: Mapping[str, bytes]) -> None:
    """Writes the present outputs and removes what is no longer given."""
    for path in stored(case).keys() - got.keys():
        (case.directory / path).unlink()
    for path, content in got.items():
        target = case.directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def main(arguments: list[str]) -> int:
    """Compares, or with --update writes; 0 where all is as stored, 1 where not, 2 where a case cannot be read."""
    updating = "--update" in arguments
    if updating and os.environ.get("CI"):
        click.echo("goldens are not updated under CI: run `make golden` and look at the diff", err=True)
        return 2
    roots = [Path(argument) for argument in arguments if not argument.startswith("--")]
    status, count = 0, 0
    for directory in (case for root in roots for case in find_cases(root)):
        count += 1
        try:
            case = read_case(directory)
        except (ValueError, OSError) as error:
            click.echo(error, err=True)
            status = 2
            continue
        got = render(case)
        changes = list(differences(stored(case), got))
        if changes:
            click.echo(f"{directory}\n" + "\n".join(changes))
            status = max(status, 0 if updating else 1)
        if updating:
            update(case, got)
    verdict = "all current" if status == 0 else "not all current: look above, and run `make golden` to accept"
    click.echo(f"{count} golden cases, {verdict}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
