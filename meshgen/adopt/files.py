"""Where an adoption is written: a directory a namespace, a file a name; what stays native in files of its own."""

from __future__ import annotations

from meshgen.adopt.adopt import Adoption
from meshgen.emit.istio.yaml_writer import dump_documents
from meshgen.json import JsonObject


def adoption_files(adoption: Adoption, *, short: bool = True) -> dict[str, bytes]:
    """Path → content: `shop/catalog.yaml` has the intents of that name, `shop/native/sidecar-webapp.yaml` what stays native."""
    found: dict[str, list[JsonObject]] = {}
    if adoption.mesh is not None:
        found["mesh.yaml"] = [adoption.mesh.model.to_document(short=short)]
    for intent in adoption.intents:
        model = intent.model
        found.setdefault(f"{model.namespace}/{model.name}.yaml", []).append(model.to_document(short=short))
    for left in adoption.left:
        native = left.object
        path = f"{native.namespace}/native/{native.kind.lower()}-{native.name}.yaml"
        found.setdefault(path, []).append(native.to_json())
    return {path: dump_documents(documents) for path, documents in sorted(found.items())}
