"""The chapters of examples/book on this machine: their addresses and ports led to servers on loopback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from meshes import bootstrap

from meshgen.load.load import Options
from meshgen.mesh import Capture, Proxy
from meshgen.pipeline import Result, compile_project

BOOK = Path(__file__).parents[2] / "examples/book"


def lesson(chapter: str, folder: Path, here: Mapping[str, str]) -> Result:
    """A chapter's YAML compiled with some of its text replaced: `{"10.2.0.11:8000": "127.0.0.1:40123"}`.

    Each text must stand in the chapter: a chapter that changes does not leave its test talking about something else.
    """
    copy = folder / "lesson"
    shutil.copytree(BOOK / chapter / "mesh", copy / "mesh")
    shutil.copy(BOOK / chapter / "meshgen.yaml", copy)
    files = {path: path.read_text() for path in copy.rglob("*.yaml")}
    for old, new in here.items():
        assert any(old in text for text in files.values()), f"{chapter} has no `{old}`"
        files = {path: text.replace(old, new) for path, text in files.items()}
    for path, text in files.items():
        path.write_text(text)
    result = compile_project(copy, Options())
    assert not result.failed, [diagnostic.message for diagnostic in result.diagnostics]
    return result


def proxy_of(result: Result, name: str, address: str = "127.0.0.2") -> Proxy:
    """A proxy of the chapter, a sidecar with sockets on a loopback address."""
    found = next(proxy for proxy in result.proxies if proxy.id == name)
    return found if found.is_gateway else replace(found, capture=Capture.LOOPBACK, address=address)


def on_loopback(result: Result, name: str, certificates: Path | str = "/nowhere", address: str = "127.0.0.2") -> Any:  # noqa: ANN401 (JSON)
    """The static bootstrap of a proxy, whose listeners are bound to loopback only."""
    found = bootstrap(result.mesh, proxy_of(result, name, address), certificates)
    return json.loads(json.dumps(found).replace('"address": "0.0.0.0"', '"address": "127.0.0.1"'))
