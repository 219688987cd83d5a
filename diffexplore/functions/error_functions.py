"""The error function, its complement and its inverse."""

from __future__ import annotations

import math
from typing import Any

from diffexplore.functions.building import PLAIN, PLAIN_ON_DOMAIN, REAL, Building
from diffexplore.functions.domains import EVERYWHERE, Within, where
from diffexplore.functions.facts import (
    ALWAYS_POSITIVE,
    ANALYTIC,
    MAY_BE_FINITE,
    ODD,
    UNBOUNDED,
    UNKNOWN_SIGN,
    Equal,
    Facts,
    Increasing,
)
from diffexplore.functions.lazy import library, resolved
from diffexplore.functions.records import (
    LEFT_TO_ARB,
    NO_CLASS,
    NO_JAX,
    NO_NUMPY,
    NO_PYTHON,
    NO_SOURCE,
    NO_TENSORFLOW,
    NOT_COMPLEX,
    Composed,
    Defined,
    Function,
    Helper,
    Kernels,
    Operation,
)
from diffexplore.functions.rounding import IN_STEPS, SPREAD_IN_STEPS, TRIED_IN_PARTS, Claim, Interval

sympy, torch, arb = library("sympy"), library("torch"), library("flint").arb
jsp, tf = library("jax.scipy.special"), library("tensorflow")
narrow, numpy_real = library("diffexplore.arithmetic.narrow"), library("diffexplore.arithmetic.numpy_real")
germ, balls = library("diffexplore.arithmetic.germ_functions"), library("diffexplore.arithmetic.balls")
watching = library("diffexplore.torch_private.watching")
build = library("diffexplore.functions.tables").build
spread, normal = library("diffexplore.bounds.propagation"), library("diffexplore.decide.rules")

_ERFCX_IN_PYTHON = Helper(
    "erfcx",
    "def erfcx(x):\n"
    "    if x < 25:\n"
    "        h = 16*x//1/16  # its square is exact, and x*x is not\n"
    "        return math.exp(h*h)*math.exp((x - h)*(x + h))*math.erfc(x)\n"
    "    return (1 - 1/(2*x*x) + 3/(4*x**4) - 15/(8*x**6))/(x*math.sqrt(math.pi))",
)
_ERFCX_IN_JAVASCRIPT = Helper(
    "erfcx",
    "function erfcx(x) { // beyond 25 the first terms of DLMF 7.12.1\n"
    "  const h = Math.round(16*x)/16; // its square is exact, and x*x is not\n"
    "  if (x < 25) return Math.exp(h*h)*Math.exp((x - h)*(x + h))*erfc(x);\n"
    "  return (1 - 1/(2*x*x) + 3/(4*x**4) - 15/(8*x**6))/(x*Math.sqrt(Math.PI));\n"
    "}",
)


_LOG_NDTR_IN_PYTHON = Helper(
    "log_ndtr",
    "def log_ndtr(x):\n"
    "    if x > 0:\n"
    "        return math.log1p(-math.erfc(x/math.sqrt(2))/2)\n"
    "    if x > -30:\n"
    "        return math.log(math.erfc(-x/math.sqrt(2))/2)\n"
    "    rest = math.log1p(-1/x**2 + 3/x**4 - 15/x**6)\n"
    "    return rest - x*x/2 - math.log(-x) - math.log(2*math.pi)/2",
)
_LOG_NDTR_IN_JAVASCRIPT = Helper(
    "log_ndtr",
    "function log_ndtr(x) { // far left the first terms of DLMF 7.12.1\n"
    "  if (x > 0) return Math.log1p(-erfc(x/Math.SQRT2)/2);\n"
    "  if (x > -30) return Math.log(erfc(-x/Math.SQRT2)/2);\n"
    "  const rest = Math.log1p(-1/x**2 + 3/x**4 - 15/x**6);\n"
    "  return rest - x*x/2 - Math.log(-x) - Math.log(2*Math.PI)/2;\n"
    "}",
)


def _erfcx_spread(x: Any, out: Any) -> Any:
    # Right of 0 the slope's size falls, and erfcx(x) ≥ (2/√π)/(x + √(x² + 2)) bounds it (NIST DLMF 7.8.2).
    low = x.mid - x.rad
    falling = 4 / math.sqrt(math.pi) / (low + (low.square() + 2).sqrt()).square()
    steepest = 2 + 4 * low.abs() * low.square().exp()
    return x.rad * torch.where(low >= 0, falling, steepest) * (1 + 2.0**-40)


def _log_ndtr_by_torch(x: Any) -> Any:
    # PyTorch has no rule by which it batches its own kernel. It differentiates the branch not taken too.
    root = math.sqrt(0.5)
    watching.state_constant(root, math.ulp(root))
    left, right = torch.where(x < 1, x, 1.0) * -root, torch.where(x < 1, 1.0, x) * root
    below = torch.log(narrow.in_float32(torch.special.erfcx, left) / 2) - left * left
    return torch.where(x < 1, below, torch.log1p(torch.erfc(right) / -2))


def _log_ndtr_of_number(x: Any) -> Any:
    return ((-x / arb(2).sqrt()).erfc() / 2).log()


def _normal_density(x: Any) -> Any:
    return sympy.exp(-(x**2) / 2) / sympy.sqrt(2 * resolved(sympy.pi))


