"""A mesh from YAML text, for tests of rooms that work on meshes."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from meshgen.diagnostics import Origin
from meshgen.istio.decode import decode_object
from meshgen.istio.mesh_config import MeshConfig
from meshgen.load.kubernetes import decode_facts
from meshgen.mesh import Mesh, link


def mesh_of(text: str, *documents: dict[str, Any], config: str | MeshConfig | None = None) -> Mesh:
    """The linked mesh of YAML documents and of others; each must decode, and is known by its number in the file `mesh.yaml`."""
    values = [(value, Origin("mesh.yaml", index)) for index, value in enumerate((*yaml.safe_load_all(text), *documents)) if value]
    objects = []
    for value, origin in values:
        if ".istio.io/" in value["apiVersion"]:
            found, diagnostics = decode_object(value, origin)
            assert found is not None, diagnostics
            objects.append(found)
    facts, diagnostics = decode_facts(values)
    assert not diagnostics, diagnostics
    if config is None and facts.mesh_configs:
        config = msgspec.convert(facts.mesh_configs[0].mesh, MeshConfig)
    settings = msgspec.convert(yaml.safe_load(config), MeshConfig) if isinstance(config, str) else config
    return link(objects, facts, settings or MeshConfig())
