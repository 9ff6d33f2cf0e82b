"""Questions about a whole mesh, answered by the simulator: who can call whom, what is open, what still accepts plaintext."""

from meshgen.query.answer import Answer, Row
from meshgen.query.ask import QUESTIONS, Asked, answer, read_question

__all__ = ["QUESTIONS", "Answer", "Asked", "Row", "answer", "read_question"]
