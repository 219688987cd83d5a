"""The truth is the derivative of the formula as it is written: data decide cases, and both sides decide corners."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import flint
import mpmath
import numpy as np
import pytest
import torch
from representatives import slow

import diffexplore as dx
from diffexplore.checking.evaluate import Evaluator
from diffexplore.checking.records import Row
from diffexplore.checking.synthetic import synthetic_columns
from diffexplore.methods.problem import Problem

Data = Mapping[str, Sequence[float]]


def _rows(formula: str, wrt: str, at: dict[str, float], data: Data | None, method: str = "reverse") -> list[Row]:
    names = sorted(at)
    report = dx.check(
        dx.Loss(formula, parameters=names, data=sorted(data or {})),
        {key: list(column) for key, column in (data or {}).items()}, at, methods=method, wrt=wrt,
    )  # fmt: skip
    return [row for row in report.rows if row.probe is None]


def _reduced(formula: str, wrt: str, at: dict[str, float], data: Data | None = None) -> Row:
    return next(row for row in _rows(formula, wrt, at, data) if row.sample is None)


def _assert_truth(row: Row, expected: str | float) -> None:
    assert row.truth is not None, row.cause
    mid, rad = mpmath.mpf(row.truth.mid), mpmath.mpf(row.truth.rad)
    with mpmath.workdps(40):
        assert abs(mid - mpmath.mpf(expected)) <= rad + abs(mpmath.mpf(expected)) * mpmath.mpf(2) ** -51
    assert row.cause is None or row.cause.key not in ("kink", "undefined", "unresolved", "overflow")


# ------------------------------------------------------------------------------------------------------------ cases
# −x·σ(−a x) where y = 1, x·σ(a x) where y = 0; the mean over the samples.
_BCE = "0.64691444048449848"
CASES: dict[str, tuple[str, str, dict[str, float], Data, str | float]] = {
    "labels": (
        "where(y==1, -log(sigmoid(a*x)), -log(1-sigmoid(a*x)))", "a", {"a": 0.7}, {"x": [1, 2, -1], "y": [1, 0, 1]}, _BCE,
    ),
    "labels above 0": (
        "where(y>0, -log(sigmoid(a*x)), -log(1-sigmoid(a*x)))", "a", {"a": 0.7}, {"x": [1, 2, -1], "y": [1, 0, 1]}, _BCE,
    ),
    "labels from 1 on": (
        "where(y>=1, -log(sigmoid(a*x)), -log(1-sigmoid(a*x)))", "a", {"a": 0.7}, {"x": [1, 2, -1], "y": [1, 0, 1]}, _BCE,
    ),
    "signs": (
        "-log(sigmoid(a*x*sign(y - 0.5)))", "a", {"a": 0.7}, {"x": [1, 2, -1], "y": [1, 0, 1]}, _BCE,
    ),
    "ignored index": (
        "where(y==-100, 0, (a*x-y)**2)", "a", {"a": 0.7}, {"x": [1, 2, -1], "y": [-100, 0.5, 1]},
        (4 * (1.4 - 0.5) - 2 * (-0.7 - 1)) / 3,
    ),
    "a mask": ("where(m != 0, a**2*x, 0)", "a", {"a": 1.5}, {"x": [1, 2, 4], "m": [0, 1, 0]}, 2.0),
    "a mask by arithmetic": ("where(1 - m == 0, a**2*x, 0)", "a", {"a": 1.5}, {"x": [1, 2, 4], "m": [0, 1, 0]}, 2.0),
    "a mask by a fraction": ("where(m/3 == 1/3, a**2*x, 0)", "a", {"a": 1.5}, {"x": [1, 2, 4], "m": [0, 1, 0]}, 2.0),
    "pads and labels": (
        "where((m > 0) and (y == 1), a*x, where(m > 0, a**2, 7))", "a", {"a": 3.0},
        {"x": [1, 2, 5], "m": [1, 1, 0], "y": [1, 0, 1]}, (1 + 6 + 0) / 3,
    ),
    "the sign of 0": ("a*sign(y)", "a", {"a": 3.0}, {"y": [0, 0, -2, 5]}, 0.0),
    "a step at 0": ("a*heaviside(y)", "a", {"a": 3.0}, {"y": [0, 0, -2, 5]}, 0.5),
    "a divisor of 0 that is not taken": ("where(d==0, 0, a/d)", "a", {"a": 0.7}, {"d": [0, 2, 4]}, 0.25),
    "0 log 0": ("where(p>0, p*(log(p)-log(q)), 0)", "q", {"q": 0.5}, {"p": [0.0]}, 0.0),
    "another parameter": ("where(b>1, a, 2*a) + x", "a", {"a": 1.0, "b": 1.0}, {"x": [0.0]}, 2.0),
    "powers that are data": ("a**n", "a", {"a": 0.0}, {"n": [0, 1, 2]}, "0." + "3" * 40),
    "powers of a negative number": ("a**n", "a", {"a": -2.0}, {"n": [0, 1, 3]}, 13 / 3),
    "an absolute value that does not move": ("a*abs(y)", "a", {"a": 1.0}, {"y": [0, 0, -3]}, 1.0),
    "a corner that is multiplied by 0": ("abs(a)*x + a", "a", {"a": 0.0}, {"x": [0.0, 0.0]}, 1.0),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_data_decide_cases(name: str) -> None:
    formula, wrt, at, data, expected = CASES[name]
    _assert_truth(_reduced(formula, wrt, at, data), expected)


@pytest.mark.parametrize("name", ["labels", "ignored index", "a mask", "a mask by arithmetic", "signs"])
def test_so_they_do_in_large_batches(name: str) -> None:
    """In vectors the same samples have the same truths."""
    formula, wrt, at, data, expected = CASES[name]
    _assert_truth(_reduced(formula, wrt, at, {key: [*column] * 100 for key, column in data.items()}), expected)


@pytest.mark.parametrize("name", ["labels", "ignored index", "pads and labels"])
def test_right_methods_pass_there(name: str) -> None:
    formula, wrt, at, data, _ = CASES[name]
    assert _reduced(formula, wrt, at, data).verdict == "pass"


def test_whether_a_condition_is_a_case_depends_on_the_partial() -> None:
    """By q all is constant at p = 0; by p the slope on the right is infinite."""
    loss = dx.Loss("where(p>0, p*(log(p)-log(q)), 0)", parameters="p, q")
    rows = [row for row in dx.check(loss, None, {"p": 0.0, "q": 0.5}, methods="reverse").rows if row.probe is None]
    by_p, by_q = sorted(rows, key=lambda row: row.parameter)
    assert by_p.cause is not None
    assert by_p.cause.key == "undefined"
    _assert_truth(by_q, 0.0)


def test_masks_of_a_large_batch_are_enclosed_as_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    from diffexplore.checking.truth import TruthFinder

    loss = dx.Loss("where(y==1, -log(sigmoid(a*x)), -log(1-sigmoid(a*x)))", parameters="a", data="x, y")
    n = 20_000
    draw = np.random.default_rng(0)
    columns = {"x": torch.from_numpy(draw.normal(size=n)), "y": torch.from_numpy(np.arange(n) % 2.0)}
    left: list[int] = []
    rows = TruthFinder._rows
    monkeypatch.setattr(TruthFinder, "_rows", lambda self, c, s: left.append(len(s)) or rows(self, c, s))
    problem = Problem(loss, ("a",), torch.float64, torch.device("cpu"))
    evaluator = Evaluator(problem, {"a": 0.7}, columns, n)
    truths, _ = evaluator.truths(evaluator.values(), n, {})
    assert not truths["a"].status.any()
    assert sum(left) < n / 1000


# ------------------------------------------------------------------------------------------------------- both sides
_EXISTS: dict[str, tuple[str, str, dict[str, float], str | float]] = {
    "a value that is cut out": ("where(a==0, a, 2*a)", "a", {"a": 0.0}, 2.0),
    "a value that is put in": ("where(a==0, 0*a, a)", "a", {"a": 0.0}, 1.0),
    "sinc": ("sinc(a)", "a", {"a": 0.0}, 0.0),
    "sinc by hand": ("where(a==0, 1, sin(a)/a)", "a", {"a": 0.0}, 0.0),
    "(eᵃ − 1)/a": ("where(a==0, 1, expm1(a)/a)", "a", {"a": 0.0}, 0.5),
    "log(1 + a)/a": ("where(a==0, 1, log(1+a)/a)", "a", {"a": 0.0}, -0.5),
    "0 to a power, by the power": ("a**b", "b", {"a": 0.0, "b": 2.0}, 0.0),
    "0 to a power": ("a**b", "a", {"a": 0.0, "b": 2.0}, 0.0),
    "√(a⁴ + b⁴)": ("sqrt(a**4+b**4)", "a", {"a": 0.0, "b": 0.0}, 0.0),
    "|a|^1.5": ("abs(a)**1.5", "a", {"a": 0.0}, 0.0),
    "|a|^π": ("abs(a)**pi", "a", {"a": 0.0}, 0.0),
    "a seam": ("where(a > 1, log(a), a - 1)", "a", {"a": 1.0}, 1.0),
    "elu": ("where(a > 0, a, exp(a) - 1)", "a", {"a": 0.0}, 1.0),
    "huber": ("where(abs(a) <= 1, a**2/2, abs(a) - 1/2)", "a", {"a": -1.0}, -1.0),
    "smoothstep": ("where(a < 0, 0, where(a > 1, 1, 3*a**2 - 2*a**3))", "a", {"a": 1.0}, 0.0),
    "a flat function": ("where(a==0, 0, exp(-1/a**2))", "a", {"a": 0.0}, 0.0),
    "a² sin(1/a)": ("where(a==0, 0, a**2*sin(1/a))", "a", {"a": 0.0}, 0.0),
    "a² log a": ("where(a > 0, a**2*log(a), 0)", "a", {"a": 0.0}, 0.0),
    "a condition that always holds": ("where(a*a >= 0, a, 3*a)", "a", {"a": 0.0}, 1.0),
    "a normalised vector of 0": ("a/max(sqrt(a**2+b**2), 1e-12)", "a", {"a": 0.0, "b": 0.0}, 1e12),
    "and across": ("a/max(sqrt(a**2+b**2), 1e-12)", "b", {"a": 0.0, "b": 0.0}, 0.0),
    "an angle": ("atan2(a, b)", "a", {"a": 0.0, "b": 2.0}, 0.5),
}  # fmt: skip


@pytest.mark.parametrize("name", _EXISTS)
def test_both_sides_decide(name: str) -> None:
    formula, wrt, at, expected = _EXISTS[name]
    _assert_truth(_reduced(formula, wrt, at), expected)


_NOT: dict[str, tuple[str, dict[str, float], str]] = {
    "0/0 as it is written": ("(a**2-1)/(a-1)", {"a": 1.0}, "undefined"),
    "sin(a)/a as it is written": ("sin(a)/a", {"a": 0.0}, "undefined"),
    "a root at its end": ("a*sqrt(a)", {"a": 0.0}, "undefined"),
    "a cube root": ("cbrt(a)", {"a": 0.0}, "undefined"),
    "a log a": ("where(a > 0, a*log(a), 0)", {"a": 0.0}, "undefined"),
    "the power 0 of what has no value": ("where((1/a)**b != a, 2*b, 1)", {"a": 0.0, "b": 0.0}, "undefined"),
    "data without a logarithm": ("a + log(y)", {"a": 1.0, "y": -1.0}, "undefined"),
    "arcs at their ends": ("asin(a)", {"a": 1.0}, "undefined"),
    "gamma at a pole": ("lgamma(a)", {"a": -3.0}, "undefined"),
    "a cone": ("acos(1 - a**2)", {"a": 0.0}, "kink"),
    "a hypotenuse": ("hypot(a, b)", {"a": 0.0, "b": 0.0}, "kink"),
    "a jump": ("where(a >= 1, a + 1, a)", {"a": 1.0}, "kink"),
    "a point beside the line": ("where(a == 1, 5, a)", {"a": 1.0}, "kink"),
    "a corner of thirds": ("max(a/3, 1/3)", {"a": 1.0}, "kink"),
    "1/0 that only algebra knows": ("1/(sin(a)**2 + cos(a)**2 - 1 + y)", {"a": 0.3, "y": 0.0}, "unresolved"),
    "a condition that only algebra knows": (
        "where(log(2*a) == log(a) + log(2), a, 2*a)", {"a": 0.3}, "unresolved",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", _NOT)
def test_there_is_no_truth(name: str) -> None:
    formula, at, key = _NOT[name]
    row = _reduced(formula, "a", at)
    assert row.cause is not None
    assert row.verdict == "inconclusive"
    assert row.cause.key == key


@pytest.mark.parametrize(("formula", "torch_gives"), [("where(a==0, a, 2*a)", 1.0), ("where(a==0, 0*a, a)", 0.0)])
def test_a_method_that_is_wrong_at_a_point_fails_there(formula: str, torch_gives: float) -> None:
    for method in ("reverse", "forward"):
        (row,) = _rows(formula, "a", {"a": 0.0}, None, method)
        assert (row.value, row.verdict) == (torch_gives, "fail")


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("accept", [(), ("kink",)])
@pytest.mark.parametrize(
    ("formula", "candidate"),
    [
        ("where(a==0, a, 2*a)", lambda a: torch.where(a == 0, a, 2 * a)),
        ("where(a==0, 0*a, a)", lambda a: torch.where(a == 0, 0 * a, a)),
    ],
)
def test_so_does_a_candidate(formula: str, candidate: Callable[..., torch.Tensor], accept: tuple[str, ...]) -> None:
    report = dx.verify(candidate, dx.Loss(formula, parameters="a"), at={"a": 0.0}, accept=accept)
    assert report.verdict == "fail"


@pytest.mark.parametrize(("slope", "verdict"), [(2.0, "pass"), (1.0, "fail")])
@pytest.mark.parametrize("n", [2, 200])
def test_by_data_it_is_the_share_of_a_mean(slope: float, verdict: str, n: int) -> None:
    """∂L/∂xᵢ is 2/N, also at the 0 that is cut out."""
    loss = dx.Loss("where(x==0, x, 2*x)", parameters=(), data="x")
    columns = {"x": [0.0, *[3.0] * (n - 1)]}
    report = dx.verify(lambda x: torch.full_like(x, 2 / n).where(x != 0, slope / n), loss, columns, kind="gradient")
    assert report.verdict == verdict


# -------------------------------------------------------------------------------------------------- gamma functions
@pytest.mark.parametrize("a", [-0.5, -1.5, -2.25, -7.75, -0.0625])
def test_gamma_functions_are_defined_between_their_poles(a: float) -> None:
    with mpmath.workdps(40):
        expected = {
            "lgamma(a)": mpmath.digamma(a),
            "gamma(a)": mpmath.gamma(a) * mpmath.digamma(a),
            "digamma(a)": mpmath.polygamma(1, a),
            "trigamma(a)": mpmath.polygamma(2, a),
            "polygamma(3, a)": mpmath.polygamma(4, a),
        }
        for formula, slope in expected.items():
            row = _reduced(formula, "a", {"a": a})
            _assert_truth(row, mpmath.nstr(slope, 35))
            assert row.verdict != "fail"


def test_published_values_of_gamma_functions() -> None:
    _assert_truth(_reduced("lgamma(a)", "a", {"a": -0.5}), "0.036489973978576520559")
    _assert_truth(_reduced("digamma(a)", "a", {"a": -0.5}), "8.9348022005446793094")


# ------------------------------------------------------------------------------------------------------ conventions
def _detached(a: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The gradient of the class y = 1 is lost."""
    p = torch.sigmoid(a * x)
    return torch.where(y == 1, -torch.log(p.detach()), -torch.log(1 - p)).mean()


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("accept", [slow(()), ("kink",)])
def test_a_wrong_case_is_no_convention(accept: tuple[str, ...]) -> None:
    loss = dx.Loss(CASES["labels"][0], parameters="a", data="x, y")
    with pytest.raises(dx.GradientError) as raised:
        dx.assert_gradient(_detached, loss, CASES["labels"][3], {"a": 0.7}, accept=accept)
    assert raised.value.report.verdict == "fail"


