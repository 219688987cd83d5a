"""A large formula as blocks: short formulas, each in the results of those before it.

A part that is used twice is a block of its own, and so is a part of more than :data:`LARGEST` operations. Sums and
products of many operands are taken a few at a time. So a formula that is nested deep is a list of short ones, as long
as it is deep, and what is done to each of them takes as long as the list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import sympy

from diffexplore.formula import build
from diffexplore.formula.order import count_ops
from diffexplore.formula.sharing import Product, Shared, is_constant


@dataclass(frozen=True)
class Limits:
    """How large blocks are.

    Attributes:
        operations: those of a block into which others are put.
        terms, factors: those of a sum and of a product in a block.
        plain: what has so many operations is no block of its own, however often it is used.
    """

    operations: int
    terms: int
    factors: int
    plain: int = 0


TO_DIFFERENTIATE = Limits(operations=16, terms=8, factors=4)
"""The derivative of a product has the square of its factors, and a sum is written once for each of them."""

_Joining = Callable[[Iterable[sympy.Expr]], sympy.Expr]


@dataclass(frozen=True)
class Block:
    """``expression`` is in the inputs and in symbols of blocks before it; ``closed`` is the same in the inputs alone.

    ``apart`` says that it is some operands of a long sum or product, and stays a block.
    """

    symbol: sympy.Symbol
    expression: sympy.Expr
    closed: sympy.Expr
    apart: bool = False


def blocks_of(expr: sympy.Expr, limits: Limits = TO_DIFFERENTIATE) -> tuple[Block, ...]:
    """The blocks of ``expr``, which the last one computes."""
    return tuple(_joined(_Parts(expr, limits).blocks, limits))


class _Parts:
    """Each operation of an expression as a block, operands first."""

    def __init__(self, expr: sympy.Expr, limits: Limits) -> None:
        self._limits = limits
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

    def _add(self, expression: sympy.Expr, closed: sympy.Expr, apart: bool = False) -> sympy.Expr:
        # What SymPy does not know to be real stays so: √(u²) is |u| only of a real u.
        real = expression.is_real or (not (closed.is_Add or closed.is_Mul) and closed.is_real)
        symbol = sympy.Symbol(f"_{len(self.blocks)}", real=real or None)
        self.blocks.append(Block(symbol, expression, closed, apart))
        return symbol

    def _operation(self, expr: sympy.Expr) -> sympy.Expr:
        if expr.is_Add:
            parts, terms = self._shared.in_sum(expr)
            named = [*map(self._name, parts), *map(self._term, terms)]
            return self._few(named, [*parts, *terms], build.total, self._limits.terms)
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
        return self._few(named, closed, build.product, self._limits.factors)

    def _few(
        self, named: Sequence[sympy.Expr], closed: Sequence[sympy.Expr], joined: _Joining, most: int
    ) -> sympy.Expr:
        """A sum or a product, of a few operands at a time."""
        while len(named) > most:
            groups = [slice(start, start + most) for start in range(0, len(named), most)]
            within, whole = [joined(named[group]) for group in groups], [joined(closed[group]) for group in groups]
            named = [
                self._add(*pair, apart=True) if pair[0].args else pair[0] for pair in zip(within, whole, strict=True)
            ]
            closed = whole
        return joined(named)

    def _inside(self, expr: sympy.Basic) -> sympy.Basic:
        """A function, or a condition, of what is named."""
        arguments = [self._name(arg) if isinstance(arg, sympy.Expr) else self._inside(arg) for arg in expr.args]
        return build.with_arguments(expr, arguments) if arguments else expr


def _joined(blocks: Sequence[Block], limits: Limits) -> Iterator[Block]:
    """The blocks with those put into others that are plain, or used by one other only, as long as that stays short."""
    uses = Counter(symbol for block in blocks for symbol in block.expression.free_symbols)
    expressions: dict[sympy.Basic, sympy.Expr] = {}
    sizes: dict[sympy.Basic, int] = {}  # of those that may be put into another
    taken: set[sympy.Basic] = set()
    for block in blocks:
        inside = [symbol for symbol in block.expression.free_symbols if symbol in sizes]
        plain = {symbol for symbol in inside if sizes[symbol] <= limits.plain}
        left = limits.operations - count_ops(block.expression) - sum(sizes[symbol] for symbol in plain)
        within = set(plain)
        once = (symbol for symbol in inside if uses[symbol] == 1 and symbol not in plain)
        for symbol in sorted(once, key=lambda symbol: (sizes[symbol], symbol.name)):
            left -= sizes[symbol]
            if left < 0:
                break
            within.add(symbol)
        expression = build.filled(block.expression, {symbol: expressions[symbol] for symbol in within})
        expressions[block.symbol] = expression
        if not block.apart:
            sizes[block.symbol] = count_ops(expression)
        taken |= within
    output = blocks[-1].symbol if blocks else None
    for block in blocks:
        if block.symbol not in taken or block.symbol == output:
            yield replace(block, expression=expressions[block.symbol])
