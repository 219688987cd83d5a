"""Functions that SymPy lacks, as a user meets them: formulas, programs of torch, proofs, wrong gradients, dtypes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import mpmath
import pytest
import torch
from representatives import one_in, these

import diffexplore as dx
from diffexplore.bounds.watch import Watch

special: Any = torch.special

PROGRAMS: dict[str, Callable[..., torch.Tensor]] = {
    "erfcx(a*x)": lambda a, x: special.erfcx(a * x).mean(),
    "ndtr(a*x)": lambda a, x: special.ndtr(a * x).mean(),
    "log_ndtr(a*x)": lambda a, x: special.log_ndtr(a * x).mean(),
    "ndtri(a*x)": lambda a, x: special.ndtri(a * x).mean(),
    "logit(a*x)": lambda a, x: torch.logit(a * x).mean(),
    "xlogy(x, a)": lambda a, x: torch.xlogy(x, a).mean(),
    "i0(a*x)": lambda a, x: torch.i0(a * x).mean(),
    "i1(a*x)": lambda a, x: special.i1(a * x).mean(),
    "i0e(a*x)": lambda a, x: special.i0e(a * x).mean(),
    "i1e(a*x)": lambda a, x: special.i1e(a * x).mean(),
    "gammainc(5/2, a*x)": lambda a, x: special.gammainc(torch.full_like(x, 2.5), a * x).mean(),
    "gammaincc(5/2, a*x)": lambda a, x: special.gammaincc(torch.full_like(x, 2.5), a * x).mean(),
    "zeta(5/2, a*x)": lambda a, x: special.zeta(2.5, a * x).mean(),
    "a*floor(x)": lambda a, x: (a * torch.floor(x)).mean(),
}


@pytest.mark.parametrize("formula", one_in(5, PROGRAMS, first=1))
def test_a_program_of_torch_is_proved(formula: str) -> None:
    loss = dx.Loss(formula, parameters="a", data="x")
    assert dx.prove(PROGRAMS[formula], loss, parameters="a", data="x").status == "proved"


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("formula", one_in(14, PROGRAMS, first=10))
def test_a_program_with_another_factor_is_refuted(formula: str) -> None:
    loss = dx.Loss(f"1.001*({formula})", parameters="a", data="x")
    assert dx.prove(PROGRAMS[formula], loss, parameters="a", data="x").status == "refuted"


FORMULAS = [
        *PROGRAMS, "entr(a*x)", "xlog1py(x, a)", "exp10(a*x)", "i1(a*x)", "besseli(4, a*x)", "k0(a*x)", "k1(a*x)*a",
        "j0(a*x)", "j1(a*x)", "besselj(4, 9*a*x)", "y0(a*x)", "y1(a*x)*a", "i0e(-30*a*x)", "i1e(30*a*x)", "gammainc(a, x)",
        "gammaincc(a, a*x)", "zeta(a + 2, x)", "zeta(x + 2, a)", "zeta(2 + a*x)", "betainc(a, 2, x)", "betainc(2, a, a*x)",
        "a*round(x) + a*ceil(x)*trunc(9*x)", "log_ndtr(-60*a*x)", "erfcx(50*a*x)",
]  # fmt: skip


@pytest.mark.parametrize(("formula", "dtype"), one_in(18, itertools.product(FORMULAS, ("float64", "float32"))))
def test_every_method_that_runs_agrees_with_the_truth(formula: str, dtype: str) -> None:
    loss = dx.Loss(formula, parameters="a", data="x")
    report = dx.check(
        loss, {"x": [0.3, 0.8]}, {"a": 0.4}, dtype=dtype, methods="symbolic,reverse,forward", device="cpu"
    )
    assert report.verdict == "pass"
    assert {row.method for row in report.rows if row.verdict == "pass"} == {"symbolic", "reverse", "forward"}


@pytest.mark.parametrize(
    "formula",
    one_in(
        6,
        [
            "i1(a)*x",
            "besseli(2, a)*x",
            "j0(a)*x",
            "j1(a)*x",
            "besselj(2, a)*x",
            "erfcx(a)*x",
            "entr(x)*a",
            "xlogy(x, 3)*a",
            "xlog1py(a, x)",
            "xlogy(x, a + 1)",
        ],
    ),
)
def test_at_zero(formula: str) -> None:
    """Where Bessel functions are quotients in other forms, and x·log(x) is 0·∞."""
    loss = dx.Loss(formula, parameters="a", data="x")
    report = dx.check(loss, {"x": [0.0, 0.5]}, {"a": 0.0}, methods="symbolic,reverse", device="cpu")
    assert report.verdict == "pass"


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize("kernel", these({"bessel_j0"}, ["bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1"]))
def test_a_kernel_without_a_gradient_is_told(kernel: str) -> None:
    """PyTorch takes it for a constant, without a word: the gradient of what is made of it is 0, or has a part less."""
    loss = dx.Loss(f"{kernel[-2:]}(a*x) + a", parameters="a", data="x")
    program = lambda a, x: (getattr(special, kernel)(a * x) + a).mean()  # noqa: E731 (one of several kernels)
    assert dx.prove(program, loss, parameters="a", data="x").status == "refuted"


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.usefixtures("causes_unsought")
def test_a_gradient_that_torch_lacks_is_verified() -> None:
    """By somebody's own backward pass, here by differences: right, and with the sign of P for that of Q."""

    class Incomplete(torch.autograd.Function):
        sign = 1.0

        @staticmethod
        def forward(ctx: Any, a: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(a, x)
            value: torch.Tensor = special.gammainc(a, x)
            return value

        @classmethod
        def backward(cls, ctx: Any, gradient: torch.Tensor) -> Any:
            (a, x), h = ctx.saved_tensors, 2.0**-15
            slope = (special.gammainc(a + h, x) - special.gammainc(a - h, x)) / (2 * h)
            return (Incomplete.sign * gradient * slope).sum(), None

    loss = dx.Loss("gammainc(a, x)", parameters="a", data="x")
    for sign, verdict in ((1.0, "pass"), (-1.0, "fail")):
        Incomplete.sign = sign
        report = dx.verify(
            lambda a, x: Incomplete.apply(a, x).mean(), loss, {"x": [0.3, 2.8]}, {"a": 1.7}, device="cpu"
        )
        assert report.verdict == verdict


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("kernel", "limit"), [("gammainc", 1.0), ("gammaincc", 0.0)])
def test_the_bound_of_an_incomplete_gamma_function_holds_at_small_orders(dtype: str, kernel: str, limit: float) -> None:
    """P(a, x) = 1 + O(a log a), and Q(a, x) = O(a log a), of which nothing is left at a ≤ 2⁻⁹⁰ in float32."""
    of = getattr(torch, dtype)
    exponents = torch.linspace(-148.0 if dtype == "float32" else -1070.0, -90.0, 400, dtype=torch.float64)
    a = torch.exp2(exponents).to(of)[:, None]
    x = torch.tensor([1e-4, 0.5, 0.8092613816261292, 1.0, 1.5, 3.0], dtype=of)
    with Watch() as watch:
        out = getattr(special, kernel)(a, x)
    error, radius = (out.double() - limit).abs(), watch.radius(out)
    assert (error <= radius + 2.0**-80).all()
    normal = a.expand_as(out) >= torch.finfo(of).tiny
    assert radius[normal].max() < 1e-4


