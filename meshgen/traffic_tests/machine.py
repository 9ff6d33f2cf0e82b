"""A run of TrafficTests as JSON, and as JUnit's XML."""

from __future__ import annotations

import re
from itertools import groupby
from xml.etree import ElementTree as ET

from meshgen.journey import source_line
from meshgen.json import JsonObject, JsonValue
from meshgen.report.json import diagnostics_to_json
from meshgen.report.places import place_of
from meshgen.traffic_tests.compare import Mismatch
from meshgen.traffic_tests.coverage import Coverage
from meshgen.traffic_tests.run import Outcome, TrafficReport, Verdict
from meshgen.traffic_tests.words import curl_line, trace_line

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def report_to_json(report: TrafficReport) -> JsonObject:
    """`tests` with one object a case, and `summary`."""
    counts: JsonObject = {verdict.value: report.count(verdict) for verdict in Verdict}
    return {"tests": [_case(outcome) for outcome in report.outcomes], "summary": {**counts, "stopped": report.stopped}}


def _case(outcome: Outcome) -> JsonValue:
    where = place_of(outcome.case.origin, outcome.result.texts)
    found: JsonObject = {
        "suite": outcome.case.suite,
        "name": outcome.case.name,
        "file": where.file,
        "line": where.line,
        "verdict": outcome.verdict.value,
        "mismatches": [_mismatch(outcome, each) for each in outcome.mismatches],
        "unseen": [{"field": field, "reason": reason} for field, reason in outcome.unseen],
    }
    if outcome.case.question is not None:
        found |= {"request": curl_line(outcome.case.question), "look": trace_line(outcome.case)}
    if outcome.problem is not None:
        found["problem"] = diagnostics_to_json((outcome.problem,), outcome.result.texts)[0]
    return found


def _mismatch(outcome: Outcome, mismatch: Mismatch) -> JsonValue:
    found: JsonObject = {"field": mismatch.field, "expected": mismatch.wanted, "got": mismatch.got}
    source = mismatch.source
    if source is not None:
        made: JsonObject = {"kind": source.kind, "namespace": source.namespace, "name": source.name, "path": source.path}
        found["madeBy"] = {**made, "place": source_line(outcome.result, source)}
    return found


def coverage_to_json(coverage: Coverage) -> JsonObject:
    """`percent`, counts by kind, and all units with their places."""
    counts: JsonObject = {kind: {"reached": reached, "total": total} for kind, reached, total in coverage.counts()}
    units: list[JsonValue] = [
        {"kind": unit.kind, "file": unit.file, "line": unit.line, "reached": unit.reached, "objects": list(unit.names)}
        for unit in coverage.units
    ]
    return {"percent": round(coverage.percent, 2), "counts": counts, "units": units}


def report_to_junit(report: TrafficReport) -> bytes:
    """A test suite for each TrafficTest; failures say what was expected, what happened and the line that made it so.

    Without times: the same sources give the same bytes.
    """
    root = ET.Element("testsuites", _counts(report.outcomes))
    for suite, outcomes in groupby(report.outcomes, key=lambda outcome: outcome.case.suite):
        cases = list(outcomes)
        parent = ET.SubElement(root, "testsuite", {"name": _xml(suite), **_counts(cases)})
        for outcome in cases:
            _junit_case(parent, outcome)
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _counts(outcomes: tuple[Outcome, ...] | list[Outcome]) -> dict[str, str]:
    failed = sum(outcome.verdict is Verdict.FAILED for outcome in outcomes)
    unseen = sum(outcome.verdict is Verdict.UNSEEN for outcome in outcomes)
    broken = sum(outcome.verdict is Verdict.BROKEN for outcome in outcomes)
    return {"tests": str(len(outcomes)), "failures": str(failed), "errors": str(broken), "skipped": str(unseen)}


def _junit_case(parent: ET.Element, outcome: Outcome) -> None:
    where = place_of(outcome.case.origin, outcome.result.texts)
    attributes = {"classname": outcome.case.suite.replace("/", "."), "name": outcome.case.name, "file": where.file}
    if where.line is not None:
        attributes["line"] = str(where.line)
    case = ET.SubElement(parent, "testcase", {key: _xml(value) for key, value in attributes.items()})
    if outcome.verdict is Verdict.UNSEEN:
        ET.SubElement(case, "skipped", {"message": _xml("; ".join(sorted({reason for _, reason in outcome.unseen})))})
    if outcome.problem is not None:
        error = ET.SubElement(case, "error", {"message": _xml(outcome.problem.message), "type": outcome.problem.code.number})
        error.text = _xml(outcome.problem.help)
    if outcome.mismatches:
        first = outcome.mismatches[0]
        message = f"{first.field}: expected {first.wanted}, got {first.got}"
        failure = ET.SubElement(case, "failure", {"message": _xml(message), "type": first.field})
        failure.text = _xml("\n".join(_failure_lines(outcome)))


def _failure_lines(outcome: Outcome) -> list[str]:
    lines = []
    for mismatch in outcome.mismatches:
        made = source_line(outcome.result, mismatch.source) if mismatch.source is not None else ""
        lines.append(f"{mismatch.field}: expected {mismatch.wanted}, got {mismatch.got}" + (f" (made by {made})" if made else ""))
    if outcome.case.question is not None:
        lines += [curl_line(outcome.case.question), trace_line(outcome.case)]
    return lines


def _xml(text: str) -> str:
    """Text without the characters that XML 1.0 does not have."""
    return _NOT_XML.sub("�", text)
