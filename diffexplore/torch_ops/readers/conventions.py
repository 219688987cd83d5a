"""Where functions of torch depart from the mathematical ones on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy

from diffexplore.formula.functions_sympy import log1p, sigmoid, softplus
from diffexplore.torch_ops.readers.arrays import Grid, each
from diffexplore.torch_ops.readers.logic import less, opposite, select

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading

from sympy import Expr

#: Functions of torch that bound an intermediate from below without telling autograd.
_SILENT_CLAMPS = ("gaussian_nll_loss", "cosine_similarity")

#: Functions of torch whose derivative is a quotient, except near 0.
_CONSTANT_NEAR_ZERO = ("special_i1", "special_i1e")

_LOWEST_LOG = sympy.Integer(-100)
_LOWEST_PRODUCT = sympy.Rational(1, 10**12)


def torch_softplus(reading: Reading, x: Grid, beta: Any = 1, threshold: Any = 20) -> Grid:
    beta, threshold = sympy.sympify(beta), sympy.sympify(threshold)
    return each(lambda x: select(_is_linear(reading, x, beta, threshold), x, softplus(beta * x) / beta), x)


def softplus_backward(reading: Reading, grad: Grid, x: Grid, beta: Any, threshold: Any) -> Grid:
    beta, threshold = sympy.sympify(beta), sympy.sympify(threshold)
    return each(lambda g, x: select(_is_linear(reading, x, beta, threshold), g, g * sigmoid(beta * x)), grad, x)


def _is_linear(reading: Reading, x: Expr, beta: Expr, threshold: Expr) -> Any:
    return reading.convention(less(threshold, beta * x), "torch's softplus is linear above its threshold")


def binary_cross_entropy(reading: Reading, p: Grid, y: Grid, weight: Any = None, reduction: int = 1) -> Grid:
    """With logarithms of at least -100."""

    def loss(p: Expr, y: Expr, w: Expr) -> Expr:
        return w * ((y - 1) * bounded(log1p(-p)) - y * bounded(sympy.log(p)))

    def bounded(log: Expr) -> Expr:
        low = less(log, _LOWEST_LOG)
        low = reading.convention(low, "torch's binary_cross_entropy bounds logarithms by −100")
        return log if low == False else sympy.Max(log, _LOWEST_LOG)  # noqa: E712 (SymPy's false is not Python's)

    weight = sympy.S.One if weight is None else weight
    return reading.reduced(each(loss, p, reading.number(y), reading.number(weight)), reduction)


def binary_cross_entropy_backward(
    reading: Reading, grad: Grid, p: Grid, y: Grid, weight: Any = None, reduction: int = 1
) -> Grid:
    """With a denominator of at least 1e-12."""

    def slope(g: Expr, p: Expr, y: Expr, w: Expr) -> Expr:
        product = (1 - p) * p
        small = less(product, _LOWEST_PRODUCT)
        small = reading.convention(small, "torch's binary_cross_entropy divides by at least 1e-12 in its backward")
        return g * w * (p - y) / (product if small == False else sympy.Max(product, _LOWEST_PRODUCT))  # noqa: E712

    weight = sympy.S.One if weight is None else weight
    size = reading.count(p, tuple(range(p.ndim))) if reduction == 1 else sympy.S.One
    return each(lambda *a: slope(*a) / size, grad, p, reading.number(y), reading.number(weight))


def logit(reading: Reading, x: Grid, eps: Any = None) -> Grid:
    """log(x/(1 - x)); x bounded to [eps, 1 - eps] first, where an eps is given."""
    if eps is None or eps < 0:
        return each(lambda x: sympy.log(x / (1 - x)), x)
    return logit(reading, each(lambda x: sympy.Min(sympy.Max(x, eps), 1 - eps), x))


def logit_backward(reading: Reading, grad: Grid, x: Grid, eps: Any = None) -> Grid:
    def slope(g: Expr, x: Expr) -> Expr:
        inside = g / (x * (1 - x))
        if eps is None or eps < 0:
            return inside
        return select(less(x, eps), sympy.S.Zero, select(less(1 - eps, x), sympy.S.Zero, inside))

    return each(slope, grad, x)


def hardsigmoid_backward(reading: Reading, grad: Grid, x: Grid) -> Grid:
    """As torch decomposes it. Its kernel for doubles rounds the 1/6 to float32, which is no mathematics to be read."""
    reading.note("hardsigmoid_backward is read with 1/6: the kernel for float64 has it rounded to float32, 3e-8 off")

    def slope(g: Expr, x: Expr) -> Expr:
        return select(sympy.And(less(sympy.Integer(-3), x), less(x, sympy.Integer(3))), g / 6, sympy.S.Zero)

    return each(slope, grad, x)


def is_unseen(reading: Reading, before: Grid, low: Any) -> bool:
    """Whether a bound that a function of torch puts on an intermediate in place, out of autograd's sight, is left out.

    It is kept as a convention, and left out where functions are read as they are meant.
    """
    function = reading.place.function
    if function not in _SILENT_CLAMPS or reading.place.recorded or low is None:
        return False
    text = f"torch's {function} bounds a denominator from below, as a constant"
    each(lambda x, low: reading.convention(less(x, low), text), before, reading.number(low))
    return reading.way.as_meant


def beyond_zero(reading: Reading, x: Grid, limit: Grid) -> Grid | None:
    """What limit < x is read as where it tells that the derivative of a function of torch is a constant near 0."""
    function = reading.place.function
    if function not in _CONSTANT_NEAR_ZERO or not reading.place.backward:
        return None
    text = f"torch gives {function} the derivative 1/2 that it has at 0"
    return each(lambda x, limit: opposite(reading.convention(sympy.Not(less(limit, x)), text)), x, limit)
