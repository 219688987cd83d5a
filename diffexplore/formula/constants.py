"""Bounds on the constants of a formula, so that no formula can make SymPy compute for long.

SymPy evaluates what has no symbols at once: gamma(10**9) would be a factorial, exp(exp(exp(100))) needs more digits
than there is memory. Every argument is bounded before the function is applied, and every result after it.
"""

from __future__ import annotations

import math

import sympy

from diffexplore.errors import UsageError
from diffexplore.formula.made import look_over
from diffexplore.functions import FUNCTIONS

MAX_EXPONENT = 1000
MAX_BITS = 8192
MAX_ARGUMENT = 10**6

_CHOICES = (sympy.Piecewise, sympy.Max, sympy.Min)
_LARGEST_BITS = 1000
_LARGEST = 2**_LARGEST_BITS


def check_power(base: sympy.Expr, exponent: sympy.Expr) -> None:
    """Refuse exponents beyond ±1000 and powers of numbers that would be huge, whichever branch is taken."""
    if exponent.has(*_CHOICES) or base.has(*_CHOICES):
        _check_branches(base, exponent)
    number = exponent.as_coeff_Mul()[0] if not exponent.is_number else exponent
    if number.is_Rational and abs(number) > MAX_EXPONENT:
        raise UsageError(f"an exponent is beyond ±{MAX_EXPONENT:,}")
    if exponent.is_number and not exponent.is_Rational and abs(_value(exponent)) > MAX_EXPONENT:
        raise UsageError(f"an exponent is beyond ±{MAX_EXPONENT:,}")
    coefficient = base.as_coeff_Mul()[0]  # (2·x)**n brings 2**n with it, and 2**(n + x), too
    if coefficient.is_Rational and abs(coefficient) != 1 and _bits(coefficient) * _summand(exponent) > MAX_BITS:
        raise UsageError("a constant of the formula is too large: a power of a number has more than 2,400 digits")


def _summand(expr: sympy.Expr) -> sympy.Rational:
    """How large the number in ``expr`` can be, in magnitude, that has no symbol beside it once it is multiplied out."""
    if expr.is_Rational:
        return abs(expr)
    if isinstance(expr, sympy.Piecewise):
        return max(_summand(branch) for branch, _ in expr.args)
    if isinstance(expr, (sympy.Max, sympy.Min)):
        return max(_summand(arg) for arg in expr.args)
    if expr.is_Add:
        return sum((_summand(arg) for arg in expr.args), sympy.S.Zero)
    if expr.is_Mul:
        return math.prod((_summand(arg) for arg in expr.args), start=sympy.S.One)
    if expr.is_Pow and expr.exp.is_Integer and expr.exp.is_positive:
        return min(_summand(expr.base), sympy.Integer(MAX_BITS)) ** expr.exp
    return sympy.S.Zero


def _check_branches(base: sympy.Expr, exponent: sympy.Expr) -> None:
    size = _reach(exponent)
    if size > MAX_EXPONENT:
        raise UsageError(f"an exponent is beyond ±{MAX_EXPONENT:,} where a branch is taken")
    if size > 1 and abs(math.log2(_reach(base) or 1)) * size > MAX_BITS:  # a root or a reciprocal has no more digits
        raise UsageError("a constant of the formula is too large: a power of a number has more than 2,400 digits")


def _reach(expr: sympy.Expr) -> float:
    """How large the number in front of ``expr`` can be in magnitude, whichever branches are taken; symbols count as 1.

    Infinite beyond the range of a double.
    """
    if expr.is_Rational:
        magnitude = max(abs(expr), 1 / abs(expr)) if 0 < abs(expr) < 1 else abs(expr)
        return float(magnitude) if magnitude < _LARGEST else math.inf
    if isinstance(expr, sympy.Piecewise):
        return max(_reach(branch) for branch, _ in expr.args)
    parts = [_reach(part) for part in expr.args]
    if isinstance(expr, (sympy.Max, sympy.Min)):
        return max(parts)
    if expr.is_Add:
        return sum(parts)
    if expr.is_Mul:
        return math.prod(parts)
    if expr.is_Pow:
        base, exponent = parts
        return base**exponent if exponent * math.log2(max(base, 1)) < _LARGEST_BITS else math.inf
    return 1.0


def check_argument(function: str, argument: sympy.Expr) -> None:
    """Refuse constants as arguments where the value would be huge, slow or not elementary."""
    if not argument.is_number:
        return
    bound = FUNCTIONS[function].building.largest_constant
    if bound is None:
        raise UsageError(f"{function} of a constant is not supported")
    if bound < math.inf and abs(_value(argument)) > bound:
        raise UsageError(f"a constant of the formula is too large: the argument of {function} is beyond ±{bound:,}")


def checked(expr: sympy.Expr) -> sympy.Expr:
    """``expr`` itself, if it stands for something real and of bounded size."""
    if expr.is_Rational:
        if _bits(expr) > MAX_BITS:
            raise UsageError("a constant of the formula is too large: it has more than 2,400 digits")
        return expr
    look_over(expr)
    if expr.is_number:
        _value(expr)
    for factor in sympy.Mul.make_args(expr):  # 9**x*9**y has become one power, as has exp(log(9)*x)
        if factor.is_Pow:
            check_power(*factor.args)
    return expr


def check_divisor(divisor: sympy.Expr) -> None:
    """Refuse a divisor that is the constant 0, or cannot be distinguished from it."""
    if divisor.is_zero or (divisor.is_number and not divisor.is_Rational and _vanishes(divisor)):
        raise UsageError(f"division by zero in the formula: {_short(divisor)} is 0")


def _vanishes(constant: sympy.Expr) -> bool:
    try:
        return not constant.evalf(2, maxn=400, strict=True)
    except sympy.core.evalf.PrecisionExhausted:
        return True


def _bits(number: sympy.Rational) -> int:
    return max(int(number.p).bit_length(), int(number.q).bit_length())


def _value(constant: sympy.Expr) -> sympy.Expr:
    """A decimal value of a constant, refused where it is not a real number of bounded size.

    Safe because the arguments of its functions were bounded before.
    """
    value = constant if constant.is_Rational else constant.evalf(10, maxn=400)
    if not value.is_real:
        raise UsageError(f"the constant {_short(constant)} is not a real number")
    if value and abs(sympy.Float(value, 5)).num._mpf_[2] > 4 * MAX_ARGUMENT:
        raise UsageError(f"the constant {_short(constant)} is too large")
    return value


def _short(expr: sympy.Expr) -> str:
    text = str(expr)
    return text if len(text) <= 60 else text[:59] + "…"
