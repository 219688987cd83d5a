"""A root at an exact argument has no error: derivatives that are exactly 0 are settled, and no other zero is."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import pytest
import torch
from representatives import one_in

import diffexplore as dx
from diffexplore.bounds.canary import broken_claims
from diffexplore.bounds.watch import Watch, watched
from diffexplore.bounds.zeros import ROOTS
from diffexplore.functions import OPERATIONS as RECORDS

DTYPES = ("float64", "float32", "bfloat16", "float16")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("formula", "at"),
    one_in(4, [
        ("cos(a)", {"a": 0}), ("logcosh(a)", {"a": 0}), ("sec(a)", {"a": 0}), ("sech(a)", {"a": 0}),
        ("sinc(a)", {"a": 0}), ("log1p(a**2)", {"a": 0}), ("asinh(a)**2", {"a": 0}), ("erf(a)**2", {"a": 0}),
        ("log(a)**2", {"a": 1}), ("lgamma(a)**2", {"a": 1}), ("b**a", {"a": 2, "b": 1}),
        ("atan2(a, b)**2", {"a": 0, "b": 2}),
    ]),
)  # fmt: skip
def test_a_derivative_that_is_exactly_zero_is_settled(formula: str, at: dict[str, float], dtype: str) -> None:
    report = dx.check(dx.Loss(formula, parameters="a", data=tuple(set(at) - {"a"})), {"b": [at["b"]]} if "b" in at else None,
                      {"a": at["a"]}, dtype=dtype, methods=["reverse", "symbolic"])  # fmt: skip
    here = [row for row in report.rows if row.sample is None and row.probe is None]
    assert report.verdict == "pass"
    assert [(row.value, row.bound, row.verdict) for row in here] == [(0.0, 0.0, "pass")] * 2


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: torch.exp(-1000 * x), lambda x: (x * 2.0**-600).square(), lambda x: torch.sin(x * 0.1 - 0.1),
        lambda x: torch.log(x * 0.1 / 0.1), lambda x: torch.erf(x * 0.3 - 0.3),
    ],
)  # fmt: skip
def test_a_zero_of_a_rounded_argument_or_of_an_underflow_keeps_its_error(
    compute: type[object],
) -> None:
    (ball,) = watched(lambda: (compute(torch.tensor([1.0], dtype=torch.float64)),))
    assert float(ball.mid) == 0
    assert float(ball.rad) > 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_the_canary_tries_the_roots(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(dx.arithmetic.torch_real.OPERATIONS, "asinh", lambda x: torch.asinh(x) + (x == 0) * 0.25)
    from diffexplore.bounds import canary

    canary._broken_function.cache_clear()
    assert broken_claims(dtype, torch.device("cpu"), ["asinh"])
    canary._broken_function.cache_clear()


@pytest.mark.parametrize("name", sorted(ROOTS.keys() - {"square"}))
def test_each_root_is_a_root_of_the_exact_function(name: str) -> None:
    from flint import arb

    from diffexplore.arithmetic.balls import OPERATIONS

    (record,) = (one.name for one in RECORDS.values() if one.aten_name == name)
    for root in ROOTS[name]:
        assert abs(OPERATIONS[record](arb(root))) < 1e-12


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_negative_base_with_a_whole_exponent_among_the_data(dtype: str) -> None:
    report = dx.check(
        dx.Loss("a**n", parameters="a", data="n"), {"n": [1, 2, 3]}, {"a": -1.5}, dtype=dtype,
        methods=["symbolic", "symbolic_raw", "reverse"],
    )  # fmt: skip
    assert report.verdict == "pass"
    assert report.summary.failed == 0


_SUMS = [
    (3.0, 1.0, True), (2.0**52, 1.0, True), (0.75, 2.5, True), (0.1, 0.1, True), (2.0**53, -1.0, False),
    (0.1, 1.0, False), (1.0, 2.0**-60, False), (1e308, -1e308, False),
]  # fmt: skip


@pytest.mark.parametrize(("x", "y", "lossless"), _SUMS)
def test_only_sums_that_are_floats_lose_nothing(x: float, y: float, lossless: bool) -> None:
    (ball,) = watched(lambda: (torch.tensor([x], dtype=torch.float64) - torch.tensor([y], dtype=torch.float64),))
    assert (float(ball.rad) == 0) is lossless


def test_a_sum_of_whole_numbers_that_is_rounded_has_an_error() -> None:
    (ball,) = watched(lambda: (torch.tensor([256.0], dtype=torch.bfloat16) + 1,))
    assert abs(float(ball.mid) - 257) <= float(ball.rad)


@pytest.mark.parametrize("formula", ["softplus(x)", "log(exp(x) + exp(-2*x))"])
def test_lost_digits_at_a_huge_exponent_are_told_without_its_power(formula: str) -> None:
    loss = dx.Loss(formula, parameters=(), data="x")
    report = dx.check(loss, {"x": [1.0, -1e20]}, {}, wrt=["x"], methods=["symbolic", "symbolic_raw", "reverse"])
    assert report.rows


@pytest.mark.parametrize(("dtype", "x", "power"), [("float32", 1e20, 1e-40), ("float64", 1e160, 1e-320)])
def test_a_square_that_overflows_inside_a_power_is_no_wrong_gradient(dtype: str, x: float, power: float) -> None:
    kernel = watched(lambda: (torch.tensor([x], dtype=getattr(torch, dtype)).pow(-2),))[0]
    assert abs(float(kernel.mid) - power) <= float(kernel.rad) * (1 + 1e-6)
    report = dx.check(
        dx.Loss("pow(x, -1)", parameters="x"), None, {"x": x}, dtype=dtype, methods=["reverse", "forward"]
    )
    assert report.summary.failed == 0


@pytest.mark.parametrize(
    ("x", "y", "lossless"),
    [(0.1, 0.25, True), (-2.0, 0.3, True), (0.1, 0.3, False), (0.1, 0.0, True), (2.0**-1060, 0.1, False)],
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_only_products_with_powers_of_two_lose_nothing(x: float, y: float, lossless: bool, dtype: torch.dtype) -> None:
    tensors = [torch.tensor([number], dtype=dtype) for number in (x, y)]
    (ball,) = watched(lambda: (tensors[0] * tensors[1],))
    assert (float(ball.rad) == 0) is (lossless or 0 in (float(one) for one in tensors))


def _radius(run: Any, *exact: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What operations on exact numbers make, with its radius."""
    with Watch() as watch:
        found = run(*exact)
    return found, watch.radius(found)


