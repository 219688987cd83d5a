"""The checker itself is tested: wrong gradients must fail, above the power that each pass states."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

import pytest
import sympy
import torch
from matrix import DTYPES, METHODS, Recorder, expected_skip, few_samples
from planted import Change, TamperedEntry, each, one_sample, registered, swapped, values_times
from representatives import each_value, one_in, these

from diffexplore import Loss, check, losses, methods
from diffexplore.checking.batch import make_batch
from diffexplore.checking.records import Report, Row
from diffexplore.checking.run import run_check
from diffexplore.methods.base import Estimates
from diffexplore.methods.symbolic import ClosedFormMethod
from diffexplore.program.program import lower

POINT = {"a": 1.5, "b": -0.5}
GROSS: dict[str, Change] = {
    "doubled": values_times(2),
    "halved": values_times(0.5),
    "negated": values_times(-1),
    "zero": values_times(0),
    "a constant instead": each(lambda value: torch.ones_like(value)),
    "swapped": swapped,
    "one sample doubled": one_sample(3, lambda value: value * 2),
    "one sample zero": one_sample(3, lambda value: value * 0),
}

OPTIMUM_DATA = {"x": [1.0, 2.0, 3.0, 4.0, 5.0], "y": [1.25, 1.75, 3.5, 3.5, 5.0]}


def streamed(
    loss: Loss, data: Mapping[str, list[float]], at: Mapping[str, float], dtype: str
) -> tuple[Report, list[Row]]:
    recorder = Recorder()
    report = run_check(loss, make_batch(loss, data), [at], dtype=dtype, listener=recorder)
    return report, recorder.rows


# ------------------------------------------------------------------------------------------------------ gross errors
def of_two_methods(dtype: str) -> Report:
    return check("squared_error", few_samples("squared_error"), POINT, methods=["symbolic", "reverse"], dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_without_an_error_nothing_fails(dtype: str) -> None:
    assert of_two_methods(dtype).summary.failed == 0


@pytest.mark.parametrize(("kind", "dtype"), each_value(list(GROSS), DTYPES))
def test_a_gross_error_fails(kind: str, dtype: str) -> None:
    with registered({"reverse": GROSS[kind]}):
        report = of_two_methods(dtype)
    assert report.verdict == "fail"
    failed = [row for row in report.rows if row.verdict == "fail"]
    assert {row.method for row in failed} == {"reverse"}
    assert all(row.cause is not None and row.cause.key == "exceeds_bound" for row in failed)
    if kind.startswith("one sample"):
        assert {row.sample for row in failed} == {3}
    else:
        assert {row.sample is None for row in failed} == {True, False}


@pytest.mark.parametrize("method", one_in(2, METHODS))
def test_every_method_is_caught_doubling(method: str) -> None:
    with registered({method: values_times(2)}):
        report = check("perpendicular", few_samples("perpendicular"), POINT, methods=method)
    assert report.verdict == "fail"


@pytest.mark.parametrize("exponent", range(3, 13, 3))
def test_a_small_relative_error_above_the_power_fails(exponent: int) -> None:
    size = 10.0**-exponent
    with registered({"symbolic": values_times(1 + size)}):
        report = check("perpendicular", None, {"a": 0.5, "b": 2.0}, methods="symbolic")
    for row in report.rows:
        if row.sample is None:
            assert row.smallest_detectable is not None
            assert row.smallest_detectable < 1e-12
            assert row.verdict == "fail"
    assert report.verdict == "fail"


def test_one_sample_in_a_thousand_is_named() -> None:
    """One data partial of 1,000 set to zero: the fast mode of torch's gradcheck accepts it from 100 on."""
    data = {"x": [0.01 * i + 0.3 for i in range(1000)], "y": [0.02 * i - 1.0 for i in range(1000)]}
    with registered({"vmap": one_sample(617, lambda value: value * 0)}):
        report = check("perpendicular", data, POINT, wrt="x", methods=["vmap", "symbolic"])
    assert report.verdict == "fail"
    assert [(row.sample, row.method) for row in report.rows if row.verdict == "fail"] == [(617, "vmap")]
    assert report.summary.failed == 1


