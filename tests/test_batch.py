"""Batches: every source of data, and the one clear line for data that cannot be used."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from diffexplore import losses
from diffexplore.checking.batch import Batch, make_batch
from diffexplore.checking.synthetic import synthetic_columns
from diffexplore.errors import UsageError
from diffexplore.loss import Loss

LINE = Loss("(a*x + b - y)**2", parameters="a, b", data="x, y")


def refusal(*arguments: Any, **options: Any) -> str:
    with pytest.raises(UsageError) as caught:
        make_batch(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 250
    return message


def array(batch: Batch, name: str) -> np.ndarray:
    column = batch.columns[name]
    assert isinstance(column, np.ndarray)
    return column


# ------------------------------------------------------------------------------------------------------- sources
def test_none_takes_the_default_data() -> None:
    batch = make_batch(losses.get("perpendicular"))
    assert (batch.n, batch.origin, tuple(batch.columns)) == (100, "default data", ("x", "y"))
    assert array(batch, "x")[0] == 1.8834308093613288


def test_a_loss_without_data_is_one_summand() -> None:
    batch = make_batch(Loss("a**2", parameters="a"))
    assert (batch.n, dict(batch.columns)) == (1, {})


@pytest.mark.parametrize(
    "values",
    [
        [1, 2.5], (1, Decimal("2.5")), range(1, 3), np.array([1, 2.5], ">f4"), np.array([0, 2.5, 1])[::-1][:2],
        np.array([True, False]), np.broadcast_to(np.float64(3), 2), np.ma.array([1.0, 2.0]), np.frombuffer(bytes(16)),
    ],
    ids=lambda values: type(values).__name__,
)  # fmt: skip
def test_sequences_and_arrays_become_float64_that_a_tensor_can_share(values: Any) -> None:
    batch = make_batch(LINE, {"x": values, "y": [0, 0], "further": ["not", "used"]})
    x = array(batch, "x")
    assert batch.n == 2 and tuple(batch.columns) == ("x", "y")
    assert x.dtype == np.float64 and x.dtype.isnative and x.flags.writeable and x.flags.c_contiguous
    assert x.tolist() == [float(value) for value in values]


@pytest.mark.parametrize("dtype", [torch.float8_e5m2, torch.float8_e4m3fn])
def test_floats_of_8_bits_become_float64(dtype: torch.dtype) -> None:
    """Torch has neither arithmetic nor ``isfinite`` for all of them."""
    x = torch.tensor([1.5, -2.0, 4.0]).to(dtype)
    batch = make_batch(LINE, {"x": x, "y": x})
    assert batch.tensors()["x"].dtype == torch.float64 and batch.tensors()["x"].tolist() == [1.5, -2.0, 4.0]
    for backend in ("statistics", "blocked", "eager"):
        assert LINE.compile(backend=backend)({"a": 0, "b": 0}, {"x": x, "y": x}).value == (1.5**2 + 4 + 16) / 3
    assert "row 2 (index 1), column 'x': nan is not finite" in refusal(
        LINE, {"x": torch.tensor([1.0, float("nan")]).to(dtype), "y": [0, 0]}
    )


@pytest.mark.parametrize("values", ["reversed", "of a record"])
def test_a_single_number_may_have_any_stride(values: str) -> None:
    """NumPy takes it for contiguous, but no tensor can share it."""
    one = np.array([1.5, 2.5])[::-1][:1] if values == "reversed" else np.array([(2.5, 7)], "f8, i4")["f0"]
    assert one.flags.c_contiguous and one.strides != (8,)
    assert make_batch(LINE, {"x": one, "y": [0]}).tensors()["x"].tolist() == [2.5]
    found = LINE.compile(backend="blocked")({"a": 1, "b": 0}, {"x": one, "y": np.zeros(1)})
    assert found.value == 6.25 and found.gradient["b"] == 5


def test_tensors_are_kept_as_given_but_detached() -> None:
    x = torch.tensor([1.0, 2.0], dtype=torch.bfloat16, requires_grad=True)
    batch = make_batch(LINE, {"x": x, "y": torch.tensor([3, 4])})
    kept, counted = batch.columns["x"], batch.columns["y"]
    assert isinstance(kept, torch.Tensor) and isinstance(counted, torch.Tensor)
    assert (kept.dtype, kept.requires_grad, kept.data_ptr()) == (torch.bfloat16, False, x.data_ptr())
    assert counted.dtype == torch.float64 and counted.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("as_text", [True, False])
def test_a_path_is_read(tmp_path: Path, as_text: bool) -> None:
    path = tmp_path / "points.csv"
    path.write_text("label,y,x\nfirst,1,2\nsecond,3,4\n")
    batch = make_batch(LINE, str(path) if as_text else path)
    assert (batch.n, batch.origin) == (2, str(path))
    assert {name: array(batch, name).tolist() for name in batch.columns} == {"x": [2.0, 4.0], "y": [1.0, 3.0]}


# ----------------------------------------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([], "data: column 'x' is empty: at least one row is needed"),
        ([1.0, float("nan")], "data: row 2 (index 1), column 'x': nan is not finite"),
        ([-np.inf, 1.0], "data: row 1 (index 0), column 'x': -inf is not finite"),
        (torch.tensor([1.0, 2.0, torch.inf]), "data: row 3 (index 2), column 'x': inf is not finite"),
        ([1.0, "two"], "data: row 2 (index 1), column 'x': 'two' is not a real number"),
        (["1", "2"], "data: row 1 (index 0), column 'x': '1' is not a real number"),
        ([1.0, None], "data: row 2 (index 1), column 'x': None is not a real number"),
        ([1, 10**400], "data: row 2 (index 1), column 'x': the number is too large for float64"),
        (np.ma.array([1.0, 2.0], mask=[False, True]), "data: row 2 (index 1), column 'x': the value is masked"),
        (
            np.array(["2020-01-01"], "M8[D]"),
            "data: row 1 (index 0), column 'x': np.datetime64('2020-01-01') is not a r",
        ),
        ([1j, 2.0], "data: column 'x' is complex: data is real"),
        (torch.ones(2, dtype=torch.complex64), "data: column 'x' is complex: data is real"),
        (3.0, "data: column 'x' has 0 dimensions, shape (): it needs one number for each sample, shape (n,)"),
        ({1.0, 2.0}, "data: column 'x' has 0 dimensions"),
        ("12", "data: column 'x' has 0 dimensions"),
        (np.ones((2, 3)), "data: column 'x' has 2 dimensions, shape (2, 3): it needs one number"),
        (torch.ones(2, 1), "data: column 'x' has 2 dimensions, shape (2, 1): it needs one number"),
        ([[1.0], [1.0, 2.0]], "data: column 'x' is nested: it needs one number for each sample"),
        (torch.ones(2).to_sparse(), "data: column 'x' is not a dense tensor with values"),
        (torch.ones(2, device="meta"), "data: column 'x' is not a dense tensor with values"),
        ([1.0, 2.0, 3.0], "data: column 'x' has 3 rows but column 'y' has 2: every column needs one value for each"),
    ],
)
def test_an_unusable_column_is_refused(x: Any, message: str) -> None:
    assert refusal(LINE, {"x": x, "y": [1.0, 2.0]}).startswith(message)


def test_a_missing_column_is_named_with_the_nearest_one() -> None:
    loss = Loss("a*width", parameters="a", data="width")
    assert refusal(loss, {"widht": [1.0]}) == "data: no column 'width': did you mean 'widht'?"
    assert refusal(LINE, {"X": [1.0], "y": [1.0]}) == "data: no column 'x': did you mean 'X'?"
    many = {f"column{number}": [1.0] for number in range(20)}
    assert refusal(LINE, many).endswith("column6, column7 and 12 more")
    assert refusal(LINE, {}) == "data: no column 'x': its columns are none"


def test_data_of_a_wrong_kind_is_refused() -> None:
    message = "data should map the name of each column to its values, or be the path of a file or a folder, not list"
    assert refusal(LINE, [[1.0, 2.0]]) == message


def test_data_and_points_exclude_each_other() -> None:
    assert refusal(LINE, {"x": [1.0], "y": [1.0]}, n_points=5) == (
        "give either data or a number of synthetic samples, not both"
    )


def test_a_loss_without_data_refuses_data() -> None:
    loss = Loss("a**2", parameters="a")
    message = "the loss has no data symbols: leave out the data and the number of samples"
    assert refusal(loss, {"x": [1.0]}) == message
    assert refusal(loss, n_points=5) == message


def test_a_loss_without_data_of_its_own_asks_for_it() -> None:
    assert refusal(LINE) == "the loss has no data of its own: give values for x, y, or a number of samples"


@pytest.mark.parametrize("n_points", [0, -1, True, 2.5, math.nan, math.inf, "5", 10**9])
def test_an_unusable_number_of_points_is_refused(n_points: Any) -> None:
    expected = f"the number of samples should be a whole number from 1 to 100,000,000, not {n_points!r}"
    assert refusal(LINE, n_points=n_points) == expected


@pytest.mark.parametrize("n_points", [3.0, np.int32(3), np.float32(3), Fraction(6, 2), Decimal("3.00")])
def test_a_whole_number_of_points_may_be_written_in_any_way(n_points: Any) -> None:
    assert make_batch(LINE, n_points=n_points).n == 3


@pytest.mark.parametrize("seed", [-1, 1.5, True, None])
def test_an_unusable_seed_is_refused(seed: Any) -> None:
    assert refusal(LINE, n_points=3, seed=seed) == f"the seed should be a whole number from 0, not {seed!r}"


# ----------------------------------------------------------------------------------------------- synthetic points
def test_synthetic_points_repeat_for_a_seed_only() -> None:
    first = make_batch(LINE, n_points=1000, seed=1)
    assert (first.n, tuple(first.columns)) == (1000, ("x", "y"))
    assert np.array_equal(array(first, "x"), array(make_batch(LINE, n_points=1000, seed=1), "x"))
    assert not np.array_equal(array(first, "x"), array(make_batch(LINE, n_points=1000, seed=2), "x"))
    assert not np.array_equal(array(first, "x"), array(first, "y"))
    assert array(first, "x").min() < -1.9 and array(first, "x").max() > 1.9


@pytest.mark.parametrize("n_points", [1, 7, 100_000])
def test_as_many_synthetic_points_as_asked_for(n_points: int) -> None:
    columns = synthetic_columns(losses.get("logistic"), n_points)
    assert {len(column) for column in columns.values()} == {n_points}


@pytest.mark.parametrize(
    ("formula", "domain", "low", "high"),
    [
        ("a*x", "x > 0", 0, 2),
        ("a*x", ("x >= 0.01", "x < 0.05"), 0.01, 0.05),
        ("a*x", "x > 50", 50, 100),
        ("a*log(x)", None, 0, 2),
        ("a + acosh(x)", None, 1, 2),
        ("a*sqrt(x - 300)", None, 300, 1000),
        ("a*where(x > 0, log(x), x)", None, -2, 2),
        ("where(x > 0, a*log(x), a*x)", None, -2, 2),
    ],
)
def test_synthetic_points_lie_where_the_loss_is_defined(
    formula: str, domain: str | tuple[str, ...] | None, low: float, high: float
) -> None:
    loss = Loss(formula, parameters="a", data="x", domain=domain)
    x = synthetic_columns(loss, 500, seed=3)["x"]
    spread = high - low
    assert low <= x.min() < low + spread / 10
    assert high - spread / 10 < x.max() <= high


def test_synthetic_points_suit_every_point_that_is_given() -> None:
    loss = Loss("log(a*x + b)", parameters="a, b", data="x")
    points = ({"a": 1.0, "b": 1.0}, {"a": -1.0, "b": 0.5})
    x = synthetic_columns(loss, 500, points=points)["x"]
    assert -1 < x.min() < -0.9 and 0.4 < x.max() < 0.5
    free = synthetic_columns(loss, 500)["x"]
    assert free.min() < -1.9 and free.max() > 1.9


def test_a_singular_point_or_summand_does_not_stop_synthetic_points() -> None:
    loss = Loss("sqrt(x) + log(a)", parameters="a", data="x")
    assert synthetic_columns(loss, 500, points=({"a": 1.0}, {"a": -1.0}))["x"].min() > 0
    nowhere_real = Loss("a*log(-1 - x**2)", parameters="a", data="x", domain="x > 1")
    assert 1 < synthetic_columns(nowhere_real, 500)["x"].min() < 1.1


def test_conditions_on_parameters_alone_or_with_data() -> None:
    loss = Loss("a*x + b", parameters="a, b", data="x", domain=("b > 0", "x < a"))
    assert synthetic_columns(loss, 500)["x"].max() > 1.9
    assert 0.9 < synthetic_columns(loss, 500, points=({"a": 1.0, "b": 1.0},))["x"].max() < 1


@pytest.mark.parametrize("domain", [("x > 1", "x**2 < 0.5"), "x**2 + 1 < x", "x > 1e9"])
def test_a_domain_without_points_is_said(domain: str | tuple[str, ...]) -> None:
    loss = Loss("a*x", parameters="a", data="x", domain=domain)
    assert refusal(loss, n_points=5) == (
        "found no synthetic values of x in the domain of the loss: give the data instead"
    )
