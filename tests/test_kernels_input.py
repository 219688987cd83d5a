"""What a kernel takes as data, as a point and as options, and what it refuses in one line."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
import torch

import diffexplore as dx

AT = {"a": 0.5, "b": 1.0}
LINE = dx.losses.get("perpendicular")
UNCOMPILED = ("statistics", "blocked", "eager")


@pytest.mark.parametrize("backend", ["auto", *UNCOMPILED])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"x": np.array([1.0, np.nan]), "y": np.ones(2)}, r"row 2 \(index 1\), column 'x': nan is not finite"),
        ({"x": torch.ones(2), "y": torch.tensor([np.inf, 1.0])}, r"row 1 \(index 0\), column 'y': inf is not finite"),
        ({"x": np.array([]), "y": np.array([])}, "column 'x' is empty"),
        ({"x": np.ones(3)}, "no column 'y'"),
        ({"x": np.ones(3), "y": np.ones(2)}, "column 'x' has 3 rows but column 'y' has 2"),
        ({"x": np.ones((3, 1)), "y": np.ones(3)}, "column 'x' has 2 dimensions"),
        ({"x": ["one"], "y": [1]}, "'one' is not a real number"),
        ({"x": np.ones(2, complex), "y": np.ones(2)}, "column 'x' is complex"),
    ],
)  # fmt: skip
def test_data_that_cannot_be_used(data: Any, message: str, backend: str) -> None:
    with pytest.raises(dx.UsageError, match=message):
        LINE.compile(backend=backend)(AT, data)


@pytest.mark.parametrize("backend", ["auto", *UNCOMPILED])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("formula", ["a*Piecewise((1, x > 0), (0, True))", "a**2 + 0*x", "a*atan(x) + a**2"])
def test_numbers_that_no_result_shows_are_refused_as_well(formula: str, bad: float, backend: str) -> None:
    kernel = dx.Loss(formula, parameters="a", data="x").compile(backend=backend)
    for x in (np.array([1.0, bad, 2.0]), torch.tensor([1.0, bad, 2.0], dtype=torch.float16)):
        with pytest.raises(dx.UsageError, match=r"row 2 \(index 1\), column 'x': -?(nan|inf) is not finite"):
            kernel.bind({"x": x})


def test_columns_whose_sum_overflows_are_taken() -> None:
    x = torch.full((3,), 65504.0, dtype=torch.float16)
    loss = dx.Loss("a*sin(x)", parameters="a", data="x")
    for backend in UNCOMPILED:
        assert abs(loss.compile(backend=backend)({"a": 1.0}, {"x": x}).value - float(mpmath.sin(65504))) < 1e-3


@pytest.mark.parametrize(
    ("options", "at", "message"),
    [
        ({"backend": "cuda"}, AT, "unknown backend 'cuda'"),
        ({"wrt": "c"}, AT, "unknown symbol 'c'"),
        ({"wrt": "a, a"}, AT, "given twice"),
        ({"wrt": "x", "backend": "statistics"}, AT, "a partial by data has a number for each sample"),
        ({}, {"a": 1.0}, "has no value for b"),
        ({}, {"a": 1.0, "b": float("nan")}, "not a finite number"),
    ],
)  # fmt: skip
def test_arguments_that_cannot_be_used(options: dict[str, Any], at: dict[str, float], message: str) -> None:
    with pytest.raises(dx.UsageError, match=message):
        LINE.compile(**options)(at)


def test_second_partials_of_a_sign_are_numbers_in_memory() -> None:
    """Torch keeps these zeros nowhere."""
    loss = dx.Loss("abs(x - a)*b", parameters="a, b", data="x")
    found = loss.compile(wrt=["a", "x"], hessian=True, backend="eager")(
        {"a": 2.0, "b": 0.5}, {"x": np.array([1.0, 3.0])}
    )
    assert found.hessian is not None and found.hessian["a", "x"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("backend", UNCOMPILED)
def test_data_that_torch_keeps_with_the_opposite_sign(backend: str) -> None:
    x = torch.complex(torch.zeros(3), torch.tensor([-1.0, -3.0, -4.5])).conj().imag
    assert x.is_neg()
    found = dx.Loss("a*x", parameters="a", data="x", reduction="sum").compile(backend=backend)({"a": 2.0}, {"x": x})
    assert found.value == 17.0 and found.gradient["a"] == 8.5


@pytest.mark.parametrize(
    ("at", "message"),
    [([{"a": 1.0}, {"a": 2.0}], "takes one point at a time, and 2 are given"), ([1.0], "to a number, .*, not 1.0$")],
)
def test_a_kernel_takes_one_point(at: Any, message: str) -> None:
    kernel = dx.Loss("a*x", parameters="a", data="x").compile()
    with pytest.raises(dx.UsageError, match=message):
        kernel(at, {"x": [1.0, 2.0]})
    assert kernel([{"a": 2.0}], {"x": [1.0, 2.0]}).value == 3.0
