"""Circular functions and their inverses."""

from __future__ import annotations

from diffexplore.functions.building import INFINITE, REAL, UNSURE, UNSURE_OF_FRACTIONS, Building, Trait
from diffexplore.functions.domains import EVERYWHERE, Nonzero, NotTheOrigin, Within, at_least_where, where
from diffexplore.functions.facts import (
    ANALYTIC,
    CUT,
    GENERATOR,
    MAY_BE_FINITE,
    NOT_FINITE,
    ODD,
    RESOLVED,
    UNBOUNDED,
    UNKNOWN_SIGN,
    Facts,
    Increasing,
)
from diffexplore.functions.lazy import library
from diffexplore.functions.records import (
    LEFT_TO_ARB,
    NOT_COMPLEX,
    Composed,
    Function,
    Helper,
    Kernels,
    Operation,
    Readings,
)
from diffexplore.functions.rounding import IN_STEPS, SPREAD_IN_STEPS, TRIED_IN_PARTS, Claim, Interval, Trials
from diffexplore.functions.sources import DSINC_IN_PYTHON, DSINC_IN_TORCH, of_reciprocal, reciprocal

sympy, torch, np, arb = library("sympy"), library("torch"), library("numpy"), library("flint").arb
jnp, tf = library("jax.numpy"), library("tensorflow")
torch_real, numpy_real = library("diffexplore.arithmetic.torch_real"), library("diffexplore.arithmetic.numpy_real")
jax_real = library("diffexplore.arithmetic.jax_real")
tensorflow_real = library("diffexplore.arithmetic.tensorflow_real")
balls, case_balls = library("diffexplore.arithmetic.balls"), library("diffexplore.arithmetic.case_balls")
double, germ = library("diffexplore.arithmetic.double_functions"), library("diffexplore.arithmetic.germ_functions")
complex_balls = library("diffexplore.bounds.complex_balls")
spread, trials = library("diffexplore.bounds.propagation"), library("diffexplore.bounds.trials")
normal, classes = library("diffexplore.decide.rules"), library("diffexplore.formula.functions_sympy")
sinc = library("diffexplore.arithmetic.sinc")


_SINC = Operation(
    name="sinc",
    torch=Kernels(torch_real.sinc, of=("sin",)), jax=jax_real.sinc, tensorflow=tensorflow_real.sinc,
    numpy=Kernels(numpy_real.sinc, of=("sin",)), javascript="sinc",
    arb=lambda x: sinc.enclosed(0, x), double=lambda x: double.dsinc_of(0, x), germ=germ.sinc,
    complex=complex_balls.sinc,
    facts=Facts(
        domain=EVERYWHERE, sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=ANALYTIC, normal_form=RESOLVED,
        at_infinity=MAY_BE_FINITE,
    ),
    spread=SPREAD_IN_STEPS, claim=IN_STEPS, tried=TRIED_IN_PARTS, zeros=(), derivative_uses=("cos",),
)  # fmt: skip

