"""What has no bound says so; kinks, quanta and roundings that are easily forgotten."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from bound_operations import COUNT, POSITIVE, REAL, assert_within, drawn, radii, run
from flint import arb
from representatives import each_value

from diffexplore.arithmetic.balls import OPERATIONS as ARB
from diffexplore.arithmetic.balls import precision
from diffexplore.bounds.watch import Watch, watched

Tensor = torch.Tensor
Exact = Callable[..., Any]


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
        out = torch.special.airy_ai(x) * 2
    assert watch.unwatched == {"special_airy_ai"}
    assert bool((watch.radius(out) == math.inf).all())


@pytest.mark.parametrize("name", ["logical_and_", "logical_or_", "logical_xor_", "bitwise_and_", "__iand__", "__ior__"])
def test_conditions_that_are_changed_in_place_stay_open(name: str) -> None:
    """As the backward pass of clamp with two limits makes its mask."""
    x = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    with Watch() as watch:
        watch.set(x, torch.full_like(x, 0.125))
        first, second = x >= 2.0, x <= 3.0
        getattr(first, name)(second)
        inverted = (x <= 3.0).logical_not_()
        chosen = torch.where(first, x, 2 * x)
    assert watch.undecided(first).tolist() == [False, True, True, False]
    assert watch.undecided(inverted).tolist() == [False, False, True, False]
    assert (watch.radius(chosen) > 1).tolist() == [False, True, True, False]


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
        for i in range(60):
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_composite_kernels_in_a_narrower_dtype_than_expected_are_not_allowed_for(dtype: torch.dtype) -> None:
    x = torch.linspace(-3, 5, 9, dtype=torch.float64)
    with Watch(expected=torch.float64) as watch:
        careless = torch.nn.functional.gelu(x.to(dtype)).double()
        careful = torch.nn.functional.gelu(x)
    assert watch.narrowed == {dtype} | ({torch.float32} if dtype == torch.bfloat16 else set())
    assert bool(((careless - careful).abs() > 1e3 * watch.radius(careless)).any())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_product_that_underflows_is_not_an_exact_zero(dtype: torch.dtype) -> None:
    tiny = torch.tensor(torch.finfo(dtype).tiny, dtype=dtype)
    product, zero = watched(lambda: (tiny * tiny, tiny * 0))
    assert float(product.mid) == float(zero.mid) == 0
    assert float(product.rad) > 0
    assert float(zero.rad) == 0


@pytest.mark.parametrize(
    ("name", "dtype"),
    each_value(
        ["exp", "sigmoid", "erfc", "tanh", "log1p", "expm1"],
        [torch.float64, torch.float32, torch.bfloat16, torch.float16],
        rounds=2,
    ),
)
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


@pytest.mark.parametrize("whole", [0.0, 3.0, -7.0, 1038480703488.0, 2.0**52])
@pytest.mark.parametrize("radius", [5e-324, 2.8e-17, 1e-9])
def test_a_radius_far_below_an_ulp_still_reaches_below_a_whole_number(whole: float, radius: float) -> None:
    x = torch.tensor([whole], dtype=torch.float64)
    _, allowed = run(torch.floor, [x], [torch.tensor([radius], dtype=torch.float64)])
    assert float(allowed) >= 1
    assert float(run(torch.floor, [x], [torch.zeros(1, dtype=torch.float64)])[1]) == 0


@pytest.mark.parametrize(
    ("function", "exact"),
    [(torch.reciprocal, lambda n: 1 / n), (lambda n: n / 3, lambda n: n / 3), (torch.sqrt, torch.sqrt)],
    ids=["reciprocal", "quotient", "root"],
)
def test_floats_that_are_computed_of_integers_alone_are_rounded(
    function: Callable[[Tensor], Tensor], exact: Callable[[Tensor], Tensor]
) -> None:
    whole = torch.arange(1, 50)
    with Watch() as watch:
        found = function(whole)
    error = (found.double() - exact(whole.double())).abs()
    assert bool((error <= watch.radius(found)).all())
    assert bool((watch.radius(found) < 1e-6 * found).all())
    assert bool((error > 0).any())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_an_exact_infinity_beside_a_number_leaves_the_bound(dtype: torch.dtype) -> None:
    """log(e^−∞ + e^x) = x, as where a running sum of exponentials starts from nothing."""
    x = torch.tensor([-3.0, 0.5, 100.0], dtype=dtype)
    reach = torch.tensor([0.0, 1e-3, 0.5], dtype=torch.float64)
    nothing = torch.full_like(x, -math.inf)
    for function in (
        lambda x: torch.logaddexp(nothing, x),
        lambda x: torch.logcumsumexp(torch.stack([nothing, x]), 0)[1],
    ):
        out, radius = run(function, [x], [reach])
        assert out.tolist() == x.tolist()
        assert bool((reach <= radius).all()) and bool((radius <= reach + 64 * torch.finfo(dtype).eps * x.abs()).all())
