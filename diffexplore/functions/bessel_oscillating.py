"""The Bessel functions of the first and second kind: of whole order, and of orders 0 and 1."""

from __future__ import annotations

from typing import Any

from diffexplore.functions.building import PLAIN, PLAIN_ON_DOMAIN
from diffexplore.functions.domains import EVERYWHERE, Above, where
from diffexplore.functions.facts import (
    ANALYTIC,
    GENERATOR,
    MAY_BE_FINITE,
    ODD,
    UNBOUNDED,
    UNKNOWN_SIGN,
    Equal,
    Facts,
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
)
from diffexplore.functions.rounding import IN_STEPS, SPREAD_IN_STEPS, TRIED_IN_PARTS, Claim, Trials

torch, arb = library("torch"), library("flint").arb
tf, kernels = library("tensorflow"), library("diffexplore.arithmetic.bessel")
spread, trials = library("diffexplore.bounds.bessel"), library("diffexplore.bounds.trials")
tables, slopes = library("diffexplore.functions.tables"), library("diffexplore.arithmetic.slopes")
germs = library("diffexplore.arithmetic.germ_bessel")
build, node_of = tables.build, tables.class_named

_HANKEL_IN_PYTHON = Helper(
    "hankel",
    "def hankel(n, x, shift):\n"
    "    term, sums, k = 1.0, [1.0, 0.0], 0\n"
    "    while abs(term) > 1e-17 and k < 60:\n"
    "        k += 1\n"
    "        term *= (4*n*n - (2*k - 1)**2)/(8*k*x)\n"
    "        sums[k % 2] += -term if k % 4 > 1 else term\n"
    "    angle = x - (2*n + 1)*math.pi/4 - shift*math.pi/2\n"
    "    return math.sqrt(2/(math.pi*x))*(sums[0]*math.cos(angle) - sums[1]*math.sin(angle))",
    arguments=3,
)
_J_IN_PYTHON = Helper(
    "besselj",
    "def besselj(n, x):\n"
    "    if abs(x) > 25 + n*n:\n"
    "        return hankel(n, abs(x), 0)*(-1 if x < 0 and n % 2 else 1)\n"
    "    points = math.ceil(abs(x)) + n + 40\n"
    "    angles = (2*math.pi*k/points for k in range(points))\n"
    "    return math.fsum(math.cos(n*angle - x*math.sin(angle)) for angle in angles)/points",
    arguments=2,
    uses=(_HANKEL_IN_PYTHON,),
)
_Y_IN_PYTHON = Helper(
    "bessely",
    "def bessely(n, x):\n"
    "    if x <= 0:\n"
    "        return -math.inf if x == 0 else math.nan\n"
    "    if x > 25:\n"
    "        return hankel(n, x, 1)\n"
    "    total = (math.log(x/2) + 0.5772156649015329)*besselj(n, x) - (besselj(0, x)/x if n else 0)\n"
    "    for k in range(1, 40):\n"
    "        part = (besselj(2*k + 1, x) - besselj(2*k - 1, x))/2 if n else besselj(2*k, x)\n"
    "        total -= 2*(-1)**k*part/k\n"
    "    return 2*total/math.pi",
    arguments=2,
    uses=(_HANKEL_IN_PYTHON, _J_IN_PYTHON),
)
_J_IN_TORCH = Helper(
    "besselj",
    "def besselj(n, x):\n"
    "    near = abs(x) < n + 4\n"
    "    inside, outside = torch.where(near, x, 0)/2, torch.where(near, n + 4, x)\n"
    "    terms = ((-1)**k*inside**(n + 2*k)/(1.0*math.factorial(k)*math.factorial(n + k)) for k in range(20 + 2*n))\n"
    "    before, value = torch.special.bessel_j0(outside), torch.special.bessel_j1(outside)\n"
    "    for k in range(1, n):\n"
    "        before, value = value, 2*k*value/outside - before\n"
    "    return torch.where(near, sum(terms), value)",
    arguments=2,
)


def _of_order(order: int, general: Helper) -> Helper:
    """The source in Python of the function of one order."""
    name = f"{general.name[-1]}{order}"
    return Helper(name, f"def {name}(x):\n    return {general.name}({order}, x)", uses=(*general.uses, general))


def _in_javascript(order: int, general: str) -> Helper:
    name = f"{general[-1]}{order}"
    return Helper(name, f"function {name}(x) {{\n  return {general}({order}, x);\n}}")


def _j(order: Any, x: Any) -> Any:
    """The expression of Jₙ(x), n ≥ 0."""
    if order == 0:
        return build("j0", x)
    return build("j1", x) if order == 1 else node_of("besselj")(order, x)


def _between_neighbours(order: Any, x: Any) -> Any:
    """Jₙ′ = (Jₙ₋₁ − Jₙ₊₁)/2 (NIST DLMF 10.6.1), which has a value at 0, too."""
    return (_j(order - 1, x) - _j(order + 1, x)) / 2


def _by_lower_orders(order: Any, x: Any) -> Any:
    """Jₙ = (2(n − 1)/x) Jₙ₋₁ − Jₙ₋₂ (NIST DLMF 10.6.1): all of them from those of orders 0 and 1."""
    return x if x.is_zero else 2 * (order - 1) / x * _j(order - 1, x) - _j(order - 2, x)


