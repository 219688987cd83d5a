"""Every record of a function: where it is defined, its sign, its smoothness, its derivative and its normal form."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import pytest
import sympy
import torch
from flint import arb
from record_points import (
    WITH_CLASS,
    Point,
    X,
    Y,
    Z,
    arguments_of,
    inside,
    numbers_of,
    orders_of,
    program_of,
    run,
    symbols_of,
    true,
)  # fmt: skip

from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.case_balls import SMOOTH
from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.decide.generators import with_converter
from diffexplore.formula.derive import differentiate
from diffexplore.formula.signs import certainly, sign_of
from diffexplore.functions import OPERATIONS, Function
from diffexplore.functions.domains import EVERYWHERE, NoPole
from diffexplore.functions.facts import (
    ALWAYS_POSITIVE,
    ANALYTIC,
    CORNER,
    JUMP,
    NEVER_NEGATIVE,
    ODD,
    UNKNOWN_SIGN,
    Equal,
    Increasing,
)
from diffexplore.functions.tables import node_of
from diffexplore.program.program import lower
from diffexplore.torch_ops.domains import EVERYWHERE as DEFINED_EVERYWHERE
from diffexplore.torch_ops.readers.certain import has_value
from diffexplore.torch_ops.registry import OPERATORS as AT_TORCH

GRID = [k / 4 for k in range(-14, 15)]


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
    places = (range(-9, 10), (-8, -5, -4, -1, 0, 1, 3, 4, 6), (-4, -1, 0, 3, 4))[len(moving) - 1]
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
    domain = record.facts.domain
    poles = any(isinstance(condition, NoPole) for condition in domain.conditions)  # at which no kernel reaches further
    limited = domain.conditions and (not domain.reaches_further or (poles and record.aten_name in AT_TORCH))
    stated = AT_TORCH[record.aten_name].defined if record.aten_name in AT_TORCH else DEFINED_EVERYWHERE
    assert (not stated.in_formula and stated != DEFINED_EVERYWHERE) == bool(limited)


# -------------------------------------------------------------------------------------------------------- mathematics
@pytest.mark.parametrize("function", WITH_CLASS, ids=lambda one: one.name)
def test_signs_and_ranges(function: Function) -> None:
    program, names = program_of(function)
    facts = function.facts
    if facts.values is None and facts.sign is UNKNOWN_SIGN:
        return
    with precision(400):
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
        for point in inside(function)[: 12 if len(names) < 3 else 2]:
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


@pytest.mark.parametrize("function", [one for one in WITH_CLASS if one.naive], ids=lambda one: one.name)
def test_a_naive_form_has_the_same_values_and_loses_digits(function: Function) -> None:
    program, names = program_of(function)
    other, _ = program_of(function, lambda node: function.naive(*node.args) if function.naive else node)
    lost = 0
    for (x,) in [*inside(function), (0.1 * 2.0**-40,), (6.0,), (-40.0,), (40.0,)]:
        if not function.facts.domain.holds(arb(x)):
            continue
        with precision(4000):
            one, two = (run(way, names, [arb(x)]) for way in (program, other))
            assert bool(abs(one - two) <= abs(one) * 2.0**-100), x
        with precision(53):
            narrow, wide = (run(way, names, [arb(x)]) for way in (program, other))
        floats = [
            float(way.run(TORCH, {names[0]: torch.tensor(x, dtype=torch.float64)})[0]) for way in (program, other)
        ]
        lost += wide.rel_accuracy_bits() < narrow.rel_accuracy_bits() - 20
        lost += math.isfinite(floats[0]) and not math.isfinite(floats[1])
    assert lost


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
    for point in itertools.product(
        [k / 4 for k in (range(-7, 8), range(-6, 7, 2), range(-6, 7, 3))[len(names) - 1]], repeat=len(names)
    ):
        with precision(400):
            value = run(program, names, map(arb, point))
        assert value.is_finite() or not has_value(expr), point
        assert bool(value > 0) or not certainly(expr, "positive") or not value.is_finite(), point
        assert bool(value >= 0) or not certainly(expr, "nonnegative") or not value.is_finite(), point
