"""Composite kernels: no exact value or gradient leaves its ball, whatever the size of the operands."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from composite_kernels import KERNELS, POSITIVE, UNIT, exact_results
from flint import arb
from representatives import each_value

import diffexplore as dx
from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
SEEDS = range(3)
ENTRIES = 6


def drawn(domain: str, generator: np.random.Generator, dtype: torch.dtype) -> Tensor:
    """Six numbers from 1e-3 to 1e3, often with ties or a 0 among them; what float16 can square."""
    if domain == UNIT:
        small = np.exp2(generator.uniform(-7, -1, ENTRIES))
        return torch.from_numpy(np.where(generator.random(ENTRIES) < 0.5, small, 1 - small)).to(dtype)
    size = np.exp2(generator.uniform(-10, 10 if dtype != torch.float16 else 7, ENTRIES))
    if generator.random() < 0.4:
        size = generator.uniform(0, 5, ENTRIES)
    if domain == POSITIVE:
        return torch.from_numpy(size + 2.0**-9).to(dtype)
    x = size * generator.choice([-1, 1], ENTRIES)
    if generator.random() < 0.3:
        x[1] = x[0]
    if generator.random() < 0.2:
        x[2] = 0
    return torch.from_numpy(x).to(dtype)


def assert_enclosed(name: str, dtype: torch.dtype, seed: int) -> tuple[int, int]:
    """How many radii of values and gradients were finite, and of how many."""
    kernel, generator = KERNELS[name], np.random.default_rng(seed)
    operands = [drawn(domain, generator, dtype) for domain in kernel.domains]
    with Watch() as watch:
        leaves = [operand.clone().requires_grad_() for operand in operands]
        out = kernel.function(*leaves)
        upstream = torch.from_numpy(generator.uniform(0.2, 3, out.numel()) * generator.choice([-1, 1])).to(dtype)
        gradients = torch.autograd.grad(out, leaves, upstream, allow_unused=True)
    columns = [operand.to(torch.float64).tolist() for operand in operands]
    values, partials = exact_results(kernel, columns, upstream.to(torch.float64).tolist())
    finite = count = 0
    for tensor, exact in zip((out, *gradients), (values, *partials), strict=True):
        if tensor is None:  # torch does not differentiate by it
            continue
        radius = watch.radius(tensor).expand(tensor.shape).reshape(-1).tolist()
        for number, allowed, true in zip(tensor.detach().double().reshape(-1).tolist(), radius, exact, strict=True):
            count += 1
            if math.isinf(allowed):
                continue
            finite += 1
            assert abs(arb(number) - true) <= allowed, (columns, number, true, allowed)
    assert watch.unwatched == set()
    return finite, count


@pytest.mark.parametrize(("name", "dtype"), each_value(list(KERNELS), DTYPES))
def test_no_exact_value_leaves_its_ball(name: str, dtype: torch.dtype) -> None:
    if name == "cdist" and dtype in DTYPES[2:]:
        pytest.skip("torch has no such kernel")
    found = [assert_enclosed(name, dtype, seed) for seed in SEEDS]
    least = 0.4 if name == "logcumsumexp" else 0.9  # its backward pass takes logarithms of parts that may be 0
    assert sum(finite for finite, _ in found) >= least * sum(count for _, count in found)


def relative_radius(function: object, x: Tensor) -> float:
    with Watch() as watch:
        out = function(x)  # type: ignore[operator]
    return float((watch.radius(out) / (out.abs() * UNIT_ROUNDOFF[x.dtype])).max())


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "silu", "gelu", "layer_norm", "logsumexp", "mish", "elu"])
def test_bounds_are_of_the_size_of_the_rounding(name: str) -> None:
    """A rule that always says infinity encloses too, and is worthless."""
    x = torch.tensor([0.5, -1.25, 2.0, 0.75, -0.25, 1.5], dtype=torch.float64)
    assert relative_radius(KERNELS[name].function, x) < 200


def test_the_bound_of_softmax_grows_with_the_distance_that_it_rounds() -> None:
    """e^(b − c) has the relative error of half an ulp of b − c: 600 u at 600, which no constant of ulps covers."""
    near, far = (torch.tensor([-2 * c, c / 3], dtype=torch.float64) for c in (1.1, 300.1))  # its difference is rounded
    softmax = lambda x: F.softmax(x, 0)  # noqa: E731 (a test's shorthand)
    assert relative_radius(softmax, near) < 60
    assert relative_radius(softmax, far) > 600


POINTS = [(-0.9164047759785964, 638.3160347272327), (700.25, 0.1), (-3.3, -3.3), (1e-3, -999.9), (12.7, 13.1)]


LOGSUMEXP = {
    "logsumexp": lambda b, c: torch.logsumexp(torch.stack([b, c]), 0),
    "logaddexp": lambda b, c: torch.logaddexp(b, c),
    "log_softmax": lambda b, c: b - torch.log_softmax(torch.stack([b, c]), 0)[0],
    "cross_entropy": lambda b, c: c + F.cross_entropy(torch.stack([b, c])[None], torch.tensor([1])),
}


@pytest.mark.parametrize(
    ("name", "dtype", "at"), each_value(list(LOGSUMEXP), ["float64", "float32", "bfloat16"], POINTS, rounds=2)
)
def test_a_right_program_does_not_fail(name: str, dtype: str, at: tuple[float, float]) -> None:
    loss = dx.Loss("log(exp(b) + exp(c))", parameters="b, c")
    report = dx.verify(LOGSUMEXP[name], loss, at=dict(zip("bc", at, strict=True)), dtype=dtype)
    assert report.verdict != "fail"


def test_the_logsumexp_of_far_numbers_passes() -> None:
    loss = dx.Loss("log(exp(b) + exp(c))", parameters="b, c")
    candidate = lambda b, c: torch.logsumexp(torch.stack([b, c]), 0)  # noqa: E731 (a test's shorthand)
    report = dx.verify(candidate, loss, at=dict(zip("bc", POINTS[0], strict=True)))
    assert report.verdict == "pass"
    wrong = lambda b, c: 1.0000000001 * torch.logsumexp(torch.stack([b, c]), 0)  # noqa: E731
    assert dx.verify(wrong, loss, at=dict(zip("bc", POINTS[0], strict=True))).verdict == "fail"


FORMULAS = {
    "gelu": "x*(1 + erf(x/sqrt(2)))/2", "silu": "x*sigmoid(x)", "softplus": "softplus(x)",
    "logsigmoid": "-log(1 + exp(-x))", "mish": "x*tanh(softplus(x))",
}  # fmt: skip


@pytest.mark.parametrize(("name", "dtype"), each_value(list(FORMULAS), ["float64", "float32"]))
def test_functions_of_torch_are_decided(name: str, dtype: str) -> None:
    loss, program = dx.Loss(FORMULAS[name], parameters="x"), getattr(F, name)
    for x in (-2.5, -0.001, 0.7, 11.0):
        report = dx.verify(program, loss, at={"x": x}, dtype=dtype)
        assert report.verdict == "pass", (x, str(report))


@pytest.mark.filterwarnings("ignore:Warning only once for all operators")
def test_a_kernel_that_strays_from_its_formula_costs_power_and_is_no_false_alarm() -> None:
    """What a kernel is off its formula is part of the bound: nothing is assumed of how it computes."""

    x = torch.tensor([0.3, -2.0, 50.0], dtype=torch.float32)
    library = torch.library.Library("aten", "IMPL")
    try:
        library.impl("silu", lambda x: x / (1 + (-x).exp()) * 1.001, "CPU")
        with Watch() as watch:
            out = torch.ops.aten.silu(x)
    finally:
        library._destroy()
    exact = x.double() * torch.sigmoid(x.double())
    assert bool(((out.double() - exact).abs() <= watch.radius(out)).all())
    assert bool((watch.radius(out) < 0.002 * exact.abs() + 1e-6).all())


def test_an_operator_of_another_library_has_no_rule() -> None:
    """Whatever it is called: it may compute anything."""
    library = torch.library.Library("bounds_test", "FRAGMENT")
    try:
        library.define("exp(Tensor x) -> Tensor")
        library.impl("exp", lambda x: x**3, "CompositeExplicitAutograd")
        with Watch() as watch:
            out = torch.ops.bounds_test.exp(torch.ones(3))
    finally:
        library._destroy()
    assert watch.unwatched == {"bounds_test::exp"}
    assert bool((watch.radius(out) == math.inf).all())
