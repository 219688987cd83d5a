"""Functions that choose, jump or round: signs, the largest of some numbers, branches, whole numbers."""

from __future__ import annotations

import math
from typing import Any

from diffexplore.functions.building import FINITE, REAL, UNSURE_OF_FRACTIONS, Building, Trait
from diffexplore.functions.domains import EVERYWHERE
from diffexplore.functions.facts import CORNER, GENERATOR, JUMP, MAY_BE_FINITE, RESOLVED, UNBOUNDED, UNKNOWN_SIGN, Facts
from diffexplore.functions.lazy import library
from diffexplore.functions.records import (
    A_CHOICE,
    LEFT_TO_ARB,
    NO_CLASS,
    NO_SOURCE,
    NOT_COMPLEX,
    Composed,
    Function,
    Helper,
    Operation,
    Readings,
)
from diffexplore.functions.rounding import EXACT, NOT_TRIED, SPREAD_IN_HANDLER

sympy, torch, np, arb = library("sympy"), library("torch"), library("numpy"), library("flint").arb
jnp, tf = library("jax.numpy"), library("tensorflow")
torch_real, jax_real = library("diffexplore.arithmetic.torch_real"), library("diffexplore.arithmetic.jax_real")
tensorflow_real = library("diffexplore.arithmetic.tensorflow_real")
balls, case_balls = library("diffexplore.arithmetic.balls"), library("diffexplore.arithmetic.case_balls")
double, germ = library("diffexplore.arithmetic.double_branches"), library("diffexplore.arithmetic.germ_arithmetic")
spread, classes = library("diffexplore.bounds.propagation"), library("diffexplore.formula.functions_sympy")
steps, ball = library("diffexplore.formula.step_functions"), library("diffexplore.bounds.ball")

_JUMPS = Facts(
    domain=EVERYWHERE, sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=JUMP, normal_form=RESOLVED,
    at_infinity=MAY_BE_FINITE,
)  # fmt: skip
_CORNERS = Facts(
    domain=EVERYWHERE, sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=CORNER, normal_form=RESOLVED,
    at_infinity=MAY_BE_FINITE,
)  # fmt: skip

