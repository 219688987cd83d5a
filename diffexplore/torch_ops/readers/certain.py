"""What is certain of the values of an expression at all real points: that it has one, and how large whole ones are.

All answers err on the side of no.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import sympy
from sympy import Expr

from diffexplore.formula.batch_sums import SAMPLES, BatchSum
from diffexplore.formula.signs import certainly
from diffexplore.functions.tables import domain_of

INFINITIES = (sympy.oo, -sympy.oo)

#: Choices, sums and comparisons have a finite value wherever what they are made of has one; functions have records.
_STRUCTURE: tuple[Any, ...] = (
    sympy.Add, sympy.Mul, BatchSum, sympy.Piecewise, sympy.functions.elementary.piecewise.ExprCondPair,
    sympy.core.relational.Relational, sympy.And, sympy.Or, sympy.Not,
)  # fmt: skip

#: More samples than this no computer holds.
_MOST_SAMPLES = 2**31 - 1

Range = tuple[int, int]


@lru_cache(maxsize=10_000)
def has_value(expr: sympy.Basic) -> bool:
    """Whether an expression has a finite value wherever its symbols do, computed step by step as it is written."""
    if _is_constant(expr):
        return is_real_number(expr) and expr.is_finite is not False
    if expr.is_Symbol or type(expr) is sympy.Tuple or expr in (sympy.true, sympy.false):
        return True
    if not all(map(has_value, expr.args)):
        return False
    domain = domain_of(expr)
    if domain is None:
        return isinstance(expr, _STRUCTURE)
    return all(certainly(*need) for need in domain.needs(*expr.args))


def _is_constant(expr: sympy.Basic) -> bool:
    """Whether an expression is a number. (A branch with constant values is one to SymPy.)"""
    return isinstance(expr, Expr) and bool(expr.is_number) and not expr.free_symbols


def is_real_number(value: Expr) -> bool:
    """Whether a number is a real one or an infinity; where SymPy cannot say, its decimals do."""
    if value is sympy.nan or value is sympy.zoo:
        return False
    if value.is_extended_real is not None:
        return bool(value.is_extended_real)
    try:
        return value.evalf(30).is_Float
    except (ArithmeticError, ValueError, TypeError, NotImplementedError):
        return False


def whole_range(expr: sympy.Basic) -> Range | None:
    """The least and the largest that a certainly whole number may be, or None where it may be something else."""
    if expr.is_Integer:
        return int(expr), int(expr)
    if expr == SAMPLES:
        return 1, _MOST_SAMPLES
    if isinstance(expr, sympy.sign):
        return -1, 1
    if isinstance(expr, sympy.Piecewise):
        return _joined([whole_range(branch) for branch, _ in expr.args], lambda parts: _span(*zip(*parts, strict=True)))
    if isinstance(expr, BatchSum):
        return _joined([whole_range(expr.summand)], lambda parts: _product([parts[0], (1, _MOST_SAMPLES)]))
    if isinstance(expr, sympy.Pow):
        return _joined([whole_range(part) for part in expr.args], _power)
    combine = _COMBINED.get(expr.func)
    return None if combine is None else _joined([whole_range(part) for part in expr.args], combine)


def _joined(parts: list[Range | None], combine: Callable[[list[Range]], Range | None]) -> Range | None:
    known = [part for part in parts if part is not None]
    return combine(known) if len(known) == len(parts) else None


def _span(*ends: Any) -> Range:
    numbers = [number for group in ends for number in group]
    return min(numbers), max(numbers)


def _product(parts: list[Range]) -> Range:
    product = (1, 1)
    for part in parts:
        product = _span([a * b for a in product for b in part])
    return product


def _power(parts: list[Range]) -> Range | None:
    """Of whole numbers to powers from 0 to 64."""
    (low, high), (least, most) = parts
    if least < 0 or most > 64:
        return None
    bases = (low, 0, high) if low < 0 < high else (low, high)
    return _span([base**power for base in bases for power in range(least, most + 1)])


_COMBINED: Mapping[Any, Callable[[list[Range]], Range]] = {
    sympy.Add: lambda parts: (sum(low for low, _ in parts), sum(high for _, high in parts)),
    sympy.Mul: _product,
    sympy.Max: lambda parts: (max(low for low, _ in parts), max(high for _, high in parts)),
    sympy.Min: lambda parts: (min(low for low, _ in parts), min(high for _, high in parts)),
    sympy.Abs: lambda parts: (0, max(map(abs, parts[0]))),
}
