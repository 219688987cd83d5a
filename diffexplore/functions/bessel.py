"""The modified Bessel functions of whole order."""

from __future__ import annotations

import math
from typing import Any

from diffexplore.functions.building import PLAIN, PLAIN_ON_DOMAIN
from diffexplore.functions.domains import EVERYWHERE, Above, where
from diffexplore.functions.facts import (
    ALWAYS_POSITIVE,
    ANALYTIC,
    CORNER,
    GENERATOR,
    MAY_BE_FINITE,
    NOT_FINITE,
    ODD,
    UNBOUNDED,
    UNKNOWN_SIGN,
    Equal,
    Facts,
    Increasing,
)
from diffexplore.functions.lazy import library
from diffexplore.functions.records import (
    LEFT_TO_ARB,
    NO_JAX,
    NO_NUMPY,
    NO_TENSORFLOW,
    NOT_COMPLEX,
    Defined,
    Function,
    Helper,
    Kernels,
    Operation,
    Readings,
)
from diffexplore.functions.rounding import IN_STEPS, SPREAD_IN_STEPS, TRIED_IN_PARTS, Claim, Interval

torch, arb, sympy = library("torch"), library("flint").arb, library("sympy")
jsp, tf, kernels = library("jax.scipy.special"), library("tensorflow"), library("diffexplore.arithmetic.bessel")
balls, case_balls = library("diffexplore.arithmetic.balls"), library("diffexplore.arithmetic.case_balls")
narrow, tables = library("diffexplore.arithmetic.narrow"), library("diffexplore.functions.tables")
slopes, germs = library("diffexplore.arithmetic.slopes"), library("diffexplore.arithmetic.germ_bessel")
build, node_of = tables.build, tables.class_named

_I_IN_PYTHON = Helper(
    "besseli",
    "def besseli(n, x):\n"
    "    term, total, k = (x/2)**n/math.factorial(n), 0.0, 1\n"
    "    while total + term != total:\n"
    "        total, term, k = total + term, term*x*x/(4*k*(n + k)), k + 1\n"
    "    return total",
    arguments=2,
)
_I_IN_TORCH = Helper(
    "besseli",
    "def besseli(n, x):\n"
    "    near = abs(x) < n + 4\n"
    "    inside, outside = torch.where(near, x, 0)/2, torch.where(near, n + 4, x)\n"
    "    series = sum(inside**(n + 2*k)/(1.0*math.factorial(k)*math.factorial(n + k)) for k in range(20 + 2*n))\n"
    "    before, value = torch.special.i0(outside), torch.special.i1(outside)\n"
    "    for k in range(1, n):\n"
    "        before, value = value, before - 2*k*value/outside\n"
    "    return torch.where(near, series, value)",
    arguments=2,
)
_K_IN_PYTHON = Helper(
    "besselk",
    "def besselk(n, x):\n"
    "    if x <= 0:\n"
    "        return math.inf if x == 0 else math.nan\n"
    "    total, t = math.exp(-x)/2, 1/64\n"
    "    while x*(math.cosh(t) - 1) - n*t < 40:\n"
    "        total, t = total + math.exp(-x*math.cosh(t))*math.cosh(n*t), t + 1/64\n"
    "    return total/64",
    arguments=2,
)


_SCALED_I_IN_PYTHON = Helper(
    "besselie",
    "def besselie(n, x):\n"
    "    if abs(x) < 30 + n*n:\n"
    "        return math.exp(-abs(x))*besseli(n, x)\n"
    "    term, total, k = 1.0, 1.0, 0\n"
    "    while abs(term) > 1e-17 and k < 60:\n"
    "        k += 1\n"
    "        term *= ((2*k - 1)**2 - 4*n*n)/(8*k*abs(x))\n"
    "        total += term\n"
    "    return (-1 if x < 0 and n % 2 else 1)*total/math.sqrt(2*math.pi*abs(x))",
    arguments=2,
    uses=(_I_IN_PYTHON,),
)


def _of_order(order: int, name: str, general: Helper) -> Helper:
    """The source in Python of the function of one order."""
    return Helper(name, f"def {name}(x):\n    return {general.name}({order}, x)", uses=(*general.uses, general))


def _in_javascript(order: int, name: str, general: str) -> Helper:
    return Helper(name, f"function {name}(x) {{\n  return {general}({order}, x);\n}}")


def _i(order: Any, x: Any) -> Any:
    """The expression of Iₙ(x), n ≥ 0."""
    if order == 0:
        return build("i0", x)
    return build("i1", x) if order == 1 else node_of("besseli")(order, x)


