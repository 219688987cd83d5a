"""Sufficient sums: a summand that is a polynomial in its data is reduced to a few sums of products of columns.

Σᵢ ℓ(θ; zᵢ) = Σₖ cₖ(θ) Σᵢ mₖ(zᵢ) for monomials mₖ. After one pass over the data, the reduced loss and all its
derivatives cost the same for a hundred samples and for a billion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy
from flint import arb

from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.double_balls import DoubleBall, exact, mul, total
from diffexplore.inputs.blocks import Blocks
from diffexplore.loss import Loss

#: A summand with more operations is not expanded, which may be costly.
_MOST_OPERATIONS = 300

#: A summand that needs more sums is left as it is.
_MOST_SUMS = 200

#: Fewer samples are added up in Arb, without rounding; more as vectors in double-double balls.
_FEW = 1_000

#: Bits in which sums are held: nothing of a few samples is rounded.
BITS = 2_048

_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Moments:
    """The reduced loss in terms of its sums.

    Attributes:
        expression: the reduced loss in the parameters and a symbol for each sum.
        exponents: for each of these symbols the exponent of each data symbol in what is added up.
    """

    expression: sympy.Expr
    exponents: Mapping[sympy.Symbol, tuple[int, ...]]


def moments_of(loss: Loss) -> Moments | None:
    """The loss by its sums; None where the summand is no polynomial in its data, or a very long one."""
    data = [loss.symbols[name] for name in loss.data]
    if sympy.count_ops(loss.expression) > _MOST_OPERATIONS:
        return None
    if not data:
        return Moments(loss.expression, {})
    numerator, denominator = sympy.fraction(sympy.together(loss.expression))
    if denominator.free_symbols & set(data):
        return None
    try:
        polynomial = sympy.Poly(numerator, *data)
    except sympy.PolynomialError:
        return None
    terms = polynomial.terms()
    if len(terms) > _MOST_SUMS or any(coefficient.free_symbols & set(data) for _, coefficient in terms):
        return None
    symbols = {exponents: sympy.Symbol(_name(loss, exponents), real=True) for exponents, _ in terms}
    expression = sympy.Add(*(coefficient * symbols[exponents] for exponents, coefficient in terms)) / denominator
    if loss.reduction == "mean":  # the mean of 1
        expression = expression.subs({symbol: 1 for exponents, symbol in symbols.items() if not any(exponents)})
        symbols = {exponents: symbol for exponents, symbol in symbols.items() if any(exponents)}
    return Moments(expression, {symbol: exponents for exponents, symbol in symbols.items()})


def _name(loss: Loss, exponents: Sequence[int]) -> str:
    """``mean(x·y)``, ``sum(x²)``: what the sum is of. No symbol of a formula has such a name."""
    powers = zip(loss.data, exponents, strict=True)
    factors = [name + (str(power).translate(_RAISED) if power > 1 else "") for name, power in powers if power]
    return f"{loss.reduction}({'·'.join(factors) or '1'})"


def sums(moments: Moments, loss: Loss, columns: Mapping[str, np.ndarray], blocks: Blocks) -> dict[str, arb]:
    """An enclosure of each sum (or mean) over the samples, by the name of its symbol."""
    found, n = {}, blocks.n
    for symbol, exponents in moments.exponents.items():
        factors = [columns[name] for name, power in zip(loss.data, exponents, strict=True) for _ in range(power)]
        whole = _few(factors, n) if n < _FEW else _many(factors, n)
        with precision(BITS):
            found[symbol.name] = whole / n if loss.reduction == "mean" else whole
    return found


def _few(factors: Sequence[np.ndarray], n: int) -> arb:
    with precision(BITS):
        whole = arb(0)
        for i in range(n):
            product = arb(1)
            for column in factors:
                product *= arb(float(column[i]))
            whole += product
        return whole


def _many(factors: Sequence[np.ndarray], n: int) -> arb:
    if not factors:
        return arb(n)
    with np.errstate(all="ignore"):
        product = exact(factors[0])
        for column in factors[1:]:
            product = mul(product, exact(column))
        return as_arb(total(product))


def as_arb(ball: DoubleBall) -> arb:
    """A ball of scalars as one of Arb's."""
    with precision(BITS):
        return arb(float(ball.high)) + arb(float(ball.low)) + arb(0, float(ball.radius))
