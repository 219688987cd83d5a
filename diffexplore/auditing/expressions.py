"""The C++ expressions of ``derivatives.yaml`` as small trees: a tokeniser and a recursive-descent parser.

Only expressions are read: names, calls, methods, operators, ``a ? b : c``, indices and lists in braces. Whatever else
C++ has, such as a lambda, is refused; nothing is ever evaluated as code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from diffexplore.errors import DiffexploreError

_MAX_DEPTH = 60

_TOKEN = re.compile(
    r"""(?P<space>\s+|/\*.*?\*/|//[^\n]*|\#[^\n]*)
    |(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?[fFlLuU]*)
    |(?P<text>"[^"]*")
    |(?P<name>std::\w+<[\w:,\s]*>(?=\()|[A-Za-z_]\w*(?:::[A-Za-z_]\w*)*)
    |(?P<sign>->|<=|>=|==|!=|&&|\|\||[-+*/%<>!?:.,()\[\]{}&|])""",
    re.VERBOSE | re.DOTALL,
)

#: Binary operators from the loosest to the tightest, as C++ ranks them.
_LEVELS = (("||",), ("&&",), ("|",), ("&",), ("==", "!="), ("<", "<=", ">", ">="), ("+", "-"), ("*", "/", "%"))


class NotAnExpression(DiffexploreError):
    """A text that this parser does not read, with what stopped it."""


@dataclass(frozen=True)
class Name:
    """A name without its namespace: ``self``, ``M_PI``, ``Reduction::None`` as ``None``."""

    name: str


@dataclass(frozen=True)
class NumberLiteral:
    """A literal as written; ``whole`` where it is one of C++'s integers."""

    digits: str
    whole: bool


@dataclass(frozen=True)
class Text:
    """A string."""

    text: str


@dataclass(frozen=True)
class Unary:
    """``-a``, ``!a`` or ``*a`` (what an optional holds)."""

    sign: str
    operand: Tree


@dataclass(frozen=True)
class Binary:
    """Two operands and the operator between them."""

    sign: str
    left: Tree
    right: Tree


@dataclass(frozen=True)
class Choice:
    """``condition ? taken : otherwise``."""

    condition: Tree
    taken: Tree
    otherwise: Tree


@dataclass(frozen=True)
class Call:
    """A function by its name without namespace, and its arguments."""

    function: str
    arguments: tuple[Tree, ...]


@dataclass(frozen=True)
class MethodCall:
    """``object.method(arguments)``."""

    object: Tree
    method: str
    arguments: tuple[Tree, ...]


@dataclass(frozen=True)
class Index:
    """``object[position]``."""

    object: Tree
    position: Tree


@dataclass(frozen=True)
class Braces:
    """``{a, b}``: sizes and the like."""

    items: tuple[Tree, ...]


Tree = Name | NumberLiteral | Text | Unary | Binary | Choice | Call | MethodCall | Index | Braces


@cache
def parse_formula(text: str) -> Tree:
    """The tree of the C++ expression ``text``, parsed once.

    Raises:
        NotAnExpression: where it is none that is read.
    """
    parser = _Parser(list(_tokens(text)))
    tree = parser.choice()
    parser.expect_end()
    return tree


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise NotAnExpression(f"{text[position : position + 20]!r} is not read")
        if match.lastgroup != "space":
            yield str(match.lastgroup), match[0]
        position = match.end()


class _Parser:
    """Each method reads one kind of expression from the tokens that are left."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = [*tokens, ("end", "the end")]
        self._at = 0
        self._depth = 0

    def choice(self) -> Tree:
        self._deeper()
        condition = self._binary(0)
        if self._take("?"):
            taken = self.choice()
            self._expect(":")
            condition = Choice(condition, taken, self.choice())
        self._depth -= 1
        return condition

    def expect_end(self) -> None:
        if self._tokens[self._at][0] != "end":
            raise NotAnExpression(f"{self._tokens[self._at][1]!r} is not expected here")

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise NotAnExpression("the formula is nested too deeply")

    def _binary(self, level: int) -> Tree:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while (sign := self._take(*_LEVELS[level])) is not None:
            left = Binary(sign, left, self._binary(level + 1))
        return left

    def _unary(self) -> Tree:
        sign = self._take("-", "+", "!", "*")
        if sign is None:
            return self._postfix(self._primary())
        self._deeper()
        operand = self._unary()
        self._depth -= 1
        return operand if sign == "+" else Unary(sign, operand)

    def _postfix(self, tree: Tree) -> Tree:
        links = 0
        while (sign := self._take(".", "->", "[")) is not None:
            links += 1
            if links > _MAX_DEPTH:
                raise NotAnExpression("a chain of methods is too long")
            if sign == "[":
                tree = Index(tree, self.choice())
                self._expect("]")
                continue
            name = self._name()
            self._expect("(")
            tree = MethodCall(tree, name, self._list(")"))
        return tree

    def _primary(self) -> Tree:
        kind, text = self._tokens[self._at]
        self._at += 1
        if kind == "number":
            digits = text.rstrip("fFlLuU")
            return NumberLiteral(digits, whole=digits.isdigit())
        if kind == "text":
            return Text(text[1:-1])
        if kind == "name":
            name = text.removeprefix("std::") if "<" in text else text.rpartition("::")[2]
            return Call(name, self._list(")")) if self._take("(") else Name(name)
        if text == "(":
            inner = self.choice()
            self._expect(")")
            return inner
        if text == "{":
            return Braces(self._list("}"))
        raise NotAnExpression(f"{text!r} is not expected here")

    def _list(self, closing: str) -> tuple[Tree, ...]:
        items: list[Tree] = []
        while not self._take(closing):
            if items:
                self._expect(",")
            items.append(self.choice())
        return tuple(items)

    def _name(self) -> str:
        kind, text = self._tokens[self._at]
        if kind != "name":
            raise NotAnExpression(f"{text!r} is not the name of a method")
        self._at += 1
        return text

    def _take(self, *signs: str) -> str | None:
        kind, text = self._tokens[self._at]
        if kind == "sign" and text in signs:
            self._at += 1
            return text
        return None

    def _expect(self, sign: str) -> None:
        if self._take(sign) is None:
            raise NotAnExpression(f"{self._tokens[self._at][1]!r} stands where {sign!r} is expected")
