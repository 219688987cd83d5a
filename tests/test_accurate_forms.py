"""Closed forms keep their digits where the formula as written loses them, and lose none where it keeps them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import mpmath
import pytest
import sympy
from mpmath import mpf
from representatives import one_in

import diffexplore as dx
from diffexplore.formula.accurate_forms import accurate, printed
from diffexplore.formula.complements import all_known
from diffexplore.formula.evaluable import evaluable
from diffexplore.program.export import to_python

x, y = sympy.symbols("x y", real=True)
SMALL, BOTH = (1e-9, -1e-9, 1e-5, 0.4), (1e-9, -1e-9, 40.0, -40.0, 0.4, 2.0)

#: A formula of x, what it is as a function of mpmath, and where its slope is looked at.
FORMS: dict[str, tuple[Callable[[Any], Any], tuple[float, ...]]] = {
    "1/(exp(x) - 1)": (lambda z: 1 / mpmath.expm1(z), (*BOTH, 700.0, -700.0)),
    "(exp(x) - 1)**2": (lambda z: mpmath.expm1(z) ** 2, BOTH),
    "(1 - exp(-x))**3": (lambda z: (-mpmath.expm1(-z)) ** 3, BOTH),
    "exp(x) - 1 - x": (lambda z: mpmath.expm1(z) - z, BOTH),
    "log(1 - exp(-x))": (lambda z: mpmath.log(-mpmath.expm1(-z)), (1e-9, 0.4, 0.7, 40.0, 700.0)),
    "x*log(1 - exp(-x))": (lambda z: z * mpmath.log(-mpmath.expm1(-z)), (1e-9, 0.4, 2.0, 40.0, 700.0)),
    "log(1 + x)**2": (lambda z: mpmath.log1p(z) ** 2, (1e-9, -1e-9, 0.4, 700.0)),
    "log(1 + x**2)*log(1 + x)": (lambda z: mpmath.log1p(z**2) * mpmath.log1p(z), (1e-9, 0.4, 700.0)),
    "log(1 + exp(x))**2": (lambda z: mpmath.log1p(mpmath.exp(z)) ** 2, (-40.0, -700.0, 0.4, 700.0)),
    "softplus(-x) - softplus(x)": (lambda z: -z, (*BOTH, 700.0)),
    "(2*sigmoid(x) - 1)**2": (lambda z: mpmath.tanh(z / 2) ** 2, BOTH),
    "(1 - sigmoid(x))**2": (lambda z: (1 / (1 + mpmath.exp(z))) ** 2, BOTH),
    "(1 - tanh(x))**2": (lambda z: (2 / (1 + mpmath.exp(2 * z))) ** 2, BOTH),
    "sqrt(1 - tanh(x)**2)": (mpmath.sech, BOTH),
    "log(1 + tanh(x))": (lambda z: mpmath.log(2 / (1 + mpmath.exp(-2 * z))), BOTH),
    "log(cosh(x))**2": (lambda z: mpmath.log(mpmath.cosh(z)) ** 2, (*BOTH, 800.0, -800.0)),
    "(1 - cos(x))**2": (lambda z: (1 - mpmath.cos(z)) ** 2, SMALL),
    "x - sin(x)": (lambda z: z - mpmath.sin(z), SMALL),
    "(cosh(x) - 1)**2": (lambda z: (mpmath.cosh(z) - 1) ** 2, BOTH),
    "(1 - erf(x))**2": (lambda z: mpmath.erfc(z) ** 2, (1e-9, 0.4, 5.0, -5.0)),
    "log(1 - erf(x))": (lambda z: mpmath.log(mpmath.erfc(z)), (1e-9, 0.4, 20.0, 100.0, -5.0)),
    "log(erfc(x))**2": (lambda z: mpmath.log(mpmath.erfc(z)) ** 2, (1e-9, 0.4, 5.0, 100.0, -2.0)),
    "log(ndtr(x))": (lambda z: mpmath.log(mpmath.erfc(-z / mpmath.sqrt(2)) / 2), (-30.0, -9.0, 0.4, 5.0)),
    "(sqrt(1 + x) - 1)**2": (lambda z: (mpmath.sqrt(1 + z) - 1) ** 2, (1e-9, -1e-9, 0.4, 1e300)),
    "sqrt(x + 1) - sqrt(x)": (lambda z: mpmath.sqrt(z + 1) - mpmath.sqrt(z), (1e-9, 0.4, 40.0, 1e12)),
    "sqrt(x**2 + 1) - x": (lambda z: mpmath.sqrt(z**2 + 1) - z, (1e-9, 0.4, 40.0, -40.0, 1e5, -1e100)),
    "log(x + sqrt(x**2 + 1))": (mpmath.asinh, (1e-9, 0.4, 40.0, -40.0, -1e5)),
    "x/sqrt(x**2 + 1) - 1": (lambda z: z / mpmath.sqrt(z**2 + 1) - 1, (1e-9, 0.4, 40.0, 1e8)),
    "1/x - 1/(x + 1)": (lambda z: 1 / z - 1 / (z + 1), (1e-9, 0.4, 40.0, 1e12)),
    "atan(x) - x": (lambda z: mpmath.atan(z) - z, (1e-9, 1e-5, 0.4, 40.0, 1e150)),
}


@pytest.mark.parametrize("formula", one_in(2, FORMS))
def test_a_slope_has_its_digits_at_every_end(formula: str) -> None:
    function, places = FORMS[formula]
    loss = dx.Loss(formula, parameters="x")
    names: dict[str, Any] = {}
    exec(to_python(loss, loss.gradient()), names)
    kernel = loss.compile(backend="blocked")
    for place in places:
        with mpmath.workprec(6000):
            h = abs(mpf(place)) * mpf(2) ** -2000
            slope = (function(mpf(place) + h) - function(mpf(place) - h)) / (2 * h)
            expected = float(slope)
        for found in (kernel({"x": place}).gradient["x"], names["gradient"](place)[0]):
            assert abs(found - expected) <= 16 * math.ulp(expected), (place, found, expected)


@pytest.mark.parametrize(("x", "y"), [(9.0, 1.0), (30.0, -2.0), (-3.0, 1.0), (-30.0, -900.0)])
def test_beside_a_tail_an_exponential_may_have_another_factor(x: float, y: float) -> None:
    kernel = dx.Loss("exp(x**2 + y)*erfc(x)", parameters="x, y").compile(backend="blocked")
    with mpmath.workprec(6000):
        expected = float(mpmath.exp(mpf(x) ** 2 + mpf(y)) * mpmath.erfc(mpf(x)))
    assert abs(kernel({"x": x, "y": y}).value - expected) <= 16 * math.ulp(expected)


def test_the_screen_prints_the_functions_that_keep_digits() -> None:
    shown = {
        "1/(exp(x) - 1)": "-exp(x)/expm1(x)**2", "log(1 + x)**2": "2*log1p(x)/(x + 1)",
        "(exp(x) - 1)/x": "(x*exp(x) - expm1(x))/x**2", "exp(x**2)*erfc(x)": "2*x*erfcx(x) - 2/sqrt(pi)",
        "softplus(-x) - softplus(x)": "-1", "log(1 - sigmoid(x))": "-sigmoid(x)", "log(1 + x - x**2)*x": None,
    }  # fmt: skip
    for formula, expected in shown.items():
        found = dx.Loss(formula, parameters="x").gradient()
        assert expected is None or found.formulas()["x"].expression == expected
        assert expected is not None or not found["x"].has(sympy.Function("log1p"))


def test_a_second_derivative_is_simplified_before_functions_are_named() -> None:
    second = dx.Loss("1/(exp(x) - 1)", parameters="x").hessian()["x", "x"]
    assert sympy.simplify(second.rewrite(sympy.exp) - sympy.diff(1 / (sympy.exp(x) - 1), x, 2)) == 0
    assert len(second.atoms(sympy.exp)) == 1 and len(second.atoms(sympy.Add)) == 1


def _identities() -> Iterator[tuple[Any, sympy.Expr, Any]]:
    for (function, power), forms in all_known().items():
        for number, form in forms.items():
            yield (function(x) ** power + number).doit(), form(x), f"{function.__name__}^{power} + {number}"


@pytest.mark.parametrize(("sum_", "form"), [pytest.param(a, b, id=name) for a, b, name in _identities()])
def test_a_function_beside_a_number_is_what_the_table_says(sum_: sympy.Expr, form: sympy.Expr) -> None:
    for place in (sympy.Rational(-7, 3), sympy.Rational(1, 10**9), sympy.Rational(5, 4)):
        wide, narrow = (sympy.N(side.subs(x, place), 60, maxn=400) for side in (sum_, form))
        assert abs(wide - narrow) <= abs(wide) * sympy.Float(10) ** -40


@pytest.mark.parametrize(
    "expr",
    [
        sympy.exp(x) - 2, sympy.exp(x) + 1, y * sympy.exp(x) - 1, sympy.log(2 + x), sympy.exp(x) - sympy.exp(y),
        sympy.log(1 + x - y), sympy.exp(x) * sympy.erfc(x), sympy.exp(x**2) * sympy.erfc(y), sympy.cosh(x) + 1,
    ],
)  # fmt: skip
def test_what_has_no_better_form_stays(expr: sympy.Expr) -> None:
    assert printed(expr) == accurate(expr) == expr


def test_coefficients_may_be_symbols_and_terms_many() -> None:
    mixed = 3 * y * sympy.exp(x * y) - 3 * y + sympy.cos(x) - 1 + x
    found = accurate(mixed)
    assert not found.has(sympy.cos) and found.has(sympy.Function("expm1")) is False
    for numbers in ((3, -2), (sympy.Rational(1, 7), sympy.Rational(1, 9))):
        point = dict(zip((x, y), numbers, strict=True))
        assert abs(sympy.N((found - mixed).subs(point), 30)) < 1e-25


def test_a_form_that_overflows_elsewhere_stands_in_a_choice() -> None:
    form = evaluable(1 / (x**2 + 1) - 1)
    assert isinstance(form, sympy.Piecewise)
    assert float(form.subs(x, sympy.Float(1e200))) == -1
