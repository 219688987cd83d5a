"""A large formula as blocks: short formulas, each in the results of those before it.

A part that is used twice is a block of its own, and so is a part of more than :data:`LARGEST` operations. Sums and
products of many operands are taken a few at a time. So a formula that is nested deep is a list of short ones, as
long as it is deep, and what is done to each of them takes as long as the list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import sympy

from diffexplore.formula import build
from diffexplore.formula.order import count_ops
from diffexplore.formula.sharing import Product, Shared, is_constant

LARGEST = 16
"""The operations of a block."""

MOST_TERMS = 8
"""The terms of a sum in a block."""

MOST_FACTORS = 4
"""The factors of a product in a block: its derivative has the square of that."""


_Joining = Callable[[Iterable[sympy.Expr]], sympy.Expr]


@dataclass(frozen=True)
class Block:
    """``expression`` is in the inputs and in symbols of blocks before it; ``closed`` the same in the inputs alone."""

    symbol: sympy.Symbol
    expression: sympy.Expr
    closed: sympy.Expr


def blocks_of(expr: sympy.Expr) -> tuple[Block, ...]:
    """The blocks of ``expr``, which the last one computes."""
    parts = _Parts(expr)
    return tuple(_joined(parts.blocks))


class _Parts:
    """Each operation of an expression as a block, operands first."""

    def __init__(self, expr: sympy.Expr) -> None:
        self.blocks: list[Block] = []
        self._shared = Shared(expr)
        self._names: dict[sympy.Expr, sympy.Expr] = {}
        self._name(expr)

    def _name(self, expr: sympy.Expr) -> sympy.Expr:
        """The symbol of what computes ``expr``; inputs and constants stand for themselves."""
        if expr.is_Symbol or is_constant(expr):
            return expr
        if expr not in self._names:
            self._names[expr] = self._add(self._operation(expr), expr)
        return self._names[expr]

    def _add(self, expression: sympy.Expr, closed: sympy.Expr) -> sympy.Expr:
        # What SymPy does not know to be real stays so: √(u²) is |u| only of a real u.
        symbol = sympy.Symbol(f"_{len(self.blocks)}", real=closed.is_real or None)
        self.blocks.append(Block(symbol, expression, closed))
        return symbol

    def _operation(self, expr: sympy.Expr) -> sympy.Expr:
        if expr.is_Add:
            parts, terms = self._shared.in_sum(expr)
            named = [*map(self._name, parts), *map(self._term, terms)]
            return self._few(named, [*parts, *terms], build.total, MOST_TERMS)
        if expr.is_Mul:
            return self._product(expr)
        if expr.is_Pow and expr.exp.is_Rational:
            return self._name(expr.base) ** expr.exp
        return self._inside(expr)

    def _term(self, term: sympy.Expr) -> sympy.Expr:
        number, rest = term.as_coeff_Mul()
        return build.product([number, self._name(rest)])

    def _product(self, expr: sympy.Mul) -> sympy.Expr:
        parts, rest = self._shared.in_product(Product.of(expr))
        powers = [(part, sympy.Integer(count)) for part, count in parts]
        powers += [(base, sympy.Rational(e.numerator, e.denominator)) for base, e in rest.powers.items()]
        named = [rest.constant, *(self._name(base) ** exponent for base, exponent in powers)]
        closed = [rest.constant, *(base**exponent for base, exponent in powers)]
        return self._few(named, closed, build.product, MOST_FACTORS)

    def _few(
        self, named: Sequence[sympy.Expr], closed: Sequence[sympy.Expr], joined: _Joining, most: int
    ) -> sympy.Expr:
        """A sum or a product, of a few operands at a time."""
        while len(named) > most:
            groups = [slice(start, start + most) for start in range(0, len(named), most)]
            within, whole = [joined(named[group]) for group in groups], [joined(closed[group]) for group in groups]
            named = [self._add(*pair) if pair[0].args else pair[0] for pair in zip(within, whole, strict=True)]
            closed = whole
        return joined(named)

    def _inside(self, expr: sympy.Basic) -> sympy.Basic:
        """A function, or a condition, of what is named."""
        arguments = [self._name(arg) if isinstance(arg, sympy.Expr) else self._inside(arg) for arg in expr.args]
        return build.with_arguments(expr, arguments) if arguments else expr


def _joined(blocks: Sequence[Block]) -> Iterator[Block]:
    """The blocks with those put into others that are used by one other only, as long as that stays short."""
    uses = Counter(symbol for block in blocks for symbol in block.expression.free_symbols)
    known: dict[sympy.Basic, sympy.Expr] = {}
    taken: set[sympy.Basic] = set()
    for block in blocks:
        expression = block.expression
        left = LARGEST - count_ops(expression)
        once = [symbol for symbol in expression.free_symbols if symbol in known and uses[symbol] == 1]
        within: dict[sympy.Basic, sympy.Basic] = {}
        for symbol in sorted(once, key=lambda symbol: (count_ops(known[symbol]), symbol.name)):
            left -= count_ops(known[symbol])
            if left < 0:
                break
            within[symbol] = known[symbol]
        known[block.symbol] = build.filled(expression, within)
        taken |= within.keys()
    for block in blocks:
        if block.symbol not in taken:
            yield replace(block, expression=known[block.symbol])
