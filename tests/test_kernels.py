"""Compiled losses: every backend against the certified truth, and what cannot be computed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
import torch
from matrix import few_samples
from representatives import each_value, one_in
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import diffexplore as dx
from diffexplore.checking.batch import make_batch
from diffexplore.checking.evaluate import Evaluator
from diffexplore.checking.loss_value import value_truth
from diffexplore.floating_point import FLOAT_FORMATS, format_of
from diffexplore.inputs.blocks import whole
from diffexplore.kernels import slices
from diffexplore.kernels.backends import BACKENDS, blocked
from diffexplore.kernels.batches import Columns
from diffexplore.kernels.device_sums import sums_on_device
from diffexplore.kernels.plan import Plan
from diffexplore.methods.problem import Problem

AT = {"a": 0.5, "b": 1.0}
LINE = dx.losses.get("perpendicular")
UNCOMPILED = ("statistics", "blocked", "eager")


def line(n: int, offset: float = 0.0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(5)
    x = draw.uniform(0, 10, n)
    return {"x": x + offset, "y": 2 * x + draw.uniform(0, 1, n) + offset}


def truths(loss: dx.Loss, at: dict[str, float], columns: dict[str, Tensor]) -> dict[str, Any]:
    """The exact loss and gradient as balls, from the truths of checks."""
    exact = {name: column.to(torch.float64) for name, column in columns.items()}
    n = len(next(iter(exact.values())))
    problem = Problem(loss, loss.parameters or loss.data, torch.float64, torch.device("cpu"))
    found = {"": value_truth(problem, at, exact, whole(n))[1]}
    if loss.parameters:
        found |= {name: ball for name, (_, ball) in Evaluator(problem, at, exact, n).reduced_truths().items()}
    return found


def excess(loss: dx.Loss, at: dict[str, float], columns: dict[str, Tensor], backend: str) -> float:
    """The largest error of the loss and its gradient, as a part of what is stated."""
    found = loss.compile(backend=backend)(at, columns)
    numbers, bounds = {"": found.value, **found.gradient}, {"": found.bounds.value, **found.bounds.gradient}
    return max(
        float(abs(ball - numbers[name]).lower()) / max(bounds[name], 1e-300)
        for name, ball in truths(loss, at, columns).items()
    )


@pytest.mark.parametrize(
    ("name", "dtype"),
    each_value([name for name in dx.losses.names() if dx.losses.get(name).parameters], list(FLOAT_FORMATS)),
)
def test_every_number_is_within_its_bound(name: str, dtype: str) -> None:
    loss = dx.losses.get(name)
    columns = {
        key: torch.as_tensor(column).to(format_of(dtype).dtype) for key, column in make_batch(loss).columns.items()
    }
    at = dict(loss.default_points[0])
    backends = [
        name for name in UNCOMPILED if BACKENDS[name].load().obstacle(Plan(loss, loss.parameters, False), "cpu") is None
    ]
    assert {backend: excess(loss, at, columns, backend) <= 1 for backend in backends} == dict.fromkeys(backends, True)


def test_a_wrong_statistic_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {name: torch.as_tensor(column) for name, column in line(1_000).items()}
    assert excess(LINE, AT, columns, "statistics") <= 1
    right = slices.part_sums

    def wrong(grams: Any, sizes: Any, places: Sequence[int], errors: Any) -> Any:
        (high, middle, low), radius = right(grams, sizes, places, errors)
        return (high, middle, low + 2.0**-20), radius

    monkeypatch.setattr(slices, "part_sums", wrong)
    assert excess(LINE, AT, columns, "statistics") > 1_000


@pytest.mark.parametrize("offset", [0.0, 1e8, -1e8, 1e12])
def test_an_offset_costs_no_digits(offset: float) -> None:
    """At the minimum of the parameters nothing is left of the data's size; autograd has no digit there."""
    columns = {name: torch.as_tensor(column) for name, column in line(5_000, offset).items()}
    at = {"a": 2.0 + 2.0**-30, "b": 0.5 - offset}
    found = LINE.compile(backend="statistics")(at, columns).gradient
    for name, ball in truths(LINE, at, columns).items():
        if name:
            assert abs(float((ball - found[name]).mid())) <= 2 * np.spacing(abs(found[name]))


