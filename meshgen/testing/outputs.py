"""What a golden case's sources give, as the files that the case stores."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from meshgen.clusters import findings
from meshgen.emit.envoy.bootstrap import filesystem_bootstrap
from meshgen.emit.envoy.delivery import render
from meshgen.emit.istio.yaml_writer import dump_documents
from meshgen.journey import Question, UnanswerableError, source_line
from meshgen.journey.clusters import journeys_of
from meshgen.journey.curl import read_curl
from meshgen.journey.render import render_journey
from meshgen.journey.tokens import claims_of
from meshgen.json import JsonValue
from meshgen.load.load import Options
from meshgen.load.project import PROJECT_FILE, IstioOutput, Project, Source
from meshgen.outputs import config_map_trees, delivery_tree, envoy_tree
from meshgen.pipeline import Result, compile_clusters, envoy_snapshots
from meshgen.report.terminal import render_diagnostics
from meshgen.testing.golden import Case
from meshgen.testing.lesson import README, render_lesson

ROOT = "/etc/meshgen/envoy"
"""Where the files of a case's proxies are said to be, whatever machine compiles it."""


def compile_case(case: Case) -> Result:
    """Compiles the case's project, or all sources of its folder where that has no project file; of several clusters the first."""
    return compile_case_clusters(case)[0]


def compile_case_clusters(case: Case) -> tuple[Result, ...]:
    """As `compile_case`, for each cluster of the case's Mesh."""
    return compile_clusters(case.source, _options(case))


def _options(case: Case) -> Options:
    has_project = (case.source / PROJECT_FILE).is_file()
    project = None if has_project else Project(sources=[Source(path="")])
    return Options(environment=case.environment or None, project=project)


def render_outputs(case: Case) -> dict[str, bytes]:
    """The outputs that the case asks for: path beside case.toml → bytes."""
    results = compile_case_clusters(case)
    files: dict[str, bytes] = {}
    for result in results:
        if "istio" in case.outputs:
            name = f"istio/{result.cluster}.yaml" if result.cluster else "istio.yaml"
            files[name] = dump_documents([artifact.object for artifact in result.artifacts])
        if "deliver" in case.outputs:
            files |= _deliver(result)
        if "envoy" in case.outputs:
            files |= dict(_envoy(case, result))
    return files | _of_all(case, results)


def _of_all(case: Case, results: Sequence[Result]) -> dict[str, bytes]:
    """What is said once, whatever the clusters."""
    files: dict[str, bytes] = {}
    if "diagnostics" in case.outputs:
        text = render_diagnostics(findings(results), results[0].texts, color=False)
        files["diagnostics.txt"] = (text.rstrip() or "no findings").encode() + b"\n"
    if "adopt" in case.outputs:
        files |= _adopted(case)
    files |= _tests(case, results)
    if "query" in case.outputs:
        files["query.txt"] = _answers(case, results[0])
    if "trace" in case.outputs:
        files["trace.txt"] = ("\n".join(_trace(case, results)) + "\n").encode()
    if "lesson" in case.outputs:
        files[README] = render_lesson(case.directory)
    return files


def _deliver(result: Result) -> dict[str, bytes]:
    """What stands beside the tree of objects: values for Helm, objects of Argo CD and Flux, files for people and machines."""
    output = (result.project.outputs.istio if result.project is not None else None) or IstioOutput()
    tree, _ = delivery_tree(result, output, Path("deliver"))
    return {f"deliver/{path}": content for path, content in tree.files.items()} if tree is not None else {}


def _adopted(case: Case) -> dict[str, bytes]:
    """The intent that the native objects become with what stays native, and the report, as `meshgen adopt` prints them."""
    from meshgen.adopt.project import adopt_project  # noqa: PLC0415 (only where a case asks for it)
    from meshgen.adopt.report import render_adoption  # noqa: PLC0415 (as above)

    result = adopt_project(case.source, _options(case))
    found = render_diagnostics(result.diagnostics, result.texts, color=False)
    report = "" if result.failed else render_adoption(result.adoption, result.texts)
    files = {"adopt.txt": (found + report).encode()}
    if result.adoption.intents or result.adoption.left:
        files["adopt.yaml"] = dump_documents(list(result.adoption.documents()))
    return files


def _answers(case: Case, result: Result) -> bytes:
    """Questions and their answers, with those for whom nothing holds."""
    from meshgen.query import answer, read_question  # noqa: PLC0415 (only where a case asks for it)
    from meshgen.query.render import render_table  # noqa: PLC0415 (as above)
    from meshgen.query.scene import Scene  # noqa: PLC0415 (as above)

    scene = Scene(result)
    texts = []
    for question in case.query:
        try:
            texts.append(render_table(answer(scene, read_question([question])), with_refusals=True))
        except UnanswerableError as error:
            texts.append(f"{question}\n{error}\n")
    return "\n".join(texts).encode()


