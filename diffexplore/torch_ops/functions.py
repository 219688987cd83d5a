"""Records of the mathematical functions of one argument, which torch applies to each element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import sympy

from diffexplore.bounds import ball, special
from diffexplore.bounds import propagation as spread
from diffexplore.bounds.elementwise import Elementwise
from diffexplore.bounds.zeros import at
from diffexplore.formula import step_functions
from diffexplore.functions.rounding import Propagation
from diffexplore.functions.tables import build, of_kernels
from diffexplore.torch_ops import kinks
from diffexplore.torch_ops.cases import Case, case
from diffexplore.torch_ops.domains import AS_COMPOSED, EVERYWHERE, OperandDomain, off_poles, on
from diffexplore.torch_ops.mathematics import BY_KERNEL, of_function
from diffexplore.torch_ops.readers import conventions, elementwise, exponentials
from diffexplore.torch_ops.readers.logic import less, select
from diffexplore.torch_ops.records import Operator, composed, handled, of_elements, operator, unbounded
from diffexplore.torch_ops.tensor_rules import activations as exactly
from diffexplore.torch_ops.tensor_rules.arithmetic import rounded, stepped
from diffexplore.torch_ops.tensor_rules.elementwise import of_formula
from diffexplore.torch_ops.tensor_rules.jumps import by_sign_of, remainder_of
from diffexplore.torch_ops.tensor_rules.operands import InSteps

_POSITIVE = on("self > 0")
_INSIDE_UNIT = on("self > 0", "self < 1")


def _angle(x: sympy.Expr) -> sympy.Expr:
    return select(less(x, sympy.S.Zero), sympy.pi, sympy.S.Zero)


def _fraction(x: sympy.Expr) -> sympy.Expr:
    return x - step_functions.trunc(x)


#: The domain of the audit where a function is looked at right of 0 alone: Γ is read as exp(lgamma) there.
_RIGHT = ("self > 0",)

_ROUND_DECIMALS = case("round(self * pow(10, decimals)) / pow(10, decimals)", overload="decimals")
_LOGIT_EPS = "self < eps ? log(eps / (1 - eps)) : self > 1 - eps ? log((1 - eps) / eps) : log(self / (1 - self))"
_TINY_BESSEL = {"abs(self) <= 2.220446049250313e-16": "for |self| ≤ 2⁻⁵² torch gives 1/2, the value at 0"}

#: Functions whose records say more than that they are one: in other families.
_ELSEWHERE = frozenset("pow atan2 abs maximum minimum".split())


def _of_program(name: str, *cases: Case, **facts: Any) -> Operator:
    """The record of an operation of programs, with what there is to say beside."""
    return of_function(" ".join((name, *BY_KERNEL[name].also)), *cases, **facts)


def _step(name: str, rule: Any, *cases: Case, read: Any = None) -> Operator:
    """The record of a function that takes a number to a whole one."""
    return _of_program(name, *cases, read=read or elementwise.step(name, of_kernels()[name]), on_tensors=rule)


_WITH_MORE = (
    _step("floor", stepped(np.floor)),
    _step("ceil", stepped(np.ceil)),
    _step("trunc", stepped(np.trunc)),
    _step("round", rounded, case(), _ROUND_DECIMALS, read=elementwise.round_),
    _of_program("exp", read=exponentials.exp),
    _of_program("lgamma", case(on=_RIGHT)),
    _of_program("digamma", case(on=_RIGHT)),
    _of_program("special_erfcx", case("exp(self * self) * erfc(self)")),
    _of_program("igamma", case("igamma(self, other)", on=("self > 0", "other > 0"))),
    _of_program("igammac", case("1 - igamma(self, other)", on=("self > 0", "other > 0"))),
    _of_program("special_zeta", case("special_zeta(self, other)", on=("self > 1", "other > 0"))),
    _of_program("special_i0e", case("exp(-abs(self)) * i0(self)")),
    _of_program("special_i1e", case("special_i1e(self)", conventions=_TINY_BESSEL)),
    _of_program("special_i1", case("special_i1(self)", conventions=_TINY_BESSEL)),
)

_OF_PROGRAMS = tuple(
    _of_program(name)
    for name in of_kernels()
    if name not in _ELSEWHERE.union(one.name for one in _WITH_MORE)
    and not isinstance(BY_KERNEL[name].spread, Propagation)
)

_OF_ATEN = (
    operator(
        "exp2", EVERYWHERE, bound=Elementwise(spread.exp2, "exp2"), kinks=kinks.nowhere,
        formula=lambda x: sympy.Integer(2) ** x,
    ),
    operator(
        "rsqrt", _POSITIVE, bound=Elementwise(spread.rsqrt, "rsqrt"), kinks=kinks.nowhere,
        formula=lambda x: 1 / sympy.sqrt(x),
    ),
    operator(
        "reciprocal", on("self != 0"), bound=Elementwise(ball.reciprocal, "reciprocal"), kinks=kinks.nowhere,
        formula=lambda x: 1 / x,
    ),
    operator(
        "square", EVERYWHERE, bound=Elementwise(ball.square, "square", at(0.0)), kinks=kinks.nowhere,
        formula=lambda x: x**2,
    ),
    of_elements("log2", _POSITIVE, formula=lambda x: sympy.log(x) / sympy.log(2)),
    of_elements("log10", _POSITIVE, formula=lambda x: sympy.log(x) / sympy.log(10)),
    composed(
        "sinc special_sinc", EVERYWHERE, case("self == 0. ? 1 : sin(M_PI * self) / (M_PI * self)"),
        formula=lambda x: sympy.sinc(sympy.pi * x),
    ),
    composed(
        "logit special_logit", _INSIDE_UNIT, case("log(self / (1 - self))", on=_INSIDE_UNIT.interior, eps=None),
        case(_LOGIT_EPS, on=("eps > 0", "eps < 0.5")), read=conventions.logit, on_tensors=InSteps(exactly.logit),
    ),
    handled(
        "polygamma special_polygamma", OperandDomain(rule=lambda _, x: off_poles(x)),
        case("polygamma(n, self)", on=("self > 0", "n >= 0")), handler=special.polygamma, read=elementwise.polygamma,
        on_tensors=of_formula(sympy.polygamma, "n", "self"),
    ),
    handled(  # its arguments come in another order
        "polygamma_", OperandDomain(rule=lambda x, _: off_poles(x)),
        case("polygamma(n, self)", on=("self > 0", "n >= 0")), handler=special.polygamma, in_place=True,
        read=elementwise.polygamma_in_place, on_tensors=of_formula(sympy.polygamma, "n", "self"),
    ),
    composed("deg2rad", EVERYWHERE, case("self * M_PI / 180."), on_tensors=exactly.degrees_to_radians),
    composed("rad2deg", EVERYWHERE, case("self * 180. / M_PI"), on_tensors=exactly.radians_to_degrees),
    unbounded("special_ndtr", EVERYWHERE, on_tensors=exactly.normal_probability),
    composed(
        "special_entr", on("self >= 0"), case("-self * log(self)", on=_RIGHT), formula=lambda x: build("entr", x),
        on_tensors=InSteps(exactly.entropy),
    ),
    of_elements("special_ndtri", _INSIDE_UNIT, formula=lambda x: build("ndtri", x)),
    composed(
        "special_log_ndtr", EVERYWHERE, case("log(erfc(-self / sqrt(2)) / 2.)"),
        formula=lambda x: build("log_ndtr", x),
    ),
    composed(
        "frac", EVERYWHERE, formula=_fraction, read=elementwise.step("frac", _fraction),
        on_tensors=remainder_of(_fraction, truncated=True),
    ),
    of_elements("angle", EVERYWHERE, formula=_angle, on_tensors=by_sign_of(0, _angle, lambda _: np.array(math.pi))),
)  # fmt: skip

_OF_THE_AUDIT = (
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

OPERATORS: tuple[Operator, ...] = (*_WITH_MORE, *_OF_PROGRAMS, *_OF_ATEN, *_OF_THE_AUDIT)