class _Fixed:
    """Picks a fixed program, whatever the problem."""

    def __init__(self, expressions: list[sympy.Expr], inputs: tuple[str, ...]) -> None:
        self._program = lower(expressions, inputs)

    def __call__(self, problem: object) -> object:
        return self._program


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_missing_term_fails(monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    """A formula from a slip of the pen, watched like any other: its bound is right, its value is not."""
    loss = losses.get("perpendicular")
    right = loss.gradient().raw
    whole = sympy.expand(right["a"])
    wrong = sympy.Add(*sympy.Add.make_args(whole)[:-1])
    for partials, verdict in (([whole, right["b"]], 0), ([wrong, right["b"]], 1)):
        method = ClosedFormMethod(_Fixed(partials, (*loss.parameters, *loss.data)), exact=True)  # type: ignore[arg-type]
        entry = TamperedEntry("by_hand", "a formula by hand", method)
        monkeypatch.setattr(methods, "_ENTRIES", (entry,))
        report = check(loss, {"x": [1.0, 2.0, -1.5], "y": [0.5, -3.0, 4.0]}, {"a": 0.75, "b": 0.5}, dtype=dtype)
        assert (report.summary.failed > 0) is bool(verdict)
        assert {row.parameter for row in report.rows if row.verdict == "fail"} == ({"a"} if verdict else set())


@pytest.mark.parametrize("factor", [2.0, -1.0, 0.0])
def test_at_the_optimum_the_wrong_gradient_fails(factor: float) -> None:
    """The reduced gradient is 0 there, so twice, minus and no gradient are the same; the samples are not."""
    loss = losses.get("squared_error")
    at = {"a": 0.9, "b": 0.3}  # the least-squares line of OPTIMUM_DATA
    honest = check(loss, OPTIMUM_DATA, at, methods="reverse")
    assert honest.verdict == "pass"
    with registered({"reverse": values_times(factor)}):
        report = check(loss, OPTIMUM_DATA, at, methods="reverse")
    assert report.verdict == "fail"
    assert any(row.verdict == "fail" and row.probe is not None and "sub-batch" in row.probe for row in report.rows)


# -------------------------------------------------------------------------------------------------- the stated power
Key = tuple[str, str, int | None]


def moved_to(values: Mapping[Key, float], method: str) -> Change:
    """The values of one method replaced by those given for its reduced partials and samples."""

    def change(estimates: Estimates, reduced: bool) -> Estimates:
        changed = {}
        for name, estimate in estimates.items():
            samples: list[int | None] = [None] if reduced else list(range(len(estimate.value)))
            own = [values.get((name, method, i), 0.0) for i in samples]
            changed[name] = replace(
                estimate, value=torch.tensor(own, dtype=torch.float64).reshape(estimate.value.shape)
            )
        return changed

    return change


@cache
def honest(name: str, dtype: str) -> tuple[Row, ...]:
    """The rows of a loss as they are, which several tests plant errors in."""
    loss = losses.get(name)
    return tuple(streamed(loss, few_samples(name, 4), loss.default_points[-1], dtype)[1])


def rerun(name: str, dtype: str, values: Mapping[Key, float]) -> dict[Key, Row]:
    """The rows of a check in which every method gives the values that are planted for it."""
    loss = losses.get(name)
    with registered({method: moved_to(values, method) for method in {key[1] for key in values}}):
        _, rows = streamed(loss, few_samples(name, 4), loss.default_points[-1], dtype)
    return by_key(rows)


def by_key(rows: Iterable[Row]) -> dict[Key, Row]:
    return {(row.parameter, row.method, row.sample): row for row in rows if row.probe is None}


def detectable(row: Row) -> float:
    """The smallest detectable error in the units of the partial; the least there is where every error is detectable."""
    assert row.truth is not None
    assert row.value is not None
    size = row.smallest_detectable_abs
    if row.smallest_detectable is not None:
        size = row.smallest_detectable * abs(float(row.truth.mid))
    assert size is not None
    return max(size, abs(row.value) * 2.0**-52, 2.0**-1070)


#: A quotient and a loss with a kink in bfloat16, one without parameters and one with an exponential in float16. Those
#: that run each time share the honest rows of the quotient with the test below.
STATED = [
    *((name, dtype) for name in ("perpendicular", "absolute_error", "graph_sum", "poisson") for dtype in ("float64", "float32")),
    ("perpendicular", "bfloat16"), ("absolute_error", "bfloat16"), ("graph_sum", "float16"), ("poisson", "float16"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "dtype"),
    these(
        [
            ("perpendicular", "float64"),
            ("absolute_error", "bfloat16"),
        ],
        STATED,
    ),
)
def test_an_error_of_the_stated_size_always_fails(name: str, dtype: str) -> None:
    rows = honest(name, dtype)
    assert {row.method for row in rows} == {m for m in METHODS if not expected_skip(name, m, dtype)}
    passed = [row for row in by_key(rows).values() if row.verdict == "pass" and row.value is not None]
    assert passed
    away: dict[Key, float] = {}
    for i, row in enumerate(passed):
        assert row.value is not None
        away[row.parameter, row.method, row.sample] = row.value + (-1) ** i * detectable(row)
    again = rerun(name, dtype, away)
    assert [again[key] for key in away if again[key].verdict != "fail"] == []


@pytest.mark.parametrize(
    ("sign", "dtype"),
    these([(1.0, "float64"), (-1.0, "float32")], itertools.product([1.0, -1.0], DTYPES)),
)
def test_an_error_within_the_bound_never_fails(sign: float, dtype: str) -> None:
    """The other side: a value anywhere within its bound of the truth is not accused."""
    edge: dict[Key, float] = {}
    for key, row in by_key(honest("perpendicular", dtype)).items():
        assert row.truth is not None
        if row.bound is not None:
            truth = float(row.truth.mid)
            value = truth + sign * row.bound
            for _ in range(2):  # two roundings to double were made
                value = math.nextafter(value, truth)
            edge[key] = value
    again = rerun("perpendicular", dtype, edge)
    looked_at = [again[key] for key in edge]
    assert [row for row in looked_at if row.verdict == "fail"] == []
    for row in looked_at:
        assert row.error_abs is not None
        assert row.error_abs >= (row.bound or 0.0) - 3 * math.ulp(row.value or 0.0)
