"""An operation of a program as a person writes it, from the texts of its operands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import sympy

from diffexplore.formula.text import AND as BOTH
from diffexplore.formula.text import ATOM, COMPARED, FACTOR, NOT, PRODUCT, SUM, Writer
from diffexplore.formula.text import OR as EITHER

#: A text, and how tightly it binds.
Words = tuple[str, int]

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def words_of_number(number: sympy.Expr) -> Words:
    """A constant."""
    return Writer(unicode=True).words(number)


def words_of(operation: str, operands: Sequence[Words]) -> Words:
    """The operation with its operands in the order in which they were written."""
    write = _FORMS.get(operation)
    if write is not None:
        return write(operands)
    return f"{operation}({', '.join(text for text, _ in operands)})", ATOM


def _at(words: Words, place: int) -> str:
    text, binding = words
    return text if binding >= place else f"({text})"


def _between(sign: str, left: int, right: int, binding: int) -> Callable[[Sequence[Words]], Words]:
    return lambda operands: (f"{_at(operands[0], left)}{sign}{_at(operands[1], right)}", binding)


def _power(operands: Sequence[Words]) -> Words:
    base, (exponent, binding) = operands
    if exponent.isdecimal():
        return _at(base, ATOM) + exponent.translate(_SUPERSCRIPTS), FACTOR
    return f"{_at(base, ATOM)}^{_at((exponent, binding), ATOM)}", FACTOR


def _root(operands: Sequence[Words]) -> Words:
    text, _ = operands[0]
    return (f"√{text}" if text.isidentifier() or text.isdecimal() else f"√({text})"), FACTOR


_RELATIONS = {"lt": "<", "le": "≤", "gt": ">", "ge": "≥", "eq": "=", "ne": "≠"}

#: Operations that are written with signs; all others as calls by their names.
_FORMS: Mapping[str, Callable[[Sequence[Words]], Words]] = {
    "add": _between(" + ", SUM, PRODUCT, SUM),
    "sub": _between(" − ", SUM, PRODUCT, SUM),
    "mul": _between("·", PRODUCT, FACTOR, PRODUCT),
    "div": _between("/", PRODUCT, FACTOR, PRODUCT),
    "neg": lambda operands: (f"−{_at(operands[0], PRODUCT)}", SUM),
    "pow": _power,
    "sqrt": _root,
    "abs": lambda operands: (f"|{operands[0][0]}|", ATOM),
    "sigmoid": lambda operands: (f"σ({operands[0][0]})", ATOM),
    "full_like": lambda operands: operands[1],
    **{name: _between(f" {sign} ", SUM, SUM, COMPARED) for name, sign in _RELATIONS.items()},
    "and": _between(" and ", BOTH, NOT, BOTH),
    "or": _between(" or ", EITHER, BOTH, EITHER),
    "not": lambda operands: (f"not {_at(operands[0], NOT)}", NOT),
}
