"""Every record of a function, each of its fields held against another: torch, Arb, bounds, proofs, print and audit.

The idea is that of torch's OpInfo, with enclosures in the place of tolerances.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
import torch
from flint import arb

from diffexplore.arithmetic import double_functions
from diffexplore.arithmetic.balls import BALLS, precision
from diffexplore.arithmetic.case_balls import SMOOTH
from diffexplore.arithmetic.double_balls import exact
from diffexplore.arithmetic.double_functions import DOUBLE_BALLS
from diffexplore.arithmetic.germ_arithmetic import GermArithmetic, at_point
from diffexplore.arithmetic.germs import Absent
from diffexplore.arithmetic.numpy_real import NUMPY
from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds import claims
from diffexplore.bounds.ball import Ball
from diffexplore.bounds.canary import broken_claims
from diffexplore.bounds.complex_balls import COMPLEX, ComplexBall
from diffexplore.bounds.watch import watched
from diffexplore.decide.generators import with_converter
from diffexplore.decide.signs import sign_of
from diffexplore.formula.compare import value_at
from diffexplore.formula.derive import differentiate
from diffexplore.formula.parse import parse
from diffexplore.formula.text import to_text
from diffexplore.functions import ALL, OPERATIONS, TABLE, Function, Operation
from diffexplore.functions.domains import EVERYWHERE
from diffexplore.functions.facts import (
    ALWAYS_POSITIVE,
    ANALYTIC,
    CORNER,
    JUMP,
    NEVER_NEGATIVE,
    ODD,
    UNKNOWN_SIGN,
    Equal,
    Facts,
    Increasing,
)
from diffexplore.functions.lazy import Lazy, resolved
from diffexplore.functions.records import NO_CLASS, Defined, Helper, Lack
from diffexplore.functions.rounding import Claim, Propagation
from diffexplore.functions.tables import build, by_class, node_of
from diffexplore.program.javascript import helpers
from diffexplore.program.program import lower
from diffexplore.torch_ops.domains import EVERYWHERE as DEFINED_EVERYWHERE
from diffexplore.torch_ops.readers.certain import has_value, is_nonnegative, is_positive
from diffexplore.torch_ops.registry import OPERATORS as AT_TORCH

CPU = torch.device("cpu")
OF_TWO = ("add", "sub", "mul", "div", "pow", "atan2", "max", "min")
GRID = [k / 4 for k in range(-14, 15)]
#: Which may lose more near a root, or of which PyTorch's kernels keep seven digits.
LOSING = (
    "gamma", "digamma", "lgamma", "polygamma", "dsinc", "j0", "j1", "y0", "y1", "besselj", "gammainc", "gammaincc",
)  # fmt: skip
WITH_CLASS = [one for one in ALL if one.node is not NO_CLASS]
X, Y, Z = sympy.symbols("x y z", real=True)

Point = tuple[float, ...]


def orders_of(name: str) -> int:
    """How many orders an operation takes."""
    return next((one.orders for one in ALL if isinstance(one.computed, Operation) and one.computed.name == name), 0)


def numbers_of(name: str) -> int:
    """How many numbers an operation takes, beside its orders."""
    if name in OF_TWO:
        return 2
    entry = next((one for one in ALL if isinstance(one.computed, Operation) and one.computed.name == name), None)
    return 1 if entry is None else arguments_of(entry) - entry.orders


def arguments_of(function: Function) -> int:
    return len(function.node.slopes) if isinstance(function.node, Defined) else function.least


def symbols_of(function: Function) -> tuple[sympy.Expr, ...]:
    """Arguments for a call: 2 for an order, and symbols."""
    moving = (X, Y, Z)[: arguments_of(function) - function.orders]
    return (*[sympy.Integer(2)] * function.orders, *moving)


def drawn(name: str, count: int = 40) -> list[Point]:
    """Points of the domain, the same each time: of all sizes, and of both signs."""
    rng = np.random.default_rng(len(name) * 1000 + sum(map(ord, name)))
    each = 4 * count * (4 if numbers_of(name) > 2 else 1)
    numbers = np.concatenate(
        [rng.uniform(-4, 4, 3 * each // 2), rng.choice([-1, 1], each) * 2.0 ** rng.uniform(-12, 3, each)]
    )
    numbers = rng.permutation(numbers)
    domain = OPERATIONS[name].facts.domain
    others = [rng.permutation(numbers).tolist() for _ in range(numbers_of(name) - 1)]
    points = list(zip(numbers.tolist(), *others, strict=True))
    if name == "pow":
        points = [(x, y if x > 0 else float(round(y))) for x, y in points]
    orders = orders_of(name)
    points = [(*[float(1 + i % 3)] * orders, *point) for i, point in enumerate(points)]
    inside = [point for point in points if domain.holds(*map(arb, point))]
    assert len(inside) >= count, "a domain of which the points are a part"
    return inside[:count]


def columns(name: str, points: list[Point]) -> Iterator[tuple[list[Point], list[Any]]]:
    """Points and operands for one call: whole columns, or numbers for orders, each with a call of its own."""
    count = orders_of(name)
    for orders in sorted({point[:count] for point in points}):
        own = [point for point in points if point[:count] == orders]
        numbers = [torch.tensor(column, dtype=torch.float64) for column in list(zip(*own, strict=True))[count:]]
        yield own, [*map(int, orders), *numbers]


def true(name: str, point: Point) -> arb:
    return BALLS.operations[name](*map(arb, point))


# ------------------------------------------------------------------------------------------------------- the records
def every_lazy_name(record: Any) -> Iterator[Lazy]:
    if isinstance(record, Lazy):
        yield record
    elif dataclasses.is_dataclass(record):
        for field in dataclasses.fields(record):
            yield from every_lazy_name(getattr(record, field.name))
    elif isinstance(record, tuple):
        for part in record:
            yield from every_lazy_name(part)


@pytest.mark.parametrize("record", [*OPERATIONS.values(), *ALL], ids=lambda one: one.name)
def test_every_name_in_a_record_is_one(record: Operation | Function) -> None:
    for name in every_lazy_name(record):
        if not str(name).startswith(("jax", "tensorflow")):
            assert resolved(name) is not None


@pytest.mark.parametrize("field", ["facts", "spread", "claim", "tried", "zeros", "derivative_uses", "arb", "torch"])
def test_a_record_without_a_fact_is_no_record(field: str) -> None:
    given = {one.name: getattr(OPERATIONS["tan"], one.name) for one in dataclasses.fields(Operation)}
    del given[field]
    with pytest.raises(TypeError, match=field):
        Operation(**given)


@pytest.mark.parametrize("field", [one.name for one in dataclasses.fields(Facts)])
def test_facts_have_no_defaults(field: str) -> None:
    given = {one.name: getattr(OPERATIONS["tan"].facts, one.name) for one in dataclasses.fields(Facts)}
    del given[field]
    with pytest.raises(TypeError, match=field):
        Facts(**given)


def test_a_class_without_facts_is_refused() -> None:
    composed = next(one for one in ALL if one.name == "cot")
    with pytest.raises(TypeError, match="cot states no facts"):
        dataclasses.replace(composed, own_facts=None)


def test_nothing_is_claimed_of_what_has_no_record() -> None:
    with pytest.raises(KeyError, match="bessel"):
        claims.rounding_parts("bessel", torch.float64)


def _slope_of_zeta(q: mpmath.mpf) -> mpmath.mpf:
    return mpmath.zeta(2.5, q, 2)


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
    "zeta(x)": mpmath.zeta, "zeta(5/2, x)": lambda x: mpmath.zeta(2.5, x), "dzeta(2, 5/2, x)": _slope_of_zeta,
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


@pytest.mark.parametrize("name", [name for name, one in OPERATIONS.items() if not isinstance(one.germ, Lack)])
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
    largest = Fraction(double_functions._LARGEST_REST)
    first = double_functions._TERMS + 1
    left_out = sum(largest**k / math.factorial(k) for k in range(first, first + 30)) * (1 + Fraction(1, 2**60))
    assert left_out < Fraction(double_functions._REMAINDER) < 4 * left_out
    tail = [Fraction(1, math.factorial(k)) for k in range(double_functions._LONG_TERMS + 1, first)]
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


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_claim_holds_on_this_build(name: str) -> None:
    assert broken_claims(torch.float64, CPU, [name]) == ()


# ------------------------------------------------------------------------------------------------------------- domain
def grid(name: str) -> Iterator[Point]:
    orders, numbers = orders_of(name), numbers_of(name)
    return itertools.product(*[(1.0, 2.0)] * orders, *[GRID[:: 2 ** (numbers + orders - 1)]] * numbers)


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_domain_is_where_torch_and_arb_have_values(name: str) -> None:
    domain, outside = OPERATIONS[name].facts.domain, 0
    for point in grid(name):
        orders = orders_of(name)
        operands = [*map(int, point[:orders]), *(torch.tensor(x, dtype=torch.float64) for x in point[orders:])]
        value, ball = float(TORCH.operations[name](*operands)), true(name, point)
        if domain.holds(*map(arb, point)):
            assert math.isfinite(value), point
            assert ball.is_finite(), point
        else:
            assert domain.fails(*map(arb, point)), f"{point} is decided"
            outside += 1
            assert domain.reaches_further or not math.isfinite(value), point
            assert name == "atan2" or not ball.is_finite(), point
    assert bool(outside) == (domain is not EVERYWHERE) or name == "tan", "whose poles are no numbers of a grid"


@pytest.mark.parametrize("function", WITH_CLASS, ids=lambda one: one.name)
def test_what_expressions_need_is_the_domain(function: Function) -> None:
    """What is needed of an expression, decided at numbers, against the domain on balls."""
    domain = function.facts.domain
    symbols = symbols_of(function)
    needed = list(domain.needs(*symbols))
    linear = list(domain.linear(*symbols))
    moving = [one for one in symbols if one.is_Symbol]
    places = range(-9, 10) if len(moving) < 3 else (-4, -1, 0, 3, 4, 5)
    for point in itertools.product([sympy.Rational(k, 4) for k in places], repeat=len(moving)):
        at = dict(zip(moving, point, strict=True))
        balls = [arb(float(one.subs(at))) for one in symbols]
        assert met(needed, at) == met(linear, at) == domain.holds(*balls), point


def met(needed: list[tuple[sympy.Expr, str]], at: dict[sympy.Symbol, sympy.Rational]) -> bool:
    tests = {
        "positive": lambda v: v > 0, "nonnegative": lambda v: v >= 0, "nonzero": lambda v: v != 0,
        "no pole": lambda v: v > 0 or not v.is_Integer,
    }  # fmt: skip
    return all(bool(tests[kind](expr.subs(at))) for expr, kind in needed)


@pytest.mark.parametrize("name", OPERATIONS)
def test_tracing_needs_what_the_domain_says(name: str) -> None:
    record = OPERATIONS[name]
    limited = record.facts.domain.conditions and not record.facts.domain.reaches_further
    stated = AT_TORCH[record.aten_name].defined if record.aten_name in AT_TORCH else DEFINED_EVERYWHERE
    assert (not stated.in_formula and stated != DEFINED_EVERYWHERE) == bool(limited)


def inside(function: Function) -> list[Point]:
    """Points at which a function with a class of its own is defined."""
    name = function.computed.name if isinstance(function.computed, Operation) else "add"
    points = [point[: function.least] for point in drawn(name)] if name == "add" else drawn(name)
    points = points[: 40 if arguments_of(function) < 3 else 15]
    return [point for point in points if function.facts.domain.holds(*map(arb, point))]


def program_of(function: Function, expr: Any = lambda node: node) -> Any:
    symbols = symbols_of(function)
    names = [one.name for one in symbols if one.is_Symbol]
    return lower([expr(node_of(function)(*symbols))], names), names


def run(program: Any, names: list[str], numbers: Any, arithmetic: Any = BALLS) -> Any:
    return program.run(arithmetic, dict(zip(names, numbers, strict=True)))[0]


# -------------------------------------------------------------------------------------------------------- mathematics
@pytest.mark.parametrize("function", WITH_CLASS, ids=lambda one: one.name)
def test_signs_and_ranges(function: Function) -> None:
    program, names = program_of(function)
    facts = function.facts
    if facts.values is None and facts.sign is UNKNOWN_SIGN:
        return
    with precision(2000):
        for point in inside(function):
            value = run(program, names, map(arb, point[-len(names) :]))
            if facts.values is not None:
                assert bool(value > facts.values[0]) and bool(value < facts.values[1])
            if facts.sign is ALWAYS_POSITIVE:
                assert bool(value > 0), point
            elif facts.sign is NEVER_NEGATIVE:
                assert bool(value >= 0), point
            elif isinstance(facts.sign, Increasing):
                assert bool(value * (arb(point[-1]) - facts.sign.root) > 0), point


@pytest.mark.parametrize("function", WITH_CLASS, ids=lambda one: one.name)
def test_the_sign_that_proofs_see(function: Function) -> None:
    t = sympy.Symbol("t", positive=True)
    program, names = program_of(function)
    if len(names) > 1 or function.orders:
        return
    for shift in (0, 1, -1):
        node = node_of(function)(t + shift)
        signs = sign_of(node) if node.free_symbols else {-1, 0, 1}
        for x in (0.0625, 0.5, 0.9375, 1.75, 4.5):
            ball = arb(x + shift)
            if function.facts.domain.holds(ball):
                value = run(program, names, [ball])
                assert any(bool(value.contains(0)) if s == 0 else bool(value * s > 0) for s in signs), (x, shift)


@pytest.mark.parametrize("function", WITH_CLASS, ids=lambda one: one.name)
def test_smoothness(function: Function) -> None:
    """On small balls inside the domain, and over 0 for what is said to have a corner or a jump."""
    program, names = program_of(function)
    if function.facts.smooth is ANALYTIC:
        for point in inside(function):
            balls = [arb(x, abs(x) * 2.0**-30) for x in point[-len(names) :]]
            if function.facts.domain.holds(*[arb(2)] * function.orders, *balls):
                assert run(program, names, balls, SMOOTH).is_finite(), point
        if function.facts.domain is EVERYWHERE:
            for middle in range(-8, 9):
                assert run(program, names, [arb(middle / 2, 0.3)] * len(names), SMOOTH).is_finite(), "no pole"
    elif function.facts.smooth in (CORNER, JUMP):
        over = [arb({"round": 0.5, "trunc": 1}.get(function.name, 0), 0.5)] * len(names)
        assert not run(program, names, over, SMOOTH).is_finite()


@pytest.mark.parametrize("function", WITH_CLASS, ids=lambda one: one.name)
def test_derivatives_are_limits_of_quotients(function: Function) -> None:
    """By the mean value theorem the quotient over a small step is a value of the derivative between both ends."""
    step, checked = 2.0 ** (-16 if arguments_of(function) - function.orders < 2 else -60), 0
    for place in range(len(program_of(function)[1])):
        program, names = program_of(function)
        slope, _ = program_of(function, lambda node, p=place: differentiate(node, (X, Y, Z)[p]))
        for point in inside(function)[: 12 if len(names) < 3 else 4]:
            start = list(point[-len(names) :])
            with precision(200):
                ends = [arb(x) for x in start]
                ends[place] += arb(step)
                between = [arb(x) for x in start]
                between[place] = between[place].union(ends[place])
                if not function.facts.domain.holds(*[arb(2)] * function.orders, *between):
                    continue
                if not run(program, names, between, SMOOTH).is_finite():
                    continue
                quotient = (run(program, names, ends) - run(program, names, map(arb, start))) / step
                enclosed = run(slope, names, between)
                checked += 1
                assert enclosed.overlaps(quotient), (point, place)
                assert bool(enclosed.rad() < abs(quotient) * 2.0**-2 + 2.0**-8), "an enclosure that says something"
    assert checked > 3 or function.facts.smooth is JUMP or function.name in ("max", "min", "abs")


#: The same in exponentials, logarithms, roots and other functions (NIST DLMF 4.14, 4.23, 4.28, 4.37, 7.2).
IDENTITIES = {
    "expm1": lambda f: f(X) - (sympy.exp(X) - 1), "log1p": lambda f: f(X) - sympy.log(1 + X),
    "exp": lambda f: f(X + Y) - f(X) * f(Y), "log": lambda f: f(sympy.exp(X)) - X,
    "sigmoid": lambda f: f(X) - 1 / (1 + sympy.exp(-X)), "softplus": lambda f: f(X) - sympy.log(1 + sympy.exp(X)),
    "sin": lambda f: f(X) ** 2 + sympy.cos(X) ** 2 - 1, "cos": lambda f: f(2 * X) - (2 * f(X) ** 2 - 1),
    "tan": lambda f: f(X) - sympy.sin(X) / sympy.cos(X), "cot": lambda f: f(X) - sympy.cos(X) / sympy.sin(X),
    "sec": lambda f: f(X) - 1 / sympy.cos(X), "csc": lambda f: f(X) - 1 / sympy.sin(X),
    "sinh": lambda f: f(X) - (sympy.exp(X) - sympy.exp(-X)) / 2,
    "cosh": lambda f: f(X) - (sympy.exp(X) + sympy.exp(-X)) / 2,
    "tanh": lambda f: f(X) - sympy.sinh(X) / sympy.cosh(X), "coth": lambda f: f(X) - sympy.cosh(X) / sympy.sinh(X),
    "sech": lambda f: f(X) - 1 / sympy.cosh(X), "csch": lambda f: f(X) - 1 / sympy.sinh(X),
    "asinh": lambda f: f(X) - sympy.log(X + sympy.sqrt(X**2 + 1)),
    "acosh": lambda f: f(X) - sympy.log(X + sympy.sqrt(X**2 - 1)),
    "atanh": lambda f: f(X) - (sympy.log(1 + X) - sympy.log(1 - X)) / 2,
    "acos": lambda f: f(X) + sympy.asin(X) - sympy.pi / 2, "erfc": lambda f: f(X) + sympy.erf(X) - 1,
}  # fmt: skip


@pytest.mark.parametrize("name", [one.name for one in WITH_CLASS if callable(one.facts.normal_form)])
def test_a_rule_of_normal_forms_knows_the_identity_and_no_wrong_one(name: str) -> None:
    node = next(node_of(one) for one in WITH_CLASS if one.name == name)
    identity = IDENTITIES[name](node)
    assert with_converter(lambda converter: converter.vanishes(identity))
    assert not with_converter(lambda converter: converter.vanishes(identity + X / 1000))
    assert not with_converter(lambda converter: converter.vanishes(node(X) - node(2 * X)))


@pytest.mark.parametrize(
    "function", [f for f in WITH_CLASS if isinstance(f.facts.normal_form, Equal)], ids=lambda f: f.name
)
def test_an_equal_expression_has_the_same_values(function: Function) -> None:
    form = function.facts.normal_form
    assert isinstance(form, Equal)
    program, names = program_of(function)
    other, _ = program_of(function, lambda node: form.expression(*node.args))
    for point in inside(function):
        with precision(400):
            one, two = (run(way, names, map(arb, point[-len(names) :])) for way in (program, other))
            assert bool(abs(one - two) <= abs(one) * 2.0**-100), point


@pytest.mark.parametrize("function", [one for one in WITH_CLASS if one.facts.normal_form is ODD], ids=lambda f: f.name)
def test_an_odd_function_is_one(function: Function) -> None:
    program, names = program_of(function)
    for (x,) in inside(function):
        if function.facts.domain.holds(arb(-x)):
            assert bool((run(program, names, [arb(x)]) + run(program, names, [arb(-x)])).contains(0)), x


@pytest.mark.parametrize(
    "expr",
    [
        X**3, 1 / X, sympy.sqrt(X), X**2, X ** sympy.Rational(1, 3), (X**2 + 1) ** -2, sympy.exp(X) ** Y, X**Y,
        *(node_of(one)(*symbols_of(one)) for one in WITH_CLASS if not one.orders),
        sympy.log(1 + sympy.exp(X)), sympy.log(X**2), sympy.sqrt(sympy.cosh(X)), sympy.acosh(1 + X**2),
        sympy.gamma(sympy.exp(X)), sympy.atan2(sympy.exp(Y), X), sympy.Abs(X) + sympy.exp(Y), sympy.Max(X, sympy.exp(Y)),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_certain_of_a_traced_program_is_true(expr: sympy.Expr) -> None:
    names = [one.name for one in (X, Y, Z) if one in expr.free_symbols]
    program = lower([expr], names)
    for point in itertools.product([k / 4 for k in range(-7, 8, 2 if len(names) > 2 else 1)], repeat=len(names)):
        with precision(400):
            value = run(program, names, map(arb, point))
        assert value.is_finite() or not has_value(expr), point
        assert bool(value > 0) or not is_positive(expr) or not value.is_finite(), point
        assert bool(value >= 0) or not is_nonnegative(expr) or not value.is_finite(), point


# ------------------------------------------------------------------------------------------------- print, source, audit
@pytest.mark.parametrize(
    "function", [one for one in TABLE if one.name not in ("where", "Piecewise")], ids=lambda f: f.name
)
def test_printed_text_is_read_back(function: Function) -> None:
    arguments = (*[sympy.Integer(2)] * function.orders, *(X, Y, Z)[: function.least - function.orders])
    expr = build(function.name, *arguments)
    assert parse(to_text(expr, unicode=False)) == expr
    for name in (function.name, *function.aliases):
        assert parse(f"{name}({', '.join(map(str, arguments))})") == expr


@pytest.mark.parametrize(
    "function", [one for one in TABLE if one.least == 1 and one.most == 1], ids=lambda one: one.name
)
def test_copies_of_an_operand_are_counted(function: Function) -> None:
    found = build(function.name, X).count(X)
    assert function.copies >= found or function.name == "relu", "whose Max SymPy counts by itself"


def test_each_class_has_one_record() -> None:
    assert len(by_class()) == len(WITH_CLASS)
    assert len({name for one in TABLE for name in (one.name, *one.aliases)}) == sum(
        1 + len(one.aliases) for one in TABLE
    )


@pytest.mark.parametrize("name", OPERATIONS)
def test_javascript_has_the_function(name: str) -> None:
    written = OPERATIONS[name].javascript
    if isinstance(written, Lack):
        assert not helpers(f"{name}(x)")
        return
    if isinstance(written, Helper):
        assert helpers(f"{written.name}(x)")[-1] == written.source
        return
    assert written in "+-*/" or written.startswith("Math.") or helpers(f"{written}(x)")


@pytest.mark.parametrize(
    "name", [n for n in OPERATIONS if n in AT_TORCH and numbers_of(n) == 1 and not orders_of(n) and n != "softplus"]
)
def test_the_audit_asks_inside_the_domain(name: str) -> None:
    """Its conditions are those of the open domain, or of the right of all poles."""
    known = AT_TORCH[name]
    audited_on = known.cases[0].domain if known.cases else known.defined.interior
    domain = OPERATIONS[name].facts.domain
    conditions = [condition.replace("self", "({x})") for condition in audited_on]
    for k in range(-28, 29):
        x = sympy.Rational(k, 8)
        audited = all(bool(sympy.sympify(condition.format(x=x))) for condition in conditions)
        ball, near = arb(k) / 8, arb(k / 8, 1 / 16)
        interior = domain.holds(ball) and (domain is EVERYWHERE or (not domain.fails(near) and domain.holds(near)))
        gamma = name in ("lgamma", "digamma")
        assert audited == (interior or (domain.holds(ball) and not _is_end(name, x))) or (
            gamma and audited == (x > 0)
        ), x


def _is_end(name: str, x: sympy.Rational) -> bool:
    return x in {"sqrt": (0,), "asin": (1, -1), "acos": (1, -1), "acosh": (1,)}.get(name, ())
