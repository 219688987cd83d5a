"""Double-double balls of torch's tensors are those of NumPy's arrays, bit by bit, so that a GPU computes truths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from flint import arb
from representatives import each_value, one_in

import diffexplore as dx
from diffexplore.arithmetic import vectors
from diffexplore.arithmetic.double_balls import DoubleBall, enclosing, exact, exact_samples, total
from diffexplore.arithmetic.double_functions import DOUBLE_BALLS, DOUBLE_CASES, DOUBLE_SMOOTH
from diffexplore.checking import device_truth, evaluate, fast_truth
from diffexplore.checking.device_truth import NAMES, balls, computes_alike, differing
from diffexplore.checking.fast_truth import VectorProgram, totals
from diffexplore.checking.staged import RunningMode
from diffexplore.formula.parse import parse
from diffexplore.program.program import lower
from diffexplore.torch_private.tracing import FakeTensorMode

CPU = torch.device("cpu")

#: Formulas that together have every operation of double-double balls, conditions included.
EVERYTHING = (
    "a*x - y/b + x**2*sqrt(y**2 + 1)",
    "exp(-a*x)*sin(b*y) + cos(x)*tan(y/4) + expm1(x/9)",
    "log(x**2 + b) + log1p(y**2)*tanh(a*x) + sigmoid(y) + softplus(x) + atan(x*y)",
    "where(x > a and y <= b, abs(x - y), max(x, y)) + min(x, a)*sign(y) + heaviside(x)",
    "sinh(x/8)*cosh(y/8) + asinh(a*x) + erf(y) + (x**2 + 1)**b + sinc(x)",
)


def on_torch(ball: DoubleBall) -> DoubleBall:
    return DoubleBall(*(torch.from_numpy(field.copy()) if np.ndim(field) else field for field in ball))


def alike(one: DoubleBall, other: DoubleBall) -> bool:
    fields = [vectors.host(field) for field in other]
    known = np.isfinite(one.radius)
    assert np.array_equal(known, np.isfinite(fields[2]))
    return all(
        np.array_equal(np.broadcast_to(a, known.shape)[known], np.broadcast_to(b, known.shape)[known])
        for a, b in zip(one, fields, strict=True)
    )


# ------------------------------------------------------------------------------------------------------- operations
@pytest.mark.parametrize(("name", "arithmetic"), each_value(NAMES, [DOUBLE_BALLS, DOUBLE_CASES, DOUBLE_SMOOTH]))
def test_torch_computes_the_same_bits(name: str, arithmetic: Any) -> None:
    assert differing(name, CPU, 7, arithmetic) == 0


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow", "max", "min"])
def test_numbers_beside_vectors_give_the_same_bits(name: str) -> None:
    operation, vector = DOUBLE_CASES.operations[name], balls(2000, 3)
    doubles = exact_samples(vector.high), exact_samples(torch.from_numpy(vector.high.copy()))
    for number in (exact(3.1), exact(0.0), enclosing(arb(1) / 3)):
        with np.errstate(all="ignore"):
            assert alike(operation(vector, number), operation(on_torch(vector), number))
            assert alike(operation(number, vector), operation(number, on_torch(vector)))
            assert alike(operation(doubles[0], number), operation(doubles[1], number))
            assert alike(operation(doubles[0], vector), operation(doubles[1], on_torch(vector)))


def test_conditions_decide_alike() -> None:
    x, y = balls(2000, 1), balls(2000, 2)
    for arithmetic in (DOUBLE_BALLS, DOUBLE_CASES):
        run = arithmetic.operations
        for name in ("lt", "le", "gt", "ge", "eq", "ne"):
            for other in (y, x, exact(1.0)):
                with np.errstate(all="ignore"):
                    here = run["and"](run[name](x, other), run["not"](run["or"](run["eq"](x, y), exact(0.0))))
                    there = run["and"](
                        run[name](on_torch(x), on_torch(other)),
                        run["not"](run["or"](run["eq"](on_torch(x), on_torch(y)), exact(0.0))),
                    )
                    for a, b in zip(here, there, strict=True):
                        assert np.array_equal(a, vectors.host(b)), name
                    assert alike(run["where"](here, x, y), run["where"](there, on_torch(x), on_torch(y)))


def test_a_device_that_divides_by_reciprocals_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = vectors.divide

    def careless(dividend: Any, divisor: Any) -> Any:
        if vectors.of_torch(dividend, divisor):
            return dividend * honest(1.0, divisor)
        return honest(dividend, divisor)

    assert computes_alike.__wrapped__(CPU)
    monkeypatch.setattr(vectors, "divide", careless)
    assert not computes_alike.__wrapped__(CPU)


def test_a_flushed_subnormal_number_is_not_taken_for_zero() -> None:
    numbers = torch.tensor([5e-324, 0.0, -0.0, 2.0**-1022, 1.0], dtype=torch.float64)
    torch.set_flush_denormal(True)
    try:
        radius = exact(numbers).radius.tolist()
    finally:
        torch.set_flush_denormal(False)
    assert radius == [np.inf, 0.0, 0.0, np.inf, 0.0]


@pytest.mark.parametrize("n", [1, 3, 8, 30])
def test_sums_of_blocks_are_those_of_each_block(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_truth, "BLOCK", 8)
    ball = DoubleBall(*(field[100 : 100 + n] for field in balls(2000, 4)))
    found = totals(on_torch(ball))
    for place, first in enumerate(range(0, n, 8)):
        here = total(DoubleBall(*(field[first : first + 8] for field in ball)))
        assert alike(DoubleBall(*map(np.atleast_1d, here)), DoubleBall(*(field[place : place + 1] for field in found)))


# ----------------------------------------------------------------------------------------------------------- checks
def _document(formula: str, dtype: str) -> dict[str, Any]:
    loss = dx.Loss(formula, parameters="a, b", data="x, y")
    draw = np.random.default_rng(5)
    data = {"x": draw.normal(size=300), "y": draw.normal(size=300)}
    data["x"][:40] = np.round(data["x"][:40])  # kinks, ties and exact zeros among them
    report = dx.check(loss, data, {"a": 1.0, "b": 0.75}, wrt="a, b, x", methods="symbolic, reverse", dtype=dtype)
    return {name: part for name, part in report.to_dict().items() if name != "environment"}


@pytest.mark.parametrize("formula", one_in(5, EVERYTHING))
def test_a_check_with_truths_from_torch_is_the_same(formula: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_truth, "BLOCK", 128)
    in_numpy, used = _document(formula, "float64"), []
    monkeypatch.setattr(evaluate, "runs_truth", lambda device, n: used.append(n) or n >= 128)
    assert _document(formula, "float64") == in_numpy
    assert max(used) >= 128


def test_a_processor_keeps_numpy() -> None:
    assert not device_truth.runs_truth(CPU, 10**9)


# ------------------------------------------------------------------------------------------------------ other devices
@pytest.fixture
def fake() -> Iterator[None]:
    """Tensors of which only device, dtype and shape are known; what asks for their numbers raises."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