def _tests(case: Case, results: Sequence[Result]) -> dict[str, bytes]:
    """What `meshgen test --verbose --coverage` and `meshgen test --record` print."""
    files: dict[str, bytes] = {}
    if "tests" in case.outputs:
        from meshgen.traffic_tests.coverage import coverage  # noqa: PLC0415 (only where a case asks for it)
        from meshgen.traffic_tests.report import render_coverage, render_report  # noqa: PLC0415 (as above)
        from meshgen.traffic_tests.run import run  # noqa: PLC0415 (as above)

        report = run(results)
        said = f"{render_report(report, verbose=True)}\n{render_coverage(coverage(results, report))}\n"
        files["tests.txt"] = said.encode()
    if "record" in case.outputs:
        from meshgen.traffic_tests.record.propose import propose  # noqa: PLC0415 (only where a case asks for it)
        from meshgen.traffic_tests.record.write import document_text  # noqa: PLC0415 (as above)

        files["recorded.yaml"] = document_text(propose(results[0]))
    return files


def _envoy(case: Case, result: Result) -> Iterator[tuple[str, bytes]]:
    chosen = [proxy for proxy in result.proxies if not case.proxies or proxy.id in case.proxies]
    output = result.project.outputs.envoy if result.project is not None else None
    if output is not None and output.ads is not None and not result.failed:
        tree, _ = envoy_tree(result, output, Path("envoy"), chosen)
        yield from ((f"envoy/{path}", content) for path, content in tree.files.items())
        return
    if output is not None and output.delivery == "configmap" and not result.failed:
        trees, _ = config_map_trees(result, output, Path("envoy/config-maps"), chosen, lambda _path: None)
        yield from ((f"{tree.directory}/{path}", content) for tree in trees for path, content in tree.files.items())
        return
    snapshots, _ = envoy_snapshots(result.mesh, chosen) if not result.failed else ((), ())
    for snapshot in snapshots:
        place = Path("envoy") / result.cluster / snapshot.proxy.namespace / snapshot.proxy.name
        if "bootstrap" in case.envoy:
            yield f"{place}/bootstrap.json", render(filesystem_bootstrap(snapshot, f"{ROOT}/{snapshot.proxy.id}"))
        for kind in (kind for kind in case.envoy if kind != "bootstrap"):
            resources: list[JsonValue] = list(getattr(snapshot, kind))
            yield f"{place}/{kind}.json", render({kind: resources})


def _trace(case: Case, results: Sequence[Result]) -> Iterator[str]:
    by_cluster = {result.cluster: (result, journeys_of(result, results)) for result in results}
    for arguments in case.trace:
        cluster = arguments[arguments.index("--cluster") + 1] if "--cluster" in arguments else results[0].cluster
        result, journeys = by_cluster[cluster]
        yield f"$ meshgen trace {shlex.join(arguments)}"
        try:
            journey = journeys.follow(_question(arguments))
        except UnanswerableError as error:
            yield str(error)
            continue
        yield render_journey(journey, explain="--explain" in arguments, locate=partial(source_line, result))


def _question(arguments: tuple[str, ...]) -> Question:
    """As `meshgen trace` takes them: the options of `_OPTIONS`, -H and --claim, and the URL or a curl command."""
    curl = arguments.index("curl") if "curl" in arguments else len(arguments)
    options = dict(_OPTIONS)
    headers: list[tuple[str, str]] = []
    claims: list[str] = []
    url, rest = "", iter(arguments[:curl])
    for argument in rest:
        if argument == "-H":
            name, _, value = next(rest).partition(":")
            headers.append((name.strip(), value.strip()))
        elif argument == "--claim":
            claims.append(next(rest))
        elif argument in options:
            options[argument] = next(rest)
        elif argument != "--explain":
            url = argument
    read = read_curl(arguments[curl:]) if curl < len(arguments) else Question(url=url)
    return replace(
        read,
        method=options["-X"] or read.method,
        headers=(*read.headers, *headers),
        source=options["--from"],
        gateway=options["--gateway"],
        to=options["--to"],
        remote_address=options["--remote-address"],
        claims=(claims_of(claims),) if claims else (),
    )


_OPTIONS = {"--from": "", "--gateway": "", "--cluster": "", "--to": "", "-X": "", "--remote-address": ""}
