"""The reduced loss by its sufficient statistics (:mod:`diffexplore.kernels.statistics`), in Arb balls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb, prod

import numpy as np
import sympy
from flint import arb

from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.formula.text import to_text
from diffexplore.inputs.blocks import Blocks
from diffexplore.inputs.stored import stored
from diffexplore.kernels.block_sums import combine
from diffexplore.kernels.separation import NotSeparable
from diffexplore.kernels.slices import BLOCK
from diffexplore.kernels.statistics import Exponents, Statistics, below, statistics_of
from diffexplore.loss import Loss

#: A summand with more operations is not expanded, which may be costly.
_MOST_OPERATIONS = 300

#: A summand that needs more sums is left as it is.
_MOST_SUMS = 200

#: Fewer samples of data columns are added up in Arb, without rounding.
_FEW = 1_000

_BITS = 2_048


@dataclass(frozen=True)
class Moments:
    """The reduced loss in terms of its sums.

    Attributes:
        expression: the reduced loss in the parameters and a symbol for each sum.
        exponents: for each of these symbols the exponent of each generator in what is added up.
        statistics: the generators, and how they are added up.
    """

    expression: sympy.Expr
    exponents: Mapping[sympy.Symbol, Exponents]
    statistics: Statistics


def moments_of(loss: Loss) -> Moments | None:
    """The loss by its sums; None where the summand is no finite sum of products, or a very long one."""
    if sympy.count_ops(loss.expression) > _MOST_OPERATIONS:
        return None
    try:
        statistics = statistics_of(loss)
    except NotSeparable:
        return None
    if len(statistics.terms) > _MOST_SUMS:
        return None
    symbols: dict[sympy.Symbol, Exponents] = {}
    terms = []
    for powers, coefficient in statistics.terms.items():
        if not any(powers) and (loss.reduction == "mean" or not loss.data):  # the mean of 1
            terms.append(coefficient)
            continue
        # ``mean(x·y)``, ``sum(x²)``: what the sum is of. No symbol of a formula has such a name.
        symbol = sympy.Symbol(f"{loss.reduction}({to_text(statistics.product(powers))})", real=True)
        symbols[symbol] = powers
        terms.append(coefficient * symbol)
    return Moments(sympy.Add(*terms), symbols, statistics)


def sums(moments: Moments, loss: Loss, columns: Mapping[str, np.ndarray], blocks: Blocks) -> dict[str, arb]:
    """An enclosure of each sum (or mean) over the samples, by the name of its symbol; each block is read once."""
    n = blocks.n
    few = blocks.count == 1 and n < _FEW and all(isinstance(one, sympy.Symbol) for one in moments.statistics.generators)
    whole = _few(moments, columns, n) if few else _many(moments.statistics, columns, blocks)
    with precision(_BITS):
        return {
            symbol.name: whole[powers] / n if loss.reduction == "mean" else whole[powers]
            for symbol, powers in moments.exponents.items()
        }


def _few(moments: Moments, columns: Mapping[str, np.ndarray], n: int) -> dict[Exponents, arb]:
    with precision(_BITS):
        rows = [[arb(float(x)) for x in columns[one.name]] for one in moments.statistics.generators]
        return {
            powers: sum(
                (prod((row[i] ** p for row, p in zip(rows, powers, strict=True) if p), start=arb(1)) for i in range(n)),
                arb(0),
            )
            for powers in moments.exponents.values()
        }


def _many(statistics: Statistics, columns: Mapping[str, np.ndarray], blocks: Blocks) -> dict[Exponents, arb]:
    """The sums about 0 from those about a centre: Σ xᵖ = Σ_q C(p, q) cᵖ⁻𐞥 Σ (x − c)𐞥."""

    def rows(first: int, last: int) -> dict[str, np.ndarray]:
        return {name: column[first:last] for name, column in columns.items()}

    accumulator = statistics.about(statistics.centre(rows(0, min(BLOCK, blocks.size))))
    reading = stored(columns) is not None
    records = blocks.each(lambda first, last: accumulator.accumulate(rows(first, last), last - first, reading=reading))
    found = accumulator.finish(combine(records))
    for powers, one in found.items():
        if one.high != one.high:
            raise statistics.refused(powers)
    with precision(_BITS):
        about = {powers: arb(one.high) + arb(one.low) + arb(0, one.radius) for powers, one in found.items()}
        about[(0,) * len(accumulator.centre)] = arb(blocks.n)
        centre = [arb(c) for c in accumulator.centre]

        def uncentred(powers: Sequence[int]) -> arb:
            shares = (
                about[lower]
                * prod(
                    (comb(p, q) * c ** (p - q) for p, q, c in zip(powers, lower, centre, strict=True) if p > q),
                    start=arb(1),
                )
                for lower in below(powers, accumulator.centre)
            )
            return sum(shares, arb(0))

        return {powers: uncentred(powers) for powers in statistics.terms}


def as_arb(ball: DoubleBall) -> arb:
    """A ball of scalars as one of Arb's."""
    with precision(_BITS):
        return arb(float(ball.high)) + arb(float(ball.low)) + arb(0, float(ball.radius))
