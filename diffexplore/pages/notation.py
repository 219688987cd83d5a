"""Reads the formulas that are shown, as text on one line, into trees that can be typeset.

The language is that of :mod:`diffexplore.formula.text`, in Unicode and in ASCII, with what formulas of people, graphs
and derivations have beside: ``mean[…]``, ``∂/∂a[…]``, ``∂u/∂a``, ``Σ(…)``. Nothing is evaluated. What is not read is
shown as text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

#: Longer or deeper formulas are not typeset: nobody reads them.
LONGEST, DEEPEST = 3_000, 40

_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ⁿ"
_SUPERSCRIPTS = str.maketrans(_RAISED, "0123456789-n")

#: A name; superscripts count as letters to regular expressions, and are none.
NAME = rf"[^\W\d{_RAISED}][^\W{_RAISED}]*"

_TOKEN = re.compile(
    rf"\s*(?:(?P<partial>∂²?(?:{NAME})?/∂{NAME}(?:²|∂{NAME})?)"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    rf"|(?P<raised>[{_RAISED}]+)"
    rf"|(?P<name>{NAME})"
    r"|(?P<sign>\*\*|<=|>=|==|!=|[-+−*·/^=≠<>≤≥(),\[\]|√∛Σ]))"
)

_RELATIONS = {"==": "=", "=": "=", "!=": "≠", "≠": "≠", "<=": "≤", "≤": "≤", ">=": "≥", "≥": "≥", "<": "<", ">": ">"}


class NotReadError(ValueError):
    """The text is not in the language."""


@dataclass(frozen=True)
class NotationNode:
    """A piece of a formula.

    ``kind`` is number, name, partial (whose ``word`` is as written), sum (whose ``word`` has a + or − for each term),
    product, fraction, negative, power, root (``word`` 2 or 3), size (|x|), call, index (``mean[…]``), relation (a sign
    for each pair in ``word``), or and, or, not.
    """

    kind: str
    word: str = ""
    parts: tuple[NotationNode, ...] = ()
    depth: int = field(init=False)

    def __post_init__(self) -> None:
        depth = 1 + max((part.depth for part in self.parts), default=0)
        if depth > DEEPEST:
            raise NotReadError("too deep")
        object.__setattr__(self, "depth", depth)


def read(text: str) -> NotationNode:
    """The tree of a formula. Raises :class:`NotReadError` where it is not in the language, or too long to be read."""
    if len(text) > LONGEST:
        raise NotReadError(text)
    return _Reader(_tokens(text)).all()


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise NotReadError(text)
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


class _Reader:
    """Recursive descent, from what binds least to what binds most."""

    def __init__(self, tokens: Sequence[tuple[str, str]]) -> None:
        self._tokens = (*tokens, ("end", ""))
        self._at = 0
        self._depth = 0

    def all(self) -> NotationNode:
        found = self._or()
        if self._kind != "end":
            raise NotReadError(self._word)
        return found

    @property
    def _kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def _word(self) -> str:
        return self._tokens[self._at][1]

    def _take(self) -> str:
        word = self._word
        self._at += 1
        return word

    def _is(self, *words: str) -> bool:
        return self._kind in ("sign", "name") and self._word in words

    def _expect(self, word: str) -> None:
        if not self._is(word):
            raise NotReadError(self._word)
        self._take()

    def _deeper(self, part: Callable[[], NotationNode]) -> NotationNode:
        """A part inside of another one, which are not more than can be read."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise NotReadError("too deep")
        found = part()
        self._depth -= 1
        return found

    def _or(self) -> NotationNode:
        return self._joined("or", self._and)

    def _and(self) -> NotationNode:
        return self._joined("and", self._not)

    def _joined(self, word: str, part: Callable[[], NotationNode]) -> NotationNode:
        parts = [part()]
        while self._is(word):
            self._take()
            parts.append(part())
        return parts[0] if len(parts) == 1 else NotationNode(word, parts=tuple(parts))

    def _not(self) -> NotationNode:
        if self._is("not"):
            self._take()
            return NotationNode("not", parts=(self._deeper(self._not),))
        return self._relation()

    def _relation(self) -> NotationNode:
        parts, signs = [self._sum()], ""
        while self._is(*_RELATIONS):
            signs += _RELATIONS[self._take()]
            parts.append(self._sum())
        return NotationNode("relation", signs, tuple(parts)) if signs else parts[0]

    def _sum(self) -> NotationNode:
        parts, signs = [self._product()], "+"
        while self._is("+", "-", "−"):
            signs += "+" if self._take() == "+" else "−"
            parts.append(self._product())
        return NotationNode("sum", signs, tuple(parts)) if len(parts) > 1 else parts[0]

    def _product(self) -> NotationNode:
        found = self._factor()
        while self._is("*", "·", "/"):
            over = self._take() == "/"
            found = _over(found, self._factor()) if over else _times(found, self._factor())
        return found

    def _factor(self) -> NotationNode:
        if self._is("-", "−", "+"):
            sign = self._take()
            inside = self._deeper(self._factor)
            return inside if sign == "+" else NotationNode("negative", parts=(inside,))
        base = self._atom()
        while self._kind == "raised":
            base = NotationNode("power", parts=(base, _raised(self._take())))
        if self._is("**", "^"):
            self._take()
            return NotationNode("power", parts=(base, self._deeper(self._factor)))
        return base

    def _atom(self) -> NotationNode:
        kind, word = self._kind, self._take()
        if kind == "number":
            return NotationNode("number", word)
        if kind == "partial":
            return self._inside(NotationNode("partial", word)) if self._is("[") else NotationNode("partial", word)
        if word in ("√", "∛"):
            return NotationNode("root", "2" if word == "√" else "3", (self._deeper(self._atom),))
        if (kind == "name" and word not in ("and", "or", "not")) or word == "Σ":
            return self._named(word)
        if word == "(":
            inside = self._deeper(self._or)
            if self._is(","):  # a piece of a Piecewise
                self._take()
                inside = NotationNode("call", "", (inside, self._or()))
            self._expect(")")
            return inside
        if word == "|":
            inside = self._deeper(self._sum)
            self._expect("|")
            return NotationNode("size", parts=(inside,))
        raise NotReadError(word)

    def _named(self, word: str) -> NotationNode:
        if self._is("["):
            return self._inside(NotationNode("name", word))
        if not self._is("("):
            return NotationNode("name", word)
        self._take()
        parts = [self._deeper(self._or)]
        while self._is(","):
            self._take()
            parts.append(self._deeper(self._or))
        self._expect(")")
        return NotationNode("call", word, tuple(parts))

    def _inside(self, of: NotationNode) -> NotationNode:
        self._expect("[")
        inside = self._deeper(self._or)
        self._expect("]")
        return NotationNode("index", of.word, (of, inside))


def _times(left: NotationNode, right: NotationNode) -> NotationNode:
    """A product as one row of factors; a sign that begins it stands before it."""
    if left.kind == "negative":
        return NotationNode("negative", parts=(_times(left.parts[0], right),))
    factors = left.parts if left.kind == "product" else (left,)
    return NotationNode("product", parts=(*factors, right))


def _over(left: NotationNode, right: NotationNode) -> NotationNode:
    if left.kind == "negative":
        return NotationNode("negative", parts=(_over(left.parts[0], right),))
    return NotationNode("fraction", parts=(left, right))


def _raised(word: str) -> NotationNode:
    digits = word.translate(_SUPERSCRIPTS)
    kind = "name" if digits.lstrip("-") == "n" else "number"
    exponent = NotationNode(kind, digits.lstrip("-"))
    return NotationNode("negative", parts=(exponent,)) if digits.startswith("-") else exponent