_SLOPE_AT_0 = {
    "i0e(a)": None, "i1e(a)": 0.5, "abs(a)*i0e(a)": None, "i0e(abs(a))*exp(abs(a))": 0.0, "i1(abs(a))": None,
    "i1(abs(a))*abs(a)": 0.0, "j0(abs(a))": 0.0, "j1(abs(a))": None, "besseli(2, abs(a))": 0.0, "besselj(1, abs(a))": None,
    "y0(1 + abs(a))": None, "k1(1 + a*abs(a))": 0.0, "erfcx(abs(a))": None, "erfcx(a*abs(a))": 0.0, "log_ndtr(abs(a))": None,
}  # fmt: skip
"""What each formula's slope at 0 is, by the series of the functions; None at a corner."""

_SLOPES_EACH_TIME = ("i0e(a)", "i0e(abs(a))*exp(abs(a))", "j0(abs(a))", "j1(abs(a))", "erfcx(abs(a))")


@pytest.mark.parametrize("formula", these(_SLOPES_EACH_TIME, _SLOPE_AT_0))
def test_the_slope_at_a_corner_is_found_from_both_sides(formula: str) -> None:
    report = dx.check(dx.Loss(formula, parameters="a"), at={"a": 0.0}, methods="reverse")
    (row,) = (row for row in report.rows if row.parameter == "a" and row.probe is None)
    slope = _SLOPE_AT_0[formula]
    if slope is None:
        assert row.cause is not None and row.cause.key == "kink"
    else:
        assert row.truth is not None and abs(float(row.truth.mid) - slope) <= float(row.truth.rad) < 1e-15
        assert row.cause is None or row.cause.key != "unresolved"


def _differences(function: Callable[[mpmath.mpf], mpmath.mpf]) -> mpmath.mpf:
    with mpmath.workdps(40):
        return mpmath.diff(function, 0)


def _gamma(a: Any, x: Any) -> mpmath.mpf:
    return mpmath.gammainc(a, 0, x, regularized=True)


def _beta(a: Any, b: Any, x: Any) -> mpmath.mpf:
    return mpmath.betainc(a, b, 0, x, regularized=True)


