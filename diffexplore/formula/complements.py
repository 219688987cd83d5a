"""What a function is beside a number: f(u) − 1 as a function that keeps the digits which the difference loses.

exp(u) − 1 is expm1(u), 1 − cos(u) is 2·sin²(u/2). Which function of the language is the accurate form of which sum says
its record (``naive``); the others are identities of functions that are accurate themselves. Sources: N. J. Higham,
*Accuracy and Stability of Numerical Algorithms*, §1.7 and problem 1.5; NIST DLMF 4.21.28, 4.35.22, 7.2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import sympy

from diffexplore.formula.functions_sympy import expm1, sigmoid
from diffexplore.functions.tables import builders, naive_forms

Made = Callable[[sympy.Expr], sympy.Expr]
Key = tuple[Any, sympy.Expr]
"""The class of a function, and the power of it that stands in the sum."""


def _erfc_of_negative(u: sympy.Expr) -> sympy.Expr:
    """erfc(−u), which SymPy would write as 2 − erfc(u)."""
    return sympy.erfc(-u, evaluate=False)


#: f(u)ⁿ + number → the same without cancellation. Each is as accurate as its functions are, for every u.
_IDENTITIES: Mapping[Key, Mapping[int | sympy.Rational, Made]] = {
    (expm1, sympy.S.One): {1: sympy.exp},
    (sympy.erf, sympy.S.One): {1: _erfc_of_negative},
    (sympy.erfc, sympy.S.One): {-1: lambda u: -sympy.erf(u), -2: lambda u: -_erfc_of_negative(u)},
    (sympy.cos, sympy.S.One): {
        -1: lambda u: -2 * sympy.sin(u / 2) ** 2, 1: lambda u: 2 * sympy.cos(u / 2) ** 2
    },
    (sympy.cos, sympy.Integer(2)): {-1: lambda u: -(sympy.sin(u) ** 2)},
    (sympy.sin, sympy.Integer(2)): {-1: lambda u: -(sympy.cos(u) ** 2)},
    (sympy.cosh, sympy.S.One): {-1: lambda u: 2 * sympy.sinh(u / 2) ** 2},
    (sympy.cosh, sympy.Integer(2)): {-1: lambda u: sympy.sinh(u) ** 2},
    (sympy.tanh, sympy.S.One): {-1: lambda u: -2 * sigmoid(-2 * u), 1: lambda u: 2 * sigmoid(2 * u)},
    (sympy.tanh, sympy.Integer(2)): {-1: lambda u: -1 / sympy.cosh(u) ** 2},
    (sympy.tanh, sympy.Integer(-2)): {-1: lambda u: 1 / sympy.sinh(u) ** 2},
    (sigmoid, sympy.S.One): {-sympy.S.Half: lambda u: sympy.tanh(u / 2) / 2},
}  # fmt: skip


@cache
def named() -> Mapping[Key, Mapping[sympy.Expr, Made]]:
    """f + number → the function that is the accurate form of it by its record, or f itself on the other side of 0."""
    found: dict[Key, dict[sympy.Expr, Made]] = {}
    for form, function, number, factor in _affine():
        found.setdefault((function, sympy.S.One), {})[number] = _multiple(form, 1 / factor)
    mirrored: tuple[Made, ...] = (sigmoid, builders()["ndtr"])
    for one in mirrored:
        found.setdefault((one, sympy.S.One), {})[-sympy.S.One] = _of_negative(one)
    return found


def _multiple(form: Made, factor: sympy.Expr) -> Made:
    return lambda u: form(u) * factor


def _of_negative(function: Made) -> Made:
    return lambda u: -function(-u)


def _affine() -> Iterator[tuple[Made, type[sympy.Function], sympy.Expr, sympy.Expr]]:
    """Of each naive form factor·(f(u) + number): the accurate form, f, the number and the factor."""
    argument = sympy.Dummy("u", real=True)
    for form, naive in naive_forms():
        number, rest = naive(argument).as_coeff_Add()
        factor, function = rest.as_coeff_Mul()
        if number != 0 and function.is_Function and function.args == (argument,):
            yield form, function.func, number / factor, factor


@cache
def all_known() -> Mapping[Key, Mapping[sympy.Expr, Made]]:
    """Those, and the identities."""
    found = {key: dict(made) for key, made in named().items()}
    for key, made in _IDENTITIES.items():
        found.setdefault(key, {}).update({sympy.sympify(number): form for number, form in made.items()})
    return found