FUNCTIONS: tuple[Function, ...] = (
    Function(
        building=Building(1, REAL),
        name="erf", doc="error function", node=sympy.erf, python="math.erf", torch="torch.erf",
        computed=Operation(
            name="erf", also=("special_erf",),
            torch=torch.erf, numpy=numpy_real.erf, jax=jsp.erf, tensorflow=tf.math.erf, javascript="erf",
            arb=arb.erf, double=library("diffexplore.arithmetic.double_erf").erf, germ=germ.erf, complex=NOT_COMPLEX,
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
        building=Building(1, REAL),
        name="erfc", doc="1 − erf(x)", node=sympy.erfc, python="math.erfc", torch="torch.erfc",
        naive=lambda x: 1 - sympy.erf(x),
        computed=Operation(
            name="erfc", also=("special_erfc",),
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
        building=PLAIN_ON_DOMAIN,
        name="erfinv", doc="inverse of erf", node=sympy.erfinv, python=NO_PYTHON, torch="torch.erfinv",
        computed=Operation(
            name="erfinv", also=("special_erfinv",),
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
    Function(
        building=PLAIN,
        name="erfcx", doc="exp(x²)·erfc(x), which does not underflow", torch="torch.special.erfcx",
        naive=lambda x: sympy.exp(x**2) * sympy.erfc(x),
        python=_ERFCX_IN_PYTHON,
        node=Defined(
            (lambda x: 2 * x * build("erfcx", x) - 2 / sympy.sqrt(resolved(sympy.pi)),), r"\operatorname{erfcx}"
        ),
        computed=Operation(
            name="erfcx", aten="special_erfcx",
            torch=lambda x: narrow.in_float32(torch.special.erfcx, x), numpy=NO_NUMPY, jax=NO_JAX,
            tensorflow=NO_TENSORFLOW, javascript=_ERFCX_IN_JAVASCRIPT, arb=lambda x: (x * x).exp() * x.erfc(),
            double=LEFT_TO_ARB, germ=germ.erfcx, complex=NOT_COMPLEX,
            facts=Facts(
                domain=EVERYWHERE, sign=ALWAYS_POSITIVE, values=UNBOUNDED, smooth=ANALYTIC,
                normal_form=Equal(lambda x: sympy.exp(x**2) * sympy.erfc(x)), at_infinity=MAY_BE_FINITE,
            ),
            spread=_erfcx_spread, claim=Claim(8, operand_roundings=1),  # left of 0 by exp of a square that is rounded
            tried=(Interval(-3, 30),), zeros=(), derivative_uses=(),
        ),
    ),
    Function(
        building=PLAIN,
        name="ndtr", doc="area under the normal distribution up to x, erfc(−x/√2)/2", torch="torch.special.ndtr",
        python="(math.erfc(-({0})/math.sqrt(2))/2)",
        node=Defined((_normal_density,), r"\Phi"),
        computed=Composed(lambda op, x: op.div(op.erfc(op.mul(op.number(-1 / sympy.sqrt(2)), x)), op.number(2))),
        own_facts=Facts(
            domain=EVERYWHERE, sign=ALWAYS_POSITIVE, values=(0, 1), smooth=ANALYTIC,
            normal_form=Equal(lambda x: (1 + sympy.erf(x / sympy.sqrt(2))) / 2), at_infinity=MAY_BE_FINITE,
        ),
    ),
    Function(
        building=PLAIN,
        name="log_ndtr", doc="log(ndtr(x)), which does not underflow", torch="torch.special.log_ndtr",
        python=_LOG_NDTR_IN_PYTHON,
        node=Defined(
            (lambda x: sympy.exp(-(x**2) / 2 - build("log_ndtr", x)) / sympy.sqrt(2 * resolved(sympy.pi)),),
            r"\log\Phi",
        ),
        computed=Operation(
            name="log_ndtr",
            torch=Kernels(_log_ndtr_by_torch, of=("erfc", "erfcx", "log", "log1p")),
            numpy=NO_NUMPY, jax=jsp.log_ndtr, tensorflow=NO_TENSORFLOW, javascript=_LOG_NDTR_IN_JAVASCRIPT,
            arb=lambda x: balls.increasing(_log_ndtr_of_number)(x), double=LEFT_TO_ARB, germ=germ.log_ndtr,
            complex=NOT_COMPLEX,
            facts=Facts(
                domain=EVERYWHERE, sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=ANALYTIC,
                normal_form=Equal(lambda x: sympy.log((1 + sympy.erf(x / sympy.sqrt(2))) / 2)),
                at_infinity=MAY_BE_FINITE,
            ),
            spread=SPREAD_IN_STEPS, claim=IN_STEPS, tried=TRIED_IN_PARTS, zeros=(),
            derivative_uses=("exp", "pow"),
        ),
    ),
    Function(
        building=PLAIN_ON_DOMAIN,
        name="ndtri", doc="inverse of ndtr, for 0 < x < 1", node=NO_CLASS, python=NO_SOURCE, torch=NO_SOURCE,
        build=lambda x: sympy.sqrt(2) * sympy.erfinv(2 * x - 1),
        computed=Composed(
            lambda op, x: op.mul(op.number(sympy.sqrt(2)), op.erfinv(op.sub(op.mul(op.number(2), x), op.number(1)))),
        ),
    ),
)  # fmt: skip