FUNCTIONS: tuple[Function, ...] = (
    Function(
        building=Building(4, UNSURE_OF_FRACTIONS, largest_constant=math.inf),
        name="sign", doc="−1, 0 or 1", node=sympy.sign, torch="torch.sign",
        python=Helper("sign", "def sign(x):\n    return float((x > 0) - (x < 0))"),
        computed=Operation(
            name="sign",
            torch=torch.sign, numpy=np.sign, jax=jnp.sign, tensorflow=tf.sign, javascript="Math.sign",
            arb=Readings(balls.sign, case_balls.sign, case_balls.smooth_sign),
            double=Readings(double.sign, double.case_sign, double.case_sign), germ=germ.sign, complex=NOT_COMPLEX,
            facts=_JUMPS, spread=SPREAD_IN_HANDLER, claim=EXACT, tried=NOT_TRIED, zeros=(), derivative_uses=(),
        ),
    ),
    Function(
        building=Building(10, FINITE, (Trait.PARTS, Trait.STEP)),
        name="heaviside", doc="0 below 0, 1 above, ½ at 0", aliases=("Heaviside",), node=sympy.Heaviside,
        torch="torch.heaviside({0}, {1}*one)",
        python=Helper("heaviside", "def heaviside(x):\n    return 0.5 if x == 0 else float(x > 0)"),
        computed=Operation(
            name="heaviside",
            torch=torch_real.heaviside, numpy=lambda x: np.heaviside(x, 0.5), jax=jax_real.heaviside,
            tensorflow=tensorflow_real.heaviside, javascript="heaviside",
            arb=Readings(balls.heaviside, case_balls.heaviside, case_balls.smooth_heaviside),
            double=Readings(double.heaviside, double.case_heaviside, double.case_heaviside), germ=germ.heaviside,
            complex=NOT_COMPLEX,
            facts=_JUMPS, spread=SPREAD_IN_HANDLER, claim=EXACT, tried=NOT_TRIED, zeros=(), derivative_uses=(),
        ),
    ),
    Function(
        building=Building(1, FINITE, (Trait.EXTREME,)),
        name="relu", doc="max(x, 0)", node=NO_CLASS, build=lambda x: sympy.Max(0, x), python=NO_SOURCE,
        torch=NO_SOURCE, computed=Composed(lambda op, x: op.max(x, op.number(0))),
    ),
    Function(
        building=Building(1, UNSURE_OF_FRACTIONS, (Trait.EXTREME,), largest_constant=math.inf),
        name="max", doc="the largest argument", least=2, most=None, aliases=("Max",), node=sympy.Max, python="max",
        torch=NO_SOURCE,
        computed=Operation(
            name="max", aten="maximum",
            torch=torch_real.largest, numpy=np.maximum, jax=jnp.maximum, tensorflow=tf.maximum,
            javascript="Math.max", arb=Readings(arb.max, arb.max, case_balls.smooth_max),
            double=Readings(double.largest, double.largest, double.clear_largest), germ=germ.largest,
            complex=NOT_COMPLEX,
            facts=_CORNERS, spread=ball.largest, claim=EXACT, tried=NOT_TRIED, zeros=(), derivative_uses=(),
        ),
    ),
    Function(
        building=Building(1, UNSURE_OF_FRACTIONS, (Trait.EXTREME,), largest_constant=math.inf),
        name="min", doc="the smallest argument", least=2, most=None, aliases=("Min",), node=sympy.Min, python="min",
        torch=NO_SOURCE,
        computed=Operation(
            name="min", aten="minimum",
            torch=torch_real.smallest, numpy=np.minimum, jax=jnp.minimum, tensorflow=tf.minimum,
            javascript="Math.min", arb=Readings(arb.min, arb.min, case_balls.smooth_min),
            double=Readings(double.smallest, double.smallest, double.clear_smallest), germ=germ.smallest,
            complex=NOT_COMPLEX,
            facts=_CORNERS, spread=ball.largest, claim=EXACT, tried=NOT_TRIED, zeros=(), derivative_uses=(),
        ),
    ),
    Function(
        building=Building(1, REAL, (Trait.CHOICE,)),
        name="where", doc="where(condition, a, b): a where the condition holds, else b", least=3, most=3,
        node=NO_CLASS, build=classes.where, computed=A_CHOICE, python=NO_SOURCE, torch=NO_SOURCE,
    ),
    Function(
        building=Building(1, REAL, (Trait.CHOICE,)),
        name="Piecewise", doc="Piecewise((a, condition), …, (b, True)): the first piece whose condition holds",
        most=None, node=NO_CLASS, build=sympy.Piecewise, computed=A_CHOICE, python=NO_SOURCE, torch=NO_SOURCE,
    ),
)  # fmt: skip


def _step(name: str, node: Any, doc: str, python: str, tensorflow: Any, arb_of: Any, javascript: str) -> Function:
    """A function that is constant between its jumps, from one whole number to another."""
    return Function(
        building=Building(150, UNSURE_OF_FRACTIONS),
        name=name, doc=doc, node=node, python=python, torch=f"torch.{name}",
        computed=Operation(
            name=name, also=("fix",) if name == "trunc" else (),
            torch=getattr(torch, name), numpy=getattr(np, "rint" if name == "round" else name),
            jax=getattr(jnp, name), tensorflow=tensorflow, javascript=javascript,
            arb=Readings(arb_of, arb_of, lambda x: case_balls.one_side(arb_of, x)), double=LEFT_TO_ARB,
            germ=getattr(germ, "rounded" if name == "round" else name),
            complex=NOT_COMPLEX,
            facts=Facts(
                domain=EVERYWHERE, sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=JUMP, normal_form=GENERATOR,
                at_infinity=MAY_BE_FINITE,
            ),
            spread=getattr(spread, name), claim=EXACT, tried=NOT_TRIED, zeros=(), derivative_uses=(),
        ),
    )  # fmt: skip


STEPS: tuple[Function, ...] = (
    _step(
        "floor", steps.floor, "the largest whole number that is not above x", "float(math.floor({0}))",
        tf.floor, balls.floor, "Math.floor",
    ),
    _step(
        "ceil", steps.ceil, "the smallest whole number that is not below x", "float(math.ceil({0}))",
        tf.math.ceil, balls.ceil, "Math.ceil",
    ),
    _step(
        "trunc", steps.trunc, "x rounded towards 0", "float(math.trunc({0}))",
        tensorflow_real.trunc, balls.trunc, "Math.trunc",
    ),
    _step(
        "round", steps.rounded, "the nearest whole number; of two, the even one", "float(round({0}))",
        tf.round, balls.rounded, "roundEven",
    ),
)  # fmt: skip
