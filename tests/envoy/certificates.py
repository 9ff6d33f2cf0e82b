"""The throw-away certificate authority of meshgen.live."""

from meshgen.live.authority import Authority

__all__ = ["Authority"]
