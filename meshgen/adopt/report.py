"""What became of the native objects, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshgen.adopt.adopt import Adopted, Adoption
from meshgen.adopt.reader import Native
from meshgen.json import JsonObject, JsonValue
from meshgen.report.places import place_of
from meshgen.report.printable import printable

Texts = Mapping[str, bytes]


def render_adoption(adoption: Adoption, texts: Texts) -> str:
    """The share that became intent, a table by kind, and every object that did not with its place and the reason."""
    lines = [_headline(adoption), ""]
    lines += _table(adoption)
    if adoption.mesh is not None:
        lines += ["", "istiod's MeshConfig is a Mesh now: with it the ConfigMap counts no more, and may leave the sources"]
    patched = [each for each in adoption.adopted if each.patched]
    if patched:
        lines += ["", "intent with a patch:"]
        lines += [f"  {_place(each.object, texts)}: {_title(each.object)}: {_patched(each)}" for each in patched]
    if adoption.left:
        lines += ["", "left native:"]
        lines += [f"  {_place(each.object, texts)}: {_title(each.object)}: {printable(each.reason)}" for each in adoption.left]
    return "\n".join(lines) + "\n"


def _headline(adoption: Adoption) -> str:
    adopted, total = len(adoption.adopted), len(adoption.adopted) + len(adoption.left)
    if not total:
        return "there is no native Istio object to adopt"
    patched = sum(each.patched for each in adoption.adopted)
    with_patch = f", {patched} of them with a patch" if patched else ""
    intents = len(adoption.intents)
    share = f"{adopted * 100 // total}%"
    return f"{adopted} of {total} native objects ({share}) are now {intents} intent{'s' if intents != 1 else ''}{with_patch}"


def _table(adoption: Adoption) -> Iterator[str]:
    """By kind: objects, and how many became intent, intent with a patch, or stay native."""
    counts: dict[str, list[int]] = {}
    for each in adoption.adopted:
        row = counts.setdefault(each.object.kind, [0, 0, 0])
        row[1 if each.patched else 0] += 1
    for left in adoption.left:
        counts.setdefault(left.object.kind, [0, 0, 0])[2] += 1
    if not counts:
        return
    width = max(len(kind) for kind in (*counts, "kind"))
    yield f"{'kind':{width}}  objects  intent  patched  native"
    for kind, (intent, patched, native) in sorted(counts.items()):
        yield f"{kind:{width}}  {intent + patched + native:7}  {intent:6}  {patched:7}  {native:6}"


def _title(native: Native) -> str:
    return f"{native.kind} {native.namespace}/{native.name}"


def _place(native: Native, texts: Texts) -> str:
    return place_of(native.origin, texts).short


def _patched(each: Adopted) -> str:
    """The fields that the patches of the intent give."""
    found = [
        path
        for patch in each.intent.model.patches or ()
        if patch.kind == each.object.kind and patch.name in {None, each.object.name}
        for path in _leaves(patch.patch, "")
    ]
    return f"{each.intent.title} patches {', '.join(f'`{path}`' for path in found)}"


def _leaves(patch: object, path: str) -> Iterator[str]:
    """The fields of a patch, two below `spec` at most."""
    if isinstance(patch, dict) and patch and path.count(".") < 2:
        for key, value in patch.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path


def adoption_to_json(adoption: Adoption, texts: Texts) -> JsonObject:
    """`objects`, each with its place and what became of it, and `summary`."""
    rows: list[JsonValue] = [
        {**_row(each.object, texts), "became": "patched" if each.patched else "intent", "intent": _intent(each)}
        for each in adoption.adopted
    ]
    rows += [{**_row(left.object, texts), "became": "native", "reason": left.reason} for left in adoption.left]
    patched = sum(each.patched for each in adoption.adopted)
    summary: JsonObject = {
        "objects": len(rows),
        "intent": len(adoption.adopted) - patched,
        "patched": patched,
        "native": len(adoption.left),
    }
    return {"objects": rows, "summary": summary}


def _row(native: Native, texts: Texts) -> JsonObject:
    place = place_of(native.origin, texts)
    return {"kind": native.kind, "namespace": native.namespace, "name": native.name, "file": place.file, "line": place.line}


def _intent(each: Adopted) -> JsonObject:
    model = each.intent.model
    return {"kind": model.KIND, "namespace": model.namespace, "name": model.name}
