"""The Helm that the benchmark compares with: the one on the PATH, in the cache, or built with Go into the cache."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

MODULE, VERSION = "helm.sh/helm/v4/cmd/helm", "v4.0.0"


def find_helm() -> Path | None:
    """The binary; None where there is none and no Go to build it with (minutes, once)."""
    if found := shutil.which("helm"):
        return Path(found)
    cache = Path(os.environ.get("MESHGEN_CACHE") or Path.home() / ".cache" / "meshgen") / f"helm-{VERSION}"
    binary = cache / "helm"
    if binary.exists():
        return binary
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        return None
    print(f"building {MODULE}@{VERSION} once", flush=True)
    built = subprocess.run([go, "install", f"{MODULE}@{VERSION}"], env={**os.environ, "GOBIN": str(cache)}, check=False)
    return binary if built.returncode == 0 and binary.exists() else None


def helm_version(helm: Path) -> str:
    """As Helm says it: `v4.0.0`."""
    return subprocess.run([helm, "version", "--template", "{{.Version}}"], capture_output=True, text=True, check=True).stdout
