"""The SPIFFE identity of a certificate in a file."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_SPIFFE = b"spiffe://"
_URI_TAG = 0x86  # GeneralName uniformResourceIdentifier [6] (RFC 5280, section 4.2.1.6)


def certificate_identity(path: Path) -> str:
    """The SPIFFE URI of the first certificate of a file, without its scheme; empty where there is none that can be read."""
    try:
        content = path.read_bytes()
        found = _PEM.search(content)
        der = base64.b64decode(found[1]) if found else content
    except (OSError, binascii.Error):
        return ""
    start = der.find(_SPIFFE)
    if start < 2 or der[start - 2] != _URI_TAG:
        return ""
    return der[start + len(_SPIFFE) : start + der[start - 1]].decode("ascii", "replace")