@pytest.mark.parametrize("n", [1, 2, 8_191, 8_192, 8_193])
def test_blocks_of_any_length(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocked, "CACHE", 65_536)
    columns = line(n)
    x, y = ([Fraction(one) for one in columns[name].tolist()] for name in ("x", "y"))
    residuals = [p / 2 - q + 1 for p, q in zip(x, y, strict=True)]
    value = sum(r * r for r in residuals) / n * Fraction(2, 5)
    slope = sum(residuals) / n * Fraction(4, 5)
    for backend in UNCOMPILED:
        found = LINE.compile(backend=backend)(AT, columns)
        assert abs(Fraction(found.value) - value) <= Fraction(found.bounds.value)
        assert abs(Fraction(found.gradient["b"]) - slope) <= Fraction(found.bounds.gradient["b"])


def test_derivatives_by_data_are_arrays_of_the_reduced_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocked, "CACHE", 10_000)
    columns = line(1_000)
    a, b = AT.values()
    residual = a * columns["x"] - columns["y"] + b
    expected = {"x": a * residual / (a * a + 1) / 1_000, "y": -residual / (a * a + 1) / 1_000}
    for backend in ("blocked", "eager"):
        found = LINE.compile("a, x, y", hessian=True, backend=backend)(AT, columns)
        for name, values in expected.items():
            assert isinstance(found.gradient[name], np.ndarray)
            np.testing.assert_allclose(found.gradient[name], values, rtol=1e-12, atol=1e-18)
        np.testing.assert_allclose(found.hessian["x", "x"], a * a / (a * a + 1) / 1_000, rtol=1e-12)
        np.testing.assert_allclose(found.hessian["x", "y"], found.hessian["y", "x"])
        mixed = (residual + a * columns["x"] - 2 * a * a * residual / (a * a + 1)) / (a * a + 1) / 1_000
        np.testing.assert_allclose(found.hessian["a", "x"], mixed, rtol=1e-9, atol=1e-15)
        assert np.all(np.isfinite(found.bounds.gradient["x"]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_tensors_give_tensors_of_their_dtype(dtype: torch.dtype) -> None:
    columns = {name: torch.as_tensor(column).to(dtype) for name, column in line(100).items()}
    found = LINE.compile("x")(AT, columns).gradient["x"]
    assert isinstance(found, Tensor) and found.dtype == dtype and found.shape == (100,)


@cache
def exact_hessian(name: str) -> dict[tuple[str, str], mpmath.mpf]:
    """The second derivatives of a loss of the catalogue at its first point, over few samples, in 40 digits."""
    loss = dx.losses.get(name)
    batch, at = make_batch(loss, few_samples(name)), loss.default_points[0]
    symbols = [loss.symbols[one] for one in (*loss.parameters, *loss.data)]
    found = {}
    with mpmath.workdps(40):
        for row, column in itertools.product(loss.parameters, repeat=2):
            second = sympy.diff(loss.expression, loss.symbols[row], loss.symbols[column])
            function = sympy.lambdify(symbols, second, "mpmath")
            rows = zip(*(np.asarray(batch.columns[one]).tolist() for one in loss.data), strict=True)
            found[row, column] = mpmath.fsum(function(*map(mpmath.mpf, (*at.values(), *one))) for one in rows) / batch.n
    return found


@pytest.mark.parametrize(
    ("name", "backend"), each_value(["perpendicular", "cauchy", "squared_error"], UNCOMPILED[::-1])
)
def test_hessians_against_mpmath(name: str, backend: str) -> None:
    loss = dx.losses.get(name)
    batch, at = make_batch(loss, few_samples(name)), dict(loss.default_points[0])
    if BACKENDS[backend].load().obstacle(Plan(loss, loss.parameters, True), "cpu"):
        pytest.skip("no such backend for this loss")
    found = loss.compile(hessian=True, backend=backend)(at, batch.columns)
    with mpmath.workdps(40):
        for place, exact in exact_hessian(name).items():
            assert abs(exact - mpmath.mpf(found.hessian[place])) <= found.bounds.hessian[place]


@pytest.mark.parametrize(
    ("formula", "parameters", "data", "sums"),
    [
        ("(y - m)**2/(2*s**2) + log(s)", "m, s", "y", ("y", "y²")),
        ("a*log(x) + x/s - b", "a, b, s", "x", ("x", "log(x)")),
        ("exp(a - x) + b*x", "a, b", "x", ("x", "exp(−x)")),
        ("where(x > 0, a*x, b)", "a, b", "x", ("where(x ≤ 0, 1, 0)", "where(x > 0, x, 0)")),
        ("where(a > 0, a*x, b)", "a, b", "x", ("x",)),
        ("abs(a*x)", "a", "x", ("|x|",)),
        ("(a*x)**(-2)", "a", "x", ("1/x²",)),
        ("a*sin(x)*x**2 + b", "a, b", "x", ("x²·sin(x)",)),
        ("a*x - a*x + b", "a, b", "x", ()),
    ],
)  # fmt: skip
def test_what_separates(formula: str, parameters: str, data: str, sums: tuple[str, ...]) -> None:
    loss = dx.Loss(formula, parameters=parameters, data=data)
    explained = loss.compile().explain()
    assert explained.backend == "statistics"
    assert set(explained.statistics) == set(sums)
    columns = {name: torch.as_tensor(np.random.default_rng(1).uniform(0.5, 2, 50)) for name in loss.data}
    assert excess(loss, dict.fromkeys(loss.parameters, 0.75), columns, "statistics") <= 1


@pytest.mark.parametrize(
    ("formula", "part"),
    [
        ("exp(a*x + 1) - x*(a*x + 1)", "exp(a·x + 1)"),
        ("log(1 + a*x)", "log(a·x + 1)"),
        ("x**a", "x^a"),
        ("abs(a*x - 1)", "|a·x − 1|"),
        ("where(a*x > 0, a, x)", "where(a·x > 0, a, x)"),
        ("1/(a + x)", "1/(a + x)"),
    ],
)  # fmt: skip
def test_what_does_not_separate_says_where(formula: str, part: str) -> None:
    loss = dx.Loss(formula, parameters="a", data="x")
    explained = loss.compile().explain()
    assert explained.backend == "blocked"
    assert explained.others["statistics"].startswith(f"{part} has parameters and data in a function")
    with pytest.raises(dx.UsageError, match=r"the backend statistics cannot run here: .*; blocked, "):
        loss.compile(backend="statistics")


def test_a_statistic_that_overflows() -> None:
    with pytest.raises(dx.UsageError, match=r"^the sum of x² over the data is beyond double precision: scale the data"):
        LINE.compile()(AT, {"x": [1e200, -1e200], "y": [1, 1]})


@pytest.mark.parametrize(
    ("function", "x"),
    [
        ("floor(x)", [0.5, 2.75]),
        ("round(x)*x", [0.5, -2.75]),
        ("lgamma(x + 1)", [1.0, 170.0]),
        ("digamma(x)", [1.0, 2.5]),
        ("gammainc(2, x)", [1.0, 2.5]),
        ("erfinv(x)", [0.25, -0.5]),
        ("atan2(x, -1)", [0.25, -0.5]),
        ("log_ndtr(x)", [0.25, -50.0]),
        ("j0(x)*x", [0.25, 30.0]),
        ("exp(-x**2)", [1.0, 26.0]),
        ("exp(-x**2)", [1.0, 200.0]),
        ("where(x > 0, lgamma(x), 0)", [-1.0, 3.5]),
    ],
)
def test_sums_of_functions_that_only_arb_computes(function: str, x: list[float]) -> None:
    loss = dx.Loss(f"(a - 1/8)**2*({function}) + a", parameters="a", data="x")
    columns = {"x": torch.tensor(x, dtype=torch.float64)}
    assert loss.compile().explain().backend == "statistics"
    assert excess(loss, {"a": 0.75}, columns, "statistics") <= 1


@pytest.mark.parametrize(("function", "x"), [("log(x)", -1.0), ("1/x", 0.0), ("lgamma(x)", -2.0), ("exp(x)", 1e4)])
def test_a_sum_without_a_value_says_of_what(function: str, x: float) -> None:
    loss = dx.Loss(f"a*{function}", parameters="a", data="x")
    with pytest.raises(dx.UsageError, match=r"^the sum of .*x.* over the data is no finite number in double precision"):
        loss.compile()({"a": 1.0}, {"x": [1.0, x]})


def test_no_compiler_is_told_with_what_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(
        dx.UsageError, match=r"inductor cannot run here: .* C\+\+ compiler.*; statistics, blocked, eager"
    ):
        LINE.compile(backend="inductor")


class _OneDevice(TorchDispatchMode):
    """Fails where an operation on the device sees a vector of another device, or reads a number from the device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        tensors = [one for one in tree_leaves((args, kwargs, found)) if isinstance(one, Tensor)]
        away = [one for one in tensors if not one.is_meta and one.dim()]
        assert not away or func.overloadpacket.__name__ in ("_to_copy", "stack"), func  # a handful of scalars go there
        assert func.overloadpacket.__name__ not in ("_local_scalar_dense", "nonzero")
        return found


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("backend", ["blocked", "inductor", "eager"])
@pytest.mark.parametrize("name", one_in(6, dx.losses.names()))
def test_everything_stays_on_the_device(name: str, backend: str, dtype: torch.dtype) -> None:
    """On torch's meta device, which has no numbers: a build of torch without CUDA has no other one."""
    loss = dx.losses.get(name)
    columns = {key: torch.empty(50_000, dtype=dtype, device="meta") for key in loss.data}
    plan = Plan(loss, (*loss.parameters, *loss.data), hessian=False)
    kernel: Any = BACKENDS[backend].load().bind(plan, Columns(columns, 50_000, numpy=False))
    point = [0.5] * len(loss.parameters)
    if backend == "inductor":  # its few scalars are put together on the host
        numbers = kernel.begun(point)[1]
    with torch.compiler.set_stance("force_eager"), _OneDevice():
        if backend == "inductor":
            sums, outputs = kernel.reduced(numbers)
            assert sums.is_meta
        else:
            outputs = kernel.outputs(point)
    shapes = [
        (50_000,) if plan.by_sample(key) else () for key in plan.keys if plan.by_sample(key) or backend != "inductor"
    ]
    assert [tuple(one.shape) for one in outputs] == shapes
    assert all(one.is_meta for one in outputs)


def test_sums_stay_on_the_device() -> None:
    columns = [torch.empty(50_000, dtype=torch.float32, device="meta") for _ in range(2)]
    with _OneDevice():
        parts, radii = sums_on_device(columns, (1e8, 0.0), ((0,), (0, 1), (1, 1)), 50_000)
    assert parts.is_meta and parts.shape == (7, 3, slices.PARTS) and radii.shape == (7, 3)


@pytest.mark.backends
@pytest.mark.parametrize("name", ["perpendicular", "poisson", "huber"])
def test_inductor_is_within_what_it_is_allowed(name: str) -> None:
    loss = dx.losses.get(name)
    draw = np.random.default_rng(2)
    columns = {key: torch.as_tensor(draw.uniform(0, 2, 40_000)) for key in loss.data}
    assert excess(loss, dict(loss.default_points[0]), columns, "inductor") <= 1


@pytest.mark.parametrize(
    ("formula", "why"),
    [
        ("exp(a*x)", "exp(a·x) has parameters and data in a function that is no finite sum of products"),
        (f"({' + '.join(f'a**{i}*x**{i}' for i in range(1, 33))})*({' + '.join(f'a**{i}*sin({i}*x)' for i in range(1, 33))})",
         "… is a sum of more than 1,000 products"),
        ("(a + x)**17", "(a + x)¹⁷ is a power above 16 of a sum"),
    ],
)  # fmt: skip
def test_why_there_are_no_sums_is_true(formula: str, why: str) -> None:
    reason = dx.Loss(formula, parameters="a", data="x").compile().explain().others["statistics"]
    assert reason.endswith(why) and len(reason) < 140
