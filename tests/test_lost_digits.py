"""Where digits are lost: the subexpression that cancels, and a form that was tried and keeps them."""

from __future__ import annotations

import pytest
import torch
from autograd_functions import function_of
from representatives import one_in

import diffexplore as dx
from diffexplore.checking.records import LostDigits, Report
from diffexplore.render.displays import to_markdown

Tensor = torch.Tensor


def lost(report: Report, method: str) -> LostDigits:
    return next(found for found in report.lost_digits if method in found.methods)


#: A loss whose gradient has the subexpression, the point, the dtype, what cancels and what keeps the digits.
CANCELLING = [
    ("expm1(a)", -40.0, "float64", "expm1(a) + 1", "exp(a)"),
    ("expm1(a)", -18.0, "float32", "expm1(a) + 1", "exp(a)"),
    ("expm1(a)", -6.0, "bfloat16", "expm1(a) + 1", "exp(a)"),
    ("(1 + erf(a))**2", -5.0, "float64", "erf(a) + 1", "erfc(-a)"),
    ("(1 - erf(a))**2", 3.0, "float32", "1 - erf(a)", "erfc(a)"),
    ("(1 - cos(a))**2", 1e-6, "float64", "1 - cos(a)", "2*sin(a/2)**2"),
    ("(exp(a) - 1)**2", 1e-6, "float32", "exp(a) - 1", "expm1(a)"),
    ("log(1 + a)**2", 1e-9, "float64", "log(a + 1)", "log1p(a)"),
    ("(1 - tanh(a))**2", 12.0, "float64", "1 - tanh(a)", "2*sigmoid(-2*a)"),
    ("(1 - sigmoid(a))**2", 10.0, "float32", "1 - sigmoid(a)", "sigmoid(-a)"),
]


@pytest.mark.parametrize(("formula", "at", "dtype", "cancels", "keeps"), one_in(2, CANCELLING))
def test_what_cancels_and_what_keeps_the_digits(formula: str, at: float, dtype: str, cancels: str, keeps: str) -> None:
    report = dx.check(dx.Loss(formula, parameters="a"), at={"a": at}, dtype=dtype, methods="reverse")
    found = lost(report, "reverse")
    half = {"float64": 2.0**-26.5, "float32": 2.0**-12, "bfloat16": 2.0**-4}[dtype]
    assert found.subexpression == cancels
    assert found.better == keeps
    assert not found.whole
    assert found.better_relative is not None
    assert found.better_relative <= half < found.after
    text = " ".join(report.to_text(full=True).split())
    assert f"{cancels} cancels" in text
    assert f"{keeps} keeps the digits" in text


@pytest.mark.parametrize(("formula", "at"), [("a**2/2", 0.5), ("log1p(a)", 1e-9), ("expm1(a)", 1e-9), ("sin(a)", 1.0)])
def test_nothing_is_said_where_nothing_is_lost(formula: str, at: float) -> None:
    report = dx.check(dx.Loss(formula, parameters="a"), at={"a": at}, methods="symbolic,reverse")
    assert report.lost_digits == ()
    assert "igits are lost" not in str(report)
    assert report.to_dict()["lost_digits"] == []


def test_what_the_gradient_never_sees_is_not_blamed() -> None:
    # The loss cancels, cos(x) - 1 at 1e-9; its derivative, -sin(x), does not.
    report = dx.check(dx.Loss("cos(a) - 1", parameters="a"), at={"a": 1e-9}, methods="reverse,forward")
    assert report.lost_digits == ()


def test_log_of_expected_improvement() -> None:
    # h(z) = φ(z) + z Φ(z) at z = -10, (log h)' = Φ/h = 10.1943830334 by mpmath; Φ = (1 + erf(z/√2))/2 has no digit.
    formula = "log(exp(-z**2/2)/sqrt(2*pi) + z*(1 + erf(z/sqrt(2)))/2)"
    report = dx.check(dx.Loss(formula, parameters="z"), at={"z": -10.0}, methods="reverse")
    truth = next(row.truth for row in report.rows if row.parameter == "z")
    assert truth is not None
    assert float(truth.mid) == pytest.approx(10.1943830334, abs=5e-11)
    found = lost(report, "reverse")
    assert found.better is not None
    assert found.better.startswith("erfc(")


SOFTPLUS = function_of(
    lambda x: torch.logaddexp(x, x.new_zeros(())), lambda upstream, x: upstream * (1 - 1 / (1 + torch.exp(x)))
)


def _mean_softplus(a: Tensor, x: Tensor) -> Tensor:
    return SOFTPLUS.apply(a * x).mean()


@pytest.mark.parametrize(
    ("dtype", "place"), [("float32", -12.0), ("float32", -17.0), ("float64", -30.0), ("bfloat16", -6.0)]
)
def test_a_candidate_is_told_even_where_it_passes(dtype: str, place: float) -> None:
    loss = dx.Loss("softplus(a*x)", parameters="a", data="x")
    report = dx.verify(_mean_softplus, loss, {"x": [1.0, 2.0, place, 0.5]}, {"a": 1.0}, dtype=dtype)
    assert report.verdict == "pass"
    (found,) = (entry for entry in report.lost_digits if entry.sample == 2)
    assert found.subexpression == "1 - 1/(exp(a*x) + 1)"
    assert found.better == "sigmoid(a*x)"
    assert found.data == {"x": place}
    assert "sigmoid(a*x) keeps the digits" in " ".join(str(report).split())
    assert "Lost digits" in to_markdown(report, full=True)
    assert "digits are lost: " in report._repr_html_()


def test_the_document_holds_the_evidence() -> None:
    report = dx.check(dx.Loss("expm1(a)", parameters="a"), at={"a": -40.0}, methods="symbolic,reverse,vmap")
    (entry,) = report.to_dict()["lost_digits"]
    assert entry["methods"] == ["reverse", "vmap"]
    assert entry["point"] == {"a": -40.0}
    assert entry["relative"] is None  # no digit is certain
    assert (entry["subexpression"], entry["better"], entry["whole"]) == ("expm1(a) + 1", "exp(a)", False)
    assert entry["before"] < 1e-14 < entry["after"]
