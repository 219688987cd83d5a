"""Hyperbolic functions, their inverses, and the logistic function and its kin."""

from __future__ import annotations

from diffexplore.functions.building import FINITE, INFINITE, UNSURE, UNSURE_OF_FRACTIONS, Building, Trait
from diffexplore.functions.domains import EVERYWHERE, AtLeast, Nonzero, Within, where
from diffexplore.functions.facts import (
    ALWAYS_POSITIVE,
    ANALYTIC,
    MAY_BE_FINITE,
    NOT_FINITE,
    UNBOUNDED,
    UNKNOWN_SIGN,
    Facts,
    Increasing,
)
from diffexplore.functions.lazy import library
from diffexplore.functions.records import (
    LEFT_TO_ARB,
    NO_CLASS,
    NO_SOURCE,
    NOT_COMPLEX,
    Composed,
    Function,
    Helper,
    Kernels,
    Operation,
)
from diffexplore.functions.rounding import SPREAD_IN_STEPS, Claim, Interval
from diffexplore.functions.sources import of_reciprocal, reciprocal

sympy, torch, np, arb = library("sympy"), library("torch"), library("numpy"), library("flint").arb
jnp, jax, tf = library("jax.numpy"), library("jax"), library("tensorflow")
cfunctions = library("sympy.codegen.cfunctions")
torch_real, numpy_real = library("diffexplore.arithmetic.torch_real"), library("diffexplore.arithmetic.numpy_real")
double, germ = library("diffexplore.arithmetic.double_functions"), library("diffexplore.arithmetic.germ_functions")
complex_balls, spread = library("diffexplore.bounds.complex_balls"), library("diffexplore.bounds.propagation")
normal, classes = library("diffexplore.decide.rules"), library("diffexplore.formula.functions_sympy")

