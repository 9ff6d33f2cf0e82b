"""Whether a real Envoy takes a bootstrap: it loads it and every file that it names, and opens no port."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, TypeAlias

from certificates import Authority
from harness import find_envoy
from wasm_module import adds_header

Json: TypeAlias = Any


def real_files(directory: Path) -> dict[str, str]:
    """A certificate, its key, its root, who is revoked, and a WebAssembly module, by the fields that name such files."""
    authority = Authority()
    place = authority.credential(directory / "credential", "shop.example.com")
    authority.revocations(place / "ca.crl")
    names = {"certificate_chain": "tls.crt", "private_key": "tls.key", "trusted_ca": "ca.crt", "crl": "ca.crl"}
    module = directory / "module.wasm"
    module.write_bytes(adds_header("x-module", "here"))
    return {**{key: str(place / name) for key, name in names.items()}, "local": str(module)}


def with_real_files(value: Json, files: dict[str, str]) -> Json:
    """Each file that a secret or a filter names replaced with one that is there: Envoy reads them when it loads."""
    if isinstance(value, dict):
        return {
            key: {"filename": files[key]} if key in files and isinstance(item, dict) else with_real_files(item, files)
            for key, item in value.items()
        }
    return [with_real_files(item, files) for item in value] if isinstance(value, list) else value


_OF_THE_MACHINE = (
    "Dynatrace OpenTelemetry resource detector is configured but could not detect attributes",
    "tracers/datadog/logger.cc",  # no agent answers here
)
"""What an Envoy says of where it runs, and not of its configuration."""


def said_of_configuration(log: str) -> str:
    """An Envoy's log without what it says of the machine."""
    kept: list[str] = []
    dropping = False
    for line in log.splitlines():
        if line.startswith("["):  # an entry may go on in lines of its own
            dropping = any(each in line for each in _OF_THE_MACHINE)
        if not dropping:
            kept.append(line)
    return "\n".join(kept)


def refusal(bootstrap: Json, file: Path, binary: Path | None = None) -> str:
    """What Envoy says against a bootstrap, which is written to `file`, warnings too; empty where it takes it in silence.

    It is the Envoy that is installed beside this interpreter, or `binary`.
    """
    file.write_text(json.dumps(bootstrap))
    command = [str(binary or find_envoy()), "--mode", "validate", "--log-level", "warning", "-c", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return said_of_configuration(done.stderr)[-800:].strip() or ("refused" if done.returncode else "")
