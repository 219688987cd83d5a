"""Arithmetic, and the functions that are powers and roots."""

from __future__ import annotations

import math
import operator
from typing import Any

from diffexplore.functions.building import REAL, UNSURE_OF_FRACTIONS, Building, Trait
from diffexplore.functions.domains import EVERYWHERE, AtLeast, Nonzero, OfPower, where
from diffexplore.functions.facts import (
    ANALYTIC,
    CORNER,
    MAY_BE_FINITE,
    NEVER_NEGATIVE,
    NOT_FINITE,
    RESOLVED,
    STRUCTURAL,
    UNBOUNDED,
    UNKNOWN_SIGN,
    Facts,
)
from diffexplore.functions.lazy import library
from diffexplore.functions.records import NO_CLASS, NO_SOURCE, NOT_COMPLEX, Composed, Function, Operation, Readings
from diffexplore.functions.rounding import EXACT, NEAREST, NOT_TRIED, TRIED_AS_ARITHMETIC, Claim, Interval, Trials

sympy, torch, np, arb = library("sympy"), library("torch"), library("numpy"), library("flint").arb
jnp, tf = library("jax.numpy"), library("tensorflow")
balls, case_balls = library("diffexplore.arithmetic.balls"), library("diffexplore.arithmetic.case_balls")
double, double_functions = (
    library("diffexplore.arithmetic.double_balls"),
    library("diffexplore.arithmetic.double_functions"),
)
double_branches = library("diffexplore.arithmetic.double_branches")
germs, germ_powers = library("diffexplore.arithmetic.germs"), library("diffexplore.arithmetic.germ_powers")
germ_branches = library("diffexplore.arithmetic.germ_arithmetic")
complex_balls = library("diffexplore.bounds.complex_balls")
ball, spread = library("diffexplore.bounds.ball"), library("diffexplore.bounds.propagation")
trials = library("diffexplore.bounds.trials")

#: Sums, differences, products: SymPy's own nodes, which no word of the language names.
_OF_ARITHMETIC = Facts(
    domain=EVERYWHERE, sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=ANALYTIC, normal_form=STRUCTURAL,
    at_infinity=NOT_FINITE,
)  # fmt: skip

ARITHMETIC: tuple[Operation, ...] = (
    Operation(
        name="add",
        torch=operator.add, numpy=operator.add, jax=operator.add, tensorflow=operator.add, javascript="+",
        arb=operator.add, double=Readings(double.add, double.case_add, double.add), complex=complex_balls.add,
        germ=lambda x, y, depth: germs.add(x, y),
        facts=_OF_ARITHMETIC,
        spread=ball.add, claim=NEAREST, tried=TRIED_AS_ARITHMETIC, zeros=(), derivative_uses=(),
    ),
    Operation(
        name="sub",
        torch=operator.sub, numpy=operator.sub, jax=operator.sub, tensorflow=operator.sub, javascript="-",
        arb=operator.sub, double=Readings(double.sub, double.case_sub, double.sub), complex=complex_balls.sub,
        germ=lambda x, y, depth: germs.sub(x, y),
        facts=_OF_ARITHMETIC,
        spread=ball.add, claim=NEAREST, tried=TRIED_AS_ARITHMETIC, zeros=(), derivative_uses=(),
    ),
    Operation(
        name="mul",
        torch=operator.mul, numpy=operator.mul, jax=operator.mul, tensorflow=operator.mul, javascript="*",
        arb=operator.mul, double=Readings(double.mul, double.case_mul, double.mul), germ=germs.mul,
        complex=complex_balls.mul,
        facts=_OF_ARITHMETIC,
        spread=ball.mul, claim=NEAREST, tried=TRIED_AS_ARITHMETIC, zeros=(), derivative_uses=(),
    ),
    Operation(
        name="div",
        torch=operator.truediv, numpy=operator.truediv, jax=operator.truediv, tensorflow=operator.truediv,
        javascript="/", arb=operator.truediv, double=double.div, germ=germ_powers.div, complex=complex_balls.div,
        facts=Facts(
            domain=where(Nonzero()), sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=ANALYTIC, normal_form=STRUCTURAL,
            at_infinity=MAY_BE_FINITE,
        ),
        spread=ball.div, claim=NEAREST, tried=TRIED_AS_ARITHMETIC, zeros=(), derivative_uses=("reciprocal",),
    ),
    Operation(
        name="neg",
        torch=operator.neg, numpy=operator.neg, jax=operator.neg, tensorflow=operator.neg, javascript="-",
        arb=operator.neg, double=double.neg, germ=lambda x, depth: germs.neg(x), complex=complex_balls.neg,
        facts=_OF_ARITHMETIC,
        spread=ball.unchanged, claim=EXACT, tried=NOT_TRIED, zeros=(), derivative_uses=(),
    ),
)  # fmt: skip

