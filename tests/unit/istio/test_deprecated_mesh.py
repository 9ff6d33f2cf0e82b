"""Each field of MeshConfig that Istio's protos mark as deprecated is named with its successor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from meshgen.istio.deprecated_mesh import SUCCESSORS, deprecated_settings
from meshgen.json import JsonObject

MESSAGES: dict[str, Any] = json.loads((Path(__file__).parents[2] / "data" / "mesh-api.json").read_text())["messages"]


def deprecated(message: str, seen: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for field in MESSAGES.get(message, ()):
        name = (field["name"], "*") if field.get("repeated") else (field["name"],)
        if field.get("deprecated"):
            yield (field["name"],)
        elif field.get("message") and field["message"] not in seen:
            yield from ((*name, *below) for below in deprecated(field["message"], (*seen, message)))


def test_the_table_has_what_the_protos_say():
    assert sorted(SUCCESSORS) == sorted(deprecated("MeshConfig"))


def test_each_is_said_at_its_place():
    config: JsonObject = {
        "certificates": [],
        "extensionProviders": [{"name": "a", "zipkin": {}}, {"name": "b", "lightstep": {"service": "x"}}],
        "defaultConfig": {"zipkinAddress": "zipkin:9411", "sds": None},
    }
    found = [(each.path, each.message, each.help) for each in deprecated_settings(config)]
    assert found == [
        (("certificates",), "`certificates` is deprecated", SUCCESSORS["certificates",]),
        (("defaultConfig", "zipkinAddress"), "`zipkinAddress` is deprecated", "write `tracing: {zipkin: {address: …}}`"),
        (
            ("extensionProviders", 1, "lightstep"),
            "`lightstep` is deprecated",
            "write `opentelemetry: {service: …, port: …}`",
        ),
    ]
