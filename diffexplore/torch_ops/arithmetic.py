"""Records of arithmetic: sums, products, quotients, powers, and other functions of several numbers."""

from __future__ import annotations

from typing import Any

import sympy
import torch

from diffexplore.bounds import ball, branching, formulas, zeros
from diffexplore.bounds import propagation as spread
from diffexplore.bounds.claims import CLAIMS, EXACT, ROUNDED
from diffexplore.bounds.elementwise import Elementwise, Power, Sum
from diffexplore.formula.step_functions import floor
from diffexplore.torch_ops import kinks
from diffexplore.torch_ops.cases import case
from diffexplore.torch_ops.domains import AS_COMPOSED, EVERYWHERE, Domain, of_power, of_xlogy, on
from diffexplore.torch_ops.readers import elementwise
from diffexplore.torch_ops.records import Operator, composed, handled, operator, unbounded

_DIVISOR = on("other != 0")


def _between(x: Any, y: Any, weight: Any) -> Any:
    return x + weight * (y - x)


def _floored(x: sympy.Expr, y: sympy.Expr) -> sympy.Expr:
    return floor(x / y)


OPERATORS: tuple[Operator, ...] = (
    operator(
        "add", bound=Sum(ball.add, ROUNDED, zeros.where_both), defined=EVERYWHERE, kinks=kinks.nowhere,
        formula=lambda x, y: x + y, read=elementwise.add, cases=(case("self + alpha * other"),),
    ),
    operator(
        "sub", bound=Sum(ball.add, ROUNDED, zeros.where_both, total=torch.sub), defined=EVERYWHERE,
        kinks=kinks.nowhere, formula=lambda x, y: x - y, read=elementwise.sub, cases=(case("self - alpha * other"),),
    ),
    operator(
        "rsub", bound=Sum(ball.add, ROUNDED, zeros.where_both, total=torch.rsub, scaled=0), defined=EVERYWHERE,
        kinks=kinks.nowhere, formula=lambda x, y: y - x, read=elementwise.rsub, cases=(case("other - alpha * self"),),
    ),
    operator(
        "mul", bound=Elementwise(ball.mul, ROUNDED, zeros.where_either, wide_numbers=True), defined=EVERYWHERE,
        kinks=kinks.nowhere, formula=lambda x, y: x * y, read=elementwise.mul, cases=(case("self * other"),),
    ),
    operator(
        "div true_divide", bound=Elementwise(ball.div, ROUNDED, zeros.where_first, wide_numbers=True),
        defined=_DIVISOR, kinks=kinks.nowhere, formula=lambda x, y: x / y, read=elementwise.divide,
        cases=(
            case("self / other", rounding_mode=None),
            case("trunc(self / other)", rounding_mode="trunc"),
            case("floor(self / other)", rounding_mode="floor"),
        ),
    ),
    operator(
        "neg", bound=Elementwise(ball.unchanged, EXACT), defined=EVERYWHERE, kinks=kinks.nowhere,
        formula=lambda x: -x, cases=(case("-self"),),
    ),
    unbounded("positive", defined=EVERYWHERE, formula=lambda x: x),
    operator(
        "pow", bound=Power(spread.pow, CLAIMS["pow"], zeros.where_first_and_second_positive),
        defined=Domain(rule=of_power), kinks=kinks.nowhere, formula=lambda x, y: x**y,
        cases=(
            case("pow(self, exponent)", on=("self > 0",)),
            *(case(f"pow(self, {power})", exponent=power) for power in (0, 1, 2, 3, -1)),
        ),
    ),
    operator(
        "atan2", bound=Elementwise(spread.atan2, CLAIMS["atan2"], zeros.where_first_and_second_positive),
        defined=EVERYWHERE, kinks=kinks.nowhere, formula=sympy.atan2, cases=(case("atan2(self, other)"),),
    ),
    operator(
        "logaddexp", bound=Elementwise(ball.largest, CLAIMS["logaddexp"], cancels=(0, 1)), defined=EVERYWHERE,
        kinks=kinks.nowhere, formula=lambda x, y: sympy.log(sympy.exp(x) + sympy.exp(y)),
        cases=(case("log(exp(self) + exp(other))"),),
    ),
    composed(
        "logaddexp2", defined=EVERYWHERE, formula=lambda x, y: sympy.log(2**x + 2**y) / sympy.log(2),
        cases=(case("log2(exp2(self) + exp2(other))"),),
    ),
    composed(
        "hypot", formulas.hypot, defined=EVERYWHERE, formula=lambda x, y: sympy.sqrt(x**2 + y**2),
        cases=(case("sqrt(self * self + other * other)"),),
    ),
    composed(
        "xlogy special_xlogy", defined=Domain(rule=of_xlogy, in_formula=True), formula=elementwise.xlogy,
        cases=(case("self * log(other)", on=("other > 0",)),),
    ),
    composed(
        "special_xlog1py", defined=Domain(rule=lambda x, y: of_xlogy(x, 1 + y), in_formula=True),
        formula=elementwise.xlog1py, cases=(case("self * log(1 + other)", on=("other > -1",)),),
    ),
    handled(
        "remainder", branching.remainder, defined=_DIVISOR, formula=elementwise.remainder,
        read=elementwise.step("remainder", elementwise.remainder), cases=(case("self - other * floor(self / other)"),),
    ),
    unbounded(
        "fmod", defined=_DIVISOR, formula=elementwise.fmod, read=elementwise.step("fmod", elementwise.fmod),
        cases=(case("self - other * trunc(self / other)"),),
    ),
    unbounded("floor_divide", defined=_DIVISOR, formula=_floored, read=elementwise.step("floor_divide", _floored)),
    composed("addcdiv", defined=AS_COMPOSED, cases=(case("self + value * tensor1 / tensor2"),)),
    composed("addcmul", defined=AS_COMPOSED, cases=(case("self + value * tensor1 * tensor2"),)),
    composed(
        "lerp", defined=EVERYWHERE, formula=_between, rewritten=_between,
        cases=(case("self + weight * (end - self)"),),
    ),
    # --------------------------------------------------------------------------------- those that the audit alone knows
    unbounded("copysign", defined=EVERYWHERE, cases=(case("abs(self) * sgn(other)"),)),
    unbounded("igamma", defined=AS_COMPOSED, cases=(case("igamma(self, other)", on=("self > 0", "other > 0")),)),
    unbounded("igammac", defined=AS_COMPOSED, cases=(case("1 - igamma(self, other)", on=("self > 0", "other > 0")),)),
    unbounded("ldexp", defined=EVERYWHERE, cases=(case("self * pow(2, other)"),)),
    unbounded(
        "frexp", defined=EVERYWHERE,
        cases=(case("self / exp2(exponent)", saved={"exponent": "floor(log2(abs(self))) + 1"}),),
    ),
    unbounded(
        "special_zeta", defined=AS_COMPOSED,
        cases=(case("special_zeta(self, other)", on=("self > 1", "other > 0")),),
    ),
)  # fmt: skip
