"""CEL expressions of Telemetry: whether they can be read, and which attributes they ask for.

A reader of the whole grammar (github.com/google/cel-spec, langdef) that evaluates nothing: istiod refuses a filter that it cannot
read, and a proxy leaves out a tag that it cannot read. Types are not judged, since most attributes may be absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NoReturn

AttributePath = tuple[str, ...]
"""`("request", "headers", "x-user")`, as far as the fields are literal."""

_LEXEME: Final = r"""
      (?P<space>\s+|//[^\n]*)
    | (?P<string>(?:[rR][bB]?|[bB][rR]?)?(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''
        |"(?:[^"\\\n\r]|\\.)*"|'(?:[^'\\\n\r]|\\.)*'))
    | (?P<number>0[xX][0-9a-fA-F]+[uU]?|(?:[0-9]+\.[0-9]+|\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?[uU]?)
    | (?P<name>[_a-zA-Z][_a-zA-Z0-9]*)
    | (?P<sign>\|\||&&|<=|>=|==|!=|[-+*/%!<>?:.,()\[\]{}])
    """  # `re` compiles it, and keeps it, when there is an expression: it takes 2 ms
_STRENGTH: Final = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!=", "in"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%"), 5),
}
_WORDS: Final = "as break const continue else for function if import let loop package namespace return var void while"
_RESERVED: Final = frozenset(_WORDS.split())
_LITERALS: Final = frozenset(("true", "false", "null"))
_NO_FIELDS: Final = _LITERALS | {"in"}
_ESCAPE: Final = re.compile(r"""\\(?:[abfnrtv\\?"'`]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})""")
_MACROS: Final = frozenset(("all", "exists", "exists_one", "map", "filter"))
"""Methods whose first argument names the element of a list."""

_DEEPEST = 100  # of brackets in brackets; more is nobody's expression


class ExpressionError(ValueError):
    """An expression that cannot be read. The text says what is wrong, in our words."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int


@dataclass(slots=True)
class _Reader:
    """A recursive descent over the tokens; operators by their strength, chains without recursion."""

    text: str
    tokens: list[_Token]
    position: int = 0
    depth: int = 0
    bound: list[str] = field(default_factory=list)
    paths: list[AttributePath] = field(default_factory=list)

    def fail(self, token: _Token) -> NoReturn:
        where = f"before `{self.text[token.start :][:20]}`" if token.kind != "end" else "at its end"
        raise ExpressionError(f"cannot be read {where}")

    @property
    def here(self) -> _Token:
        return self.tokens[self.position]

    def take(self) -> _Token:
        token = self.tokens[self.position]
        self.position += 1
        return token

    def takes(self, sign: str) -> bool:
        found = self.here.kind == "sign" and self.here.text == sign
        self.position += found
        return found

    def expect(self, sign: str) -> None:
        if not self.takes(sign):
            self.fail(self.here)

    def expression(self) -> None:
        """Conditions and their two outcomes, `a ? b : c ? d : e`."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ExpressionError("has too many brackets in each other")
        self.operation()
        while self.takes("?"):
            self.expression()
            self.expect(":")
            self.operation()
        self.depth -= 1

    def operation(self) -> None:
        """Operands and the operators between them; their strength does not matter to what can be read."""
        self.operand()
        while self.here.text in _STRENGTH and self.here.kind in {"sign", "name"}:
            self.take()
            self.operand()

    def operand(self) -> None:
        sign = self.here.text
        while sign in {"!", "-"} and self.takes(sign):
            pass
        if sign == "!" and self.here.text == "-" and self.tokens[self.position + 1].kind == "number":
            self.take()  # a negative number
        path = self.primary()
        while True:
            if self.takes("."):
                path = self.member(path)
            elif self.takes("["):
                path = self.element(path)
            else:
                break
        self.keep(path)

    def primary(self) -> AttributePath:
        if self.takes("("):
            self.expression()
            self.expect(")")
        elif self.takes("["):
            self.items("]")
        elif self.takes("{"):
            self.entries()
        elif self.here.kind in {"string", "number"}:
            self.take()
        else:
            return self.name()
        return ()

    def name(self) -> AttributePath:
        """A literal, a function with its arguments, or an attribute."""
        rooted = self.takes(".")
        token = self.take()
        if token.kind != "name" or token.text in _RESERVED or (token.text in _NO_FIELDS and (rooted or token.text == "in")):
            self.fail(token)
        if token.text in _LITERALS:
            return ()
        if self.takes("("):
            self.arguments() if token.text != "has" else self.field(token)
            return ()
        if self.takes("{"):
            self.entries()
            return ()
        return () if token.text in self.bound else (token.text,)

    def field(self, token: _Token) -> None:
        """The argument of `has(a.b)`, which is a field and nothing else."""
        self.operand()
        dot, name = self.tokens[self.position - 2 : self.position]
        if dot.text != "." or name.kind != "name" or not self.takes(")"):
            raise ExpressionError(f"asks `has` for what is no field, before `{self.text[token.start :][:20]}`")

    def member(self, path: AttributePath) -> AttributePath:
        """A field, or a method with its arguments."""
        token = self.take()
        if token.kind != "name" or token.text in _NO_FIELDS:
            self.fail(token)
        if self.takes("("):
            self.keep(path)
            variable = self.here.text if token.text in _MACROS and self.here.kind == "name" else None
            if variable is not None:
                self.bound.append(variable)
            self.arguments()
            if variable is not None:
                self.bound.remove(variable)
            return ()
        if self.here.text == "{" and self.here.kind == "sign":  # a message, `google.protobuf.Duration{}`
            self.take()
            self.entries()
            return ()
        return (*path, token.text) if path else ()

    def element(self, path: AttributePath) -> AttributePath:
        """An element; of a map by a literal key it is a field as well."""
        token = self.here
        self.expression()
        self.expect("]")
        literal = token.kind == "string" and self.tokens[self.position - 2] is token
        if path and literal:
            return (*path, token.text.strip("\"'"))
        self.keep(path)
        return ()

    def arguments(self) -> None:
        if not self.takes(")"):
            self.expression()
            while self.takes(","):
                self.expression()
            self.expect(")")

    def items(self, end: str) -> None:
        """Of a list; a comma may stand at its end."""
        if self.takes(","):
            self.expect(end)
            return
        while not self.takes(end):
            self.expression()
            if not self.takes(","):
                self.expect(end)
                return

    def entries(self) -> None:
        """Of a map or a message."""
        while not self.takes("}"):
            if self.here.kind == "name" and self.tokens[self.position + 1].text == ":":
                self.take()  # a field of a message
            else:
                self.expression()
            self.expect(":")
            self.expression()
            if not self.takes(","):
                self.expect("}")
                return

    def keep(self, path: AttributePath) -> None:
        if path:
            self.paths.append(path)


def attributes(expression: str) -> tuple[AttributePath, ...]:
    """The attributes that an expression asks for, in its order.

    Raises ExpressionError where it cannot be read.

    >>> attributes("request.method == 'GET' && request.headers['x-a'].startsWith('b')")
    (('request', 'method'), ('request', 'headers', 'x-a'))
    """
    reader = _Reader(expression, list(_tokens(expression)))
    if reader.here.kind == "end":
        raise ExpressionError("is empty")
    reader.expression()
    if reader.here.kind != "end":
        reader.fail(reader.here)
    return tuple(dict.fromkeys(reader.paths))


def _tokens(text: str) -> Iterator[_Token]:
    token, position = re.compile(_LEXEME, re.VERBOSE | re.DOTALL), 0
    while position < len(text):
        found = token.match(text, position)
        if found is None:
            rest = text[position:]
            what = "a string that does not end" if rest[0] in "\"'" else f"`{rest[:1]}`, which CEL does not have,"
            raise ExpressionError(f"has {what} at character {position + 1}")
        position = found.end()
        if found.lastgroup == "string":
            _check_escapes(found.group(), found.start())
        if found.lastgroup != "space":
            yield _Token(found.lastgroup or "", found.group(), found.start())
    yield _Token("end", "", len(text))


def _check_escapes(literal: str, start: int) -> None:
    r"""Raises for a `\\` that begins no escape: regular expressions need two, or a raw string."""
    prefix = literal[: min(literal.index(quote) for quote in "'\"" if quote in literal)]
    rest = _ESCAPE.sub("", literal) if "r" not in prefix.lower() else ""
    if "\\" in rest:
        escape = rest[rest.index("\\") :][:2]
        at = start + literal.index(escape) + 1
        raise ExpressionError(f"has `{escape}` in a string, which CEL does not have (write `r'…'`), at character {at}")
