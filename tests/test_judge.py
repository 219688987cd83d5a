"""The contract table: values, bounds and truths in, verdicts and causes out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matrix import DTYPES, UNIT

from diffexplore.checking.enclosures import Enclosures, Status
from diffexplore.checking.judge import Judged, cause_of, judge
from diffexplore.checking.ledger import Ledger
from diffexplore.floating_point import format_of

INF, NAN = math.inf, math.nan


def judged(
    value: float, bound: float, truth: float, *, radius: float = 0.0, status: Status = Status.RESOLVED,
    scale: float = 0.0, dtype: str = "float64", low: float = 0.0, reason: str | None = None,
) -> Judged:  # fmt: skip
    """One comparison."""
    enclosure = Enclosures(np.array([truth]), np.array([low]), np.array([radius]), np.array([status], np.int8))
    return judge(np.array([value]), np.array([bound]), enclosure, scale, getattr(torch, dtype), reason, stepped=None)


def outcome(one: Judged) -> tuple[str, str | None]:
    cause = cause_of(one, 0)
    return one.verdict_of(0), cause.key if cause else None


@pytest.mark.parametrize(
    ("value", "bound", "truth", "expected"),
    [
        (1.0, 0.0, 1.0, ("pass", None)),
        (1.0, 1e-3, 1.0005, ("pass", None)),
        (1.0, 1e-3, 1.0015, ("fail", "exceeds_bound")),
        (1.5, 0.3, 1.0, ("fail", "exceeds_bound")),
        (1.0, 0.4999, 1.0, ("pass", None)),  # smallest detectable just below 1
        (1.0, 0.5, 1.0, ("inconclusive", "no_power")),  # 0 and 2 would pass as well
        (-3.0, 0.5, 1.0, ("fail", "exceeds_bound")),  # a fail needs no power
        (100.0, 3.0, 1.0, ("fail", "exceeds_bound")),
        (NAN, 1e-3, 1.0, ("fail", "nan")),
        (INF, 1e-3, 1.0, ("fail", "nan")),
        (-INF, INF, 1.0, ("fail", "nan")),
        (1.0, INF, 1.0, ("inconclusive", "no_bound")),
        (9.0, INF, 1.0, ("inconclusive", "no_bound")),  # nothing can be certain without a bound
    ],
)
def test_verdict(value: float, bound: float, truth: float, expected: tuple[str, str | None]) -> None:
    assert outcome(judged(value, bound, truth)) == expected


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bound", [0.0, 1e-30])
def test_the_nearest_number_of_the_dtype_is_right_whatever_the_bound(dtype: str, bound: float) -> None:
    """A bound that is smaller is wrong: it is claimed of a kernel, or follows from what is."""
    ulp = float(torch.finfo(getattr(torch, dtype)).eps)
    assert outcome(judged(1.0, bound, 1.0, low=ulp / 4, dtype=dtype)) == ("pass", None)
    assert outcome(judged(1.0 + ulp, bound, 1.0, low=ulp / 4, dtype=dtype)) == ("fail", "exceeds_bound")


def test_what_is_no_number_of_the_dtype_is_not_its_nearest() -> None:
    """A sum of several entries, which is taken in float64."""
    assert outcome(judged(1.0 + 2.0**-26, 1e-30, 1.0, dtype="float32")) == ("fail", "exceeds_bound")


@pytest.mark.parametrize(
    ("value", "bound", "scale", "expected"),
    [
        (0.0, 0.0, 0.0, ("pass", None)),  # a bound of 0 is a proof
        (0.0, 1e-3, 1.0, ("pass", None)),  # rounding hides 0.002, the gradient elsewhere is 1
        (0.0, 0.6, 1.0, ("inconclusive", "no_power")),
        (0.0, 1e-3, 0.0, ("inconclusive", "no_power")),  # the partial is 0 everywhere: nothing to compare with
        (5e-4, 1e-3, 1.0, ("pass", None)),
        (2e-3, 1e-3, 1.0, ("fail", "exceeds_bound")),
        (1e-300, 0.0, 1.0, ("fail", "exceeds_bound")),
        (0.0, INF, 1.0, ("inconclusive", "no_bound")),
    ],
)
def test_verdict_where_the_truth_is_zero(
    value: float, bound: float, scale: float, expected: tuple[str, str | None]
) -> None:
    one = judged(value, bound, 0.0, scale=scale)
    assert outcome(one) == expected
    assert np.isnan(one.detectable[0])
    assert np.isnan(one.error_relative[0])
    assert np.isnan(one.error_ulp[0])
    assert one.detectable_abs[0] == pytest.approx(2 * bound)


def test_a_truth_far_below_the_bound_counts_as_zero() -> None:
    one = judged(1e-9, 1e-2, 1e-9, scale=1.0)
    assert outcome(one) == ("pass", None)
    assert one.detectable_abs[0] == pytest.approx(2e-2)
    # One that is not so far below does not: there 0 would pass as well.
    assert outcome(judged(1e-7, 1e-2, 1e-7, scale=1.0)) == ("inconclusive", "no_power")


@pytest.mark.parametrize(
    ("status", "key"),
    [
        (Status.KINK, "kink"),
        (Status.UNDEFINED, "undefined"),
        (Status.OUTSIDE, "outside_domain"),
        (Status.UNRESOLVED, "unresolved"),
        (Status.OVERFLOW, "overflow"),
    ],
)
def test_no_status_but_resolved_passes(status: Status, key: str) -> None:
    assert outcome(judged(1.0, 1e-3, 1.0, status=status)) == ("inconclusive", key)


def test_only_an_enclosed_truth_can_accuse() -> None:
    """Far off an enclosure that is proved, though wide: a fail. Beside a kink's or a pole's numbers: nothing."""
    assert outcome(judged(9.0, 1e-3, 1.0, radius=0.5, status=Status.UNRESOLVED)) == ("fail", "exceeds_bound")
    for status in (Status.KINK, Status.UNDEFINED, Status.OUTSIDE, Status.OVERFLOW):
        one = judged(9.0, 1e-3, 1.0, status=status)
        assert one.verdict_of(0) == "inconclusive"
        assert np.isnan(one.error[0])


def test_the_radius_of_the_truth_counts() -> None:
    assert outcome(judged(1.0, 1e-3, 1.002)) == ("fail", "exceeds_bound")
    assert outcome(judged(1.0, 1e-3, 1.002, radius=0.0011)) == ("pass", None)
    assert judged(1.0, 1e-3, 1.0, radius=1e-3).detectable[0] == pytest.approx(4e-3)


def test_both_doubles_of_the_truth_count() -> None:
    one = judged(1.0, 2.0**-52, 1.0 + 2.0**-52, low=2.0**-70)
    assert one.error[0] == 2.0**-52 + 2.0**-70
    assert outcome(one) == ("fail", "exceeds_bound")


@given(
    truth=st.floats(-1e3, 1e3).filter(lambda x: abs(x) > 1e-3), relative=st.floats(1e-12, 0.49),
    share=st.floats(0, 0.999), sign=st.sampled_from([-1, 1]),
)  # fmt: skip
def test_power_keeps_its_word(truth: float, relative: float, share: float, sign: int) -> None:
    """Whatever passes, passes no more once it is moved by the smallest detectable error."""
    bound = relative * abs(truth)
    one = judged(truth + sign * share * bound, bound, truth)
    assert one.verdict_of(0) == "pass"
    assert one.detectable[0] == pytest.approx(2 * relative)
    for direction in (-1, 1):
        moved = float(one.value[0]) + direction * float(one.detectable[0]) * abs(truth) * (1 + 1e-12)
        assert judged(moved, bound, truth).verdict_of(0) == "fail"


@pytest.mark.parametrize("dtype", DTYPES)
def test_ulp(dtype: str) -> None:
    form = format_of(getattr(torch, dtype))
    tiny = float(torch.finfo(getattr(torch, dtype)).smallest_normal)
    values = np.array([1.0, 1.5, 2.0, -3.0, tiny, tiny / 4, 0.0])
    expected = np.array([1, 1, 2, 2, tiny, tiny, tiny]) * 2 * UNIT[dtype]
    assert (form.ulp(values) == expected).all()
    after = torch.nextafter(
        torch.tensor(1.5, dtype=getattr(torch, dtype)), torch.tensor(2.0, dtype=getattr(torch, dtype))
    )
    assert float(after) - 1.5 == form.ulp(np.array([1.5]))[0]
    assert judged(1.5 + 3 * expected[1], 1.0, 1.5, dtype=dtype).error_ulp[0] == 3


def test_causes_say_what_they_know() -> None:
    cause = cause_of(judged(1.5, 0.1, 1.0), 0)
    assert cause is not None
    assert cause.fields == {"error": 0.5, "bound": 0.1}
    assert "5 times" in cause.message
    large = cause_of(judged(84212.0, 1e-5, 0.0, scale=1e9), 0)
    assert large is not None
    assert large.message.startswith("the value differs from the truth by 8.42e4, 8.42e9 times ")
    exact = cause_of(judged(1.5, 0.0, 1.0), 0)
    assert exact is not None
    assert "where none is allowed" in exact.message
    unknown = cause_of(judged(1.0, INF, 1.0, reason="no error bound is known for frobnicate"), 0)
    assert unknown is not None
    assert "frobnicate" in unknown.message
    blank = cause_of(judged(1.0, INF, 1.0), 0)
    assert blank is not None
    assert "singularity" in blank.message
    assert cause_of(judged(1.0, 0.1, 1.0), 0) is None


def test_a_vector_is_judged_element_by_element() -> None:
    enclosures = Enclosures(
        np.array([1.0, 1.0, 0.0, 1.0]), np.zeros(4), np.zeros(4),
        np.array([Status.RESOLVED, Status.RESOLVED, Status.RESOLVED, Status.KINK], np.int8),
    )  # fmt: skip
    many = judge(
        np.array([1.0, 2.0, 0.0, 1.0]), np.array([0.1, 0.1, 0.1, 0.1]), enclosures, 5.0, torch.float64, stepped=None
    )
    assert [many.verdict_of(i) for i in range(4)] == ["pass", "fail", "pass", "inconclusive"]


def test_the_worst_samples_are_kept_in_the_order_in_which_they_are_shown() -> None:
    """Two chunks: a fail, what is undecided, passes; errors in ulp decide, and absolute ones where the truth is 0."""
    values, bounds = [1.0, 1.2, 1.1, 5e-4, 2e-4, 1.5, 1.0], [0.0, 0.9, 0.9, 1e-3, 1e-3, 0.1, 1e-9]
    truths = [1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]
    ledger = Ledger("a", "reverse", {"a": 1.0}, "samples")
    for chunk in (slice(0, 4), slice(4, 7)):
        truth = np.array(truths[chunk])
        nothing = np.zeros(len(truth))
        enclosures = Enclosures(truth, nothing, nothing, np.full(len(truth), Status.RESOLVED, np.int8))
        many = judge(np.array(values[chunk]), np.array(bounds[chunk]), enclosures, 1.0, torch.float64, stepped=None)
        ledger.add(many, chunk.start)
    assert [(row.verdict, row.sample) for row in ledger.worst()] == [
        ("fail", 5), ("inconclusive", 1), ("inconclusive", 2), ("pass", 3), ("pass", 4),
    ]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_nan_fails_only_where_the_truth_is_in_range(dtype: str, value: float) -> None:
    largest = torch.finfo(getattr(torch, dtype)).max
    assert outcome(judged(value, INF, largest, dtype=dtype)) == ("fail", "nan")
    assert outcome(judged(value, INF, -largest, dtype=dtype)) == ("fail", "nan")
    assert outcome(judged(value, INF, largest, radius=largest / 2, dtype=dtype)) == ("inconclusive", "overflow")
    if dtype != "float64":
        assert outcome(judged(value, INF, largest * 1.5, dtype=dtype)) == ("inconclusive", "overflow")


@pytest.mark.parametrize("status", [Status.KINK, Status.UNDEFINED, Status.OUTSIDE])
def test_nan_is_no_fail_where_there_is_no_truth(status: Status) -> None:
    assert outcome(judged(NAN, INF, 1.0, status=status))[0] == "inconclusive"


@pytest.mark.parametrize(
    ("value", "left", "expected"),
    [
        (NAN, False, ("inconclusive", "step")),
        (INF, True, ("inconclusive", "step")),
        (1.0, True, ("inconclusive", "step")),  # finite and right, but the step left the domain
        (7.0, True, ("inconclusive", "step")),  # nor does it fail
        (7.0, False, ("fail", "exceeds_bound")),
        (1.0, False, ("pass", None)),
    ],
)
def test_a_step_that_goes_wrong_decides_nothing(value: float, left: bool, expected: tuple[str, str | None]) -> None:
    truth = Enclosures(np.array([1.0]), np.zeros(1), np.zeros(1), np.array([Status.RESOLVED], np.int8))
    one = judge(np.array([value]), np.array([1e-3]), truth, 1.0, torch.float64, stepped=np.array([left]))
    assert outcome(one) == expected
