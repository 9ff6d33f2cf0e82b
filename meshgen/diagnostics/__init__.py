"""What meshgen says about a user's sources: where, which code, what is wrong and what to do.

This room imports nothing of ours; every other room may import it.
"""

from meshgen.diagnostics.model import Code, Diagnostic, Related, Severity, did_you_mean, sort_diagnostics, suggest
from meshgen.diagnostics.origin import UNKNOWN, JsonPath, Origin, origin_in

__all__ = [
    "UNKNOWN",
    "Code",
    "Diagnostic",
    "JsonPath",
    "Origin",
    "Related",
    "Severity",
    "did_you_mean",
    "origin_in",
    "sort_diagnostics",
    "suggest",
]