@pytest.mark.parametrize(("slope", "verdict"), [(0.0, "pass"), (1.0, "pass"), (0.25, "pass"), (1.5, "inconclusive")])
def test_between_the_slopes_of_a_corner_a_value_may_be_accepted(slope: float, verdict: str) -> None:
    loss = dx.Loss("max(a, 0)", parameters="a")
    report = dx.verify(lambda a: a * 0 + slope, loss, at={"a": 0.0}, kind="gradient", accept=("kink",))
    row = next(row for row in report.rows if row.parameter == "a" and row.probe is None)
    assert row.verdict == verdict


def test_a_corner_beside_something_undecided_is_not_accepted() -> None:
    """The sum over samples of which one is a corner and another is not decided has no enclosure."""
    loss = dx.Loss("max(a*y, 0) + where(log(2*b*y + 0*a) == log(b) + log(2*y), 1, 2)*a", parameters="a, b", data="y")
    report = dx.verify(
        lambda a, b, y: a * 0 + 1e30, loss, {"y": [1.0, 3.0]}, {"a": 0.0, "b": 0.3}, kind="gradient", accept=("kink",),
        wrt="a",
    )  # fmt: skip
    row = next(row for row in report.rows if row.parameter == "a" and row.sample is None and row.probe is None)
    assert row.verdict == "inconclusive"
    assert math.isfinite(row.value or 0.0)


