"""Every record of a function: its values by torch, NumPy, Arb, mpmath and double-double balls, and the bounds on them."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import torch
from flint import arb
from record_points import X, columns, drawn, numbers_of, orders_of, true

from diffexplore.arithmetic import double_series
from diffexplore.arithmetic.balls import BALLS, precision
from diffexplore.arithmetic.double_balls import exact
from diffexplore.arithmetic.double_functions import DOUBLE_BALLS
from diffexplore.arithmetic.germ_arithmetic import GermArithmetic, at_point
from diffexplore.arithmetic.germs import Absent
from diffexplore.arithmetic.numpy_real import NUMPY
from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds.ball import Ball
from diffexplore.bounds.complex_balls import COMPLEX, ComplexBall
from diffexplore.bounds.watch import watched
from diffexplore.formula.compare import value_at
from diffexplore.formula.parse import parse
from diffexplore.functions import OPERATIONS
from diffexplore.functions.lazy import resolved
from diffexplore.functions.records import Lack
from diffexplore.functions.rounding import Claim, Propagation

#: Which may lose more near a root, or of which PyTorch's kernels keep seven digits.
LOSING = (
    "gamma", "digamma", "lgamma", "polygamma", "dsinc", "j0", "j1", "y0", "y1", "besselj", "gammainc", "gammaincc",
)  # fmt: skip


#: Functions in mpmath, which shares no code with Arb.
REFERENCE = {
    "ndtr(x)": mpmath.ncdf, "log_ndtr(x)": lambda x: mpmath.log(mpmath.ncdf(x)),
    "erfcx(x)": lambda x: mpmath.exp(x * x) * mpmath.erfc(x), "exp10(x)": lambda x: mpmath.mpf(10) ** x,
    "ndtri(x)": lambda x: mpmath.sqrt(2) * mpmath.erfinv(2 * x - 1), "logit(x)": lambda x: mpmath.log(x / (1 - x)),
    "entr(x)": lambda x: -x * mpmath.log(x) if x else mpmath.mpf(0), "xlogy(x, 3)": lambda x: x * mpmath.log(3),
    "xlog1py(x, 2)": lambda x: x * mpmath.log(3), "i0(x)": lambda x: mpmath.besseli(0, x),
    "i1(x)": lambda x: mpmath.besseli(1, x), "besseli(3, x)": lambda x: mpmath.besseli(3, x),
    "i0e(x)": lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(0, x), "j0(x)": lambda x: mpmath.besselj(0, x),
    "i1e(x)": lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(1, x), "j1(x)": lambda x: mpmath.besselj(1, x),
    "besselj(3, x)": lambda x: mpmath.besselj(3, x), "y0(x)": lambda x: mpmath.bessely(0, x),
    "y1(x)": lambda x: mpmath.bessely(1, x), "k0(x)": lambda x: mpmath.besselk(0, x), "k1(x)": lambda x: mpmath.besselk(1, x),
    "floor(x)": mpmath.floor, "ceil(x)": mpmath.ceil, "round(x)": mpmath.nint,
    "trunc(x)": lambda x: mpmath.sign(x) * mpmath.floor(abs(x)),
    "gammainc(5/2, x)": lambda x: mpmath.gammainc(2.5, 0, x, regularized=True),
    "gammaincc(5/2, x)": lambda x: mpmath.gammainc(2.5, x, mpmath.inf, regularized=True),
    "gammainc(x, 5/2)": lambda x: mpmath.gammainc(x, 0, 2.5, regularized=True),
    "dgammainc(1, x, 5/2)": lambda x: mpmath.diff(lambda a: mpmath.gammainc(a, 0, 2.5, regularized=True), x),
    "dgammainc(2, 5/2, x)": lambda x: mpmath.diff(lambda a: mpmath.gammainc(a, 0, x, regularized=True), 2.5, 2),
    "zeta(x)": mpmath.zeta, "zeta(5/2, x)": lambda x: mpmath.zeta(2.5, x),
    "dzeta(2, 5/2, x)": lambda x: mpmath.zeta(2.5, x, 2),
    "betainc(5/2, 3, x)": lambda x: mpmath.betainc(2.5, 3, 0, x, regularized=True),
    "dbetainc(1, 0, x, 3, 1/4)": lambda x: mpmath.diff(lambda a: mpmath.betainc(a, 3, 0, 0.25, regularized=True), x),
}  # fmt: skip


@pytest.mark.parametrize("text", REFERENCE)
def test_values_are_those_of_mpmath(text: str) -> None:
    expr, checked = parse(text), 0
    with mpmath.workdps(60), precision(200):
        for x in [Fraction(n, 8) for n in (-60, -13, -4, -1, 0, 1, 3, 4, 6, 12, 20, 44, 300)]:
            if text == "entr(x)" and x < 0:
                continue
            value = value_at(expr, {X: x})
            if value is None or not value.is_finite():
                continue
            expected = REFERENCE[text](mpmath.mpf(x.numerator) / x.denominator)
            distance = abs(value - arb(mpmath.nstr(expected, 50)))
            assert bool(distance <= abs(value) * 1e-30 + arb("1e-40")), x
            checked += 1
    assert checked >= 4


# ------------------------------------------------------------------------------------------------- one value, many ways
@pytest.mark.parametrize("name", OPERATIONS)
def test_torch_is_within_its_bound_of_arb(name: str) -> None:
    for own, operands in columns(name, drawn(name)):
        (ball,) = watched(lambda operands=operands: (TORCH.operations[name](*operands),))
        for point, value, radius in zip(own, ball.mid.tolist(), ball.rad.tolist(), strict=True):
            with precision(160):
                off = abs(arb(value) - true(name, point))
            assert bool(off <= radius * (1 + 2.0**-30)), (point, value, radius)
            if name not in LOSING:
                assert radius <= 2.0**-30 * (1 + abs(value)), "and the bound says something"


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name in NUMPY.operations])
def test_numpy_is_within_its_claim_of_arb(name: str) -> None:
    claim = OPERATIONS[name].claim
    units = (claim.ulps, claim.absolute) if isinstance(claim, Claim) else (64.0, 64.0)
    for point in drawn(name):
        order = [int(n) for n in point[: orders_of(name)]]
        value = float(NUMPY.operations[name](*order, *map(np.float64, point[len(order) :])))
        with precision(160):
            off = abs(arb(value) - true(name, point))
            allowed = 2.0**-53 * ((2 * units[0] + 1) * abs(arb(value)) + units[1]) + 2.0**-1074
        assert bool(off <= allowed), (point, value)


@pytest.mark.parametrize("name", OPERATIONS)
def test_double_double_encloses(name: str) -> None:
    known = 0
    for point in drawn(name):
        with np.errstate(all="ignore"):
            found = DOUBLE_BALLS.operations[name](*map(exact, point))
        if not np.isfinite(found.radius):
            continue
        known += 1
        with precision(300):
            distance = abs(arb(float(found.high)) + arb(float(found.low)) - true(name, point))
            assert bool(distance <= arb(float(found.radius)) + arb(2) ** -250), point
    assert known > 10 or isinstance(OPERATIONS[name].double, Lack)


@pytest.mark.parametrize("name", [name for name, one in OPERATIONS.items() if not isinstance(one.complex, Lack)])
def test_complex_numbers_on_the_real_axis(name: str) -> None:
    for point in drawn(name, 10):
        if (name == "pow" and point[0] <= 0) or (name in ("sqrt", "log") and point[0] <= 0):
            continue
        zero = torch.zeros((), dtype=torch.float64)
        operands = [ComplexBall(torch.tensor(complex(x), dtype=torch.complex128), zero, zero) for x in point]
        found = COMPLEX.operations[name](*operands)
        with precision(160):
            off = abs(arb(float(found.value.real)) - true(name, point))
        assert bool(off <= float(found.real_radius)), point


@pytest.mark.parametrize("name", OPERATIONS)
def test_germs_that_do_not_move_are_numbers(name: str) -> None:
    with precision(160):
        arithmetic = GermArithmetic(3)
        for point in drawn(name, 10):
            germ = arithmetic.operations[name](*map(at_point, point))
            assert not isinstance(germ, Absent), point
            value = arb(0) if germ.is_zero else arb(germ.constant) if germ.constant is not None else germ.terms[0][1]
            assert value.overlaps(true(name, point)), point


def test_the_rest_of_a_double_double_series_is_below_what_is_added_for_it() -> None:
    """In exact rationals: the terms that are left out, and what a double keeps of those that are added in double."""
    largest = Fraction(double_series._LARGEST_REST)
    first = double_series._TERMS + 1
    left_out = sum(largest**k / math.factorial(k) for k in range(first, first + 30)) * (1 + Fraction(1, 2**60))
    assert left_out < Fraction(double_series._REMAINDER) < 4 * left_out
    tail = [Fraction(1, math.factorial(k)) for k in range(double_series._LONG_TERMS + 1, first)]
    rounded = sum(3 * 2 * c * largest**k * Fraction(1, 2**53) for k, c in enumerate(tail)) + largest * Fraction(
        1, 2**70
    )
    assert rounded < Fraction(1, 2**50)


@pytest.mark.parametrize("angle", [0.25, 1.0, -2.5])
def test_a_complex_logarithm_near_the_unit_circle(angle: float) -> None:
    """log|z| is near 0 there, and has the roundings of |z| near 1."""
    zero = torch.zeros((), dtype=torch.float64)
    for step in (0.0, 1e-16, 3e-13, -1e-8):
        z = complex((1 + step) * math.cos(angle), (1 + step) * math.sin(angle))
        value = torch.tensor(z, dtype=torch.complex128)
        found = COMPLEX.operations["log"](ComplexBall(value, zero, zero))
        with precision(200):
            true_log = (arb(z.real) ** 2 + arb(z.imag) ** 2).log() / 2
            off = abs(arb(float(found.value.real)) - true_log)
            assert not math.isfinite(float(found.real_radius)) or bool(off <= float(found.real_radius))
    near = torch.tensor(complex(math.cos(angle), math.sin(angle)), dtype=torch.complex128)
    claimed = COMPLEX.operations["log"](ComplexBall(near, zero, zero))
    assert not float(claimed.real_radius) < 2.0**-50, "as many roundoffs as |z| has, whatever log|z| is"


# ------------------------------------------------------------------------------------------------------------- bounds
@pytest.mark.parametrize("name", [name for name, record in OPERATIONS.items() if record.zeros])
def test_the_roots_are_roots(name: str) -> None:
    with precision(128):
        for root in OPERATIONS[name].zeros:
            value = BALLS.operations[name](arb(root))
            assert value.contains(0)
            assert value.rad() < 2.0**-60


@pytest.mark.parametrize("name", [n for n, one in OPERATIONS.items() if not isinstance(one.spread, Propagation)])
def test_errors_spread_no_further_than_the_rule_says(name: str) -> None:
    rng = np.random.default_rng(1)
    rule, domain, said = resolved(OPERATIONS[name].spread), OPERATIONS[name].facts.domain, 0
    orders = orders_of(name)
    for point in drawn(name)[: 40 if numbers_of(name) < 3 and not orders else 12]:
        radii = [abs(x) * float(2.0 ** rng.uniform(-20, -1)) for x in point]
        radii[:orders] = [0.0] * orders
        if name == "pow":
            radii[1] = 0.0
        balls = [
            Ball(*(torch.tensor(float(v), dtype=torch.float64) for v in pair))
            for pair in zip(point, radii, strict=True)
        ]
        with precision(160):
            centre = true(name, point)
            spread = float(rule(*balls, torch.tensor(float(centre.mid()), dtype=torch.float64)))
            if not math.isfinite(spread):
                continue
            said += 1
            moves = (-1, -0.5, 0.5, 1) if len(point) - orders < 3 else (-1, 1)
            for shares in itertools.product(*[(0,)] * orders, *[moves] * (len(point) - orders)):
                moved = [arb(x) + share * arb(r) for x, share, r in zip(point, shares, radii, strict=True)]
                assert not domain.fails(*moved), "a finite spread, although the ball leaves the domain"
                off = abs(BALLS.operations[name](*moved) - centre)
                assert bool(off <= spread * (1 + 2.0**-40) + arb(2) ** -140), (point, shares)
    assert said > 10 or (said > 2 and (orders or numbers_of(name) > 1))
