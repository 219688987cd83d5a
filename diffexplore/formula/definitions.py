"""Long formulas with names for what comes twice: ``u1·(1 − u1) with u1 = r·x·(1 − x)``.

A derivative of a formula that is nested deep may be thousands of operations long when it is written out, most of them
again and again. What is printed names each such part once. The expression itself stays what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sympy

from diffexplore.formula import build
from diffexplore.formula.blocks import Limits, blocks_of
from diffexplore.formula.latex import to_latex
from diffexplore.formula.names import free_letter
from diffexplore.formula.order import count_ops
from diffexplore.formula.remembered import remembered
from diffexplore.formula.text import to_text

WRITTEN_OUT = 200
"""A formula of at most so many operations is written out, and so is one of which names save less than half."""

_LETTERS = ("u", "v", "w", "_u")  # no symbol of a formula begins with the last

_TO_READ = Limits(operations=40, terms=10**6, factors=10**6, plain=2)


@dataclass(frozen=True)
class NamedFormula:
    """``formula`` in the inputs and in names, each with its definition in the inputs and the names before it."""

    formula: sympy.Expr
    definitions: tuple[tuple[sympy.Symbol, sympy.Expr], ...] = ()

    @property
    def operations(self) -> int:
        """Those that are written: a definition counts once."""
        return count_ops(self.formula) + sum(count_ops(part) for _, part in self.definitions)

    def text(self, *, unicode: bool = True) -> str:
        """On one line."""
        parts = (f"{name} = {to_text(part, unicode=unicode)}" for name, part in self.definitions)
        return to_text(self.formula, unicode=unicode) + _with(", ".join(parts), " with ")

    def latex(self) -> str:
        """In LaTeX, without dollar signs."""
        parts = (f"{to_latex(name)} = {to_latex(part)}" for name, part in self.definitions)
        return to_latex(self.formula) + _with(r",\; ".join(parts), r" \quad\text{with}\quad ")


def _with(definitions: str, word: str) -> str:
    return f"{word}{definitions}" if definitions else ""


@remembered(512)  # a partial is counted, and then written in several ways
def defined(expr: sympy.Expr) -> NamedFormula:
    """``expr`` as it is printed."""
    operations = count_ops(expr)
    if operations <= WRITTEN_OUT or 2 * sum(1 for _ in distinct(expr)) > operations:
        return NamedFormula(expr)
    *parts, last = blocks_of(expr, _TO_READ)
    letter = free_letter([symbol.name for symbol in expr.free_symbols], _LETTERS)
    names = {part.symbol: sympy.Symbol(f"{letter}{place}", real=True) for place, part in enumerate(parts, start=1)}
    definitions = tuple((names[part.symbol], build.filled(part.expression, names)) for part in parts)
    found = NamedFormula(build.filled(last.expression, names), definitions)
    return found if 2 * found.operations <= operations else NamedFormula(expr)


def distinct(expr: sympy.Basic) -> Iterator[sympy.Basic]:
    """The operations in an expression, each once however often it comes."""
    seen: set[sympy.Basic] = set()
    waiting = [expr]
    while waiting:
        part = waiting.pop()
        if part.args and part not in seen:
            seen.add(part)
            waiting += part.args
            yield part
