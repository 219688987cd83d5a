"""The radii that a watch carries: exact values of perturbed operands, by Arb, never leave them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from bound_operations import (
    ABOVE_ONE,
    COUNT,
    OPERATIONS,
    POSITIVE,
    REAL,
    TORCH_DTYPES,
    UNIT,
    WHOLE,
    assert_within,
    drawn,
    radii,
    run,
)
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from diffexplore.arithmetic.balls import OPERATIONS as ARB
from diffexplore.bounds.elementwise import Elementwise
from diffexplore.functions import OPERATIONS as FUNCTIONS
from diffexplore.torch_ops.registry import OPERATORS as RECORDS

Tensor = torch.Tensor
Exact = Callable[..., Any]


def test_every_rule_is_tried() -> None:
    """Here, or with the records of functions (tests/test_registry*.py)."""
    rules = {known.name for known in RECORDS.values() if isinstance(known.bound, Elementwise)}
    assert {operation.rule for operation in OPERATIONS.values()} | {
        one.aten_name for one in FUNCTIONS.values()
    } >= rules


# ------------------------------------------------------------------------------------------------ elementwise rules
@pytest.mark.parametrize("name", OPERATIONS)
@settings(max_examples=6)
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
    allowed = 1.0 if operation.rule in ("floor", "ceil", "trunc", "round") else 2.0**-10 * (out.abs() + 1)
    assert bool((radius <= allowed).all())


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "neg", "abs", "relu", "reciprocal", "sqrt", "rsqrt", "square", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "erfinv", "sigmoid", "lgamma", "digamma", "floor", "ceil", "trunc", "round", "pow"])  # fmt: skip
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
    exact = lambda x: ARB["polygamma"](arb(order), x)  # noqa: E731 (a test's shorthand)
    for function in (lambda x: torch.polygamma(order, x), lambda x: x.polygamma_(order)):
        before = x.clone()
        out, radius = run(function, [x], reach)
        assert assert_within(out, radius, exact, [before], reach, generator) > 0


@settings(max_examples=30)
@given(
    name=st.sampled_from(["lgamma", "digamma", 1, 2, 3]), dtype=st.sampled_from(TORCH_DTYPES[:2]),
    exponent=st.integers(-40, -6), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_gamma_functions_between_their_poles(name: str | int, dtype: torch.dtype, exponent: int, seed: int) -> None:
    """Also next to a pole, where torch loses what it does not reduce of π·x, and near the roots of lgamma and psi."""
    generator = np.random.default_rng(seed)
    x = -drawn(POSITIVE, generator, dtype)
    x[::6] = -2.457024738220800842
    x[1::6] = x[1::6].round() - 2.0 ** -float(generator.integers(4, 14))
    x = torch.where(x == x.round(), -0.5, x)
    reach = [radii(x, POSITIVE, exponent, generator)]
    if isinstance(name, str):
        out, radius = run(getattr(torch, name), [x], reach)
        assert assert_within(out, radius, ARB[name], [x], reach, generator) > 0
    else:
        out, radius = run(lambda x: torch.polygamma(name, x), [x], reach)
        assert assert_within(out, radius, lambda x: ARB["polygamma"](arb(name), x), [x], reach, generator) > 0
