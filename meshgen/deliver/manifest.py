"""The list of what meshgen wrote into an output directory: the only files that it ever changes or removes there.

The file is committed with the tree. It has no `.json` at its end, since Argo CD and `kubectl apply -R` would then take it for an
object, hidden or not (argo-cd#4432, argo-cd#11001).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from meshgen.deliver.paths import path_problem

MANIFEST = ".meshgen-manifest"

_FORMAT = 1
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """Path to SHA-256 (hexadecimal) of each file as it was written."""

    files: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def digest(content: bytes) -> str:
    """The SHA-256 that a manifest has for these bytes."""
    return hashlib.sha256(content).hexdigest()


def parse_manifest(content: bytes) -> Manifest:
    """A manifest from its bytes.

    Raises:
        ValueError: if this is none, says why; also for paths that no run could have written, since files are removed by it.
    """
    try:
        value = json.loads(content)
    except ValueError as error:
        message = f"it is no JSON: {error}"
        raise ValueError(message) from None
    files = value.get("files") if isinstance(value, dict) else None
    if not isinstance(value, dict) or value.get("format") != _FORMAT or not isinstance(files, dict):
        message = f"it is no manifest of format {_FORMAT}"
        raise ValueError(message)
    for path, sha in files.items():
        if path_problem(path) or not isinstance(sha, str) or not _DIGEST.fullmatch(sha):
            message = f"its entry `{path}` cannot have been written by meshgen"
            raise ValueError(message)
    return Manifest(files)


def render_manifest(manifest: Manifest) -> bytes:
    """A manifest's bytes: one line a file, sorted, so that git merges it line by line."""
    from importlib.metadata import version  # noqa: PLC0415 - slow to import, and most runs do not get here

    value = {"format": _FORMAT, "meshgen": version("meshgen"), "files": dict(sorted(manifest.files.items()))}
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
