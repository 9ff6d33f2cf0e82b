"""MG0135: objects of a namespace that istiod does not look at."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics import Related
from meshgen.diagnostics.catalogue.mesh import NOT_DISCOVERED
from meshgen.istio.object import IstioObject
from meshgen.istio.struct import IstioStruct


def find(context: Context) -> Iterator[Answer]:
    """Namespaces with Istio objects that no discovery selector picks, each once."""
    namespaces: dict[str, list[IstioObject[IstioStruct]]] = {}
    for left in context.mesh.left_out:
        namespaces.setdefault(left.namespace, []).append(left)
    for declared in context.mesh.facts.namespaces if namespaces else ():
        name = declared.metadata.name
        objects = namespaces.pop(name, [])
        if not objects:
            continue
        first = min(objects, key=lambda each: (each.kind, each.name))
        held = f"its {first.kind} `{first.name}`" + ("" if len(objects) == 1 else f" and {_others(len(objects) - 1)}")
        yield NOT_DISCOVERED.at(
            first.origin,
            f"no discovery selector picks namespace `{name}`: {held} {'does' if len(objects) == 1 else 'do'} nothing",
            help="give the Namespace a label that `discovery` asks for, or remove its objects",
            related=[Related(declared.origin, "its labels")],
        )


def _others(count: int) -> str:
    return "one more object" if count == 1 else f"{count} more objects"


RULE = Rule(code=NOT_DISCOVERED, find=find)
