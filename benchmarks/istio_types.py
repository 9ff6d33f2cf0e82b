"""Which technology for the Istio types? Decodes and encodes one VirtualService with each candidate, interleaved, in one process.

Prints ratios (msgspec = 1) and the check that all give the same JSON back. docs/decisions/0001-istio-types.md holds the result.
"""

from __future__ import annotations

import dataclasses
import gc
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import cattrs
import msgspec
import orjson
import pydantic

DOCUMENT: dict[str, Any] = {
    "hosts": ["catalog.shop.svc.cluster.local"],
    "http": [
        {
            "name": f"rule-{number}",
            "match": [{"uri": {"prefix": f"/items/{number}"}, "headers": {"x-cohort": {"exact": "internal"}}}],
            "route": [
                {"destination": {"host": "catalog.shop.svc.cluster.local", "subset": "v1"}, "weight": 90},
                {"destination": {"host": "catalog.shop.svc.cluster.local", "subset": "v2"}, "weight": 10},
            ],
            "timeout": "2s",
            "retries": {"attempts": 3, "perTryTimeout": "500ms", "retryOn": "5xx,connect-failure"},
        }
        for number in range(3)
    ],
}

# One shape in four technologies; msgspec's is the generated one.
FIELDS: dict[str, dict[str, Any]] = {
    "StringMatch": {"exact": "str", "prefix": "str", "regex": "str"},
    "Match": {"name": "str", "uri": "StringMatch", "headers": "dict[str, StringMatch]"},
    "Destination": {"host": "str", "subset": "str"},
    "RouteDestination": {"destination": "Destination", "weight": "int"},
    "Retries": {"attempts": "int", "perTryTimeout": "str", "retryOn": "str"},
    "HTTPRoute": {
        "name": "str",
        "match": "tuple[Match, ...]",
        "route": "tuple[RouteDestination, ...]",
        "timeout": "str",
        "retries": "Retries",
    },
    "VirtualService": {"hosts": "tuple[str, ...]", "http": "tuple[HTTPRoute, ...]"},
}


def build(make: Callable[[str, dict[str, Any], dict[str, Any]], type]) -> type:
    """All classes of FIELDS by one maker, which takes a name, annotations and the classes so far; returns VirtualService."""
    classes: dict[str, Any] = {}
    for name, fields in FIELDS.items():
        annotations = {
            field: eval(kind, {"tuple": tuple, "dict": dict, "str": str, "int": int, **classes}) | None
            for field, kind in fields.items()
        }
        classes[name] = make(name, annotations, classes)
    made: type = classes["VirtualService"]
    return made


MSGSPEC = build(
    lambda name, fields, _: msgspec.defstruct(
        name, [(f, t, None) for f, t in fields.items()], frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
    )
)
SLOTTED = build(
    lambda name, fields, _: dataclasses.make_dataclass(
        name, [(f, t, None) for f, t in fields.items()], frozen=True, slots=True, kw_only=True
    )
)
STRICT = pydantic.ConfigDict(extra="forbid", frozen=True)
CREATE_MODEL: Any = pydantic.create_model  # its overloads do not know fields that are only named at run time
PYDANTIC: Any = build(lambda name, fields, _: CREATE_MODEL(name, __config__=STRICT, **{f: (t, None) for f, t in fields.items()}))
CONVERTER = cattrs.Converter(omit_if_default=True, forbid_extra_keys=True)

CANDIDATES: dict[str, tuple[Callable[[], Any], Callable[[Any], bytes]]] = {
    "msgspec": (lambda: msgspec.convert(DOCUMENT, MSGSPEC), msgspec.json.encode),
    "pydantic": (lambda: PYDANTIC.model_validate(DOCUMENT), lambda value: orjson.dumps(value.model_dump(exclude_none=True))),
    "dataclass + cattrs": (
        lambda: CONVERTER.structure(DOCUMENT, SLOTTED),
        lambda value: orjson.dumps(CONVERTER.unstructure(value)),
    ),
}


def per_second(run: Callable[[], object], seconds: float = 0.15) -> float:
    """Calls a second in one burst."""
    gc.collect()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        for _ in range(20):
            run()
        count += 20
    return count / (time.perf_counter() - start)


def main() -> int:
    """Prints the table; fails where a candidate does not give the document back."""
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in CANDIDATES}
    for _ in range(5):
        for name, (decode, encode) in CANDIDATES.items():
            value = decode()
            if orjson.loads(encode(value)) != DOCUMENT:
                print(f"{name} does not give the document back")
                return 1
            rounds[name].append((per_second(decode), per_second(partial(encode, value))))
    base = [statistics.median(column) for column in zip(*rounds["msgspec"], strict=True)]
    print("Istio types, a VirtualService with three rules; ratios of median throughput over five interleaved rounds, msgspec = 1")
    for name, values in rounds.items():
        decode_rate, encode_rate = (statistics.median(column) for column in zip(*values, strict=True))
        decoding = f"decode {decode_rate / base[0]:.2f} ({decode_rate:,.0f}/s)"
        print(f"{name:20} {decoding}   encode {encode_rate / base[1]:.2f} ({encode_rate:,.0f}/s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
