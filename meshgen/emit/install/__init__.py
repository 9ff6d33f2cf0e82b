"""The installation as files: values of Istio's Helm charts, an IstioOperator, and a runbook."""

from meshgen.emit.install.files import install_files

__all__ = ["install_files"]
