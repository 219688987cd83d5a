"""Records of the mathematical functions of one argument, which torch applies to each element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy

from diffexplore.bounds import ball, formulas, gamma, special
from diffexplore.bounds import propagation as spread
from diffexplore.bounds.ball import Rule
from diffexplore.bounds.claims import CLAIMS, EXACT, ROUNDED
from diffexplore.bounds.elementwise import Elementwise
from diffexplore.bounds.zeros import ROOTS, at
from diffexplore.formula import step_functions
from diffexplore.formula.functions_sympy import expm1, log1p, sigmoid
from diffexplore.torch_ops import kinks
from diffexplore.torch_ops.cases import Case, case
from diffexplore.torch_ops.domains import AS_COMPOSED, EVERYWHERE, Domain, on
from diffexplore.torch_ops.readers import conventions, elementwise
from diffexplore.torch_ops.records import Operator, composed, handled, operator, unbounded

_POSITIVE = on("self > 0")
_INSIDE_ONE = on("self > -1", "self < 1")
_WITHIN_ONE = on("self >= -1", "self <= 1")
_INSIDE_UNIT = on("self > 0", "self < 1")


def _function(names: str, rule: Rule, formula: Callable[..., Any], defined: Domain, *cases: Case) -> Operator:
    """A function of a program, by the name that it has there."""
    name = names.split()[0]
    bound = Elementwise(rule, CLAIMS[name], at(*ROOTS[name]) if name in ROOTS else None)
    return operator(names, defined, *cases, bound=bound, kinks=kinks.nowhere, formula=formula)


def _step(names: str, rule: Rule, formula: Callable[..., Any], *cases: Case, **facts: Any) -> Operator:
    """A function that jumps from one whole number to the next."""
    read = facts.pop("read", elementwise.step(names.split()[0], formula))
    bound = Elementwise(rule, EXACT)
    return operator(names, EVERYWHERE, *cases, bound=bound, kinks=kinks.anywhere, formula=formula, read=read)


def _digamma(x: sympy.Expr) -> sympy.Expr:
    return sympy.polygamma(0, x)


def _fraction(x: sympy.Expr) -> sympy.Expr:
    return x - step_functions.trunc(x)


#: The domain of the audit where a function is looked at right of 0 alone: Γ is read as exp(lgamma) there.
_RIGHT = ("self > 0",)

_ROUND_DECIMALS = case("round(self * pow(10, decimals)) / pow(10, decimals)", overload="decimals")
_LOGIT_EPS = "self < eps ? log(eps / (1 - eps)) : self > 1 - eps ? log((1 - eps) / eps) : log(self / (1 - self))"
_TINY_BESSEL = {"abs(self) <= 2.220446049250313e-16": "for |self| ≤ 2⁻⁵² torch gives 1/2, the value at 0"}

_OF_PROGRAMS = (
    _function("exp", spread.exp, sympy.exp, EVERYWHERE),
    _function("expm1 special_expm1", spread.exp, expm1, EVERYWHERE),
    _function("log", spread.log, sympy.log, _POSITIVE),
    _function("log1p special_log1p", spread.log1p, log1p, on("self > -1")),
    _function("sqrt", spread.sqrt, sympy.sqrt, on("self >= 0")),
    _function("sin", spread.sin, sympy.sin, EVERYWHERE),
    _function("cos", spread.cos, sympy.cos, EVERYWHERE),
    _function("tan", spread.tan, sympy.tan, AS_COMPOSED),
    _function("asin", spread.asin, sympy.asin, _WITHIN_ONE),
    _function("acos", spread.asin, sympy.acos, _WITHIN_ONE),
    _function("atan", spread.atan, sympy.atan, EVERYWHERE),
    _function("sinh", spread.sinh, sympy.sinh, EVERYWHERE),
    _function("cosh", spread.cosh, sympy.cosh, EVERYWHERE),
    _function("tanh", spread.tanh, sympy.tanh, EVERYWHERE),
    _function("asinh", spread.asinh, sympy.asinh, EVERYWHERE),
    _function("acosh", spread.acosh, sympy.acosh, on("self >= 1")),
    _function("atanh", spread.atanh, sympy.atanh, _INSIDE_ONE),
    _function("erf special_erf", spread.erf, sympy.erf, EVERYWHERE),
    _function("erfc special_erfc", spread.erfc, sympy.erfc, EVERYWHERE),
    _function("erfinv special_erfinv", spread.erfinv, sympy.erfinv, _INSIDE_ONE),
    _function("sigmoid special_expit", spread.sigmoid, sigmoid, EVERYWHERE),
    _function("lgamma special_gammaln", gamma.lgamma, sympy.loggamma, AS_COMPOSED, case(on=_RIGHT)),
    _function("digamma special_digamma", gamma.digamma, _digamma, AS_COMPOSED, case(on=_RIGHT)),
    _function("exp2", spread.exp2, lambda x: sympy.Integer(2) ** x, EVERYWHERE),
    _step("floor", spread.floor, step_functions.floor),
    _step("ceil", spread.ceil, step_functions.ceil),
    _step("trunc fix", spread.trunc, step_functions.trunc),
    _step("round", spread.round, step_functions.rounded, case(), _ROUND_DECIMALS, read=elementwise.round_),
)  # fmt: skip

_OF_ATEN = (
    operator(
        "rsqrt", _POSITIVE, bound=Elementwise(spread.rsqrt, CLAIMS["rsqrt"]), kinks=kinks.nowhere,
        formula=lambda x: 1 / sympy.sqrt(x),
    ),
    operator(
        "reciprocal", on("self != 0"), bound=Elementwise(ball.reciprocal, CLAIMS["reciprocal"]), kinks=kinks.nowhere,
        formula=lambda x: 1 / x,
    ),
    operator(
        "square", EVERYWHERE, bound=Elementwise(ball.square, ROUNDED, at(0.0)), kinks=kinks.nowhere,
        formula=lambda x: x**2,
    ),
    composed("log2", _POSITIVE, steps=formulas.log2, formula=lambda x: sympy.log(x) / sympy.log(2)),
    composed("log10", _POSITIVE, steps=formulas.log10, formula=lambda x: sympy.log(x) / sympy.log(10)),
    composed(
        "sinc special_sinc", EVERYWHERE, case("self == 0. ? 1 : sin(M_PI * self) / (M_PI * self)"),
        formula=lambda x: sympy.sinc(sympy.pi * x),
    ),
    composed(
        "logit special_logit", _INSIDE_UNIT, case("log(self / (1 - self))", on=_INSIDE_UNIT.interior, eps=None),
        case(_LOGIT_EPS, on=("eps > 0", "eps < 0.5")), read=conventions.logit,
    ),
    handled(
        "polygamma special_polygamma", AS_COMPOSED, case("polygamma(n, self)", on=("self > 0", "n >= 0")),
        handler=special.polygamma, read=elementwise.polygamma,
    ),
    composed("deg2rad", EVERYWHERE, case("self * M_PI / 180.")),
    composed("rad2deg", EVERYWHERE, case("self * 180. / M_PI")),
    composed("special_entr", on("self >= 0"), case("-self * log(self)", on=_RIGHT)),
    composed("special_ndtri", _INSIDE_UNIT, case("sqrt(2) * erfinv(2 * self - 1)", on=_INSIDE_UNIT.interior)),
    composed("special_log_ndtr", EVERYWHERE, case("log(erfc(-self / sqrt(2)) / 2.)")),
    composed("frac", EVERYWHERE, formula=_fraction, read=elementwise.step("frac", _fraction)),
)  # fmt: skip

_OF_THE_AUDIT = (
    unbounded("angle", EVERYWHERE, case("self < 0 ? M_PI : 0")),
    unbounded("special_erfcx", EVERYWHERE, case("exp(self * self) * erfc(self)")),
    unbounded("i0", EVERYWHERE, case()),
    unbounded("special_i0e", EVERYWHERE, case("exp(-abs(self)) * i0(self)")),
    unbounded("special_i1", EVERYWHERE, case(conventions=_TINY_BESSEL)),
    unbounded("special_i1e", EVERYWHERE, case(conventions=_TINY_BESSEL)),
    unbounded(
        "mvlgamma",
        AS_COMPOSED,
        *(
            case(
                " + ".join([f"{p * (p - 1)} * log(M_PI) / 4.", *(f"lgamma(self - {j / 2})" for j in range(p))]),
                on=(f"self > {(p - 1) / 2}",),
                p=p,
            )
            for p in (1, 2, 3, 4)
        ),
    ),
)

OPERATORS: tuple[Operator, ...] = (*_OF_PROGRAMS, *_OF_ATEN, *_OF_THE_AUDIT)