_SLOPE_BESIDE_0: dict[str, float | Callable[[Any], Any]] = {
    "gammainc(2, 1 + abs(a))": lambda t: _gamma(2, 1 + t), "gammainc(1 + abs(a), 2)": lambda t: _gamma(1 + t, 2),
    "gammaincc(1 + abs(a), 2 + abs(a))": lambda t: 1 - _gamma(1 + t, 2 + t), "gammainc(1 + a, abs(a))": 1.0,
    "gammainc(2 - a, abs(a))": 0.0, "gammainc(3/2, abs(a))": 0.0, "gammainc(1/2, a*a)": 2 / math.sqrt(math.pi),
    "gammaincc(1/2, 3*a*a)": -2 * math.sqrt(3 / math.pi), "betainc(1, 3, abs(a))": 3.0, "betainc(2, 3, abs(a))": 0.0,
    "betainc(2, 1, 1 - abs(a))": -2.0, "betainc(1/2, 2, a*a)": 1.5, "betainc(1, 2 + a, 1 - a*a)": 0.0,
    "betainc(2 + abs(a), 3, 1/2)": lambda t: _beta(2 + t, 3, 0.5),
    "betainc(2, 3 + abs(a), 1/4 + abs(a))": lambda t: _beta(2, 3 + t, 0.25 + t),
    "zeta(2 + abs(a))": lambda t: mpmath.zeta(2 + t), "zeta(3, 2 + abs(a))": lambda t: mpmath.zeta(3, 2 + t),
    "zeta(3 + abs(a), 2 + abs(a))": lambda t: mpmath.zeta(3 + t, 2 + t),
    "dgammainc(1, 2, 1 + abs(a))": lambda t: mpmath.diff(lambda s: _gamma(s, 1 + t), 2),
    "dzeta(1, 2 + abs(a), 1)": lambda t: mpmath.zeta(2 + t, 1, 1),
    "dbetainc(1, 0, 2, 3, 1/2 + abs(a))": lambda t: mpmath.diff(lambda s: _beta(s, 3, 0.5 + t), 2),
    "where(a != 0, a**4*zeta(2, abs(a)), 0)": 0.0, "where(a != 0, abs(a)**3*zeta(2, abs(a)), 0)": 1.0,
    "where(a != 0, gammaincc(2, 1/abs(a)), 0)": 0.0,
}  # fmt: skip
"""What each formula's slope is right of 0, and with the other sign left of it."""


@pytest.mark.parametrize("formula", one_in(6, _SLOPE_BESIDE_0, first=4))
def test_the_slopes_of_incomplete_functions_beside_a_point(formula: str) -> None:
    report = dx.check(dx.Loss(formula, parameters="a"), at={"a": 0.0}, methods="reverse", device="cpu")
    (row,) = (row for row in report.rows if row.parameter == "a" and row.probe is None)
    stated = _SLOPE_BESIDE_0[formula]
    slope = abs(float(_differences(stated) if callable(stated) else stated))
    assert row.truth is not None
    assert float(row.truth.mid) == 0
    assert slope <= float(row.truth.rad) <= 1.01 * slope
    assert (row.cause is not None and row.cause.key == "kink") == (slope > 0)


_AT_EDGES = [
    ("gammainc(a, x)", 2.0, 0.0, "x"), ("gammainc(a, x)", 0.5, 0.0, "x"), ("gammaincc(a, x)", 1.0, 0.0, "x"),
    ("gammainc(a, x)", 0.0, 1.0, "a, x"), ("betainc(a, 2, x)", 2.0, 0.0, "x"), ("betainc(2, a, x)", 0.5, 1.0, "x"),
    ("betainc(a, 2, x)", 0.0, 0.5, "a, x"), ("zeta(a)*x", 1.0, 1.0, "a, x"), ("zeta(a, x)", 2.0, 0.0, "a, x"),
    ("(a - 1)*zeta(a)*x", 1.0, 1.0, "a, x"), ("zeta(a)*x", 0.5, 1.0, "a, x"),
]  # fmt: skip


@pytest.mark.parametrize(("formula", "a", "x", "without"), one_in(5, _AT_EDGES))
def test_the_edges_of_incomplete_functions_have_slopes_in_what_stays_inside(
    formula: str, a: float, x: float, without: str
) -> None:
    """In ``without`` the domain ends at the point: no gradient exists. In the others the function is constant there."""
    report = dx.check(
        dx.Loss(formula, parameters="a, x"), at={"a": a, "x": x}, methods="reverse, forward", device="cpu"
    )
    rows = [row for row in report.rows if row.parameter in ("a", "x") and row.probe is None]
    undefined = {row.parameter for row in rows if row.cause is not None and row.cause.key == "undefined"}
    assert undefined == set(without.split(", "))
    others = [row for row in rows if row.parameter not in undefined]
    assert all(row.value == 0 and row.truth is not None and float(row.truth.mid) == 0 for row in others)


def test_a_remainder_has_differences_away_from_its_jumps() -> None:
    report = dx.check(lambda a: (a * 1.1) % 1.0, at={"a": 1.3}, methods="reverse, central_difference")
    assert [row.verdict for row in report.rows] == ["pass"] * len(report.rows)
    mean = dx.check(
        lambda a, x: torch.remainder(a * x, 1.0).square().mean(),
        {"x": [0.3, 0.7]},
        {"a": 1.3},
        methods="central_difference",
    )
    assert mean.verdict != "fail"


def test_values_at_the_smallest_orders_are_not_failed() -> None:
    """Where torch gives 0 for 1."""
    report = dx.check(dx.Loss("gammainc(a, x)", parameters="a,x"), at={"a": 1e-310, "x": 1.0}, methods="reverse")
    assert report.verdict != "fail"
