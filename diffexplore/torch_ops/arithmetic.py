"""Records of arithmetic: sums, products, quotients, powers, and other functions of several numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy
import torch

from diffexplore.bounds import ball, branching, formulas, zeros
from diffexplore.bounds import propagation as spread
from diffexplore.bounds.arithmetic import Division, Multiplication, Power, Sum
from diffexplore.bounds.elementwise import Elementwise
from diffexplore.bounds.whole_quotients import whole_quotient
from diffexplore.formula.step_functions import floor
from diffexplore.torch_ops import kinks
from diffexplore.torch_ops.cases import case
from diffexplore.torch_ops.domains import AS_COMPOSED, EVERYWHERE, OperandDomain, of_power, of_xlogy, on
from diffexplore.torch_ops.mathematics import of_function
from diffexplore.torch_ops.readers import elementwise, exponentials
from diffexplore.torch_ops.readers.logic import less, select
from diffexplore.torch_ops.records import Operator, composed, handled, of_elements, operator, unbounded
from diffexplore.torch_ops.tensor_rules import arithmetic as tensors
from diffexplore.torch_ops.tensor_rules.jumps import by_sign_of, remainder_of, twice

_DIVISOR = on("other != 0")


def _between(x: Any, y: Any, weight: Any) -> Any:
    return x + weight * (y - x)


def _with_sign(x: sympy.Expr, y: sympy.Expr) -> sympy.Expr:
    return select(less(y, sympy.S.Zero), -sympy.Abs(x), sympy.Abs(x))


def _floored(x: sympy.Expr, y: sympy.Expr) -> sympy.Expr:
    return floor(x / y)


OPERATORS: tuple[Operator, ...] = (
    operator(
        "add", EVERYWHERE, case("self + alpha * other"), bound=Sum(ball.add, "add", zeros.where_both),
        kinks=kinks.nowhere, formula=lambda x, y: x + y, read=elementwise.add, on_tensors=tensors.weighted_sum(1, 1),
    ),
    operator(
        "sub", EVERYWHERE, case("self - alpha * other"),
        bound=Sum(ball.add, "sub", zeros.where_both, total=torch.sub), kinks=kinks.nowhere,
        formula=lambda x, y: x - y, read=elementwise.sub, on_tensors=tensors.weighted_sum(1, -1),
    ),
    operator(
        "rsub", EVERYWHERE, case("other - alpha * self"),
        bound=Sum(ball.add, "rsub", zeros.where_both, total=torch.rsub, scaled=0), kinks=kinks.nowhere,
        formula=lambda x, y: y - x, read=elementwise.rsub, on_tensors=tensors.weighted_sum(-1, 1, scaled=0),
    ),
    operator(
        "mul", EVERYWHERE, bound=Multiplication(ball.mul, "mul", zeros.where_either, wide_numbers=True),
        kinks=kinks.nowhere, formula=lambda x, y: x * y, read=elementwise.mul, on_tensors=tensors.multiplied,
    ),
    operator(
        "div true_divide", _DIVISOR, case("self / other", rounding_mode=None),
        case("trunc(self / other)", rounding_mode="trunc"), case("floor(self / other)", rounding_mode="floor"),
        bound=Division(ball.div, "div", zeros.where_first, wide_numbers=True), kinks=kinks.nowhere,
        formula=lambda x, y: x / y, read=elementwise.divide, on_tensors=tensors.divided,
    ),
    operator(
        "neg", EVERYWHERE, bound=Elementwise(ball.unchanged, "neg"), kinks=kinks.nowhere, formula=lambda x: -x,
        on_tensors=tensors.negated,
    ),
    unbounded("positive", EVERYWHERE, formula=lambda x: x),
    operator(
        "pow", OperandDomain(rule=of_power), case("pow(self, exponent)", on=("self > 0",)),
        *(case(f"pow(self, {power})", exponent=power) for power in (0, 1, 2, 3, -1)),
        bound=Power(spread.pow, "pow", zeros.where_first_and_second_positive), kinks=kinks.nowhere,
        formula=lambda x, y: x**y,
    ),
    of_function("atan2", bound=Elementwise(spread.atan2, "atan2", zeros.where_first_and_second_positive)),
    operator(
        "logaddexp", EVERYWHERE, bound=Elementwise(spread.logaddexp, "logaddexp", cancels=(0, 1)),
        kinks=kinks.nowhere, formula=lambda x, y: sympy.log(sympy.exp(x) + sympy.exp(y)),
        read=exponentials.logaddexp,
    ),
    composed("logaddexp2", EVERYWHERE, formula=lambda x, y: sympy.log(2**x + 2**y) / sympy.log(2)),
    composed("hypot", EVERYWHERE, steps=formulas.hypot, formula=lambda x, y: sympy.sqrt(x**2 + y**2)),
    composed(
        "xlogy special_xlogy", OperandDomain(rule=of_xlogy),
        case("self * log(other)", on=("other > 0",)), formula=elementwise.xlogy,
    ),
    composed(
        "special_xlog1py", OperandDomain(rule=lambda x, y: of_xlogy(x, 1 + y)),
        case("self * log(1 + other)", on=("other > -1",)), formula=elementwise.xlog1py,
    ),
    handled(
        "remainder", _DIVISOR, handler=branching.remainder, formula=elementwise.remainder,
        read=elementwise.step("remainder", elementwise.remainder),
        on_tensors=remainder_of(elementwise.remainder, truncated=False),
    ),
    of_elements(
        "fmod", _DIVISOR, formula=elementwise.fmod, read=elementwise.step("fmod", elementwise.fmod),
        on_tensors=remainder_of(elementwise.fmod, truncated=True),
    ),
    handled(
        "floor_divide", _DIVISOR, handler=whole_quotient, in_place=True, formula=_floored,
        read=elementwise.step("floor_divide", _floored),
        on_tensors=tensors.stepped(np.floor),
    ),
    composed("addcdiv", AS_COMPOSED, case("self + value * tensor1 / tensor2")),
    composed("addcmul", AS_COMPOSED, case("self + value * tensor1 * tensor2")),
    composed("lerp", EVERYWHERE, case("lerp(self, end, weight)"), formula=_between, rewritten=_between),
    # --------------------------------------------------------------------------------- those that the audit alone knows
    of_elements(
        "copysign", EVERYWHERE, case("abs(self) * sgn(other)"), formula=_with_sign,
        on_tensors=by_sign_of(1, _with_sign, twice),
    ),
    unbounded("ldexp", EVERYWHERE, case("self * pow(2, other)")),
    unbounded(
        "frexp", EVERYWHERE, case("self / exp2(exponent)", saved={"exponent": "floor(log2(abs(self))) + 1"}),
        on_tensors=tensors.mantissa,
    ),
    unbounded("nextafter", EVERYWHERE, on_tensors=tensors.next_number),
)  # fmt: skip