@pytest.mark.parametrize(
    ("formula", "arithmetic"),
    [*one_in(2, [(formula, DOUBLE_BALLS) for formula in EVERYTHING], first=1), (EVERYTHING[3], DOUBLE_SMOOTH)],
)
def test_a_gpu_is_never_waited_for(formula: str, arithmetic: Any, fake: None) -> None:
    program = lower([parse(formula)], ["a", "b", "x", "y"])
    mode = RunningMode(arithmetic, exact_samples, {"x": fast_truth.nearby}, DOUBLE_CASES, ("x", "b"))
    runs = VectorProgram(program, mode, {"a": 1.5, "b": 0.75}, ["x", "y"])
    columns = {name: torch.empty(40_000, dtype=torch.float64, device="cuda") for name in ("x", "y")}
    ((here, (ball,)),) = runs.blocks(columns, 40_000)
    assert here == slice(0, 40_000)
    for field in ball:
        assert (field.device.type, field.dtype, field.shape) == ("cuda", torch.float64, (40_000,))
    tight = fast_truth.Tightness(2.0**-62, 2.0**-1074).holds(ball, torch.empty(40_000, device="cuda").double())
    kept = fast_truth.only(ball, tight)
    assert {field.device.type for field in (*kept, *total(kept))} == {"cuda"}


@pytest.mark.gpu
def test_a_gpu_computes_the_same_bits() -> None:
    device = torch.device("cuda")
    assert {name: differing(name, device, 7) for name in NAMES} == dict.fromkeys(NAMES, 0)
    assert computes_alike(device)


@pytest.mark.gpu
def test_a_check_on_a_gpu_has_the_truths_of_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    loss = dx.losses.get("perpendicular")
    draw = np.random.default_rng(1)
    data = {name: draw.normal(size=100_000) for name in loss.data}
    settings: dict[str, Any] = {"methods": "symbolic", "device": "cuda"}
    there = dx.check(loss, data, **settings)
    monkeypatch.setattr(evaluate, "runs_truth", lambda device, n: False)
    here = dx.check(loss, data, **settings)
    truths = [[(row.parameter, row.sample, row.truth) for row in report.rows] for report in (there, here)]
    assert truths[0] == truths[1]
