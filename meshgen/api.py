"""The stages for programs: load, compile, check, diff, trace, test, adopt. `from meshgen import compile_project` and so on.

Each function is the stage of its name with the arguments that a program has; nothing here decides. The names say what they
work on because `meshgen.check`, `meshgen.diff`, `meshgen.load` and `meshgen.trace` are rooms of this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from meshgen import journey, pipeline
from meshgen.adopt import project as adoption
from meshgen.adopt.project import AdoptionResult
from meshgen.clusters import findings
from meshgen.compare import Comparison, compare
from meshgen.diagnostics import Diagnostic
from meshgen.journey import Hop, Question
from meshgen.load.load import Loaded, Options, load
from meshgen.pipeline import Result
from meshgen.traffic_tests import run as traffic_tests
from meshgen.traffic_tests.run import TrafficReport


def load_project(
    root: Path | str = ".", *, environment: str | None = None, revision: str | None = None, python: bool = True
) -> tuple[Loaded, tuple[Diagnostic, ...]]:
    """The documents of the project in the directory `root`, each with its origin, and what is wrong with them.

    `environment` is one of the project's, `revision` a git revision in place of the work tree; without `python`, Python sources
    are refused. Nothing is raised for what stands in the sources.
    """
    return load(Path(root), Options(environment=environment, revision=revision, python=python))


def compile_project(
    root: Path | str = ".",
    *,
    environment: str | None = None,
    revision: str | None = None,
    cluster: str | None = None,
    python: bool = True,
) -> Result:
    """The Istio artifacts, the mesh, its proxies and every finding of the project in `root`; arguments as of `load_project`.

    `cluster` is one of the Mesh's, and must be named where it has several. `Result.failed` says whether an error forbids output.
    Nothing is written.
    """
    options = Options(environment=environment, revision=revision, cluster=cluster, python=python)
    return pipeline.compile_project(Path(root), options)


def compile_clusters(
    root: Path | str = ".", *, environment: str | None = None, revision: str | None = None, python: bool = True
) -> tuple[Result, ...]:
    """What `compile_project` gives, for each cluster of the Mesh, by name (`Result.cluster`); one for a mesh without clusters."""
    return pipeline.compile_clusters(Path(root), Options(environment=environment, revision=revision, python=python))


def check_project(
    root: Path | str = ".", *, environment: str | None = None, revision: str | None = None, python: bool = True
) -> tuple[Diagnostic, ...]:
    """What is wrong with the project in `root`, by place, severity and code; arguments as of `load_project`.

    A finding of one of several clusters says so.
    """
    return findings(compile_clusters(root, environment=environment, revision=revision, python=python))


def adopt_project(
    root: Path | str = ".", *, environment: str | None = None, revision: str | None = None, python: bool = True
) -> AdoptionResult:
    """The native Istio objects of the project in `root` as intent, and what stays native and why; arguments as of `load_project`.

    Nothing is written; `AdoptionResult.adoption` has the documents.
    """
    return adoption.adopt_project(Path(root), Options(environment=environment, revision=revision, python=python))


def diff_projects(before: Result, after: Result, *, traffic: bool = True) -> Comparison:
    """What differs between two compiles, field by field; with `traffic`, also for requests at every proxy."""
    return compare(before, after, traffic=traffic)


def trace_request(
    result: Result,
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    source: str = "",
    gateway: str = "",
    client_certificate: str = "",
) -> tuple[Hop, ...]:
    """A request's way from proxy to proxy, each with its `Decision`.

    `source` is the caller's proxy (`shop/webapp`); without it the client is outside of the mesh and arrives at a gateway, which
    `gateway` names where several serve the host. `client_certificate` is the SPIFFE identity that such a client presents.

    Raises:
        UnanswerableError: for an unknown caller, gateway or scheme, with the nearest name.

    `Journeys(result.mesh, result.proxies).ask(Question(…))` asks for more, and answers many questions over one mesh quickly.
    """
    question = Question(
        url=url,
        method=method,
        headers=tuple((headers or {}).items()),
        source=source,
        gateway=gateway,
        client_certificate=client_certificate,
    )
    return journey.ask(result.mesh, result.proxies, question)


def run_traffic_tests(*results: Result) -> TrafficReport:
    """The TrafficTests of compiled meshes, run on the simulator: `report.exit_code` is 0 where all pass.

    `report.outcomes` has each with its verdict and what was expected and happened; `report.text` is what people read.
    """
    return traffic_tests.run(results)