_SQRT = Operation(
    name="sqrt",
    torch=torch.sqrt, numpy=np.sqrt, jax=jnp.sqrt, tensorflow=tf.sqrt, javascript="Math.sqrt",
    arb=arb.sqrt, double=double.sqrt, germ=germ_powers.sqrt, complex=complex_balls.sqrt,
    facts=Facts(
        domain=where(AtLeast(0)), sign=NEVER_NEGATIVE, values=UNBOUNDED, smooth=ANALYTIC, normal_form=STRUCTURAL,
        at_infinity=NOT_FINITE,
    ),
    spread=spread.sqrt, claim=Claim(1), tried=(Interval(1e-3, 1e3),), zeros=(0.0,), derivative_uses=(),
)  # fmt: skip

_POW = Operation(
    name="pow",
    torch=operator.pow, numpy=np.power, jax=jnp.power, tensorflow=tf.pow, javascript="Math.pow",
    arb=Readings(balls.power, balls.power, case_balls.smooth_power), double=double_functions.power,
    germ=germ_powers.pow_, complex=complex_balls.power,
    facts=Facts(
        domain=where(OfPower()), sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=ANALYTIC, normal_form=STRUCTURAL,
        at_infinity=MAY_BE_FINITE,
    ),
    spread=spread.pow, claim=Claim(4), tried=(Trials(trials.powers),), zeros=(), derivative_uses=("log",),
)  # fmt: skip


def _cube_root(op: Any, x: Any) -> Any:
    size = op.pow(op.abs(x), op.number(sympy.Rational(1, 3)))
    return op.mul(op.sign(x), size)


FUNCTIONS: tuple[Function, ...] = (
    Function(
        building=Building(10, REAL, (Trait.SAME,), largest_constant=math.inf),
        name="abs", doc="absolute value |x|", aliases=("Abs",), node=sympy.Abs, python="abs", torch="torch.abs",
        computed=Operation(
            name="abs",
            torch=torch.abs, numpy=np.abs, jax=jnp.abs, tensorflow=tf.abs, javascript="Math.abs",
            arb=Readings(abs, abs, case_balls.smooth_abs),
            double=Readings(double_branches.absolute, double_branches.absolute, double_branches.clear_absolute),
            germ=germ_branches.absolute, complex=NOT_COMPLEX,
            facts=Facts(
                domain=EVERYWHERE, sign=NEVER_NEGATIVE, values=UNBOUNDED, smooth=CORNER, normal_form=RESOLVED,
                at_infinity=NOT_FINITE,
            ),
            spread=ball.unchanged, claim=EXACT, tried=NOT_TRIED, zeros=(), derivative_uses=(),
        ),
    ),
    Function(
        building=Building(6, REAL, (Trait.ROOT, Trait.POWER, Trait.SPLIT), parts=4, largest_constant=math.inf),
        name="sqrt", doc="square root, for x ≥ 0", node=NO_CLASS, build=sympy.sqrt, computed=_SQRT, python=NO_SOURCE,
        torch=NO_SOURCE,
    ),
    Function(
        building=Building(
            20, UNSURE_OF_FRACTIONS, (Trait.ROOT, Trait.POWER, Trait.SPLIT),
            copies=2, copies_of_unsure=3, copies_of_roots=4, largest_constant=math.inf,
        ),
        name="cbrt", doc="real cube root, for every x", node=NO_CLASS, python=NO_SOURCE, torch=NO_SOURCE,
        build=lambda x: sympy.sign(x) * sympy.Abs(x) ** sympy.Rational(1, 3),
        computed=Composed(_cube_root),
    ),
    Function(
        building=Building(6, REAL, (Trait.POWER,), parts=2),
        name="square", doc="x²", node=NO_CLASS, build=lambda x: x**2, python=NO_SOURCE, torch=NO_SOURCE,
        computed=Composed(lambda op, x: op.pow(x, op.number(2))),
    ),
    Function(
        building=Building(6, REAL, (Trait.ROOT, Trait.POWER, Trait.SPLIT), parts=4),
        name="pow", doc="power x**y", least=2, most=2, node=NO_CLASS, build=operator.pow, computed=_POW,
        python=NO_SOURCE, torch=NO_SOURCE,
    ),
    Function(
        building=Building(10, UNSURE_OF_FRACTIONS, (Trait.ROOT, Trait.POWER), parts=8),
        name="hypot", doc="√(x² + y²)", least=2, most=2, node=NO_CLASS, python=NO_SOURCE, torch=NO_SOURCE,
        build=lambda x, y: sympy.sqrt(x**2 + y**2),
        computed=Composed(
            lambda op, x, y: op.sqrt(op.add(op.pow(x, op.number(2)), op.pow(y, op.number(2)))),
        ),
    ),
)  # fmt: skip