def _by_lower_orders(order: Any, x: Any) -> Any:
    """Iₙ = Iₙ₋₂ − (2(n − 1)/x) Iₙ₋₁ (NIST DLMF 10.29.1): all of them from those of orders 0 and 1."""
    return x if x.is_zero else _i(order - 2, x) - 2 * (order - 1) / x * _i(order - 1, x)


_k0, _k1 = torch.special.modified_bessel_k0, torch.special.modified_bessel_k1


def _falling(x: Any, slope: Any) -> Any:
    """The spread of a function whose slope falls in size, from the lower end of a ball that is right of 0."""
    low = x.mid - x.rad
    return torch.where(low > 0, x.rad * slope(low.clamp(min=1e-300)) * (1 + 2.0**-20), math.inf)


def _between_neighbours(order: Any, x: Any) -> Any:
    """Iₙ′ = (Iₙ₋₁ + Iₙ₊₁)/2 (NIST DLMF 10.29.1)."""
    return (_i(order - 1, x) + _i(order + 1, x)) / 2


_I0 = Operation(
    name="i0", torch=lambda x: narrow.in_float32(torch.special.i0, x), numpy=NO_NUMPY, jax=jsp.i0,
    tensorflow=tf.math.bessel_i0, javascript=_in_javascript(0, "i0", "besseli"),
    arb=lambda x: x.bessel_i(arb(0)), double=LEFT_TO_ARB, complex=NOT_COMPLEX,
    germ=lambda x, depth: germs.bessel("i", 0, x, depth),
    facts=Facts(
        domain=EVERYWHERE, sign=ALWAYS_POSITIVE, values=UNBOUNDED, smooth=ANALYTIC, normal_form=GENERATOR,
        at_infinity=NOT_FINITE,
    ),
    # |I₀′| = |I₁| ≤ sinh|x| (by the integral of NIST DLMF 10.32.1).
    spread=lambda x, out: x.rad * x.farthest_from_zero.sinh() * (1 + 2.0**-40),
    claim=Claim(8), tried=(Interval(-20, 20),), zeros=(), derivative_uses=("i1",),
)  # fmt: skip

_ZERO_ORDER = Function(
    building=PLAIN,
    name="i0", doc="modified Bessel function of order 0", often_a_symbol=True, computed=_I0, torch="torch.special.i0",
    node=Defined((lambda x: build("i1", x),), "I_0"), python=_of_order(0, "i0", _I_IN_PYTHON),
)  # fmt: skip


#: Torch computes it in the narrow dtypes themselves.
_OF_I0E = Claim(8, narrow_roundings=6)


def _scaled(order: int, slope: Any, sign: Any, claim: Claim) -> Function:
    """exp(−|x|)·Iₙ(x), which does not overflow; exp(−|x|) has a corner at 0."""
    name, plain = f"i{order}e", f"i{order}"

    def scaled(x: Any) -> Any:
        return (-abs(x)).exp() * x.bessel_i(arb(order))

    return Function(
        building=PLAIN,
        name=name, doc=f"exp(−|x|)·{plain}(x), which does not overflow", often_a_symbol=True,
        node=Defined((slope,), rf"\operatorname{{{name}}}"), torch=f"torch.special.{name}",
        python=_of_order(order, name, _SCALED_I_IN_PYTHON),
        computed=Operation(
            name=name, aten=f"special_{name}",
            torch=lambda x: narrow.in_float32(getattr(torch.special, name), x), numpy=NO_NUMPY,
            jax=getattr(jsp, name), tensorflow=getattr(tf.math, f"bessel_{name}"),
            javascript=_in_javascript(order, name, "besselie"),
            arb=Readings(scaled, scaled, lambda x: case_balls.off_zero(scaled, x)), double=LEFT_TO_ARB,
            germ=lambda x, depth: germs.scaled(order, x, depth), complex=NOT_COMPLEX,
            facts=Facts(
                domain=EVERYWHERE, sign=sign, values=(-order, 2 - order), smooth=CORNER,
                normal_form=Equal(lambda x: sympy.exp(-sympy.Abs(x)) * build(plain, x)), at_infinity=MAY_BE_FINITE,
            ),
            spread=lambda x, out: x.rad / (1 + order) * (1 + 2.0**-40),  # |I₁ − I₀| ≤ exp, |I₁′ − I₁| ≤ exp/2
            claim=claim, tried=(Interval(-30, 30),), zeros=(0.0,) if order else (),
            derivative_uses=("i0e", "reciprocal") if order else ("i1e",),
        ),
    )  # fmt: skip


