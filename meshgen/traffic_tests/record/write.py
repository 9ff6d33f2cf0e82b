"""Proposed tests as the text of a file."""

from __future__ import annotations

from meshgen.emit.istio.yaml_writer import dump_documents
from meshgen.traffic_tests.record.propose import Proposal

MARK = "# Recorded by `meshgen test --record`"
"""How a file begins that may be written anew."""

_HEAD = f"""{MARK}: what the mesh does now, whether it is meant or not. Read it, keep what is
# promised, and give it names. Without this line the file is yours, and is not written again.
"""


def document_text(proposal: Proposal) -> bytes:
    """The documents under a head that says what they are."""
    return _HEAD.encode() + dump_documents(list(proposal.documents))
