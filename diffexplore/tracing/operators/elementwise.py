"""Operators that compute each place of their result from the same place of their operands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import sympy
import torch

from diffexplore.formula.functions_sympy import expm1, log1p, sigmoid, softplus
from diffexplore.formula.step_functions import ceil, floor, rounded, trunc
from diffexplore.tracing.arrays import Grid, each
from diffexplore.tracing.operators.logic import equal, less, select

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading

from sympy import Expr


def _div(x: Expr, y: Expr) -> Expr:
    return x / y


def _remainder(x: Expr, y: Expr) -> Expr:
    return x - y * floor(x / y)


def _fmod(x: Expr, y: Expr) -> Expr:
    return x - y * trunc(x / y)


def heaviside(x: Expr, at_zero: Expr) -> Expr:
    """torch.heaviside: 0 below 0, 1 above, and the second operand at 0."""
    return select(equal(x, sympy.S.Zero), at_zero, select(less(x, sympy.S.Zero), sympy.S.Zero, sympy.S.One))


def _xlogy(x: Expr, y: Expr) -> Expr:
    return select(equal(x, sympy.S.Zero), sympy.S.Zero, x * sympy.log(y))


def _xlog1py(x: Expr, y: Expr) -> Expr:
    return select(equal(x, sympy.S.Zero), sympy.S.Zero, x * log1p(y))


def _mish_backward(g: Expr, x: Expr) -> Expr:
    t = sympy.tanh(softplus(x))
    return g * (t + x * sigmoid(x) * (1 - t**2))


#: Operators whose operands are all broadcast against each other.
FUNCTIONS: Mapping[str, Callable[..., Expr]] = {
    "abs": sympy.Abs, "neg": lambda x: -x, "positive": lambda x: x,
    "exp": sympy.exp, "exp2": lambda x: sympy.Integer(2) ** x, "expm1": expm1, "special_expm1": expm1,
    "log": sympy.log, "log1p": log1p, "special_log1p": log1p,
    "log2": lambda x: sympy.log(x) / sympy.log(2), "log10": lambda x: sympy.log(x) / sympy.log(10),
    "sqrt": sympy.sqrt, "rsqrt": lambda x: 1 / sympy.sqrt(x), "reciprocal": lambda x: 1 / x, "square": lambda x: x**2,
    "sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan, "asin": sympy.asin, "acos": sympy.acos, "atan": sympy.atan,
    "sinh": sympy.sinh, "cosh": sympy.cosh, "tanh": sympy.tanh,
    "asinh": sympy.asinh, "acosh": sympy.acosh, "atanh": sympy.atanh,
    "atan2": sympy.atan2,
    "sinc": lambda x: sympy.sinc(sympy.pi * x), "special_sinc": lambda x: sympy.sinc(sympy.pi * x),
    "erf": sympy.erf, "special_erf": sympy.erf, "erfc": sympy.erfc, "special_erfc": sympy.erfc,
    "erfinv": sympy.erfinv, "special_erfinv": sympy.erfinv,
    "lgamma": sympy.loggamma, "special_gammaln": sympy.loggamma,
    "digamma": lambda x: sympy.polygamma(0, x), "special_digamma": lambda x: sympy.polygamma(0, x),
    "sigmoid": sigmoid, "special_expit": sigmoid, "relu": lambda x: sympy.Max(0, x),
    "sign": sympy.sign, "sgn": sympy.sign, "heaviside": heaviside,
    "pow": lambda x, y: x**y, "hypot": lambda x, y: sympy.sqrt(x**2 + y**2),
    "maximum": sympy.Max, "minimum": sympy.Min,
    "logaddexp": lambda x, y: sympy.log(sympy.exp(x) + sympy.exp(y)),
    "logaddexp2": lambda x, y: sympy.log(2**x + 2**y) / sympy.log(2),
    "xlogy": _xlogy, "special_xlogy": _xlogy, "special_xlog1py": _xlog1py,
    "sigmoid_backward": lambda g, y: g * y * (1 - y), "tanh_backward": lambda g, y: g * (1 - y**2),
    "mish": lambda x: x * sympy.tanh(softplus(x)), "mish_backward": _mish_backward,
    "threshold_backward": lambda g, x, t: select(less(t, x), g, sympy.S.Zero),
}  # fmt: skip

#: Functions that jump. A finite number is what they are read of.
STEPS: Mapping[str, Callable[..., Expr]] = {
    "floor": floor, "ceil": ceil, "trunc": trunc, "round": rounded, "fix": trunc,
    "remainder": _remainder, "fmod": _fmod, "frac": lambda x: x - trunc(x),
    "floor_divide": lambda x, y: floor(x / y),
}  # fmt: skip


def _elementwise(function: Callable[..., Expr]) -> Callable[..., Grid]:
    def read(reading: Reading, *operands: Any, **_: Any) -> Grid:
        return each(function, *map(reading.number, operands))

    return read


def _step(name: str, function: Callable[..., Expr]) -> Callable[..., Grid]:
    def apply(*values: Expr) -> Expr:
        if any(value.is_infinite for value in values):
            raise NotImplementedError(f"{name} of an infinite number is none: leave it out")
        return function(*values)

    return _elementwise(apply)


def _round(reading: Reading, x: Any, decimals: int = 0) -> Grid:
    scale = sympy.Integer(10) ** decimals
    return _step("round", lambda x: rounded(x * scale) / scale)(reading, x)


def _mul(reading: Reading, x: Any, y: Any) -> Grid:
    if reading.dtype == torch.bool:
        return each(sympy.And, reading.condition(x), reading.condition(y))
    return each(lambda x, y: x * y, reading.number(x), reading.number(y))


def _add(reading: Reading, x: Any, y: Any, alpha: Any = 1, **_: Any) -> Grid:
    if reading.dtype == torch.bool:  # of truth values the sum is "or"
        return each(lambda x, y, alpha: sympy.Or(x, sympy.And(alpha, y)), *map(reading.condition, (x, y, alpha)))
    return each(lambda x, y, alpha: x + alpha * y, *map(reading.number, (x, y, alpha)))


def _sub(reading: Reading, x: Any, y: Any, alpha: Any = 1, **_: Any) -> Grid:
    return each(lambda x, y, alpha: x - alpha * y, *map(reading.number, (x, y, alpha)))


def _rsub(reading: Reading, x: Any, y: Any, alpha: Any = 1, **_: Any) -> Grid:
    return _sub(reading, y, x, alpha)


def _divide(reading: Reading, x: Any, y: Any, rounding_mode: str | None = None, **_: Any) -> Grid:
    if rounding_mode is None:
        return each(_div, reading.number(x), reading.number(y))
    rounded = _step("rounded division", lambda x, y: STEPS[rounding_mode](x / y))
    return rounded(reading, x, y)


def clamp(reading: Reading, x: Any, low: Any = None, high: Any = None, **given: Any) -> Grid:
    """clamp, clamp_min and clamp_max: max(x, low) first, then min with high, as torch does."""
    low, high = given.get("min", low), given.get("max", high)
    grid = reading.number(x)
    if low is not None:
        grid = each(sympy.Max, grid, reading.number(low))
    if high is not None:
        grid = each(sympy.Min, grid, reading.number(high))
    return grid if low is not None or high is not None else each(lambda x: x, grid)


def _polygamma(reading: Reading, order: int, x: Any, **_: Any) -> Grid:
    return each(lambda x: sympy.polygamma(order, x), reading.number(x))


READERS: Mapping[str, Callable[..., Any]] = {
    **{name: _elementwise(function) for name, function in FUNCTIONS.items()},
    **{name: _step(name, function) for name, function in STEPS.items() if name != "round"}, "round": _round,
    "mul": _mul, "add": _add, "sub": _sub, "rsub": _rsub, "div": _divide, "true_divide": _divide,
    "clamp": clamp, "clamp_min": lambda reading, x, low: clamp(reading, x, low),
    "clamp_max": lambda reading, x, high: clamp(reading, x, None, high),
    "polygamma": _polygamma, "special_polygamma": _polygamma,
}  # fmt: skip