FUNCTIONS: tuple[Function, ...] = (
    Function(
        building=Building(20, FINITE, (Trait.OF_INVERSES, Trait.PARTS), parts=2, copies_of_unsure=3, copies_of_roots=6),
        name="sinh", doc="hyperbolic sine", node=sympy.sinh, python="math.sinh", torch="torch.sinh",
        computed=Operation(
            name="sinh",
            torch=torch.sinh, numpy=np.sinh, jax=jnp.sinh, tensorflow=tf.sinh, javascript="Math.sinh",
            arb=arb.sinh, double=double.sinh, germ=germ.sinh, complex=complex_balls.sinh,
            facts=Facts(
                domain=EVERYWHERE, sign=Increasing(0), values=UNBOUNDED, smooth=ANALYTIC, normal_form=normal.sinh,
                at_infinity=NOT_FINITE,
            ),
            spread=spread.sinh, claim=Claim(4), tried=(Interval(-8, 8),), zeros=(0.0,), derivative_uses=("cosh",),
        ),
    ),
    Function(
        building=Building(20, FINITE, (Trait.OF_INVERSES, Trait.PARTS), parts=2, copies_of_unsure=3, copies_of_roots=6),
        name="cosh", doc="hyperbolic cosine", node=sympy.cosh, python="math.cosh", torch="torch.cosh",
        computed=Operation(
            name="cosh",
            torch=torch.cosh, numpy=np.cosh, jax=jnp.cosh, tensorflow=tf.cosh, javascript="Math.cosh",
            arb=arb.cosh, double=double.cosh, germ=germ.cosh, complex=complex_balls.cosh,
            facts=Facts(
                domain=EVERYWHERE, sign=ALWAYS_POSITIVE, values=UNBOUNDED, smooth=ANALYTIC, normal_form=normal.cosh,
                at_infinity=NOT_FINITE,
            ),
            spread=spread.cosh, claim=Claim(4), tried=(Interval(-8, 8),), zeros=(), derivative_uses=("sinh",),
        ),
    ),
    Function(
        building=Building(20, FINITE, (Trait.OF_INVERSES, Trait.PARTS), parts=4, copies_of_unsure=5, copies_of_roots=6),
        name="tanh", doc="hyperbolic tangent", node=sympy.tanh, python="math.tanh", torch="torch.tanh",
        computed=Operation(
            name="tanh",
            torch=torch.tanh, numpy=np.tanh, jax=jnp.tanh, tensorflow=tf.tanh, javascript="Math.tanh",
            arb=arb.tanh, double=double.tanh, germ=germ.tanh,
            complex=Composed(lambda op, x: op.div(op.sinh(x), op.cosh(x))),
            facts=Facts(
                domain=EVERYWHERE, sign=Increasing(0), values=(-1, 1), smooth=ANALYTIC,
                normal_form=normal.tanh, at_infinity=MAY_BE_FINITE,
            ),
            spread=spread.tanh, claim=Claim(4), tried=(Interval(-20, 20),), zeros=(0.0,),
            derivative_uses=("tanh_backward",),
        ),
    ),
    Function(
        building=Building(1, INFINITE, (Trait.OF_INVERSES, Trait.PARTS), parts=4),
        name="coth", doc="hyperbolic cotangent", node=sympy.coth, **reciprocal("tanh"),
        own_facts=of_reciprocal(Nonzero(), normal.coth),
    ),
    Function(
        building=Building(20, FINITE, (Trait.OF_INVERSES, Trait.PARTS), parts=6, copies_of_unsure=6, copies_of_roots=6),
        name="sech", doc="hyperbolic secant", node=sympy.sech, **reciprocal("cosh"),
        own_facts=Facts(
            domain=EVERYWHERE, sign=ALWAYS_POSITIVE, values=(0, 2), smooth=ANALYTIC, normal_form=normal.sech,
            at_infinity=MAY_BE_FINITE,
        ),
    ),
    Function(
        building=Building(
            20, INFINITE, (Trait.OF_INVERSES, Trait.PARTS),
            parts=6, copies_of_unsure=5, copies_of_roots=6,
        ),
        name="csch", doc="hyperbolic cosecant", node=sympy.csch, **reciprocal("sinh"),
        own_facts=of_reciprocal(Nonzero(), normal.csch),
    ),
    Function(
        building=Building(1, UNSURE_OF_FRACTIONS, (Trait.INVERSE,)),
        name="asinh", doc="inverse hyperbolic sine", aliases=("arcsinh",), node=sympy.asinh, python="math.asinh",
        torch="torch.asinh",
        computed=Operation(
            name="asinh",
            torch=torch.asinh, numpy=np.arcsinh, jax=jnp.arcsinh, tensorflow=tf.asinh, javascript="Math.asinh",
            arb=arb.asinh, double=double.asinh, germ=germ.asinh, complex=NOT_COMPLEX,
            facts=Facts(
                domain=EVERYWHERE, sign=Increasing(0), values=UNBOUNDED, smooth=ANALYTIC, normal_form=normal.asinh,
                at_infinity=MAY_BE_FINITE,
            ),
            spread=spread.asinh, claim=Claim(4), tried=(Interval(-20, 20),), zeros=(0.0,),
            derivative_uses=("pow", "rsqrt"),
        ),
    ),
    Function(
        building=Building(1, UNSURE, (Trait.INVERSE,)),
        name="acosh", doc="inverse hyperbolic cosine", aliases=("arccosh",), node=sympy.acosh, python="math.acosh",
        torch="torch.acosh",
        computed=Operation(
            name="acosh",
            torch=torch.acosh, numpy=np.arccosh, jax=jnp.arccosh, tensorflow=tf.acosh, javascript="Math.acosh",
            arb=arb.acosh, double=LEFT_TO_ARB, germ=germ.acosh, complex=NOT_COMPLEX,
            facts=Facts(
                domain=where(AtLeast(1)), sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=ANALYTIC,
                normal_form=normal.acosh, at_infinity=MAY_BE_FINITE,
            ),
            spread=spread.acosh, claim=Claim(4), tried=(Interval(1.01, 50),), zeros=(1.0,), derivative_uses=("rsqrt",),
        ),
    ),
    Function(
        building=Building(2, UNSURE, (Trait.INVERSE,)),
        name="atanh", doc="inverse hyperbolic tangent", aliases=("arctanh",), node=sympy.atanh, python="math.atanh",
        torch="torch.atanh",
        computed=Operation(
            name="atanh",
            torch=torch.atanh, numpy=np.arctanh, jax=jnp.arctanh, tensorflow=tf.atanh, javascript="Math.atanh",
            arb=arb.atanh, double=LEFT_TO_ARB, germ=germ.atanh, complex=NOT_COMPLEX,
            facts=Facts(
                domain=where(Within(strict=True)), sign=Increasing(0), values=UNBOUNDED, smooth=ANALYTIC,
                normal_form=normal.atanh, at_infinity=MAY_BE_FINITE,
            ),
            spread=spread.atanh, claim=Claim(4), tried=(Interval(-0.99, 0.99),), zeros=(0.0,),
            derivative_uses=("pow",),
        ),
    ),
)  # fmt: skip

