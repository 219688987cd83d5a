"""The optimum of every loss of the catalogue: certified where it is isolated, and said to be none where it is not."""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cache

import mpmath
import numpy as np
import pytest
import scipy.optimize
from fitting_cases import CASES, Case, mean_gradient, solved
from representatives import one_in, these

import diffexplore as dx
from diffexplore import losses
from diffexplore.fitting.certify import stationary_box
from diffexplore.fitting.records import Fit
from diffexplore.fitting.reduced import ReducedFormulas, ReducedLoss, point
from diffexplore.fitting.terrain import Direction

by_name = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@cache
def fit_of(name: str, steps: int = 0) -> Fit:
    return dx.fit(name, steps=steps, methods="reverse", lr=0.01)


def test_the_cases_and_the_findings_are_the_whole_catalogue() -> None:
    assert {case.name for case in CASES} | set(WITHOUT) | {"graph_sum"} == set(losses.names())


@by_name
def test_a_solution_in_fifty_digits_lies_in_the_certified_box(case: Case) -> None:
    optimum = fit_of(case.name).optimum
    assert optimum is not None and optimum.kind == "minimum"
    with mpmath.workdps(60):
        for truth, exact in zip(optimum.box.values(), solved(case), strict=True):
            assert abs(mpmath.mpf(truth.mid) - exact) <= mpmath.mpf(truth.rad)
            assert Decimal(truth.rad) < Decimal("1e-24")


@by_name
def test_scipy_ends_within_its_own_error_of_the_optimum(case: Case) -> None:
    fit = fit_of(case.name)
    assert fit.optimum is not None and fit.optimum_curvature is not None
    found = scipy.optimize.root(lambda at: mean_gradient(case, at), np.array(case.near), tol=1e-10).x
    distance = math.dist(found, fit.optimum.point.values())
    # Near the optimum the distance is at most |gradient| / λ_min; the gradient has its own rounding.
    left = float(np.linalg.norm(mean_gradient(case, found))) + 1e-13
    assert distance <= 2 * left / fit.optimum_curvature.directions[0].value


@pytest.mark.parametrize("case", one_in(3, CASES), ids=lambda case: case.name)
def test_gradient_descent_is_as_fast_as_the_curvature_predicts(case: Case) -> None:
    """From a point beside the optimum along each direction, at a rate at which the flattest one moves as well."""
    known = fit_of(case.name)
    assert known.optimum is not None and known.optimum_curvature is not None
    directions = known.optimum_curvature.directions
    rate = 0.2 / directions[-1].value
    for place in (0, len(directions) - 1):
        along = directions[place].along
        assert along is not None
        start = {name: x + 1e-5 * along[name] for name, x in known.optimum.point.items()}
        fit = dx.fit(case.name, at=start, lr=rate, steps=40, methods="symbolic")
        assert fit.optimum_curvature is not None
        predicted = fit.optimum_curvature.directions[place].steps_per_e
        first, last = (_left(fit, step, directions[place]) for step in (0, 20))
        assert predicted == pytest.approx(20 / math.log(first / last), rel=0.05)


def _left(fit: Fit, step: int, direction: Direction) -> float:
    """How far a point of the path is from the optimum, along a direction."""
    assert fit.optimum is not None and direction.along is not None
    point = fit.path[step].point
    return abs(sum((point[name] - fit.optimum.point[name]) * part for name, part in direction.along.items()))


WITHOUT = {
    "line_distance": ("ridge", "multiplying A, B and C by one factor does not change it"),
    "line_distance_squared": ("ridge", "multiplying A, B and C by one factor does not change it"),
    "hyperplane": ("ridge", "multiplying w1, w2, w3 and b by one factor does not change it"),
    "absolute_error": ("kink", "piecewise linear"),
}


@pytest.mark.parametrize("name", these(("line_distance_squared", "absolute_error"), WITHOUT))
def test_a_loss_without_an_isolated_minimum_has_no_optimum(name: str) -> None:
    status, words = WITHOUT[name]
    fit = fit_of(name, steps=3)
    assert fit.optimum is None and fit.excess is None
    assert fit.terrain.status == status
    assert words in fit.explanation[0].sentence


X = [-2.0, -1.0, 0.5, 1.0, 3.0]

