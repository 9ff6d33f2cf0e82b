"""Everything as JSON with keys that stay: new keys may come, none changes its meaning or goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import orjson

from meshgen.diagnostics import Diagnostic, Origin
from meshgen.diff.changes import Absent, Changes, FieldChange, MaybeJson, ObjectChange
from meshgen.diff.content import content
from meshgen.diff.findings import Finding
from meshgen.diff.impact import Impact
from meshgen.json import JsonObject, JsonValue
from meshgen.report.fields import path_of
from meshgen.report.places import Place, Texts, place_of, places_in_order
from meshgen.trace import Request
from meshgen.trace import to_json as decision_to_json

__all__ = ["changes_to_json", "decision_to_json", "diagnostics_to_json", "impact_to_json", "render_json", "request_to_json"]


def render_json(value: JsonValue | Mapping[str, JsonValue]) -> bytes:
    """Indented UTF-8 with a line break at the end, keys in the order given."""
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # what orjson has no form for: integers beyond 64 bits, lone surrogates
        return content(dict(value) if isinstance(value, Mapping) else value) + b"\n"


def diagnostics_to_json(diagnostics: Iterable[Diagnostic], texts: Mapping[str, bytes]) -> list[JsonValue]:
    """One object a finding, in the order of their lines."""
    return [_diagnostic(each, place, texts) for each, place in places_in_order(diagnostics, texts)]


def _diagnostic(diagnostic: Diagnostic, place: Place, texts: Texts) -> JsonValue:
    found: JsonObject = {
        "code": diagnostic.code.number,
        "slug": diagnostic.code.slug,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "label": diagnostic.label,
        "help": diagnostic.help,
        "place": _place(diagnostic.origin, place),
        "related": [
            {"note": each.note, "place": _place(each.origin, place_of(each.origin, texts))} for each in diagnostic.related
        ],
        "sameAs": list(diagnostic.code.same_as),
    }
    return {key: value for key, value in found.items() if value not in ("", [], {})}


def _place(origin: Origin, place: Place) -> JsonObject:
    """File, line and column counted from 1 (`endColumn` is the one behind), document from 0, and the JSON path as text."""
    found: JsonObject = {
        "file": place.file,
        "document": origin.document,
        "line": place.line,
        "column": place.column,
        "endColumn": place.end_column,
        "path": place.path,
    }
    return {key: value for key, value in found.items() if value not in (None, "")} if place.file else {}


def changes_to_json(changes: Changes, texts: Mapping[str, bytes] | None = None) -> JsonObject:
    """Objects by what became of them, each sorted by key."""
    known = texts or {}
    return {
        "added": [_object(each, known) for each in changes.added],
        "removed": [_object(each, known) for each in changes.removed],
        "changed": [_object(each, known) for each in changes.changed],
        "meansSomething": changes.means_something,
    }


def _object(change: ObjectChange, texts: Texts) -> JsonObject:
    key = change.key
    found: JsonObject = {"group": key.group, "kind": key.kind, "namespace": key.namespace, "name": key.name}
    if place := _place(change.origin, place_of(change.origin, texts)):
        found["place"] = place
    if change.fields:
        return {**found, "fields": [_field(each, texts) for each in change.fields]}
    return {**found, "object": change.after if change.before is None else change.before}


def _field(field: FieldChange, texts: Texts) -> JsonObject:
    found: JsonObject = {"kind": field.kind.value, "path": list(field.path), "name": path_of(field)}
    for side, value in (("before", field.before), ("after", field.after)):
        if not isinstance(value, Absent):
            found[side] = _value(value)
    place = _place(field.origin, place_of(field.origin, texts))
    return {**found, "place": place} if place else found


def _value(value: MaybeJson) -> JsonValue:
    return None if isinstance(value, Absent) else value


def impact_to_json(impact: Impact) -> JsonObject:
    """The sentences with their witnesses, and what they rest on."""
    return {
        "sentences": list(impact.sentences),
        "findings": [_finding(each) for each in impact.findings],
        "proxies": impact.proxies,
        "classes": impact.classes,
        "sampled": list(impact.sampled),
        "gaveUp": impact.gave_up,
        "onlyBefore": list(impact.only_before),
        "onlyAfter": list(impact.only_after),
        "meanings": dict(impact.meanings),
        "reach": impact.reach,
    }


def _finding(finding: Finding) -> JsonObject:
    witness = finding.witness
    return {
        "kind": finding.kind.value,
        "text": finding.text,
        "hosts": list(finding.hosts),
        "callers": list(finding.callers),
        "proxies": list(finding.proxies),
        "witness": {
            "proxy": witness.proxy,
            "command": witness.command or None,
            "way": {
                side: [{"at": place, "ends": ending} for place, ending in way]
                for side, way in zip(("before", "after"), witness.way, strict=True)
            },
            "request": request_to_json(witness.request),
            "before": decision_to_json(witness.before),
            "after": decision_to_json(witness.after),
        },
    }


def request_to_json(request: Request) -> JsonObject:
    """What was sent; what a plain request does not have is left out."""
    found: JsonObject = {
        "method": request.method,
        "host": request.host,
        "path": request.path,
        "headers": [[name, value] for name, value in request.headers],
        "port": request.port,
        "address": request.address,
        "capture": request.capture.value,
        "protocol": request.protocol,
        "tls": request.tls,
        "sni": request.sni,
        "principal": request.principal,
        "sourceIp": request.source_ip,
    }
    return {key: value for key, value in found.items() if value not in (None, "", [])}
