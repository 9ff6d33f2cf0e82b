"""A request's way through a mesh, from proxy to proxy, and the ways in which people write a request."""

from meshgen.journey.follow import Copy, Hop, Journey, Journeys, ask
from meshgen.journey.places import parse_path, source_line, without_alternatives
from meshgen.journey.question import Question, UnanswerableError

__all__ = [
    "Copy",
    "Hop",
    "Journey",
    "Journeys",
    "Question",
    "UnanswerableError",
    "ask",
    "parse_path",
    "source_line",
    "without_alternatives",
]
