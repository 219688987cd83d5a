"""Closed forms of the derivatives of large formulas, block by block.

Written out, the derivative of a formula that is nested deep is far longer than the formula: each rule copies what it is
applied to. Here the chain rule goes through the blocks of the formula (:mod:`diffexplore.formula.blocks`), forward: the
slope of a block is a short formula in the blocks below it and their slopes, and is simplified as such. Blocks of one
shape, which differ in their names alone, are simplified once. The closed form is what the slope of the last block
becomes when all names are put back: it is nested as the formula is, and no product of sums in it is multiplied out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy

from diffexplore.formula import build
from diffexplore.formula.blocks import Block, blocks_of
from diffexplore.formula.budget import Budget
from diffexplore.formula.chain_rule import derivative, derivative_along
from diffexplore.formula.order import count_ops
from diffexplore.formula.remembered import remembered
from diffexplore.formula.simplify import simplify
from diffexplore.formula.size import TooLarge, nodes
from diffexplore.lists import grouped

MOST_NODES = 400_000
"""A closed form of more nodes is not written out."""

_BUDGET = Budget(operations=15_000, seconds=60.0)  # for the slope of a block

_MOST_SIMPLIFIED = 2_000  # nodes of the slopes of one derivative, each shape once: the others are left as they are

_SHORT = 2  # a slope of so many operations has no name of its own


class Slopes:
    """The derivatives of one expression by its symbols; what they share is found once."""

    def __init__(self, expr: sympy.Expr) -> None:
        self._blocks = blocks_of(expr)
        self._operands = [sorted(block.expression.free_symbols, key=str) for block in self._blocks]
        self._locals: dict[tuple[sympy.Symbol, sympy.Symbol], sympy.Expr] = {}
        self._closed = {block.symbol: block.closed for block in self._blocks}
        self._sizes: dict[sympy.Basic, int] = {block.symbol: nodes(block.closed) for block in self._blocks}
        self.unfinished: set[sympy.Symbol] = set()
        """The symbols by which a derivative was found that is not simplified in all its blocks."""

    def by(self, symbol: sympy.Symbol) -> sympy.Expr:
        """The closed form of the derivative; raises :class:`TooLarge` where it has more than :data:`MOST_NODES`."""
        found: dict[sympy.Symbol, sympy.Expr] = {symbol: sympy.S.One}
        simplest = _Simplest()
        closed, sizes = dict[sympy.Basic, sympy.Basic](self._closed), dict(self._sizes)
        for block, operands in zip(self._blocks, self._operands, strict=True):
            through = grouped((one for one in operands if one in found), lambda operand: found[operand])
            slope = self._slope(block, through, sizes, simplest) if through else sympy.S.Zero
            if slope == 0:
                continue
            name = sympy.Symbol(f"{block.symbol}'", real=block.symbol.is_real)
            found[block.symbol] = slope if count_ops(slope) <= _SHORT else name
            sizes[name] = nodes(slope, sizes)
            if sizes[name] > MOST_NODES:
                raise TooLarge(f"the derivative by {symbol} is too large: it would have more than {MOST_NODES:,} nodes")
            closed[name] = build.filled(slope, closed)
        if simplest.left < 0:
            self.unfinished.add(symbol)
        return build.filled(slope, closed)

    def _slope(
        self,
        block: Block,
        through: Mapping[sympy.Expr, Sequence[sympy.Symbol]],
        sizes: dict[sympy.Basic, int],
        simplest: _Simplest,
    ) -> sympy.Expr:
        """The slope of a block, from its operands by their slopes, in the form that is shortest when it is written out.

        A sum that is simplified as a whole may have fewer operations, and a slope twice, which is a long formula.
        """
        if block.expression.has(sympy.Piecewise):  # a slope stays in its branch: elsewhere it may have no value
            return simplest.of(derivative_along(block.expression, {s: d for d, each in through.items() for s in each}))
        factors = {
            slope: build.total(self._local(block, one) for one in operands) for slope, operands in through.items()
        }
        apart = build.total(build.product([slope, simplest.of(factor)]) for slope, factor in factors.items())
        together = simplest.of(build.total(build.product([slope, factor]) for slope, factor in factors.items()))
        return min(together, apart, key=lambda expr: nodes(expr, sizes))

    def _local(self, block: Block, operand: sympy.Symbol) -> sympy.Expr:
        """The derivative of a block by one of its operands alone."""
        key = block.symbol, operand
        if key not in self._locals:
            self._locals[key] = derivative(block.expression, operand)
        return self._locals[key]


@remembered(16)  # of one formula each symbol is differentiated by, one after the other
def slopes_of(expr: sympy.Expr) -> Slopes:
    """The derivatives of ``expr``."""
    return Slopes(expr)


class _Simplest:
    """Simplifies the slopes of one derivative, as long as they are no more than :data:`_MOST_SIMPLIFIED` nodes."""

    def __init__(self) -> None:
        self._seen: set[sympy.Expr] = set()
        self.left = _MOST_SIMPLIFIED

    def of(self, expr: sympy.Expr) -> sympy.Expr:
        """``expr`` simplified, with other names: what differs in its names alone is simplified once."""
        if expr.is_Symbol or not expr.args:
            return expr
        symbols = sorted(expr.free_symbols, key=str)
        plain = {symbol: sympy.Symbol(f"s{place}", real=symbol.is_real) for place, symbol in enumerate(symbols)}
        shape = build.filled(expr, plain)
        if shape not in self._seen:
            self._seen.add(shape)
            self.left -= nodes(shape)
        if self.left < 0:
            return expr
        return build.filled(_simplified(shape), {name: symbol for symbol, name in plain.items()})


@remembered(1024)
def _simplified(expr: sympy.Expr) -> sympy.Expr:
    return simplify(expr, budget=_BUDGET).expr