FUNCTIONS: tuple[Function, ...] = (
    Function(
        building=Building(1, REAL, (Trait.OF_INVERSES,), parts=2),
        name="sin", doc="sine", node=sympy.sin, python="math.sin", torch="torch.sin",
        computed=Operation(
            name="sin",
            torch=torch.sin, numpy=np.sin, jax=jnp.sin, tensorflow=tf.sin, javascript="Math.sin",
            arb=arb.sin, double=double.sin, germ=germ.sin, complex=complex_balls.sin,
            facts=Facts(
                domain=EVERYWHERE, sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=ANALYTIC, normal_form=normal.sin,
                at_infinity=NOT_FINITE,
            ),
            spread=spread.sin, claim=Claim(4), tried=(Interval(-50, 50),), zeros=(0.0,), derivative_uses=("cos",),
        ),
    ),
    Function(
        building=Building(1, REAL, (Trait.OF_INVERSES,), parts=2),
        name="cos", doc="cosine", node=sympy.cos, python="math.cos", torch="torch.cos",
        computed=Operation(
            name="cos",
            torch=torch.cos, numpy=np.cos, jax=jnp.cos, tensorflow=tf.cos, javascript="Math.cos",
            arb=arb.cos, double=double.cos, germ=germ.cos, complex=complex_balls.cos,
            facts=Facts(
                domain=EVERYWHERE, sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=ANALYTIC, normal_form=normal.cos,
                at_infinity=NOT_FINITE,
            ),
            spread=spread.cos, claim=Claim(4), tried=(Interval(-50, 50),), zeros=(), derivative_uses=("sin",),
        ),
    ),
    Function(
        building=Building(1, INFINITE, (Trait.OF_INVERSES,), parts=3),
        name="tan", doc="tangent", node=sympy.tan, python="math.tan", torch="torch.tan",
        computed=Operation(
            name="tan",
            torch=torch.tan, numpy=np.tan, jax=jnp.tan, tensorflow=tf.tan, javascript="Math.tan",
            arb=arb.tan, double=double.tan, germ=germ.tan,
            complex=Composed(lambda op, x: op.div(op.sin(x), op.cos(x))),
            facts=Facts(
                domain=where(Nonzero("cos")), sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=ANALYTIC,
                normal_form=normal.tan, at_infinity=NOT_FINITE,
            ),
            spread=spread.tan, claim=Claim(4), tried=(Interval(-1.5, 1.5),), zeros=(0.0,), derivative_uses=("pow",),
        ),
    ),
    Function(
        building=Building(1, INFINITE, (Trait.OF_INVERSES,), parts=3),
        name="cot", doc="cotangent 1/tan(x)", node=sympy.cot, **reciprocal("tan"),
        own_facts=of_reciprocal(Nonzero("sin"), normal.cot),
    ),
    Function(
        building=Building(1, INFINITE, (Trait.OF_INVERSES,), parts=6),
        name="sec", doc="secant 1/cos(x)", node=sympy.sec, **reciprocal("cos"),
        own_facts=of_reciprocal(Nonzero("cos"), normal.sec),
    ),
    Function(
        building=Building(1, INFINITE, (Trait.OF_INVERSES,), parts=6),
        name="csc", doc="cosecant 1/sin(x)", node=sympy.csc, **reciprocal("sin"),
        own_facts=of_reciprocal(Nonzero("sin"), normal.csc),
    ),
    Function(
        building=Building(4, UNSURE_OF_FRACTIONS),
        name="sinc", doc="sin(x)/x, 1 at 0 (without π)", node=sympy.sinc, torch="torch.sinc({factor}/math.pi)",
        python=Helper("sinc", "def sinc(x):\n    return math.sin(x)/x if x else 1.0"),
        computed=_SINC,
    ),
    Function(
        building=Building(1, UNSURE_OF_FRACTIONS, of_constant=120),
        name="dsinc", doc="n-th derivative of sinc: dsinc(n, x), n a whole number up to 10", least=2, most=2,
        node=classes.dsinc, orders=1, of_order_0=_SINC, python=DSINC_IN_PYTHON, torch=DSINC_IN_TORCH,
        computed=Operation(
            name="dsinc",
            torch=Kernels(torch_real.dsinc, of=("cos", "sin")), jax=jax_real.dsinc, tensorflow=tensorflow_real.dsinc,
            numpy=Kernels(numpy_real.dsinc, of=("cos", "sin")), javascript="dsinc",
            arb=lambda order, x: sinc.enclosed(int(float(order)), x),
            double=lambda order, x: double.dsinc_of(int(order.high), x),
            germ=germ.dsinc, complex=lambda order, x: complex_balls.dsinc(int(order.value), x),
            facts=Facts(
                domain=EVERYWHERE, sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=ANALYTIC, normal_form=RESOLVED,
                at_infinity=MAY_BE_FINITE,
            ),
            spread=SPREAD_IN_STEPS, claim=IN_STEPS, tried=TRIED_IN_PARTS, zeros=(), derivative_uses=(),
        ),
    ),
    Function(
        building=Building(1, UNSURE, (Trait.INVERSE,)),
        name="asin", doc="inverse sine", aliases=("arcsin",), node=sympy.asin, python="math.asin", torch="torch.asin",
        computed=Operation(
            name="asin",
            torch=torch.asin, numpy=np.arcsin, jax=jnp.arcsin, tensorflow=tf.asin, javascript="Math.asin",
            arb=arb.asin, double=LEFT_TO_ARB, germ=germ.asin, complex=NOT_COMPLEX,
            facts=Facts(
                domain=where(Within(strict=False)), sign=Increasing(0), values=UNBOUNDED, smooth=ANALYTIC,
                normal_form=ODD, at_infinity=MAY_BE_FINITE,
            ),
            spread=spread.asin, claim=Claim(4), tried=(Interval(-0.99, 0.99),), zeros=(0.0,),
            derivative_uses=("rsqrt",),
        ),
    ),
    Function(
        building=Building(1, UNSURE, (Trait.INVERSE,)),
        name="acos", doc="inverse cosine", aliases=("arccos",), node=sympy.acos, python="math.acos",
        torch="torch.acos",
        computed=Operation(
            name="acos",
            torch=torch.acos, numpy=np.arccos, jax=jnp.arccos, tensorflow=tf.acos, javascript="Math.acos",
            arb=arb.acos, double=LEFT_TO_ARB, germ=germ.acos, complex=NOT_COMPLEX,
            facts=Facts(
                domain=where(Within(strict=False)), sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=ANALYTIC,
                normal_form=normal.acos, at_infinity=MAY_BE_FINITE,
            ),
            spread=spread.asin, claim=Claim(4), tried=(Interval(-0.99, 0.99),), zeros=(1.0,),
            derivative_uses=("rsqrt",),
        ),
    ),
    Function(
        building=Building(1, UNSURE_OF_FRACTIONS, (Trait.INVERSE,)),
        name="atan", doc="inverse tangent", aliases=("arctan",), node=sympy.atan, python="math.atan",
        torch="torch.atan",
        computed=Operation(
            name="atan",
            torch=torch.atan, numpy=np.arctan, jax=jnp.arctan, tensorflow=tf.atan, javascript="Math.atan",
            arb=arb.atan, double=double.atan, germ=germ.atan, complex=NOT_COMPLEX,
            facts=Facts(
                domain=EVERYWHERE, sign=Increasing(0), values=UNBOUNDED, smooth=ANALYTIC, normal_form=ODD,
                at_infinity=MAY_BE_FINITE,
            ),
            spread=spread.atan, claim=Claim(4), tried=(Interval(-20, 20),), zeros=(0.0,), derivative_uses=(),
        ),
    ),
    Function(
        building=Building(1, UNSURE_OF_FRACTIONS, (Trait.INVERSE,)),
        name="atan2", doc="angle of the point (x, y): atan2(y, x)", least=2, most=2, aliases=("arctan2",),
        node=sympy.atan2, python="math.atan2", torch="torch.atan2",
        computed=Operation(
            name="atan2",
            torch=torch_real.atan2, numpy=np.arctan2, jax=jnp.arctan2, tensorflow=tf.atan2, javascript="Math.atan2",
            arb=Readings(balls.atan2, balls.atan2, case_balls.smooth_atan2), double=LEFT_TO_ARB, germ=germ.atan2,
            complex=NOT_COMPLEX,
            facts=Facts(
                domain=at_least_where(NotTheOrigin()), sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=CUT,
                normal_form=GENERATOR, at_infinity=MAY_BE_FINITE,
            ),
            spread=spread.atan2, claim=Claim(4), tried=(Trials(trials.quadrants),), zeros=(),
            derivative_uses=("pow", "reciprocal"),
        ),
    ),
)  # fmt: skip
