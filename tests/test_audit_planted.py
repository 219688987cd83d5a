"""The audit of planted entries: right rules are proved, wrong ones refuted, and constants read up to their rounding."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import sympy
from audited import found, installed
from representatives import slow

from diffexplore.auditing import classes
from diffexplore.auditing.decide import answered
from diffexplore.auditing.departures import as_it_should_be, as_torch_has_it
from diffexplore.auditing.questions import backward_questions
from diffexplore.auditing.records import Check
from diffexplore.auditing.rulebook import Rulebook
from diffexplore.auditing.rules import nearest_double, read_number
from diffexplore.auditing.setup import Question
from diffexplore.auditing.signature import cases


@pytest.fixture(scope="module")
def rules() -> Rulebook:
    return installed()


# -------------------------------------------------------------------------------------------------- planted entries
RIGHT = [
    ("exp(Tensor self) -> Tensor", "self: grad * result"),
    ("tan(Tensor self) -> Tensor", "self: grad / self.cos().pow(2)"),
    ("log2(Tensor self) -> Tensor", "self: grad / (self * 0.6931471805599453)"),
    ("sigmoid(Tensor self) -> Tensor", "self: grad * result * (-self).sigmoid()"),
    ("gelu(Tensor self, *, str approximate='none') -> Tensor", "self: gelu_backward(grad, self, approximate)"),
    ("mul.Tensor(Tensor self, Tensor other) -> Tensor", "self: other * grad\n  other: grad * self.conj()"),
    ("atan2(Tensor self, Tensor other) -> Tensor", "self, other: atan2_backward(grad, self, other, grad_input_mask)"),
    ("relu(Tensor self) -> Tensor", "self: at::where(self > 0, grad, 0)"),
    ("floor(Tensor self) -> Tensor", "self: zeros_like(grad)"),
    ("fmod.Tensor(Tensor self, Tensor other) -> Tensor", 'other: -grad * self.div(other, "trunc")'),
    ("i0(Tensor self) -> Tensor", "self: at::special_i1(self) * grad"),
    ("_foreach_div.List(Tensor[] self, Tensor[] other) -> Tensor[]", "self: grads[i] / other[i]"),
    ("sin(Tensor self) -> Tensor", "self: grad * self.cos()\n  result: self_t * self_p.cos()"),
    ("erfinv(Tensor self) -> Tensor", "self: (M_PI_4 * M_2_SQRTPI) * exp(result.pow(2)) * grad"),
    (
        "special_ndtri(Tensor self) -> Tensor",
        "self: grad * (M_PI_2 * M_SQRT2 * M_2_SQRTPI) * (result.square() * 0.5).exp()",
    ),
    ("log2(Tensor self) -> Tensor", "self: grad * M_LOG2E / self"),
    ("log10(Tensor self) -> Tensor", "self: grad * M_LOG10E / self"),
    ("log10(Tensor self) -> Tensor", "self: grad / (self.conj() * M_LN10)"),
    ("atan(Tensor self) -> Tensor", "self: M_1_PI * M_PI * grad / (self * self + 1)"),
    ("exp(Tensor self) -> Tensor", "self: grad * at::pow(M_E, self) * M_2_PI * M_PI_2"),
    (
        "maximum(Tensor self, Tensor other) -> Tensor",
        "self: masked_fill_inplace_if_safe(at::where(self == other, grad / 2, grad), self < other, 0)\n"
        "  other: masked_fill_inplace_if_safe(at::where(self == other, grad / 2, grad), self > other, 0)",
    ),
]
WRONG = [
    ("exp(Tensor self) -> Tensor", "self: 2 * grad * result"),
    ("tan(Tensor self) -> Tensor", "self: grad * (1 - result.pow(2))"),
    ("log2(Tensor self) -> Tensor", "self: grad / (self * 0.69314718)"),
    ("log2(Tensor self) -> Tensor", "self: grad / (self * 0.693147181559945)"),
    ("sigmoid(Tensor self) -> Tensor", "self: grad * result * (1.000000001 - result)"),
    ("gelu(Tensor self, *, str approximate='none') -> Tensor", "self: gelu_backward(grad, self, 'tanh')"),
    ("mul.Tensor(Tensor self, Tensor other) -> Tensor", "self: other * grad\n  other: grad * other"),
    ("atan2(Tensor self, Tensor other) -> Tensor", "other, self: atan2_backward(grad, self, other, grad_input_mask)"),
    ("relu(Tensor self) -> Tensor", "self: at::where(self > 0, 0, grad)"),
    ("relu(Tensor self) -> Tensor", "self: at::where(result >= 0, grad, 0)"),
    ("floor(Tensor self) -> Tensor", "self: grad"),
    ("fmod.Tensor(Tensor self, Tensor other) -> Tensor", 'other: grad * self.div(other, "trunc")'),
    ("_foreach_div.List(Tensor[] self, Tensor[] other) -> Tensor[]", "self: grads[i] * other[i]"),
    ("sin(Tensor self) -> Tensor", "self: grad * self.cos()\n  result: self_t * self_p.sin()"),
    (
        "mul.Tensor(Tensor self, Tensor other) -> Tensor",
        "self: grad * other\n  other: grad * self\n  result: self_t * other_p",  # the tangent of other is forgotten
    ),
    ("softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor", "self: grad * (self * beta).sigmoid()"),
    ("erfinv(Tensor self) -> Tensor", "self: (M_PI_2 * M_2_SQRTPI) * exp(result.pow(2)) * grad"),
    ("log10(Tensor self) -> Tensor", "self: grad * M_LOG2E / self"),
    ("maximum(Tensor self, Tensor other) -> Tensor", "self: masked_fill_inplace_if_safe(grad, self > other, 0)"),
]


@pytest.mark.parametrize(("signature", "formulas"), RIGHT, ids=lambda text: text[:24])
def test_a_right_rule_is_proved(signature: str, formulas: str) -> None:
    record = found(signature, formulas)
    assert record.status == "proved", record.checks


@pytest.mark.parametrize(("signature", "formulas"), WRONG, ids=lambda text: text[:24])
def test_a_wrong_rule_is_refuted(signature: str, formulas: str) -> None:
    formulas = formulas.replace("'tanh'", '"tanh"')
    record = found(signature, formulas)
    assert record.status == "refuted", record.checks
    example = next(check.counterexample for check in record.checks if check.status == "refuted")
    assert example is not None
    assert example["derivative"] != example["rule"]


@pytest.mark.parametrize(
    ("signature", "formulas"),
    [
        ("i0(Tensor self) -> Tensor", "self: grad * at::i0(self)"),
        ("special_i1e(Tensor self) -> Tensor", "self: grad * result"),
        ("igamma(Tensor self, Tensor other) -> Tensor", "other: grad * exp((self - 1) * log(other) - other)"),
        ("polygamma(int n, Tensor self) -> Tensor", "self: grad * polygamma(n + 2, self)"),
        ("special_zeta(Tensor self, Tensor other) -> Tensor", "other: grad * self * special_zeta(self + 1., other)"),
    ],
    ids=lambda text: text[:12],
)
def test_wrong_rules_of_special_functions_are_refuted(signature: str, formulas: str) -> None:
    (check,) = found(signature, formulas).checks
    assert check.status == "refuted", check
    assert check.counterexample is not None


@pytest.mark.parametrize(("each", "least"), [(4, 50), slow(1, 300)])
def test_a_billionth_more_is_refuted_in_every_rule(rules: Rulebook, each: int, least: int) -> None:
    statuses: Counter[str] = Counter()
    for entry in rules.entries[::each]:
        if classes.class_of(entry) in classes.IN_SCOPE:
            for case in cases(entry.signature):
                for text, question in backward_questions(entry, case):
                    assert isinstance(question, Question)
                    grad = sympy.Symbol("grad" if len(case.formulas) == 1 else "grad0", real=True)
                    more = question.claimed + grad / 10**9
                    statuses[answered(replace(question, claimed=more), text).status] += 1
    assert statuses["proved"] == 0
    assert statuses["refuted"] > least
    assert statuses["refuted"] >= 0.99 * statuses.total()


def test_what_holds_on_every_step_alone_is_left_open() -> None:
    """sin(π·k·(k + 1)/2) is 0 for every k that occurs, but not for every k: neither a proof nor a refutation."""
    rule = "self: grad * sin(M_PI * self.floor() * (self.floor() + 1) / 2)"
    record = found("floor(Tensor self) -> Tensor", rule)
    assert record.status == "unknown", record.checks


def test_conditions_are_stated() -> None:
    (check,) = found("log(Tensor self) -> Tensor", "self: grad / self").checks
    assert check.conditions == ("for self > 0",)
    (check,) = found("floor(Tensor self) -> Tensor", "self: zeros_like(grad)").checks
    assert check.conditions == ("off the jumps of floor(self)",)
    (check,) = found("clamp_min(Tensor self, Scalar min) -> Tensor", "self: where(self >= min, grad, 0)").checks
    assert check.conditions == ("min − self ≠ 0",)


def test_both_branches_of_the_gradient_mode_are_asked() -> None:
    record = found("silu(Tensor self) -> Tensor", 'self: "GradMode::is_enabled() ? silu_backward(grad, self) : grad"')
    assert [check.status for check in record.checks] == ["proved", "refuted"]


def test_forward_mode_that_is_not_linear_is_refuted() -> None:
    record = found(
        "_foreach_maximum.Scalar(Tensor[] self, Scalar scalar) -> Tensor[]",
        "result: scalar + at::where(self_p > scalar, 1, 0) * (self_t - scalar)",
    )
    assert {check.input: check.status for check in record.checks} == {
        "self, forward mode": "refuted",
        "all tangents 0, forward mode": "refuted",
    }


# ----------------------------------------------------------------------------------------------------- named causes
def test_a_cause_is_named_only_where_it_is_the_whole_cause() -> None:
    (check,) = found("log10(Tensor self) -> Tensor", "self: 2 * grad / (self * 2.3025850929940456)").checks
    assert (check.status, check.reason, check.deliberate) == ("refuted", "", False)


def log10_with(constant: str) -> Check:
    (check,) = found("log10(Tensor self) -> Tensor", f"self: grad / (self * {constant})").checks
    return check


def test_a_constant_within_two_ulps_is_proved_up_to_its_rounding() -> None:
    """torch's own log(10) is one unit off: prove(torch.log10) says the same."""
    for constant in ("2.3025850929940456", "2.302585092994046", "2.3025850929940462"):
        check = log10_with(constant)
        assert check.status == "proved"
        (read,) = check.constants
        assert (read["value"], read["read_as"], read["dtype"]) == (float(constant), "log(10)", "float64")
        assert 0 < read["relative"] < 5e-16
        assert check.conditions[0].startswith(f"up to the rounding of {float(constant)!r} (relative ")


def test_a_constant_farther_off_stays_refuted() -> None:
    off = log10_with("2.302585092994050")
    assert (off.status, off.constants) == ("refuted", ())
    assert off.reason == "2.302585092994050 is 9 units in the last place from the double nearest to log(10)"
    assert log10_with("2.3025850953").status == "refuted"


def test_numbers_are_read_exactly() -> None:
    two = read_number("0.6931471805599453")[0]
    assert as_it_should_be(two) == sympy.log(2)
    assert as_torch_has_it(two) == sympy.Rational(*(0.6931471805599453).as_integer_ratio())
    assert read_number("0.5") == (sympy.Rational(1, 2), None)
    assert read_number("0.1")[0] == sympy.Rational(1, 10)
    far, note = read_number("1.23456789012345")
    assert far == sympy.Rational(*(1.23456789012345).as_integer_ratio())
    assert note is not None
    assert nearest_double(sympy.log(10)) != float("2.3025850929940456")