#: In float64 PyTorch's kernels keep seven digits between 2 and 20. Beyond, they lose those of the reduced argument.
_OF_TORCH = Claim(8, absolute=16.0, double_absolute=2.0**34, operand_roundings=2)


def _first_kind(order: int, normal_form: Any, **facts: Any) -> Operation:
    name, kernel = f"j{order}", getattr(torch.special, f"bessel_j{order}")
    return Operation(
        name=name, aten=f"special_bessel_{name}", numpy=NO_NUMPY, jax=NO_JAX,
        torch=lambda x: slopes.by_record(name, kernel, x), tensorflow=getattr(tf.math.special, f"bessel_{name}"),
        javascript=_in_javascript(order, "besselj"),
        arb=lambda x: x.bessel_j(arb(order)), double=LEFT_TO_ARB, complex=NOT_COMPLEX,
        germ=lambda x, depth: germs.bessel("j", order, x, depth),
        facts=Facts(
            domain=EVERYWHERE, sign=UNKNOWN_SIGN, smooth=ANALYTIC, normal_form=normal_form,
            at_infinity=MAY_BE_FINITE, **facts,
        ),
        spread=getattr(spread, name), claim=_OF_TORCH, tried=(Trials(trials.waves),), **_AT_ZERO[order],
    )  # fmt: skip


_AT_ZERO: dict[int, dict[str, Any]] = {
    0: {"zeros": (), "derivative_uses": ("j1",)},
    1: {"zeros": (0.0,), "derivative_uses": ("j0",)},
}


def _second_kind(order: int) -> Operation:
    name, kernel = f"y{order}", getattr(torch.special, f"bessel_y{order}")
    return Operation(
        name=name, aten=f"special_bessel_{name}", numpy=NO_NUMPY, jax=NO_JAX,
        torch=lambda x: slopes.by_record(name, kernel, x), tensorflow=getattr(tf.math.special, f"bessel_{name}"),
        javascript=_in_javascript(order, "bessely"),
        arb=lambda x: x.bessel_y(arb(order)) if x > 0 else arb("nan"), double=LEFT_TO_ARB,
        germ=lambda x, depth: germs.bessel("y", order, x, depth), complex=NOT_COMPLEX,
        facts=Facts(
            domain=where(Above(0)), sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=ANALYTIC, normal_form=GENERATOR,
            at_infinity=MAY_BE_FINITE,
        ),
        spread=getattr(spread, name), claim=_OF_TORCH, tried=(Trials(trials.waves_right_of_zero),), zeros=(),
        derivative_uses=(f"y{1 - order}",),
    )  # fmt: skip


_J0, _J1 = _first_kind(0, GENERATOR, values=(-1, 2)), _first_kind(1, ODD, values=(-1, 1))

FUNCTIONS: tuple[Function, ...] = (
    Function(
        building=PLAIN,
        name="j0", doc="Bessel function of the first kind of order 0", often_a_symbol=True,
        node=Defined((lambda x: -build("j1", x),), "J_0"), torch="torch.special.bessel_j0",
        python=_of_order(0, _J_IN_PYTHON), computed=_J0,
    ),
    Function(
        building=PLAIN,
        name="j1", doc="Bessel function of the first kind of order 1", often_a_symbol=True,
        node=Defined((lambda x: _between_neighbours(1, x),), "J_1"), torch="torch.special.bessel_j1",
        python=_of_order(1, _J_IN_PYTHON), computed=_J1,
    ),
    Function(
        building=PLAIN,
        name="besselj", doc="Bessel function of the first kind: besselj(n, x), n a whole number up to 10", least=2,
        most=2, node=Defined((None, _between_neighbours), "J_{{{0}}}"), build=_j, orders=1, of_order_0=_J0,
        python=_J_IN_PYTHON,
        torch=_J_IN_TORCH,
        computed=Operation(
            name="besselj",
            torch=Kernels(kernels.first_kind, of=("j0", "j1")), numpy=NO_NUMPY, jax=NO_JAX, tensorflow=NO_TENSORFLOW,
            javascript="besselj", arb=lambda order, x: x.bessel_j(order), double=LEFT_TO_ARB,
            germ=lambda order, x, depth: germs.by_order("j", order, x, depth), complex=NOT_COMPLEX,
            facts=Facts(
                domain=EVERYWHERE, sign=UNKNOWN_SIGN, values=UNBOUNDED, smooth=ANALYTIC,
                normal_form=Equal(_by_lower_orders), at_infinity=MAY_BE_FINITE,
            ),
            spread=SPREAD_IN_STEPS, claim=IN_STEPS, tried=TRIED_IN_PARTS, zeros=(), derivative_uses=("reciprocal",),
        ),
    ),
    Function(
        building=PLAIN_ON_DOMAIN,
        name="y0", doc="Bessel function of the second kind of order 0, for x > 0", often_a_symbol=True,
        node=Defined((lambda x: -build("y1", x),), "Y_0"), torch="torch.special.bessel_y0",
        python=_of_order(0, _Y_IN_PYTHON), computed=_second_kind(0),
    ),
    Function(
        building=PLAIN_ON_DOMAIN,
        name="y1", doc="Bessel function of the second kind of order 1, for x > 0", often_a_symbol=True,
        node=Defined((lambda x: build("y0", x) - build("y1", x) / x,), "Y_1"), torch="torch.special.bessel_y1",
        python=_of_order(1, _Y_IN_PYTHON), computed=_second_kind(1),
    ),
)  # fmt: skip
