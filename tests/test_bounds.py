"""The radii that a watch carries: exact values of perturbed operands, by Arb, never leave them."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from diffexplore.arithmetic.balls import OPERATIONS as ARB
from diffexplore.arithmetic.balls import precision
from diffexplore.bounds.propagation import RULES
from diffexplore.bounds.watch import Watch, watched

Tensor = torch.Tensor
Exact = Callable[..., Any]

TORCH_DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
COUNT = 24

#: Where the operands of a function are drawn from.
REAL, POSITIVE, UNIT, ABOVE_ONE, WHOLE = "real", "positive", "unit", "above one", "whole"


@dataclass(frozen=True)
class Operation:
    """One operation of torch with its exact counterpart on Arb numbers, and the domains of its operands."""

    rule: str
    function: Callable[..., Tensor]
    exact: Exact
    domains: tuple[str, ...] = (REAL,)


def clamp(x: arb, low: float, high: float) -> arb:
    return x.max(arb(low)).min(arb(high))


OPERATIONS = {
    "add": Operation("add", torch.add, lambda x, y: x + y, (REAL, REAL)),
    "add with alpha": Operation("add", lambda x, y: torch.add(x, y, alpha=0.3), lambda x, y: x + y * arb(0.3), (REAL, REAL)),
    "add a number": Operation("add", lambda x: x + 0.1, lambda x: x + arb(0.1)),
    "sub": Operation("sub", torch.sub, lambda x, y: x - y, (REAL, REAL)),
    "rsub": Operation("rsub", torch.rsub, lambda x, y: y - x, (REAL, REAL)),
    "number - x": Operation("rsub", lambda x: 0.7 - x, lambda x: arb(0.7) - x),
    "mul": Operation("mul", torch.mul, lambda x, y: x * y, (REAL, REAL)),
    "mul a number": Operation("mul", lambda x: x * 0.1, lambda x: x * arb(0.1)),
    "mul an integer": Operation("mul", lambda x: 3 * x, lambda x: 3 * x),
    "div": Operation("div", torch.div, lambda x, y: x / y, (REAL, REAL)),
    "div by a number": Operation("div", lambda x: x / 0.3, lambda x: x / arb(0.3)),
    "number / x": Operation("div", lambda x: 1 / x, lambda x: 1 / x),
    "reciprocal": Operation("reciprocal", torch.reciprocal, lambda x: 1 / x),
    "neg": Operation("neg", torch.neg, lambda x: -x),
    "abs": Operation("abs", torch.abs, abs),
    "relu": Operation("relu", torch.relu, lambda x: x.max(arb(0))),
    "clamp": Operation("clamp", lambda x: torch.clamp(x, -1, 1.5), lambda x: clamp(x, -1, 1.5)),
    "clamp_min": Operation("clamp_min", lambda x: torch.clamp_min(x, 0.5), lambda x: x.max(arb(0.5))),
    "clamp_max": Operation("clamp_max", lambda x: torch.clamp_max(x, 0.5), lambda x: x.min(arb(0.5))),
    "maximum": Operation("maximum", torch.maximum, lambda x, y: x.max(y), (REAL, REAL)),
    "minimum": Operation("minimum", torch.minimum, lambda x, y: x.min(y), (REAL, REAL)),
    "logaddexp": Operation("logaddexp", torch.logaddexp, lambda x, y: x + (y - x).exp().log1p(), (REAL, REAL)),
    "sqrt": Operation("sqrt", torch.sqrt, arb.sqrt, (POSITIVE,)),
    "rsqrt": Operation("rsqrt", torch.rsqrt, lambda x: 1 / x.sqrt(), (POSITIVE,)),
    "exp2": Operation("exp2", torch.exp2, lambda x: arb(2) ** x),
    "square": Operation("square", torch.square, lambda x: x * x),
    "pow": Operation("pow", torch.pow, lambda x, y: x**y, (POSITIVE, UNIT)),
    "pow of whole numbers": Operation("pow", torch.pow, lambda x, y: x ** int(float(y)), (REAL, WHOLE)),
    **{
        f"x ** {p}": Operation("pow", lambda x, p=p: x**p, lambda x, p=p: x ** arb(p), (POSITIVE,))
        for p in (0.5, -0.5, 1 / 3, 2.5, -1.7, 0.0)
    },
    **{
        f"x ** {p}": Operation("pow", lambda x, p=p: x**p, lambda x, p=p: x**p if p > 0 else 1 / x**-p)
        for p in (1, 2, 3, 4, -1, -2, -3)
    },
    "tanh_backward": Operation(
        "tanh_backward", torch.ops.aten.tanh_backward, lambda g, t: g * (1 - t * t), (REAL, UNIT)
    ),
    "sigmoid_backward": Operation(
        "sigmoid_backward", torch.ops.aten.sigmoid_backward, lambda g, s: g * s * (1 - s), (REAL, UNIT)
    ),
    "floor": Operation("floor", torch.floor, arb.floor),
    "atan2": Operation("atan2", torch.atan2, arb.atan2, (REAL, REAL)),
    "erfinv": Operation("erfinv", torch.erfinv, arb.erfinv, (UNIT,)),
    "lgamma": Operation("lgamma", torch.lgamma, arb.lgamma, (POSITIVE,)),
    "digamma": Operation("digamma", torch.digamma, arb.digamma, (POSITIVE,)),
    **{
        name: Operation(name, getattr(torch, name), ARB[name], (domain,))
        for domain, names in {
            REAL: "exp expm1 sin cos tan atan sinh cosh tanh asinh erf erfc sigmoid",
            POSITIVE: "log log1p",
            UNIT: "asin acos atanh",
            ABOVE_ONE: "acosh",
        }.items()
        for name in names.split()
    },
}  # fmt: skip

#: torch writes these in place under other names, or not at all.
NOT_IN_PLACE = {"rsub", "logaddexp", "maximum", "minimum", "tanh_backward", "sigmoid_backward"}


def test_every_rule_is_tried() -> None:
    assert {operation.rule for operation in OPERATIONS.values()} == set(RULES)


# ------------------------------------------------------------------------------------------------------ the machinery
def drawn(domain: str, generator: np.random.Generator, dtype: torch.dtype, count: int = COUNT) -> Tensor:
    """Numbers of many sizes in a domain, as the dtype holds them."""
    sizes = np.where(
        generator.random(count) < 0.5, generator.uniform(0, 5, count), np.exp2(generator.uniform(-20, 6, count))
    )
    sign = generator.choice([-1.0, 1.0], count)
    values = {
        REAL: sign * sizes * (generator.random(count) > 0.05),
        POSITIVE: sizes,
        UNIT: np.clip(sign * np.where(generator.random(count) < 0.5, 1 - sizes / 80, sizes / 80), -0.99, 0.99),
        ABOVE_ONE: 1 + sizes,
        WHOLE: generator.integers(-3, 5, count).astype(float),
    }[domain]
    return torch.from_numpy(values).to(dtype)


def radii(x: Tensor, domain: str, exponent: int, generator: np.random.Generator) -> Tensor:
    """Radii around some power of two, relative or absolute, some of them 0."""
    wide = x.to(torch.float64)
    if domain == WHOLE:
        return torch.zeros_like(wide)
    share = torch.from_numpy(generator.choice([0.0, 0.5, 1.0], len(x)))
    size = wide.abs() if generator.random() < 0.7 else torch.ones_like(wide)
    return share * size * 2.0**exponent


def run(
    function: Callable[..., Any], operands: Sequence[Tensor], reach: Sequence[Tensor], *, smooth: bool = False
) -> tuple[Any, Any]:
    """A function of tensors under a watch that knows their radii, and the radii of what it returns."""
    with Watch(smooth=smooth) as watch:
        for operand, radius in zip(operands, reach, strict=True):
            watch.set(operand, radius)
        out = function(*operands)
    if isinstance(out, tuple):
        return [tensor.to(torch.float64) for tensor in out], [watch.radius(tensor) for tensor in out]
    return out.to(torch.float64), watch.radius(out)


def corners(mids: Sequence[float], reach: Sequence[float], generator: np.random.Generator) -> list[list[arb]]:
    """Exact operands: all ends of the balls, the midpoints, and a point within."""
    offsets = [
        *itertools.product([-1.0, 1.0], repeat=len(mids)),
        (0.0,) * len(mids),
        tuple(generator.uniform(-1, 1, len(mids))),
    ]
    return [[arb(m) + arb(t) * arb(r) for m, t, r in zip(mids, offset, reach, strict=True)] for offset in offsets]


def assert_within(
    out: Tensor,
    radius: Tensor,
    exact: Exact,
    operands: Sequence[Tensor],
    reach: Sequence[Tensor],
    generator: np.random.Generator,
) -> int:
    """Every exact value lies within the radius of the computed one; returns how many radii were finite."""
    columns = [operand.to(torch.float64).tolist() for operand in operands]
    wide = [radius_of.tolist() for radius_of in reach]
    finite = 0
    with precision(200):
        for i, (value, allowed) in enumerate(zip(out.tolist(), radius.tolist(), strict=True)):
            assert not math.isnan(allowed)
            if allowed == math.inf:
                continue
            finite += 1
            for point in corners([column[i] for column in columns], [column[i] for column in wide], generator):
                error = abs(exact(*point) - arb(value))
                # ``not >`` would accept what is undecided: only a proof will do, up to 2⁻¹⁵⁰ of Arb's own radius.
                assert error.lower() <= allowed, (i, point, value, allowed)
                assert error.is_finite(), (i, point, value, allowed)
    return finite


# ------------------------------------------------------------------------------------------------ elementwise rules
@pytest.mark.parametrize("name", OPERATIONS)
@settings(max_examples=10)
@given(dtype=st.sampled_from(TORCH_DTYPES), exponent=st.integers(-50, 1), seed=st.integers(0, 2**32 - 1))
def test_exact_values_stay_within_the_radius(name: str, dtype: torch.dtype, exponent: int, seed: int) -> None:
    operation = OPERATIONS[name]
    generator = np.random.default_rng(seed)
    operands = [drawn(domain, generator, dtype) for domain in operation.domains]
    reach = [radii(x, domain, exponent, generator) for x, domain in zip(operands, operation.domains, strict=True)]
    out, radius = run(operation.function, operands, reach)
    assert_within(out, radius, operation.exact, operands, reach, generator)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_radii_are_finite_and_small_away_from_trouble(name: str, dtype: torch.dtype) -> None:
    """A rule that always says infinity encloses too, and is worthless: relative radii of 2⁻²⁰ stay small."""
    operation = OPERATIONS[name]
    generator = np.random.default_rng(1)
    operands = [
        drawn(domain, generator, dtype).abs().clamp(0.1, 0.9 if domain == UNIT else 3) for domain in operation.domains
    ]
    operands = [
        x + 1 if domain == ABOVE_ONE else x.round() if domain == WHOLE else x
        for x, domain in zip(operands, operation.domains, strict=True)
    ]
    reach = [
        radii(x, domain, -20, np.random.default_rng(3)) for x, domain in zip(operands, operation.domains, strict=True)
    ]
    out, radius = run(operation.function, operands, reach)
    assert assert_within(out, radius, operation.exact, operands, reach, generator) == COUNT
    allowed = 1.0 if operation.rule == "floor" else 2.0**-10 * (out.abs() + 1)
    assert bool((radius <= allowed).all())


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "neg", "abs", "relu", "reciprocal", "sqrt", "rsqrt", "square", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "erfinv", "sigmoid", "lgamma", "digamma", "floor", "pow"])  # fmt: skip
@settings(max_examples=4)
@given(dtype=st.sampled_from(TORCH_DTYPES), exponent=st.integers(-40, -2), seed=st.integers(0, 2**32 - 1))
def test_in_place_variants(name: str, dtype: torch.dtype, exponent: int, seed: int) -> None:
    operation = OPERATIONS[name]
    generator = np.random.default_rng(seed)
    operands = [drawn(domain, generator, dtype) for domain in operation.domains]
    before = [operand.clone() for operand in operands]
    reach = [radii(x, domain, exponent, generator) for x, domain in zip(operands, operation.domains, strict=True)]
    out, radius = run(lambda x, *rest: getattr(x, f"{name}_")(*rest), operands, reach)
    torch.testing.assert_close(out, operands[0].to(torch.float64), rtol=0, atol=0, equal_nan=True)  # in place
    assert_within(out, radius, operation.exact, before, reach, generator)


@pytest.mark.parametrize(
    ("function", "exact"),
    [
        (lambda x: x.mul_(x), lambda x: x * x),
        (lambda x: x.add_(x), lambda x: 2 * x),
        (lambda x: x.sub_(x, alpha=0.5), lambda x: x - x / 2),
        (lambda x: x.div_(2).mul_(x), lambda x: x * x / 4),
        (lambda x: x * x.detach(), lambda x: x * x),
        (lambda x: x - x.clone(), lambda x: x * 0),
    ],
)
@pytest.mark.parametrize("dtype", TORCH_DTYPES, ids=str)
def test_an_operand_twice(function: Callable[[Tensor], Tensor], exact: Exact, dtype: torch.dtype) -> None:
    generator = np.random.default_rng(5)
    x = drawn(REAL, generator, dtype)
    reach = [radii(x, REAL, -9, generator)]
    before = x.clone()
    out, radius = run(function, [x], reach)
    assert assert_within(out, radius, exact, [before], reach, generator) > 0


@settings(max_examples=20)
@given(order=st.integers(1, 4), exponent=st.integers(-40, -3), seed=st.integers(0, 2**32 - 1))
def test_polygamma(order: int, exponent: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    x = drawn(POSITIVE, generator, torch.float64).clamp(min=1e-3)
    reach = [radii(x, POSITIVE, exponent, generator)]
    out, radius = run(lambda x: torch.polygamma(order, x), [x], reach)
    exact = lambda x: ARB["polygamma"](arb(order), x)  # noqa: E731 (a test's shorthand)
    assert assert_within(out, radius, exact, [x], reach, generator) > 0


# ------------------------------------------------------------------------------------------------------------- views
def shuffled(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """What a rearrangement does to the numbers 0 to 23: where each element of the result came from."""
    return lambda x: function(torch.arange(float(len(x)), dtype=torch.float64))


VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "slice": lambda x: x[3:17:2],
    "select": lambda x: x[5],
    "reshape and transpose": lambda x: x.reshape(4, 6).T.flatten(),
    "permute": lambda x: x.view(2, 3, 4).permute(2, 0, 1).reshape(-1),
    "expand": lambda x: x[:1].expand(5),
    "unsqueeze": lambda x: x[None, :, None].squeeze(),
    "flip and roll": lambda x: x.flip(0).roll(3),
    "index": lambda x: x.index_select(0, torch.tensor([3, 1, 1, 20])),
    "split": lambda x: x.split(5)[1],
    "unbind": lambda x: x.view(4, 6).unbind(1)[2],
    "diagonal": lambda x: x[:16].view(4, 4).diagonal(),
    "cat": lambda x: torch.cat([x[7:], x[:2]]),
    "stack": lambda x: torch.stack([x[:5], x[5:10]]).flatten(),
    "clone of a view": lambda x: x[1:].clone()[2:],
    "as_strided": lambda x: x.as_strided((4, 3), (2, 3)).flatten(),
    "narrow": lambda x: x.narrow(0, 2, 6),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_carry_their_radii(name: str) -> None:
    view = VIEWS[name]
    x = torch.linspace(1, 2, 24, dtype=torch.float64)
    reach = torch.rand(24, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * 2.0**-10
    out, radius = run(view, [x], [reach])
    origin = shuffled(view)(x).long()
    assert torch.equal(out, x[origin])
    assert torch.equal(radius, reach[origin])


def test_what_is_written_through_a_view_is_not_forgotten() -> None:
    """The radius of the base is that of its new values, or nothing is claimed of them."""
    x = torch.arange(1.0, 7.0, dtype=torch.float64)
    with Watch() as watch:
        watch.set(x, torch.full_like(x, 2.0**-30))
        view = x[:3]
        other = x[2:]
        view.mul_(1e6)
    assert bool((watch.radius(view) >= 2.0**-30 * 1e6).all())
    for stale in (x, other):
        assert bool((watch.radius(stale)[: len(stale)] >= 2.0**-30 * 1e6).any())
        assert bool((watch.radius(stale)[:1] == math.inf).all()) or bool(
            (watch.radius(stale)[:1] >= 2.0**-30 * 1e6).all()
        )


def test_a_view_made_out_of_sight_has_no_bound() -> None:
    x = torch.ones(6, dtype=torch.float64)
    hidden = x[1:4]
    with Watch() as watch:
        watch.set(x, torch.full_like(x, 2.0**-20))
        out = hidden * 2
    assert bool((watch.radius(out) == math.inf).all())


def test_copies_and_fills() -> None:
    x = torch.linspace(1, 2, 6, dtype=torch.float64)
    reach = torch.full_like(x, 2.0**-33)
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        out, radius = run(lambda x, dtype=dtype: torch.empty(6, dtype=dtype).copy_(x), [x], [reach])
        assert bool((radius >= reach + (out - x).abs()).all())
        out, radius = run(lambda x, dtype=dtype: x.to(dtype), [x], [reach])
        assert bool((radius >= reach + (out - x).abs()).all())
        assert bool((radius <= reach + 2 * x * torch.finfo(dtype).eps).all())
        filled, radius = run(lambda x, dtype=dtype: torch.full((3,), 0.1, dtype=dtype), [x], [reach])
        assert bool((radius >= (filled - 0.1).abs()).all())
        assert bool((radius <= torch.finfo(dtype).eps).all())
    zeroed, radius = run(lambda x: x.zero_(), [x.clone()], [reach])
    assert not zeroed.any()
    assert not radius.any()


# ------------------------------------------------------------------------------------------------------------ branches
CONDITIONS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[arb, arb], bool]]] = {
    "lt": (torch.lt, lambda x, y: x < y),
    "le": (torch.le, lambda x, y: not x > y),
    "gt": (torch.gt, lambda x, y: x > y),
    "ge": (torch.ge, lambda x, y: not x < y),
    "and": (lambda x, y: (x < y) & (x > -1), lambda x, y: x < y and x > arb(-1)),
    "or": (lambda x, y: torch.logical_or(x < y, y > 1), lambda x, y: x < y or y > arb(1)),
    "not": (lambda x, y: ~(x < y), lambda x, y: not x < y),
}


@pytest.mark.parametrize("name", CONDITIONS)
@settings(max_examples=10)
@given(dtype=st.sampled_from(TORCH_DTYPES), exponent=st.integers(-30, 0), seed=st.integers(0, 2**32 - 1))
def test_where_and_masked_fill_hold_both_branches(name: str, dtype: torch.dtype, exponent: int, seed: int) -> None:
    condition, holds = CONDITIONS[name]
    generator = np.random.default_rng(seed)
    operands = [drawn(REAL, generator, dtype) for _ in range(4)]
    close = generator.random(COUNT) < 0.5  # half of the comparisons are close
    operands[1] = torch.where(torch.from_numpy(close), operands[0] * (1 + 2.0**exponent / 2), operands[1])
    reach = [radii(x, REAL, exponent, generator) for x in operands]

    def chosen(x: Any, y: Any, p: Any, q: Any) -> Any:
        return p if holds(x, y) else q

    out, radius = run(lambda x, y, p, q: torch.where(condition(x, y), p, q), operands, reach)
    assert assert_within(out, radius, chosen, operands, reach, generator) == COUNT
    out, radius = run(lambda x, y, p, q: q.masked_fill(condition(x, y), 0.3), operands, reach)
    filled = lambda x, y, p, q: arb(0.3) if holds(x, y) else q  # noqa: E731 (a test's shorthand)
    assert assert_within(out, radius, filled, operands, reach, generator) == COUNT
    number, radius = run(lambda x, y, p, q: torch.where(condition(x, y), p, 0.1), operands, reach)
    either = lambda x, y, p, q: p if holds(x, y) else arb(0.1)  # noqa: E731 (a test's shorthand)
    assert assert_within(number, radius, either, operands, reach, generator) == COUNT


def test_masked_fill_in_place() -> None:
    x, reach = torch.tensor([1.0, -1.0, 1e-9]), torch.tensor([1e-6] * 3, dtype=torch.float64)
    out, radius = run(lambda x: x.masked_fill_(x > 0, 7.0), [x], [reach])
    assert out.tolist() == [7.0, -1.0, 7.0]
    assert radius[0] == 0
    assert radius[1] >= 1e-6
    assert radius[2] >= 7.0  # x may be below 0, and is kept then


@pytest.mark.parametrize(
    "function", [torch.sign, torch.sgn, lambda x: torch.heaviside(x, torch.tensor(0.5, dtype=x.dtype))]
)
def test_steps(function: Callable[[Tensor], Tensor]) -> None:
    x = torch.tensor([2.0, -2.0, 1e-9, -1e-9, 0.0], dtype=torch.float64)
    out, radius = run(function, [x], [torch.tensor([1e-6, 1e-6, 1e-6, 1e-6, 0.0], dtype=torch.float64)])
    low = -1.0 if function in (torch.sign, torch.sgn) else 0.0
    assert radius[:2].tolist() == [0.0, 0.0]
    assert bool((out[2:4] - radius[2:4] <= low).all())
    assert bool((out[2:4] + radius[2:4] >= 1).all())


def test_remainder_of_exact_operands() -> None:
    x = torch.tensor([5.5, -1.25], dtype=torch.float64)
    out, radius = run(lambda x: torch.remainder(x, 2), [x], [torch.tensor([0.0, 1e-9], dtype=torch.float64)])
    assert out.tolist() == [1.5, 0.75]
    assert radius.tolist() == [0.0, math.inf]


# ---------------------------------------------------------------------------------------------------------------- sums
REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": lambda x: x.sum(),
    "mean": lambda x: x.mean(),
    "sum of rows": lambda x: x.view(-1, 5).sum(0),
    "mean of columns": lambda x: x.view(5, -1).mean(1),
    "kept": lambda x: x.view(5, -1).sum(1, keepdim=True).flatten(),
}


@pytest.mark.parametrize("name", REDUCTIONS)
@settings(max_examples=12)
@given(
    dtype=st.sampled_from(TORCH_DTYPES), n=st.sampled_from([5, 40, 1000, 9000]), exponent=st.integers(-60, -1),
    offset=st.sampled_from([0.0, 30.0]), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_sums(name: str, dtype: torch.dtype, n: int, exponent: int, offset: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    x = (drawn(REAL, generator, torch.float64, n) + offset).to(dtype)
    reach = radii(x, REAL, exponent, generator)
    out, radius = run(REDUCTIONS[name], [x], [reach])
    columns = [Fraction(value) for value in x.to(torch.float64).tolist()]
    moves = [Fraction(value) for value in reach.tolist()]
    signs = [Fraction(int(sign)) for sign in generator.choice([-1, 1], n)]
    for move in ([0] * n, [1] * n, [-1] * n, signs):
        points = np.array([c + Fraction(m) * r for c, m, r in zip(columns, move, moves, strict=True)], dtype=object)
        exact = _reduced(name, points)
        for value, allowed, true in zip(out.reshape(-1).tolist(), radius.reshape(-1).tolist(), exact, strict=True):
            assert allowed == math.inf or abs(Fraction(value) - true) <= Fraction(allowed), (
                value,
                allowed,
                float(true),
            )
    assert bool(radius.isfinite().all()) or dtype == torch.float16


def _reduced(name: str, points: np.ndarray) -> list[Fraction]:
    if name in ("sum", "mean"):
        return [sum(points, Fraction(0)) / (len(points) if name == "mean" else 1)]
    if name == "sum of rows":
        return [sum(column, Fraction(0)) for column in points.reshape(-1, 5).T]
    rows = points.reshape(5, -1)
    return [sum(row, Fraction(0)) / (len(row) if "mean" in name else 1) for row in rows]


# ------------------------------------------------------------------------------------------------------- smooth mode
@pytest.mark.parametrize(
    ("function", "kinks"),
    [
        (torch.abs, [True, True, False, False]),
        (torch.relu, [True, True, False, False]),
        (torch.sign, [True, True, False, False]),
        (lambda x: torch.maximum(x, x.new_zeros(())), [True, True, False, False]),
        (lambda x: torch.minimum(x, 1 - x), [False, False, True, False]),
        (lambda x: torch.where(x > 0, x, 2 * x), [True, True, False, False]),
        (lambda x: x.masked_fill(x < 0, 0.0), [True, True, False, False]),
        (lambda x: torch.clamp(x, -9, 9), [True, True, True, True]),
        (torch.exp, [False, False, False, False]),
        (lambda x: x * x, [False, False, False, False]),
    ],
)
def test_smooth_mode_has_no_kinks(function: Callable[[Tensor], Tensor], kinks: list[bool]) -> None:
    x = torch.tensor([0.0, 0.009, 0.5, -3.0], dtype=torch.float64)
    reach = torch.full_like(x, 0.01)
    _, radius = run(function, [x], [reach], smooth=True)
    assert radius.isinf().tolist() == kinks
    _, plain = run(function, [x], [reach])
    assert plain.isfinite().all()


# ------------------------------------------------------------------------------------------------------ what is unknown
def test_an_operation_without_a_rule_is_named_and_has_no_bound() -> None:
    x = torch.ones(4, dtype=torch.float64)
    with Watch() as watch:
        out = torch.cumsum(x, 0) * 2
    assert watch.unwatched == {"cumsum"}
    assert bool((watch.radius(out) == math.inf).all())


@pytest.mark.parametrize(
    "function", [lambda x: 1 / x, torch.log, torch.sqrt, torch.tan, lambda x: x ** torch.tensor(-0.5)]
)
def test_a_ball_with_a_singularity_in_it_has_no_bound(function: Callable[[Tensor], Tensor]) -> None:
    x = torch.tensor([1e-3, math.pi / 2], dtype=torch.float64)[1 if function is torch.tan else 0].reshape(1)
    _, radius = run(function, [x], [torch.tensor([1e-2], dtype=torch.float64)])
    assert radius.tolist() == [math.inf]


def test_nan_and_infinity_have_no_bound() -> None:
    x = torch.tensor([1e308, -1.0], dtype=torch.float64)
    reach = torch.full_like(x, 1e-12)
    for function in (lambda x: x * 10, torch.exp, lambda x: x.log() - x.log(), lambda x: (x * 10) * 0):
        out, radius = run(function, [x], [reach])
        assert bool((out.isfinite() | radius.isinf()).all())


def test_radii_follow_tensors_not_addresses() -> None:
    """Storage is reused by new tensors, which must not inherit what was known of the old ones."""
    with Watch() as watch:
        for i in range(300):
            x = torch.full((64,), float(i), dtype=torch.float64)
            watch.set(x, torch.full_like(x, 0.5))
            del x
            fresh = torch.linspace(0, 1, 64, dtype=torch.float32).to(torch.float64)
            known = watch.radius(fresh)
            assert bool((known <= 1e-7).all() | known.isinf().all())


def test_what_autograd_computes_is_watched() -> None:
    """Forward and backward of a composite: the exact gradient at perturbed inputs stays within its radius."""
    generator = np.random.default_rng(11)
    x, y = drawn(REAL, generator, torch.float64), drawn(POSITIVE, generator, torch.float64)
    reach = [radii(x, REAL, -30, generator), radii(y, POSITIVE, -30, generator)]

    def slopes(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        x, y = x.detach().requires_grad_(), y.detach().requires_grad_()
        loss = (torch.tanh(x * y) * torch.sigmoid(x) + (1 + y).log()).sum()
        return torch.autograd.grad(loss, (x, y))

    outs, radius = run(slopes, [x, y], reach)

    def by_x(x: arb, y: arb) -> arb:
        t, s = (x * y).tanh(), 1 / (1 + (-x).exp())
        return (1 - t * t) * y * s + t * s * (1 - s)

    def by_y(x: arb, y: arb) -> arb:
        t, s = (x * y).tanh(), 1 / (1 + (-x).exp())
        return (1 - t * t) * x * s + 1 / (1 + y)

    for out, allowed, exact in zip(outs, radius, (by_x, by_y), strict=True):
        assert assert_within(out, allowed, exact, [x, y], reach, generator) == COUNT
        assert bool((allowed < 1e-4).all())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_what_polygamma_loses_at_large_arguments_is_allowed_for(order: int, dtype: torch.dtype) -> None:
    x = (2.0 ** torch.arange(1, 126 if dtype != torch.float64 else 400, dtype=torch.float64)).to(dtype)
    (ball,) = watched(lambda: (torch.polygamma(order, x),))
    for at, mid, rad in zip(x.tolist(), ball.mid.tolist(), ball.rad.tolist(), strict=True):
        with precision(200):
            exact = ARB["polygamma"](arb(order), arb(at))
            assert math.isnan(mid) or abs(arb(mid) - exact) <= arb(rad)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("terms", [1, 3, 400])
def test_matrix_products(terms: int, dtype: torch.dtype) -> None:
    draw = torch.Generator().manual_seed(terms)
    left, right = (
        torch.randn(size, generator=draw, dtype=torch.float64).to(dtype) for size in ((6, terms), (terms, 4))
    )
    added = torch.randn(4, generator=draw, dtype=torch.float64).to(dtype)
    plain, linear, dot = watched(lambda: (left @ right, torch.addmm(added, left, right), left[0] @ right[:, 0]))
    exact = [[sum(map(operator.mul, map(Fraction, row), map(Fraction, column)), Fraction(0))
              for column in right.T.tolist()] for row in left.tolist()]  # fmt: skip
    for i, j in itertools.product(range(6), range(4)):
        assert abs(Fraction(float(plain.mid[i, j])) - exact[i][j]) <= Fraction(float(plain.rad[i, j]))
        with_sum = exact[i][j] + Fraction(float(added[j]))
        assert abs(Fraction(float(linear.mid[i, j])) - with_sum) <= Fraction(float(linear.rad[i, j]))
    assert abs(Fraction(float(dot.mid)) - exact[0][0]) <= Fraction(float(dot.rad))
    assert float(plain.rad.max()) < 10 * (terms + 2) ** 2 * torch.finfo(dtype).eps


def test_roundings_narrower_than_expected_are_not_allowed_for() -> None:
    x = torch.rand(9, dtype=torch.float64)
    with Watch(expected=torch.float64) as watch:
        careless = (x.float() * 3).double()
        careful = x * 3
    assert watch.narrowed == {torch.float32}
    assert bool(((careless - careful).abs() > 1e3 * watch.radius(careless)).any())
    with Watch() as watch:
        careless = (x.float() * 3).double()
    assert bool(((careless - careful).abs() <= watch.radius(careless)).all())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_product_that_underflows_is_not_an_exact_zero(dtype: torch.dtype) -> None:
    tiny = torch.tensor(torch.finfo(dtype).tiny, dtype=dtype)
    product, zero = watched(lambda: (tiny * tiny, tiny * 0))
    assert float(product.mid) == float(zero.mid) == 0
    assert float(product.rad) > 0
    assert float(zero.rad) == 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["exp", "sigmoid", "erfc", "tanh", "log1p", "expm1"])
def test_results_below_the_normal_numbers(name: str, dtype: torch.dtype) -> None:
    """There a library may flush to 0, or overflow inside."""
    largest = -math.log(torch.finfo(dtype).tiny) + 40
    points = [-torch.linspace(largest - 45, largest, 301, dtype=torch.float64)]
    points += [torch.sqrt(-points[0]), torch.logspace(-7, 1, 90, dtype=torch.float64) * torch.finfo(dtype).tiny]
    x = torch.cat([*points, -points[-1]]).to(dtype)
    (ball,) = watched(lambda: (getattr(torch, name)(x),))
    with precision(2000):
        for at, mid, rad in zip(x.tolist(), ball.mid.tolist(), ball.rad.tolist(), strict=True):
            assert not abs(arb(mid) - ARB[name](arb(at))) > arb(rad)
