"""The error function, its complement and its inverse."""

from __future__ import annotations

from diffexplore.functions.domains import EVERYWHERE, Within, where
from diffexplore.functions.lazy import library
from diffexplore.functions.records import (
    ALWAYS_POSITIVE,
    ANALYTIC,
    LEFT_TO_ARB,
    MAY_BE_FINITE,
    NO_NUMPY,
    NO_PYTHON,
    NOT_COMPLEX,
    ODD,
    UNBOUNDED,
    UNKNOWN_SIGN,
    Claim,
    Facts,
    Function,
    Increasing,
    Interval,
    Operation,
)

sympy, torch, arb = library("sympy"), library("torch"), library("flint").arb
jsp, tf = library("jax.scipy.special"), library("tensorflow")
numpy_real, germ = library("diffexplore.arithmetic.numpy_real"), library("diffexplore.arithmetic.germ_functions")
spread, normal = library("diffexplore.bounds.propagation"), library("diffexplore.decide.generators")

FUNCTIONS: tuple[Function, ...] = (
    Function(
        name="erf", doc="error function", node=sympy.erf, python="math.erf", torch="torch.erf",
        computed=Operation(
            name="erf",
            torch=torch.erf, numpy=numpy_real.erf, jax=jsp.erf, tensorflow=tf.math.erf, javascript="erf",
            arb=arb.erf, double=LEFT_TO_ARB, germ=germ.erf, complex=NOT_COMPLEX,
            facts=Facts(
                domain=EVERYWHERE, sign=Increasing(0), values=(-1, 1), smooth=ANALYTIC, normal_form=ODD,
                at_infinity=MAY_BE_FINITE,
            ),
            # The erf of the narrow dtypes is a polynomial of absolute error 1.5e-7, whatever library computes that of
            # float32 (Abramowitz and Stegun, "Handbook of Mathematical Functions", 7.1.26).
            spread=spread.erf, claim=Claim(4, narrow_absolute=8.0), tried=(Interval(-4, 4),), zeros=(0.0,),
            derivative_uses=("exp", "pow"),
        ),
    ),
    Function(
        name="erfc", doc="1 − erf(x)", node=sympy.erfc, python="math.erfc", torch="torch.erfc",
        computed=Operation(
            name="erfc",
            torch=torch.erfc, numpy=numpy_real.erfc, jax=jsp.erfc, tensorflow=tf.math.erfc, javascript="erfc",
            arb=arb.erfc, double=LEFT_TO_ARB, germ=germ.erfc, complex=NOT_COMPLEX,
            facts=Facts(
                domain=EVERYWHERE, sign=ALWAYS_POSITIVE, values=(0, 2), smooth=ANALYTIC, normal_form=normal.erfc,
                at_infinity=MAY_BE_FINITE,
            ),
            spread=spread.erfc, claim=Claim(16), tried=(Interval(-3, 3),), zeros=(), derivative_uses=("exp", "pow"),
        ),
    ),
    Function(
        name="erfinv", doc="inverse of erf", node=sympy.erfinv, python=NO_PYTHON, torch="torch.erfinv",
        computed=Operation(
            name="erfinv",
            torch=torch.erfinv, numpy=NO_NUMPY, jax=jsp.erfinv, tensorflow=tf.math.erfinv, javascript="erfinv",
            arb=arb.erfinv, double=LEFT_TO_ARB, germ=germ.erfinv, complex=NOT_COMPLEX,
            facts=Facts(
                domain=where(Within(strict=True)), sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=ANALYTIC,
                normal_form=ODD, at_infinity=MAY_BE_FINITE,
            ),
            spread=spread.erfinv, claim=Claim(8), tried=(Interval(-0.99, 0.99),), zeros=(0.0,),
            derivative_uses=("exp", "pow"),
        ),
    ),
)  # fmt: skip
