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
from diffexplore.torch_ops.cases import case
from diffexplore.torch_ops.domains import AS_COMPOSED, EVERYWHERE, Domain, on
from diffexplore.torch_ops.readers import conventions, elementwise
from diffexplore.torch_ops.records import Operator, composed, handled, operator, unbounded

_POSITIVE = on("self > 0")
_INSIDE_ONE = on("self > -1", "self < 1")
_WITHIN_ONE = on("self >= -1", "self <= 1")
_INSIDE_UNIT = on("self > 0", "self < 1")


def _function(
    names: str, rule: Rule, formula: Callable[..., Any], defined: Domain, *, audited: tuple[str, ...] | None = None
) -> Operator:
    """A function of a program, by the name that it has there; ``audited`` is where the audit looks at it."""
    name = names.split()[0]
    zeros = at(*ROOTS[name]) if name in ROOTS else None
    within = defined.interior if audited is None else audited
    return operator(
        names,
        bound=Elementwise(rule, CLAIMS[name], zeros),
        defined=defined,
        kinks=kinks.nowhere,
        formula=formula,
        cases=(case(f"{name}(self)", on=within),),
    )


def _step(names: str, rule: Rule, formula: Callable[..., Any], text: str) -> Operator:
    """A function that jumps from one whole number to the next."""
    return operator(
        names,
        bound=Elementwise(rule, EXACT),
        defined=EVERYWHERE,
        kinks=kinks.anywhere,
        formula=formula,
        read=elementwise.step(names.split()[0], formula),
        cases=(case(text),),
    )


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
    _function("lgamma special_gammaln", gamma.lgamma, sympy.loggamma, AS_COMPOSED, audited=_RIGHT),
    _function(
        "digamma special_digamma", gamma.digamma, lambda x: sympy.polygamma(0, x), AS_COMPOSED, audited=_RIGHT
    ),
    _function("exp2", spread.exp2, lambda x: sympy.Integer(2) ** x, EVERYWHERE),
    _step("floor", spread.floor, step_functions.floor, "floor(self)"),
    _step("ceil", spread.ceil, step_functions.ceil, "ceil(self)"),
    _step("trunc fix", spread.trunc, step_functions.trunc, "trunc(self)"),
    operator(
        "round", bound=Elementwise(spread.round, EXACT), defined=EVERYWHERE, kinks=kinks.anywhere,
        formula=step_functions.rounded, read=elementwise.round_, cases=(case("round(self)"), _ROUND_DECIMALS),
    ),
)  # fmt: skip

_OF_ATEN = (
    operator(
        "rsqrt", bound=Elementwise(spread.rsqrt, CLAIMS["rsqrt"]), defined=_POSITIVE, kinks=kinks.nowhere,
        formula=lambda x: 1 / sympy.sqrt(x), cases=(case("1 / sqrt(self)", on=_RIGHT),),
    ),
    operator(
        "reciprocal", bound=Elementwise(ball.reciprocal, CLAIMS["reciprocal"]), defined=on("self != 0"),
        kinks=kinks.nowhere, formula=lambda x: 1 / x, cases=(case("1 / self"),),
    ),
    operator(
        "square", bound=Elementwise(ball.square, ROUNDED, at(0.0)), defined=EVERYWHERE, kinks=kinks.nowhere,
        formula=lambda x: x**2,
    ),
    composed(
        "log2", formulas.log2, defined=_POSITIVE, formula=lambda x: sympy.log(x) / sympy.log(2),
        cases=(case("log2(self)", on=_RIGHT),),
    ),
    composed(
        "log10", formulas.log10, defined=_POSITIVE, formula=lambda x: sympy.log(x) / sympy.log(10),
        cases=(case("log10(self)", on=_RIGHT),),
    ),
    composed(
        "sinc special_sinc", defined=EVERYWHERE, formula=lambda x: sympy.sinc(sympy.pi * x),
        cases=(case("self == 0. ? 1 : sin(M_PI * self) / (M_PI * self)"),),
    ),
    composed(
        "logit special_logit", defined=_INSIDE_UNIT, read=conventions.logit,
        cases=(
            case("log(self / (1 - self))", on=_INSIDE_UNIT.interior, eps=None),
            case(_LOGIT_EPS, on=("eps > 0", "eps < 0.5")),
        ),
    ),
    handled(
        "polygamma special_polygamma", special.polygamma, defined=AS_COMPOSED, read=elementwise.polygamma,
        cases=(case("polygamma(n, self)", on=("self > 0", "n >= 0")),),
    ),
    composed("deg2rad", defined=EVERYWHERE, cases=(case("self * M_PI / 180."),)),
    composed("rad2deg", defined=EVERYWHERE, cases=(case("self * 180. / M_PI"),)),
    composed("special_entr", defined=on("self >= 0"), cases=(case("-self * log(self)", on=_RIGHT),)),
    composed(
        "special_ndtri", defined=_INSIDE_UNIT,
        cases=(case("sqrt(2) * erfinv(2 * self - 1)", on=_INSIDE_UNIT.interior),),
    ),
    composed("special_log_ndtr", defined=EVERYWHERE, cases=(case("log(erfc(-self / sqrt(2)) / 2.)"),)),
    composed(
        "frac", defined=EVERYWHERE, formula=_fraction, read=elementwise.step("frac", _fraction),
        cases=(case("self - trunc(self)"),),
    ),
)  # fmt: skip

_OF_THE_AUDIT = (
    unbounded("angle", defined=EVERYWHERE, cases=(case("self < 0 ? M_PI : 0"),)),
    unbounded("special_erfcx", defined=EVERYWHERE, cases=(case("exp(self * self) * erfc(self)"),)),
    unbounded("i0", defined=EVERYWHERE, cases=(case("i0(self)"),)),
    unbounded("special_i0e", defined=EVERYWHERE, cases=(case("exp(-abs(self)) * i0(self)"),)),
    unbounded("special_i1", defined=EVERYWHERE, cases=(case("special_i1(self)", conventions=_TINY_BESSEL),)),
    unbounded("special_i1e", defined=EVERYWHERE, cases=(case("special_i1e(self)", conventions=_TINY_BESSEL),)),
    unbounded(
        "mvlgamma",
        defined=AS_COMPOSED,
        cases=tuple(
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
