"""The checks: rules over the linked mesh, one file each."""

from meshgen.check.engine import CheckResult, NotChecked, check

__all__ = ["CheckResult", "NotChecked", "check"]
