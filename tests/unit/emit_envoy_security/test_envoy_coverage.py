"""The table of what the Envoy output carries over says something of every field, and the code bears it out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec import inspect

import meshgen.emit.envoy
import meshgen.mesh
from meshgen.emit.envoy.coverage import CARRIED, KINDS, NOT_CARRIED, Coverage, coverage
from meshgen.istio.kinds import KINDS as TYPES

ENVOY, MESH = (Path(room.__file__ or "").parent for room in (meshgen.emit.envoy, meshgen.mesh))


def _below(kind: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(kind, inspect.UnionType):
        yield from kind.types
    elif isinstance(kind, inspect.VarTupleType):
        yield kind.item_type
    elif isinstance(kind, inspect.DictType):
        yield kind.value_type


def _structs(kind: inspect.Type, found: dict[str, inspect.StructType]) -> dict[str, inspect.StructType]:
    """The struct types that can be reached without passing through a field that is not carried over."""
    if isinstance(kind, inspect.StructType):
        name = kind.cls.__name__
        if name not in found:
            found[name] = kind
            for field in kind.fields:
                if (name, field.encode_name) not in NOT_CARRIED:
                    _structs(field.type, found)
    for part in _below(kind):
        _structs(part, found)
    return found


def _all() -> dict[str, inspect.StructType]:
    found: dict[str, inspect.StructType] = {}
    for kind in KINDS:
        _structs(inspect.type_info(TYPES[kind].spec), found)
    return found


STRUCTS = _all()


def test_the_tables_list_the_types_that_exist_and_no_others():
    assert set(CARRIED) == set(STRUCTS)
    assert {name for name, _ in NOT_CARRIED} <= set(STRUCTS)


@pytest.mark.parametrize("name", sorted(STRUCTS))
def test_every_field_is_in_exactly_one_table(name: str):
    fields = sorted(field.encode_name for field in STRUCTS[name].fields)
    omitted = [field for owner, field in NOT_CARRIED if owner == name]
    assert sorted([*CARRIED[name].split(), *omitted]) == fields


def _code(*files: Path) -> str:
    return "\n".join(file.read_text() for file in files)


def _attribute(name: str, field: str) -> str:
    struct: type[msgspec.Struct] = STRUCTS[name].cls
    names = dict(zip(struct.__struct_encode_fields__, struct.__struct_fields__, strict=True))
    return rf"\.{names[field]}\b|\"{names[field]}\""


def test_every_carried_field_is_read_by_the_translation_or_the_mesh():
    code = _code(*sorted(ENVOY.rglob("*.py")), *sorted(MESH.rglob("*.py")))
    carried = [(name, field) for name, fields in CARRIED.items() for field in fields.split()]
    assert [(name, field) for name, field in carried if not re.search(_attribute(name, field), code)] == []


def test_every_reported_field_is_read_where_reports_are_made():
    code = _code(ENVOY / "limits.py", ENVOY / "traffic_limits.py")
    reported = [(name, field) for (name, field), why in NOT_CARRIED.items() if why.coverage is Coverage.REPORTED]
    assert [(name, field) for name, field in reported if not re.search(_attribute(name, field), code)] == []


def test_a_field_can_be_looked_up():
    assert coverage("HTTPRoute", "corsPolicy") is Coverage.CARRIED
    assert coverage("FaultDelay", "exponentialDelay") is Coverage.REPORTED
    assert coverage("Server", "name") is Coverage.NOT_APPLICABLE
    assert coverage("HTTPRoute", "absent") is None