LOGISTIC: tuple[Function, ...] = (
    Function(
        building=Building(1, UNSURE_OF_FRACTIONS, of_constant=40),
        name="sigmoid", doc="1/(1 + exp(−x))", aliases=("expit",), node=classes.sigmoid, torch="torch.sigmoid",
        python=Helper(
            "sigmoid",
            "def sigmoid(x):\n    return 1/(1 + math.exp(-x)) if x >= 0 else math.exp(x)/(1 + math.exp(x))",
        ),
        computed=Operation(
            name="sigmoid", also=("special_expit",),
            torch=torch.sigmoid, jax=jax.nn.sigmoid, tensorflow=tf.sigmoid, javascript="sigmoid",
            numpy=Composed(lambda op, x: op.div(1, op.add(1, op.exp(op.neg(x))))),
            arb=lambda x: 1 / (1 + (-x).exp()), double=double.sigmoid, germ=germ.sigmoid,
            complex=Composed(lambda op, x: op.div(1, op.add(1, op.exp(op.neg(x))))),
            facts=Facts(
                domain=EVERYWHERE, sign=ALWAYS_POSITIVE, values=(0, 1), smooth=ANALYTIC, normal_form=normal.sigmoid,
                at_infinity=MAY_BE_FINITE,
            ),
            spread=spread.sigmoid, claim=Claim(4, underflows=True), tried=(Interval(-9, 9),), zeros=(),
            derivative_uses=("sigmoid_backward",),
        ),
    ),
    Function(
        building=Building(1, UNSURE_OF_FRACTIONS, of_constant=40),
        name="softplus", doc="log(1 + exp(x))", node=classes.softplus, torch="torch.logaddexp({0}, 0*one)",
        naive=lambda x: sympy.log(1 + sympy.exp(x)),
        python=Helper("softplus", "def softplus(x):\n    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))"),
        computed=Operation(
            name="softplus",
            torch=Kernels(torch_real.softplus, of=("softplus", "logaddexp")), numpy=numpy_real.softplus,
            jax=lambda x: jnp.logaddexp(x, jnp.zeros_like(x)), tensorflow=tf.math.softplus, javascript="softplus",
            arb=lambda x: x.exp().log1p(), double=double.softplus, germ=germ.softplus,
            complex=Composed(lambda op, x: op.log(op.add(1, op.exp(x)))),
            facts=Facts(
                domain=EVERYWHERE, sign=ALWAYS_POSITIVE, values=UNBOUNDED, smooth=ANALYTIC,
                normal_form=normal.softplus, at_infinity=MAY_BE_FINITE,
            ),
            spread=SPREAD_IN_STEPS, claim=Claim(4), tried=(Interval(-9, 9),), zeros=(),
            derivative_uses=("exp",),
        ),
    ),
    Function(
        building=Building(10, UNSURE, copies=2),
        name="logit", doc="log(x/(1 − x)), the inverse of sigmoid, for 0 < x < 1", node=NO_CLASS,
        python=NO_SOURCE, torch=NO_SOURCE, build=lambda x: sympy.log(x) - cfunctions.log1p(-x),
        computed=Composed(lambda op, x: op.sub(op.log(x), op.log1p(op.neg(x)))),
    ),
    Function(
        building=Building(
            60, FINITE, (Trait.OF_INVERSES, Trait.PARTS),
            copies_of_constant=3, copies_of_unsure=2, copies_of_roots=3,
        ),
        name="logcosh", doc="log(cosh(x))", node=NO_CLASS, build=lambda x: sympy.log(sympy.cosh(x)),
        computed=Composed(lambda op, x: op.log(op.cosh(x))), python=NO_SOURCE, torch=NO_SOURCE,
    ),
)  # fmt: skip
