"""Kernels that round their steps to half precision on some devices: a CPU kernel that does so stands for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction

import pytest
import torch

from diffexplore.bounds import arithmetic, canary, stepwise
from diffexplore.bounds.canary import broken_claims
from diffexplore.bounds.claims import COMPUTE
from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor

pytestmark = pytest.mark.filterwarnings("ignore:Warning only once for all operators")

CPU = torch.device("cpu")
NARROW = (torch.bfloat16, torch.float16)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    canary._broken_kernel.cache_clear()
    yield
    canary._broken_kernel.cache_clear()


@pytest.fixture
def as_cuda_computes() -> Iterator[None]:
    """torch's CPU kernels, each step of which is rounded to the dtype: torch's arithmetic on tensors does that."""
    library = torch.library.Library("aten", "IMPL")
    library.impl("tanh_backward", lambda g, t: g * (1 - t * t), "CPU")
    library.impl("sigmoid_backward", lambda g, s: g * (1 - s) * s, "CPU")
    yield
    library._destroy()


@pytest.fixture
def as_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(stepwise.STEPWISE, "cpu", stepwise.STEPWISE["cuda"])


def test_the_canary_finds_that_the_rule_of_a_cpu_does_not_hold_of_such_a_kernel(as_cuda_computes: None) -> None:
    assert broken_claims(torch.float16, CPU, ["tanh"]) == ("torch's tanh_backward is off by more than 2 ulp",)


@pytest.mark.parametrize("dtype", NARROW, ids=str)
def test_the_rule_of_cuda_holds_of_it(as_cuda_computes: None, as_on_cuda: None, dtype: torch.dtype) -> None:
    assert broken_claims(dtype, CPU, ["tanh", "sigmoid"]) == ()


def tanh_backward_leaves_its_balls(dtype: torch.dtype) -> bool:
    """For any of all numbers below 1 that the dtype holds."""
    bits = torch.arange(0x0000, 0x7F00, dtype=torch.int16).view(dtype)
    t = bits[bits.abs() < 1]
    left = False
    for g in (1.0, -0.3125, 96.0):
        with Watch() as watch:
            out = torch.ops.aten.tanh_backward(torch.full_like(t, g), t)
        exact = g * (1 - t.double()) * (1 + t.double())
        left |= bool(((out.double() - exact).abs() > watch.radius(out)).any())
    return left


@pytest.mark.parametrize("dtype", NARROW, ids=str)
def test_every_tanh_in_half_precision_is_enclosed(as_cuda_computes: None, as_on_cuda: None, dtype: torch.dtype) -> None:
    assert not tanh_backward_leaves_its_balls(dtype)


@pytest.mark.parametrize("dtype", NARROW, ids=str)
def test_not_every_one_is_by_the_rule_of_a_cpu(as_cuda_computes: None, dtype: torch.dtype) -> None:
    assert tanh_backward_leaves_its_balls(dtype)


def test_the_wide_dtypes_are_bounded_as_on_a_cpu(as_on_cuda: None) -> None:
    t, g = torch.tensor([0.5, 0.999], dtype=torch.float32), torch.ones(2)
    with Watch() as watch:
        out = torch.ops.aten.tanh_backward(g, t)
    assert bool((watch.radius(out) < 1e-6).all())


def squared_first(x: Tensor) -> Tensor:
    return 1 / (x * x)


@pytest.mark.parametrize("function", [squared_first])
def test_a_square_that_overflows_or_loses_digits(as_on_cuda: None, function: Callable[[Tensor], Tensor]) -> None:
    """x⁻² as 1/(x·x) in float16: 0 from 256 on, and off by more than three roundings near 2⁻⁸."""
    x = torch.logspace(-2.2, 4.8, 4001, dtype=torch.float64).to(torch.float16)
    library = torch.library.Library("aten", "IMPL")
    try:
        library.impl("pow.Tensor_Scalar", lambda x, p: function(x), "CPU")
        with Watch() as watch:
            out = torch.ops.aten.pow.Tensor_Scalar(x, -2)
    finally:
        library._destroy()
    exact = 1 / x.double().square()
    known = out.isfinite()
    error = (out.double() - exact).abs()[known]
    assert bool((error <= watch.radius(out)[known]).all())
    assert bool((error > 3 * 2.0**-11 * exact[known] + 2.0**-23).any())  # so a claim of three roundings is wrong


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("tensor", [False, True], ids=["number", "tensor on the CPU"])
def test_a_quotient_by_one_number_is_a_product_on_cuda(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, tensor: bool
) -> None:
    """What CUDA computes, x · (1/c) with a rounded reciprocal, is enclosed; by the rule of a CPU it is not."""
    x = torch.linspace(1, 2, 201, dtype=torch.float64).to(dtype)
    wide = COMPUTE[dtype]
    outside = Counter[str]()
    for rule, devices in (("cuda", {"cpu"}), ("cpu", set())):
        monkeypatch.setattr(arithmetic, "BY_RECIPROCAL", frozenset(devices))
        for divisor in (3, 6, 7, 49, -41, 8):
            with Watch() as watch:
                out = x / (torch.tensor(divisor, dtype=dtype) if tensor else divisor)
            computed = (x.to(wide) * (1 / torch.tensor(divisor, dtype=wide))).to(dtype)
            radii = watch.radius(out)
            for value, number, radius in zip(x.tolist(), computed.tolist(), radii.tolist(), strict=True):
                outside[rule] += abs(Fraction(value) / divisor - Fraction(number)) > Fraction(radius)
            if divisor == 8:
                assert bool((radii <= torch.finfo(dtype).eps * out.double().abs()).all())
    assert outside["cuda"] == 0
    assert (outside["cpu"] > 0) == (wide is dtype)  # a narrow dtype's one rounding covers that of the reciprocal


@pytest.mark.parametrize("divisor", [1e-310, 1.5e308])
def test_a_reciprocal_that_is_no_normal_number_says_nothing(monkeypatch: pytest.MonkeyPatch, divisor: float) -> None:
    monkeypatch.setattr(arithmetic, "BY_RECIPROCAL", frozenset({"cpu"}))
    with Watch() as watch:
        out = torch.tensor([divisor], dtype=torch.float64) / divisor
    assert watch.radius(out).item() == float("inf")
