"""NaN and infinity where the truth is finite: a fail that names sample, operation and remedy."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from representatives import one_in, these

import diffexplore as dx
from diffexplore.checking.records import Report, Row
from diffexplore.cli.main import main
from diffexplore.render.displays import to_markdown

Tensor = torch.Tensor

#: Beyond the largest argument whose exponential is finite.
TOO_LARGE = {"float64": 800.0, "float32": 100.0, "bfloat16": 100.0, "float16": 12.0}

SOFTPLUS = dx.Loss("log(1 + exp(a*x))", parameters="a", data="x")
LOG_SINH = dx.Loss("log(2 + abs(sinh(a*x)))", parameters="a", data="x")


def first(report: Report, method: str, parameter: str = "a") -> Row:
    return next(row for row in report.rows if (row.method, row.parameter, row.sample) == (method, parameter, None))


@pytest.mark.parametrize("dtype", one_in(2, TOO_LARGE))
def test_exact_methods_fail_where_exp_overflows_and_its_derivative_does_not(dtype: str) -> None:
    large = TOO_LARGE[dtype]
    report = dx.check(SOFTPLUS, {"x": [1.0, large, 2.0]}, {"a": 1.0}, dtype=dtype, methods="symbolic,reverse,forward")
    assert report.verdict == "fail"
    assert first(report, "symbolic").verdict == "pass"  # it computes by exp(−|a·x|)
    for method in ("reverse", "forward"):
        cause = first(report, method).cause
        assert cause is not None
        assert (cause.key, cause.fields["value"], cause.fields["sample"]) == ("nan", "NaN", 1)
        assert cause.fields["data"] == {"x": large}
        assert cause.fields["operation"] == f"exp({large:g}) = inf"
    backward = first(report, "reverse").cause
    assert backward is not None
    assert backward.fields["backward_operation"] == "0 · inf = NaN"
    assert "logsumexp, softplus or logsigmoid" in backward.fields["remedy"]


@pytest.mark.parametrize("method", ["symbolic", "numpy", "vmap"])
def test_closed_forms_and_vmap_are_exact_too(method: str) -> None:
    row = first(dx.check(LOG_SINH, {"x": [1.0, 800.0]}, {"a": 1.0}, methods=method), method)
    assert (row.verdict, row.cause and row.cause.fields["operation"]) == ("fail", "sinh(800) = inf")


def test_differences_and_the_complex_step_never_decide_by_their_own_overflow() -> None:
    names = "forward_difference,central_difference,richardson,complex_step"
    report = dx.check(SOFTPLUS, {"x": [800.0]}, {"a": 1.0}, methods=names)
    rows = [row for row in report.rows if row.parameter == "a" and row.probe is None]
    assert rows
    assert {row.verdict for row in rows} == {"inconclusive"}
    assert "step" in {row.cause.key for row in rows if row.cause}


@pytest.mark.parametrize("method", ["forward_difference", "central_difference", "richardson"])
def test_a_step_out_of_the_stated_domain_is_no_evidence(method: str) -> None:
    inside = dx.Loss("a**2", parameters="a", domain="a < 1")
    row = first(dx.check(inside, at={"a": 0.9375}, methods=f"reverse,{method}", step=0.125), method)
    assert (row.verdict, row.cause and row.cause.key) == ("inconclusive", "step")
    assert row.value is not None  # the number is finite, but it is one of another function
    assert first(dx.check(inside, at={"a": 0.5}, methods=f"reverse,{method}", step=0.125), method).verdict == "pass"


def test_the_headline_names_the_method_the_place_and_the_remedy() -> None:
    # d√(a⁴)/da = 2a exists at 1e200 and is in range; a⁴ is not.
    root = dx.Loss("sqrt(a**4 + x)", parameters="a", data="x")
    text = " ".join(str(dx.check(root, {"x": [1.0]}, {"a": 1e100}, methods="reverse")).split())
    assert text.startswith("FAIL the loss itself computes to infinity at a = 1e100, x = 1 (sample 0)")
    assert "hypot" in text
    scaled = dx.Loss("exp(a*x)/(1 + exp(a*x))", parameters="a", data="x")
    headline = " ".join(str(dx.check(scaled, {"x": [1.0, 710.0]}, {"a": 1.0}, methods="reverse")).split())
    assert headline.startswith("FAIL ")
    assert "(sample 1)" in headline.split(" failed")[0]


@pytest.mark.parametrize("dtype", one_in(2, ["float64", "float32", "bfloat16"], first=1))
def test_a_loss_that_is_not_finite_where_its_truth_is_fails_by_itself(dtype: str) -> None:
    large = TOO_LARGE[dtype]
    report = dx.check(SOFTPLUS, {"x": [large]}, {"a": 1.0}, dtype=dtype, methods="reverse")
    row = first(report, "loss", "(value)")
    assert (row.verdict, row.cause and row.cause.key, row.value) == ("fail", "nan", None)
    assert row.truth is not None
    assert float(row.truth.mid) == pytest.approx(large)  # log(1 + eˣ) = x + log(1 + e⁻ˣ)


def test_a_loss_that_truly_overflows_does_not_make_its_gradient_wrong() -> None:
    # ∂/∂a of a + e^x is 1, whatever e^800 is.
    loss = dx.Loss("a + exp(x)", parameters="a", data="x")
    report = dx.check(loss, {"x": [1.0, 800.0]}, {"a": 1.0}, methods="symbolic,reverse")
    assert report.verdict == "pass"
    row = first(report, "loss", "(value)")
    assert (row.verdict, row.cause and row.cause.key) == ("inconclusive", "overflow")
    assert "the loss itself is not finite in float64" in " ".join(str(report).split())


def test_a_truth_beyond_the_dtype_is_an_overflow_and_no_fail() -> None:
    # e^12 = 162754.8 is beyond the largest float16, 65504.
    report = dx.check(dx.Loss("exp(a)", parameters="a"), at={"a": 12.0}, dtype="float16", methods="symbolic,reverse")
    assert report.verdict == "inconclusive"
    assert {row.cause.key for row in report.rows if row.cause} == {"overflow"}


def _softplus(a: Tensor, x: Tensor) -> Tensor:
    return torch.log(1 + torch.exp(a * x)).mean()


@pytest.mark.parametrize("dtype", one_in(3, TOO_LARGE))
def test_a_candidate_fails_likewise(dtype: str) -> None:
    stable = dx.Loss("softplus(a*x)", parameters="a", data="x")
    report = dx.verify(_softplus, stable, {"x": [1.0, TOO_LARGE[dtype], 2.0]}, {"a": 1.0}, dtype=dtype)
    assert report.verdict == "fail"
    row = next(row for row in report.rows if row.parameter == "a" and row.probe is None)
    assert row.cause is not None
    assert (row.cause.key, row.cause.fields["sample"]) == ("nan", 1)
    assert "softplus" in row.cause.fields["remedy"]
    with pytest.raises(dx.GradientError, match="computes NaN for"):
        dx.assert_gradient(_softplus, stable, {"x": [1.0, TOO_LARGE[dtype]]}, {"a": 1.0}, dtype=dtype)


def _root_of_branch(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return (torch.where(x > 0, torch.sqrt(a * x), torch.zeros_like(x)) + y).mean()


def _inverse_of_branch(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return (torch.where(x > 0, a / x, torch.zeros_like(x)) + y).mean()


def _log_of_tail(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return (torch.log(1 + torch.erf(-a * x)) + y).mean()


def _length(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return (torch.sqrt((a * x) ** 2 + x**2) + y).mean()


def _quotient(a: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return (a * x * x / x / x + y).mean()


#: The candidate, a loss whose truth needs no branch, samples x and y, and words of the remedy. In all, x[0] is to blame.
REMEDIES = [
    (_root_of_branch, "sqrt(a)*y + y", [0.0, 1.0], [0.0, 1.0], "where() still differentiates the branch not taken"),
    (_inverse_of_branch, "a*y + y", [0.0, 1.0], [0.0, 1.0], "where() still differentiates the branch not taken"),
    (_log_of_tail, "log(erfc(a*x)) + y", [9.0, 1.0], [0.0, 1.0], "use log1p"),
    (_length, "abs(x)*sqrt(a**2 + 1) + y", [1e30, 1.0], [0.0, 1.0], "use hypot"),
    (_quotient, "a + y", [1e30, 1.0], [0.0, 1.0], "divide first"),
]


@pytest.mark.parametrize(("candidate", "formula", "x", "y", "advice"), these(REMEDIES[1:], REMEDIES))
def test_remedies(candidate, formula: str, x: list[float], y: list[float], advice: str) -> None:  # type: ignore[no-untyped-def]
    names = "x, y" if "x" in formula else "y"
    packed = candidate if names == "x, y" else lambda a, y: candidate(a, torch.tensor(x), y)
    loss = dx.Loss(formula, parameters="a", data=names)
    data = {"y": y} | ({"x": x} if names == "x, y" else {})
    report = dx.verify(packed, loss, data, {"a": 1.0}, dtype="float32")
    assert report.verdict == "fail"
    causes = [row.cause for row in report.rows if row.is_nan and row.probe is None and row.cause]
    assert causes
    assert all(advice in cause.message for cause in causes)
    if names == "x, y":
        assert {cause.fields["sample"] for cause in causes} == {0}


def _of(operation: str) -> Callable[[Tensor, Tensor], Tensor]:
    """A candidate that takes one function of a·x; log1p and the like by their names in torch."""
    return lambda a, x: getattr(torch, operation)(a * x).mean()


#: The candidate, the argument at which it leaves its domain, and words of the remedy. The truth is that of a·x.
OUTSIDE = [
    (_of("log"), -2.0, "log has no real value of a negative number"),
    (_of("log1p"), -3.0, "log has no real value of a negative number"),
    (_of("logit"), 2.0, "log has no real value of a negative number"),
    (_of("log"), 0.0, "log of 0"),
    (_of("log1p"), -1.0, "log of 0"),
    (_of("sqrt"), -2.0, "sqrt has no real value of a negative number"),
    (_of("rsqrt"), -2.0, "sqrt has no real value of a negative number"),
    (lambda a, x: ((a * x) ** 1.5).mean(), -2.0, "no real power with a fractional exponent"),
    (lambda a, x: ((a * x) ** -1.5).mean(), 0.0, "a negative power of 0 is a division by 0"),
    (_of("asin"), 1.5, "outside the domain"),
    (_of("acosh"), 0.5, "outside the domain"),
    (_of("atanh"), -2.0, "outside the domain"),
    (_of("asin"), 1.0, "at the end of the domain"),
    (_of("lgamma"), -2.0, "poles at 0 and the negative whole numbers"),
    (_of("digamma"), 0.0, "poles at 0 and the negative whole numbers"),
]


#: One with each remedy.
OUTSIDE_EACH_TIME = {row[-1]: row for row in OUTSIDE}.values()


@pytest.mark.parametrize(("candidate", "at", "advice"), these(OUTSIDE_EACH_TIME, OUTSIDE))
def test_remedies_name_the_end_of_the_domain_that_was_left(
    candidate: Callable[[Tensor, Tensor], Tensor], at: float, advice: str
) -> None:
    report = dx.verify(candidate, dx.Loss("a*x", parameters="a", data="x"), {"x": [at]}, {"a": 1.0})
    causes = [row.cause for row in report.rows if row.is_nan and row.probe is None and row.cause]
    assert causes
    assert all(advice in cause.message for cause in causes)


def test_a_probe_point_of_the_check_itself_does_not_fail_for_an_overflow() -> None:
    report = dx.check("perpendicular", dtype="float16", methods="symbolic,reverse")
    assert not [row for row in report.rows if row.is_nan]


def test_every_output_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "points.csv"
    data.write_text("x\n1\n800\n")
    command = ["report", "log(1 + exp(a*x))", "--at", "a=1", "--data", str(data), "--methods", "reverse", "--quiet"]
    assert main([*command, "--json", str(tmp_path / "r.json")]) == 1
    assert "(sample 1)" in " ".join(capsys.readouterr().out.split())
    document = json.loads((tmp_path / "r.json").read_text())
    assert document["summary"]["causes"]["nan"] >= 2
    report = dx.check(SOFTPLUS, {"x": [1.0, 800.0]}, {"a": 1.0}, methods="reverse")
    assert "computes to infinity" in to_markdown(report)
    assert "computes to infinity" in report._repr_html_()


def test_a_pass_counts_what_it_did_not_decide() -> None:
    # e^-40 = 4.248354255291589e-18: reverse mode computes expm1(-40) + 1 = 0.
    report = dx.check(
        dx.Loss("expm1(a)", parameters="a"), at={"a": -40.0}, methods="symbolic,numpy,reverse,forward,vmap"
    )
    assert report.verdict == "pass"
    text = " ".join(str(report).split())
    assert text.startswith(
        "PASS 2 of 5 comparisons agree with the truth (all by symbolic and numpy); "
        "3 inconclusive: rounding hides the gradient (reverse, forward and vmap)"
    )
    assert "every partial agrees" not in text


@pytest.mark.parametrize("scaled", [lambda loss: loss * math.nan, lambda loss: torch.tensor(math.nan) * loss])
def test_a_nan_in_the_code_is_no_overflow(scaled: Callable[[Tensor], Tensor]) -> None:
    """1 · NaN leaves no range; the number is NaN before any operation."""
    report = dx.verify(lambda a, x: scaled((a * x).mean()), dx.Loss("a*x", parameters="a", data="x"), {"x": [1.0, 2.0]},
                       {"a": 0.5})  # fmt: skip
    causes = [row.cause.message for row in report.rows if row.is_nan and row.probe is None and row.cause]
    assert causes
    assert all("a factor is NaN by itself" in message and "range" not in message for message in causes)