SHAPES = {
    "separable labels": ("softplus(-y*(a*x + b))", {"x": X, "y": [-1.0, -1, 1, 1, 1]}, {"a": 0, "b": 0}, "infinity", "at infinity"),
    "a linear sum": ("a*x + b*y", {"x": X, "y": X}, {"a": 1, "b": 1}, "unbounded", "linear in its parameters"),
    "an exponential": ("exp(a)", None, {"a": 0}, "infinity", "along −a"),
    "a saddle": ("a**2 - b**2", None, {"a": 1, "b": 1}, "no minimum", "a saddle is all"),
    "a slope everywhere": ("a**3 + a", None, {"a": 1}, "no minimum", "its gradient is 0 nowhere"),
    "a pole between": ("(a**2 + 1)/a", None, {"a": 2}, "local minimum", "a local minimum"),
    "a parabola upside down": ("-a**2", None, {"a": 1}, "no minimum", "a maximum is all"),
    "a parabola over a number": ("-a**2/(2*sqrt(2))", None, {"a": 1}, "no minimum", "a maximum is all"),
    "two equal minima": ("(a**2 - 1)**2", None, {"a": 0.1}, "minimum", "above the lowest minimum"),
    "two minima": ("(a**2 - 1)**2 + a/10", None, {"a": 1}, "local minimum", "a local minimum"),
    "a valley": ("(a*b - 1)**2", None, {"a": 2, "b": 1}, "ridge", "moving along a' = a, b' = −b"),
    "a trench": ("(a + b - y)**2", {"y": X}, {"a": 0, "b": 1}, "ridge", "does not change it"),
    "a circle": ("(a**2 + b**2 - 1)**2", None, {"a": 2, "b": 1}, "ridge", "moving along a' = −b, b' = a"),
    "a flat bottom": ("a**4", None, {"a": 1}, "flat", "above the minimum a = 0, which is flat"),
    "a flat bottom in one direction": ("(a - 1)**4 + 3*b**2", None, {"a": 2, "b": 1}, "flat", "(1, 0), which is flat"),
    "a flat bottom of a sum": ("(a - 1)**4*x", {"x": X}, {"a": 2}, "flat", "a = 1, which is flat"),
    "a flat bottom elsewhere": ("a**4*(a - 3)", None, {"a": 4}, "local minimum", "a local minimum"),
    "a cubic": ("a**3", None, {"a": 1}, "falls", "it falls without bound along −a"),
    "a cubic with a well": ("a**3 - 3*a**2", None, {"a": 3}, "local minimum", "a local minimum, −4"),
    "a cubic of a sum": ("x*a**3 - a**2*y", {"x": X, "y": X}, {"a": -1}, "local minimum", "a local minimum"),
    "a quartic upside down": ("a**2*b - b**5", None, {"a": 0.1, "b": 1}, "falls", "along b"),
    "a flat bottom of no polynomial": ("1 - exp(-a**4)", None, {"a": 0.5}, "unknown", "no minimum could be certified"),
    "a kink at the bottom": ("abs(a - 1) + a**2/9", None, {"a": 3}, "unknown", "no minimum could be certified"),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_no_minimum_is_said_to_be_none(shape: str) -> None:
    formula, data, start, status, words = SHAPES[shape]
    fit = dx.fit(formula, data, start, steps=2, lr=1e-3, methods="reverse")
    assert fit.terrain.status == status
    assert (fit.optimum is not None) == (status in ("minimum", "local minimum"))
    assert words in fit.explanation[0].sentence


@pytest.mark.parametrize(("formula", "order"), [("(a - 1)**4", 4), ("2*(a - 1)**6", 6), ("(a - 1)**8 + b**2", 8)])
def test_a_flat_minimum_is_approached_as_said(formula: str, order: int) -> None:
    """The exponents of the finding, against a descent in plain Python that is long enough for them."""
    at = {"a": 2.0, "b": 0.0} if "b" in formula else {"a": 2.0}
    fit = dx.fit(formula, at=at, lr=0.01, steps=2, methods="reverse")
    (finding,) = [one for one in fit.explanation if one.key == "flat_minimum"]
    assert finding.values["orders"] == {"a": order}
    assert fit.terrain.orders == ({"a": order, "b": 2} if "b" in formula else {"a": order})
    factor = 2 if formula.startswith("2") else 1
    x, places = 1.0, {}
    for step in range(1, 200_001):
        x -= 0.01 * factor * order * x ** (order - 1)
        if step in (50_000, 200_000):
            places[step] = x
    measured = math.log(places[200_000] / places[50_000]) / math.log(4)
    assert measured == pytest.approx(finding.values["distance_exponent"], rel=0.01)
    assert order * measured == pytest.approx(finding.values["loss_exponent"], rel=0.01)
    assert "at a rate that stays" in finding.sentence


def test_five_parameters() -> None:
    draw = np.random.default_rng(3)
    x = draw.normal(size=(5, 12))
    data = {f"x{i}": x[i].tolist() for i in range(5)} | {"y": (np.arange(5) @ x).tolist()}
    score = " + ".join(f"w{i}*x{i}" for i in range(5))
    fit = dx.fit(
        f"({score} - y)**2",
        data,
        dict.fromkeys(["w0", "w1", "w2", "w3", "w4"], 0.5),
        lr=0.1,
        steps=2,
        methods="reverse",
    )
    assert fit.optimum is not None and fit.terrain.status == "minimum"  # the Hessian is the same everywhere
    assert list(fit.optimum.point.values()) == pytest.approx([0, 1, 2, 3, 4], abs=1e-12)
    assert fit.optimum_curvature is not None and len(fit.optimum_curvature.directions) == 5


def test_one_parameter_without_data() -> None:
    fit = dx.fit("a**2 + 2*a + 2", at={"a": 1}, lr=0.25, steps=60)
    assert fit.optimum is not None and fit.optimum.point == pytest.approx({"a": -1})
    assert fit.optimum.formulas == {"a": "−1"}
    assert fit.optimum_curvature is not None and fit.optimum_curvature.best_rate == pytest.approx(0.5)
    assert fit.explanation[0].sentence.startswith("arrived at the minimum")


@pytest.mark.parametrize("n", [1, 127, 128, 3000])
def test_the_optimum_is_certified_for_any_number_of_samples(n: int) -> None:
    draw = np.random.default_rng(1)
    x = draw.normal(size=n)
    for formula in ("(a*x - y)**2", "log(cosh(a*x - y))"):
        fit = dx.fit(formula, {"x": x, "y": 2 * x}, {"a": 0}, steps=1, methods="reverse")
        assert fit.optimum is not None, formula
        (truth,) = fit.optimum.box.values()
        assert abs(Decimal(truth.mid) - 2) <= Decimal(truth.rad) < Decimal("1e-15")


@pytest.mark.parametrize(("formula", "centre", "roots"), [
    ("a**3/3 + a/100", 0.1, ()),  # the slope a² + 1/100 has no zero, though Newton's step is short there
    ("a**4/4 - a**2/2", 0.6, (-1, 0, 1)),  # near an inflection, where Newton's step leads far away
    ("a**4/4 - a**2/2", 0.999, (-1, 0, 1)),
    ("a**4/4 - a**2/2", 1e-9, (-1, 0, 1)),
    ("a**4", 0.1, (0,)),  # a zero of the slope that is not simple
    ("cos(a)", 3.1, tuple(math.pi * k for k in range(-40, 41))),
    ("cos(a)", 1.5, tuple(math.pi * k for k in range(-40, 41))),
    ("abs(a) + a**2", 0.1, ()),
])  # fmt: skip
def test_a_box_holds_exactly_one_stationary_point(formula: str, centre: float, roots: tuple[float, ...]) -> None:
    loss = ReducedLoss(ReducedFormulas(dx.Loss(formula, parameters="a")), {}, 1)
    proved = stationary_box(loss, point([centre]))
    if proved is not None:
        (ball,) = proved.box
        middle, radius = float(ball.mid()), float(ball.rad())
        assert sum(abs(root - middle) <= radius * (1 + 1e-9) + 1e-15 for root in roots) == 1
    if formula in ("a**4/4 - a**2/2", "cos(a)") and centre in (0.999, 1e-9, 3.1):
        assert proved is not None


def test_a_symmetry_that_only_seems_to_be_one_is_not_believed() -> None:
    """Both coefficients are so near to 1 that the numbers suggest a motion with whole numbers."""
    fit = dx.fit("(a + 1.000000001*b - y)**2", {"y": X}, {"a": 0, "b": 1}, steps=2, lr=1e-3, methods="reverse")
    assert fit.terrain.motion is None and fit.terrain.status == "unknown" and fit.optimum is None
    data = {"x": [100.0, 101, 102, 103, 104], "y": X}
    for factor, columns in (("1", ("x", "y")), ("1.000000001", ("y",))):
        # With the factor a shift of x by m is not one of b by a·m, to the last digit.
        fit = dx.fit(f"({factor}*a*x + b - y)**2", data, {"a": 0, "b": 0}, steps=0, methods="reverse")
        assert fit.centred is not None and fit.centred.columns == columns


def test_a_descent_to_a_saddle_is_said_to_have_come_to_one() -> None:
    fit = dx.fit("(a**2 - 1)**2 + b**2", at={"a": 0, "b": 1}, lr=0.1, steps=100, methods="reverse")
    (saddle,) = (finding for finding in fit.explanation if finding.key == "at_another")
    assert saddle.sentence.startswith("it has come to the saddle (0, 0)")
    assert fit.optimum is not None and fit.optimum.value == 0


#: Losses whose lowest known minimum is not their lowest value: what is lower, and where.
LOWER_ELSEWHERE = {
    "a jump": ("where(a < 1, a**2, a**2 - 100)", {"a": 0.1}, None, {"a": 1.0}),
    "a jump at 0": ("3*sign(a) + (a - 1)**2", {"a": 2.0}, None, {"a": -0.5}),
    "a step": ("-10*heaviside(a - 3) + (a - 1)**2", {"a": 2.0}, None, {"a": 3.5}),
    "steps": ("floor(a) + (a - 0.5)**2", {"a": 0.2}, None, {"a": -0.25}),
    "an end of the domain": ("a**4/4 + a**3/3 - 3*a**2", {"a": 1.0}, "a > -2.9", {"a": -2.75}),
    "a logarithm": ("log(a) + a**2 - 3*a", {"a": 2.0}, None, {"a": 2.0**-20}),
    "a logarithm of data": ("log((a - x)**2) + a**2 - 14*a", {"a": 5.0}, None, {"a": 1.0 + 2.0**-40}),
    "a pole": ("log(a**2) + a**2 - 6*a", {"a": 2.0}, None, {"a": 2.0**-20}),
    "a faint logarithm": ("(a - 2)**2 + log(a)/10**2", {"a": 1.5}, None, {"a": 1e-176}),
    "a faint cubic": ("a**2 - a**3/10**12", {"a": 1.0}, None, {"a": 2e12}),
    "a faint valley": ("a**2 + b**2 - a**2*b/10**9", {"a": 1.0, "b": 1.0}, None, {"a": 1e10, "b": 1e10}),
    "a valley": ("a**2 - 2*a*b**2 + b**2", {"a": 0.2, "b": 0.1}, None, {"a": 9.0, "b": 3.0}),
}


@pytest.mark.parametrize("kind", LOWER_ELSEWHERE)
def test_a_minimum_with_lower_values_elsewhere_is_a_local_one(kind: str) -> None:
    formula, start, domain, lower = LOWER_ELSEWHERE[kind]
    data = {"x": [1.0]} if "x" in formula else None
    loss = dx.Loss(formula, parameters=list(start), data=list(data or ()), domain=domain)
    found = dx.fit(loss, data, start, steps=0, methods="symbolic").terrain
    assert found.optimum is not None
    assert found.status == "local minimum"
    assert loss.compile(backend="blocked")(lower, data).value < found.optimum.value


@pytest.mark.parametrize(
    "formula",
    [
        "(sqrt(a)*sqrt(a) + 1)**2", "exp(log(a))**2", "(a/a*a - x)**2", "(exp(log(a)) + x)**2", "exp(log(a))",
        "(exp(log(a)) + 1)**4", "((a - 7)/(a - 7)*a - 7)**2", "log(sign(a)) + (a + 3)**2",
    ],
)  # fmt: skip
def test_there_is_no_minimum_where_the_loss_as_written_has_no_value(formula: str) -> None:
    data = {"x": [1.0, 2.0]} if "x)" in formula else None
    if "a/a" in formula:
        data = {"x": [0.0, 0.0]}
    loss = dx.Loss(formula, parameters="a", data=list(data or ()))
    found = dx.fit(loss, data, {"a": 1.5}, steps=0, methods="symbolic").terrain
    assert found.optimum is None
    assert found.status == "unknown"


@pytest.mark.parametrize("formula", ["(sqrt(a)*sqrt(a) - 1)**2", "(exp(log(a)) - x)**2", "(a/a*a - x)**2"])
def test_a_minimum_where_the_loss_as_written_has_a_value_is_one(formula: str) -> None:
    data = {"x": [1.0, 2.0]} if "x)" in formula else None
    loss = dx.Loss(formula, parameters="a", data=list(data or ()))
    assert dx.fit(loss, data, {"a": 0.5}, steps=0, methods="symbolic").terrain.status == "minimum"


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1.0, 1e200, 1e300])
def test_a_linear_loss_has_no_minimum_whatever_its_size(size: float) -> None:
    """The square of its gradient is no double."""
    loss = dx.Loss("a*x + 3*b*x", parameters="a, b", data="x")
    fit = dx.fit(loss, {"x": [size, size]}, {"a": 1.0, "b": 1.0}, steps=1, methods="symbolic")
    assert fit.optimum is None and fit.explanation[0].values["status"] == "unbounded"