def _second_kind(order: int, slope: Any, size: Any) -> Function:
    """Kₙ(x), n = 0 or 1, with the size of its slope, which falls."""
    name, kernel = f"k{order}", getattr(torch.special, f"modified_bessel_k{order}")
    return Function(
        building=PLAIN_ON_DOMAIN,
        name=name, doc=f"modified Bessel function of the second kind of order {order}, for x > 0", often_a_symbol=True,
        node=Defined((slope,), f"K_{order}"), torch=f"torch.special.modified_bessel_{name}",
        python=_of_order(order, name, _K_IN_PYTHON),
        computed=Operation(
            name=name, aten=f"special_modified_bessel_{name}", torch=lambda x: slopes.by_record(name, kernel, x),
            numpy=NO_NUMPY, jax=NO_JAX, tensorflow=getattr(tf.math.special, f"bessel_{name}"),
            javascript=_in_javascript(order, name, "besselk"), arb=lambda x: balls.bessel_k(order, x),
            double=LEFT_TO_ARB, complex=NOT_COMPLEX,
            germ=lambda x, depth: germs.bessel("k", order, x, depth),
            facts=Facts(
                domain=where(Above(0)), sign=ALWAYS_POSITIVE, values=UNBOUNDED, smooth=ANALYTIC, normal_form=GENERATOR,
                at_infinity=MAY_BE_FINITE,
            ),
            spread=lambda x, out: _falling(x, size), claim=Claim(8), tried=(Interval(0.01, 50),), zeros=(),
            derivative_uses=(f"k{1 - order}",),
        ),
    )  # fmt: skip


FUNCTIONS: tuple[Function, ...] = (
    _ZERO_ORDER,
    Function(
        building=PLAIN,
        name="i1", doc="modified Bessel function of order 1", often_a_symbol=True, torch="torch.special.i1",
        node=Defined((lambda x: _between_neighbours(1, x),), "I_1"), python=_of_order(1, "i1", _I_IN_PYTHON),
        computed=Operation(
            name="i1", aten="special_i1",
            torch=lambda x: narrow.in_float32(torch.special.i1, x), numpy=NO_NUMPY, jax=jsp.i1,
            tensorflow=tf.math.bessel_i1, javascript=_in_javascript(1, "i1", "besseli"),
            arb=lambda x: x.bessel_i(arb(1)), double=LEFT_TO_ARB, complex=NOT_COMPLEX,
            germ=lambda x, depth: germs.bessel("i", 1, x, depth),
            facts=Facts(
                domain=EVERYWHERE, sign=Increasing(0), values=UNBOUNDED, smooth=ANALYTIC, normal_form=ODD,
                at_infinity=NOT_FINITE,
            ),
            spread=lambda x, out: x.rad * x.farthest_from_zero.cosh() * (1 + 2.0**-40),  # I₁′ ≤ I₀ ≤ cosh
            claim=Claim(16), tried=(Interval(-20, 20),), zeros=(0.0,),
            derivative_uses=("i0", "reciprocal"),
        ),
    ),
    _scaled(0, lambda x: build("i1e", x) - sympy.sign(x) * build("i0e", x), ALWAYS_POSITIVE, _OF_I0E),
    _scaled(1, lambda x: build("i0e", x) - (sympy.sign(x) + 1 / x) * build("i1e", x), Increasing(0), Claim(16)),
    Function(
        building=PLAIN,
        name="besseli", doc="modified Bessel function: besseli(n, x), n a whole number up to 10", least=2, most=2,
        node=Defined((None, _between_neighbours), "I_{{{0}}}"), build=_i, orders=1, of_order_0=_I0, python=_I_IN_PYTHON,
        torch=_I_IN_TORCH,
        computed=Operation(
            name="besseli",
            torch=Kernels(kernels.modified, of=("i0", "i1")), numpy=NO_NUMPY, jax=NO_JAX, tensorflow=NO_TENSORFLOW,
            javascript="besseli", arb=lambda order, x: x.bessel_i(order), double=LEFT_TO_ARB,
            germ=lambda order, x, depth: germs.by_order("i", order, x, depth), complex=NOT_COMPLEX,
            facts=Facts(
                domain=EVERYWHERE, sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=ANALYTIC,
                normal_form=Equal(_by_lower_orders), at_infinity=NOT_FINITE,
            ),
            spread=SPREAD_IN_STEPS, claim=IN_STEPS, tried=TRIED_IN_PARTS, zeros=(), derivative_uses=("reciprocal",),
        ),
    ),
    _second_kind(0, lambda x: -build("k1", x), _k1),
    _second_kind(1, lambda x: -build("k0", x) - build("k1", x) / x, lambda low: _k0(low) + _k1(low) / low),
)  # fmt: skip
