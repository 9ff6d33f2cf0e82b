"""A mesh from YAML text, for tests of rooms that work on meshes."""

from __future__ import annotations

import msgspec
import yaml
from oracle import decode_documents

from meshgen.istio.mesh_config import MeshConfig
from meshgen.mesh import Mesh, link


def mesh_of(text: str, config: str = "{}") -> Mesh:
    """The linked mesh of some documents; each is known by its number in the file `mesh.yaml`."""
    documents = list(yaml.safe_load_all(text))
    objects, facts = decode_documents(documents, "mesh.yaml", created="")
    return link(objects, facts, msgspec.convert(yaml.safe_load(config), MeshConfig))
