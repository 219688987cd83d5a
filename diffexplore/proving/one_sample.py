"""A single sample: torch's own questions about memory layouts hide from the trace what a program asks of N = 1."""

from __future__ import annotations

import sympy

from diffexplore.decide import decide_equal
from diffexplore.errors import UsageError
from diffexplore.formula.batch_sums import SAMPLES, BatchSum
from diffexplore.formula.budget import Allowance
from diffexplore.proving.programs import TensorProgram
from diffexplore.tracing.declarations import of_samples
from diffexplore.tracing.trace import trace
from diffexplore.tracing.traced import Traced


def holds_for_one(program: TensorProgram, traced: Traced, allowance: Allowance, *, by_data: bool) -> bool:
    """Whether the formulas for any number of samples are those that the program has for one.

    The ``allowance`` is what all decisions of a proof share.
    """
    try:
        single = trace(
            program.function, parameters=program.parameters, data=program.data, by_data=by_data, samples=1
        )  # fmt: skip
    except UsageError:
        return False
    names = {
        symbol: one for array in program.data for symbol, one in zip(array.symbols, of_samples(array, 1), strict=True)
    }
    general, alone = dict(traced.partials or {}), dict(single.partials or {})
    pairs = [(traced.output, single.output)]
    for name, expr in general.items():
        symbol = sympy.Symbol(name, real=True)
        pairs.append((expr, alone.get(names.get(symbol, symbol).name, sympy.nan)))
    return all(_same(collapsed(left, names), right, allowance) for left, right in pairs)


def collapsed(expr: sympy.Expr, names: dict[sympy.Symbol, sympy.Symbol]) -> sympy.Expr:
    """A formula for N samples at N = 1: each sum is its only summand."""
    sums = expr.atoms(BatchSum)
    outer = [inner for inner in sums if not any(inner is not other and other.has(inner) for other in sums)]
    flat = expr.xreplace({inner: collapsed(inner.summand, names) for inner in outer})
    return flat.xreplace({SAMPLES: sympy.S.One, **names})


def _same(left: sympy.Expr, right: sympy.Expr, allowance: Allowance) -> bool:
    if left.has(sympy.zoo, sympy.nan, sympy.oo):
        return False
    return left == right or decide_equal(left, right, allowance=allowance).status == "proved"
