"""Istio objects as artifacts: plain JSON values in a stable order, and the writer that makes YAML of them."""

from meshgen.emit.istio.artifact import Artifact
from meshgen.emit.istio.emit import emit_istio

__all__ = ["Artifact", "emit_istio"]