def test_a_product_that_overflows_is_not_exact() -> None:
    large = torch.tensor([1.7e308], dtype=torch.float64)
    assert _radius(lambda x: x * 2.0, large)[1].isinf().all()
    found, radius = _radius(
        lambda x, y: y / (x * 2.0**30), torch.full_like(large, 2.0**1000), torch.full_like(large, 2.0**1020)
    )
    assert (found - 2.0**-10).abs() <= radius


def test_a_scaled_term_that_underflows_is_counted() -> None:
    nothing, small = torch.zeros(1, dtype=torch.float64), torch.tensor([1e-150], dtype=torch.float64)
    found, radius = _radius(lambda x, y: torch.add(x, y, alpha=1e-200) * 1e300, nothing, small)
    assert (found - 1e-50).abs() <= radius


def test_an_integer_that_float64_does_not_have_is_rounded() -> None:
    whole = torch.tensor([2**53 + 1])
    for run in (
        lambda x: x * torch.tensor([2.0], dtype=torch.float64),
        lambda x: x + torch.zeros(1, dtype=torch.float64),
    ):
        assert _radius(run, whole)[1] >= 1


@pytest.mark.parametrize(("middle", "radius"), [(-750.0, 700.0), (-746.0, 93.0), (-744.5, 0.25), (-720.0, 1e-3)])
@pytest.mark.parametrize(("function", "slope"), [(torch.exp, 1.0), (torch.exp2, math.log(2))])
def test_a_power_far_below_0_grows_from_its_upper_end(
    function: Any, slope: float, middle: float, radius: float
) -> None:
    middle, radius = middle / slope, radius / slope
    with Watch() as watch:
        x = torch.tensor([middle], dtype=torch.float64)
        watch.set(x, torch.tensor([radius], dtype=torch.float64))
        found = function(x)
    with mpmath.workprec(200):
        most = mpmath.exp(slope * (mpmath.mpf(middle) + radius)) - mpmath.mpf(float(found))
    assert most <= float(watch.radius(found)) <= 4 * most + 1e-322


@pytest.mark.parametrize("count", [3, 3000])
def test_an_integer_counts_as_rounded_to_the_double_that_it_becomes(count: int) -> None:
    zeros, ones = torch.zeros(count, dtype=torch.float64), torch.ones(count, dtype=torch.float64)
    for number, lost in ((2**53 + 1, 1), (-(2**60) - 3, 3), (2**53, 0)):
        with Watch() as watch:
            results = zeros + number, ones * number
        for found in results:
            assert bool((watch.radius(found) >= lost).all())
            assert bool((watch.radius(found) == 0).all()) is (lost == 0)
