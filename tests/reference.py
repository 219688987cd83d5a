"""An evaluator that shares nothing with the one under test: mpmath, walking the SymPy tree.

It knows no program, no guard and no ball: each node is mapped to the mpmath function of that name, at a given
number of bits. Values come in as exact fractions or floats, so that 0.1 is the binary number that a method sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import mpmath
import sympy

_FUNCTIONS = {
    "exp": "exp", "log": "log", "sin": "sin", "cos": "cos", "tan": "tan", "cot": "cot", "sec": "sec", "csc": "csc",
    "asin": "asin", "acos": "acos", "atan": "atan", "atan2": "atan2",
    "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "coth": "coth", "sech": "sech", "csch": "csch",
    "asinh": "asinh", "acosh": "acosh", "atanh": "atanh",
    "erf": "erf", "erfc": "erfc", "erfinv": "erfinv", "gamma": "gamma", "loggamma": "loggamma",
    "polygamma": "polygamma", "sinc": "sinc", "Abs": "fabs", "sign": "sign", "log1p": "log1p", "expm1": "expm1",
}  # fmt: skip

_RELATIONS = {"<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__", "==": "__eq__", "!=": "__ne__"}


def evaluate(expression: sympy.Basic, values: Mapping[str, float | Fraction] | None = None, bits: int = 1000) -> Any:
    """The value of an expression as an mpmath number (complex or infinite where it leaves the reals)."""
    with mpmath.workprec(bits):
        point = {name: _number(value) for name, value in (values or {}).items()}
        return +_Evaluator(point).visit(expression)


def _number(value: float | Fraction) -> Any:
    if isinstance(value, Fraction):
        return mpmath.mpf(value.numerator) / value.denominator
    return mpmath.mpf(value)


#: mpmath takes minutes over the exponential of 1e60, and needs as many bits to reduce its argument.
_LARGEST_EXPONENT = 2**200

_LARGEST_GAMMA = 2**300


def _exp(x: Any) -> Any:
    if abs(x) > _LARGEST_EXPONENT:
        raise OverflowError("the exponential is beyond what mpmath evaluates in reasonable time")
    return mpmath.exp(x)


class _Evaluator:
    def __init__(self, point: Mapping[str, Any]) -> None:
        self._point = point
        self._known: dict[sympy.Basic, Any] = {}

    def visit(self, node: sympy.Basic) -> Any:
        if node not in self._known:
            self._known[node] = self._value(node)
        return self._known[node]

    def _value(self, node: sympy.Basic) -> Any:
        if isinstance(node, sympy.Symbol):
            return self._point[node.name]
        if isinstance(node, sympy.Rational):
            return mpmath.mpf(int(node.p)) / int(node.q)
        if node is sympy.true or node is sympy.false:
            return node is sympy.true
        if isinstance(node, sympy.Piecewise):
            return next((self.visit(branch) for branch, holds in node.args if self.visit(holds)), mpmath.nan)
        return self._apply(node, [self.visit(argument) for argument in node.args])

    def _apply(self, node: sympy.Basic, values: list[Any]) -> Any:
        match node:
            case sympy.Add():
                return mpmath.fsum(values)
            case sympy.Mul():
                return mpmath.fprod(values)
            case sympy.Pow():
                return self._power(node, values)
            case sympy.Max():
                return max(values)
            case sympy.Min():
                return min(values)
            case sympy.Heaviside():
                return mpmath.mpf(1 if values[0] > 0 else 0 if values[0] < 0 else 0.5)
            case sympy.And() | sympy.Or():
                return (all if isinstance(node, sympy.And) else any)(values)
            case sympy.Not():
                return not values[0]
            case sympy.core.relational.Relational():
                return getattr(values[0], _RELATIONS[node.rel_op])(values[1])
        return self._function(node, values)

    def _power(self, node: sympy.Pow, values: list[Any]) -> Any:
        base, exponent = values
        if node.exp.is_Integer:
            return base ** int(node.exp)
        if base != 0 and abs(exponent * mpmath.log(abs(base))) > _LARGEST_EXPONENT:
            raise OverflowError("the power is beyond what mpmath evaluates in reasonable time")
        return mpmath.power(base, exponent)

    def _function(self, node: sympy.Basic, values: list[Any]) -> Any:
        name = type(node).__name__
        match name:
            case "Pi":
                return +mpmath.pi
            case "Exp1":
                return +mpmath.e
            case "exp":
                return _exp(values[0])
            case "sigmoid":
                return 1 / (1 + _exp(-values[0]))
            case "softplus":
                return mpmath.log1p(_exp(values[0]))
            case "polygamma" | "loggamma" | "gamma" if abs(values[-1]) > _LARGEST_GAMMA:
                raise OverflowError("mpmath walks to the gamma functions' asymptotics a step at a time")
            case "polygamma":
                return mpmath.polygamma(int(node.args[0]), values[1])
            case "dsinc":
                return _sinc_derivative(int(node.args[0]), values[1])
        return getattr(mpmath, _FUNCTIONS[name])(*values)


def _sinc_derivative(n: int, x: Any) -> Any:
    """The n-th derivative of sin(x)/x by Leibniz' rule; near 0 that of its Taylor series, term by term."""
    if abs(x) < 1:
        count = mpmath.mp.prec  # the factorial of so many is far above 2 to that power
        signs = (1, 0, -1, 0)
        return mpmath.fsum(signs[(n + j) % 4] * x**j / (mpmath.fac(j) * (n + j + 1)) for j in range(count))
    return mpmath.fsum(
        mpmath.binomial(n, k)
        * mpmath.sin(x + k * mpmath.pi / 2)
        * (-1) ** (n - k)
        * mpmath.fac(n - k)
        / x ** (n - k + 1)
        for k in range(n + 1)
    )