def test_what_a_program_has_set_for_flint_changes_no_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short length of power series would make coefficients 0 that are not."""
    monkeypatch.setattr(flint.ctx, "cap", 2)
    monkeypatch.setattr(flint.ctx, "prec", 20)
    expected = {"where(a==0, 1, expm1(a)/a)": (0.0, 0.5), "digamma(a)": (-0.5, 8.9348022005446793094)}
    for formula, (at, slope) in expected.items():
        report = dx.check(dx.Loss(formula, parameters="a"), at={"a": at}, methods="reverse,symbolic")
        truths = [float(row.truth.mid) for row in report.rows if row.truth is not None and row.probe is None]
        assert truths and truths == pytest.approx([slope] * len(truths), rel=1e-15)


@pytest.mark.usefixtures("causes_unsought")
def test_synthetic_data_hit_the_labels_of_a_formula() -> None:
    """A class that no sample is of would be passed over."""
    loss = dx.Loss(
        "where(y == 1, -log(sigmoid(a*x)), where(m != -100, log(1 + exp(a*x)), 0))", parameters="a", data="x y m"
    )

    def detached(a: torch.Tensor, x: torch.Tensor, y: torch.Tensor, m: torch.Tensor) -> torch.Tensor:
        z = a * x
        others = torch.where(m != -100, torch.log(1 + torch.exp(z)), 0)
        return torch.where(y == 1, -torch.log(torch.sigmoid(z.detach())), others).mean()

    data = synthetic_columns(loss, 40)
    assert 5 < (data["y"] == 1).sum() < 35 and 5 < (data["m"] == -100).sum() < 35
    assert dx.verify(detached, loss, data, {"a": 0.7}).verdict == "fail"
    assert dx.check(loss, data, {"a": 0.7}, methods="reverse,symbolic").verdict == "pass"
