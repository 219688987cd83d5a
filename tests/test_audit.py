"""The audit of derivatives.yaml: every entry accounted for, right rules proved, wrong ones refuted, causes named."""

from __future__ import annotations

import io
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import doc_examples
import pytest
import sympy
import torch
from documents import check_document
from torch_operators import POINTS, Run, numeric

from diffexplore.auditing import classes
from diffexplore.auditing.audit import audit, recorded
from diffexplore.auditing.constants import nearest_double, read_number
from diffexplore.auditing.decide import answered
from diffexplore.auditing.departures import as_it_should_be, as_torch_has_it
from diffexplore.auditing.expressions import (
    Binary,
    Call,
    Choice,
    MethodCall,
    Name,
    NotAnExpression,
    NumberLiteral,
    Unary,
    parse_formula,
)
from diffexplore.auditing.findings import FINDINGS
from diffexplore.auditing.forwards import cases
from diffexplore.auditing.helpers import HELPERS
from diffexplore.auditing.page import page
from diffexplore.auditing.questions import backward_questions, forward_questions
from diffexplore.auditing.records import Audit, Check, Record
from diffexplore.auditing.rulebook import Rulebook, RulebookEntry, installed_rules, read_installed, read_rules
from diffexplore.auditing.setup import Question, Unread
from diffexplore.auditing.signature import read_signature
from diffexplore.cli.main import main
from diffexplore.cli.output import console_on
from diffexplore.documents import to_json
from diffexplore.errors import UsageError
from diffexplore.render.terminal import Drawing
from diffexplore.torch_ops.registry import named

Output = pytest.CaptureFixture[str]

#: Kernels of torch whose own values are less exact than the others.
ROUGH = {"digamma": 1e-8}


@pytest.fixture(scope="module")
def rules() -> Rulebook:
    return read_installed()


def found(signature: str, *formulas: str) -> Record:
    """The record of one planted entry."""
    text = "\n  ".join([f"- name: {signature}", *formulas])
    (record,) = audit(read_rules(text)).records
    return record


# ------------------------------------------------------------------------------------------------ the shipped file
def test_every_entry_is_in_exactly_one_class(rules: Rulebook) -> None:
    written = [
        line for line in installed_rules().read_text(encoding="utf-8").splitlines() if line.startswith("- name:")
    ]
    assert len(rules.entries) == len(written)
    kinds = Counter(classes.class_of(entry) for entry in rules.entries)
    assert set(kinds) <= {*classes.IN_SCOPE, *classes.OUT_OF_SCOPE}
    assert kinds[classes.UNCLASSIFIED] == 0
    assert sum(kinds[kind] for kind in classes.IN_SCOPE) >= 170
    assert len({entry.name for entry in rules.entries}) == len(rules.entries)


@pytest.fixture(scope="module")
def whole() -> Audit:
    """The audit of the installed rules, which is made once."""
    return doc_examples._audited()


def test_the_page_speaks_of_the_torch_that_is_pinned() -> None:
    pins = (doc_examples.ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert source_of_the_page().replace(" ", "==") in pins


def source_of_the_page() -> str:
    text = (doc_examples.ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"^## Results for (torch \S+)$", text, flags=re.MULTILINE)
    return str(source)


def test_the_document_is_as_the_schema_says(whole: Audit) -> None:
    check_document("audit", to_json(whole.to_dict()))


def test_the_tables_of_the_page_are_those_of_the_audit(whole: Audit) -> None:
    if whole.source != source_of_the_page():
        pytest.skip(f"the page speaks of {source_of_the_page()}, and {whole.source} is installed")
    text = (doc_examples.ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    assert doc_examples.with_tables(text) == text, "run python docs/refresh.py"


def written(entry: RulebookEntry) -> str:
    return " ".join([*entry.gradients.values(), *entry.tangents.values()])


def slope(function: Callable[[torch.Tensor], torch.Tensor], at: float) -> float:
    x = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    return float(torch.autograd.grad(function(x), x)[0])


ONE = torch.ones((), dtype=torch.float64)

#: Defects of some versions of torch: by name, what tells whether an entry of the installed rules has it.
DEFECTS: dict[str, Callable[[RulebookEntry], bool]] = {
    "hardsigmoid": lambda entry: slope(torch.nn.functional.hardsigmoid, 0.0) != 1 / 6,
    **dict.fromkeys(["celu", "celu_"], lambda entry: "alpha.toFloat()" in written(entry)),
    **dict.fromkeys(
        [f"_foreach_{which}.{overload}" for which in ("maximum", "minimum") for overload in ("Scalar", "ScalarList")],
        lambda entry: entry.tangents["result"].startswith(("scalar + ", "scalars[i] + ")),
    ),
    # At self = 0 it has the slope of the other side than its kernel.
    "_prelu_kernel_backward": lambda entry: "self >= 0" in written(entry),
    # At self = min = max a constant has the slope 1.
    "clamp": lambda entry: slope(lambda x: x.clamp(1.0, 1.0), 1.0) != 0,
    "clamp.Tensor": lambda entry: slope(lambda x: x.clamp(ONE, ONE), 1.0) != 0,
}


def test_all_elementwise_entries_are_decided(rules: Rulebook, whole: Audit) -> None:
    result = whole
    assert len(result.records) == len(rules.entries)
    assert result.decided >= 170
    statuses = Counter(record.status for record in result.records)
    assert statuses["unknown"] == 0
    by_name = {entry.name: entry for entry in rules.entries}
    assert {record.name for record in result.unexplained} == {
        name for name, has in DEFECTS.items() if has(by_name[name])
    }
    (angle,) = (record for record in result.records if record.name == "atan2")
    jumps = {check.input: "self ≠ 0 or other > 0" in check.conditions for check in angle.checks}
    assert jumps["self"] and not jumps["other"]  # at self = 0 it is constant in other


@pytest.mark.filterwarnings("ignore:Converting a tensor")
def test_formulas_and_rules_agree_with_torch(rules: Rulebook) -> None:
    """Every formula of the tables is its operator, and every rule as read is what autograd computes, at 20 points."""
    compared, wrong = 0, []
    for entry in rules.entries:
        if classes.class_of(entry) not in classes.IN_SCOPE:
            continue
        for case in cases(entry.signature):
            run = Run(entry, case)
            outputs, upstream, gradients = run.torch()
            for formula, output in zip(run.setup.outputs, outputs, strict=True):
                function = numeric(as_torch_has_it(formula), run.names)
                ours = [float(function(*point.values())) for point in run.points]
                compared += 1
                if not close(ours, output.detach().expand(POINTS).tolist()):
                    wrong.append((entry.name, case.label))
            names = [*run.names, *(["grad"] if len(upstream) == 1 else ["grad0", "grad1"])]
            for _, question in backward_questions(entry, case):
                assert not isinstance(question, Unread), question
                gradient = gradients.get(question.input)
                if gradient is None:
                    assert question.claimed == 0
                    continue
                function = numeric(as_torch_has_it(question.claimed), names)
                ours = [
                    float(function(*point.values(), *(float(one[i]) for one in upstream)))
                    for i, point in enumerate(run.points)
                ]
                theirs = (gradient.detach() + 0 * outputs[0].detach()).tolist() if gradient.dim() else [float(gradient)]
                compared += 1
                if not close(ours if gradient.dim() else [sum(ours)], theirs, ROUGH.get(entry.name, 1e-10)):
                    wrong.append((entry.name, question.input, question.case))
    assert wrong == []
    assert compared > 500


@pytest.mark.parametrize("name", ["clamp", "clamp.Tensor"])
def test_ties_are_settled_as_torch_settles_them(rules: Rulebook, name: str) -> None:
    """Where limits and argument are equal the rule is what torch computes, in both modes: versions differ there."""
    (entry,) = (entry for entry in rules.entries if entry.name == name)
    checked = 0
    for case in cases(entry.signature):
        names = ["self", *(limit for limit in ("min", "max") if limit not in case.settings)]
        asked = [one for _, one in (*backward_questions(entry, case), *forward_questions(entry, case))]
        for values in itertools.product((0.0, 1.0, 2.0), repeat=len(names)):
            at = dict(zip(names, values, strict=True))
            theirs = tied_slopes(at, names if name == "clamp.Tensor" else ["self"])
            for question in asked:
                assert isinstance(question, Question)
                if question.symbol is not None:
                    mode = "forward" if "forward mode" in question.input else "reverse"
                    ours = question.claimed.subs(
                        {symbol: at.get(symbol.name, 1) for symbol in question.claimed.free_symbols}
                    )
                    assert float(ours) == theirs[mode, question.symbol.name], (question.input, at)
                    checked += 1
    assert checked >= 15


def tied_slopes(at: dict[str, float], tensors: list[str]) -> dict[tuple[str, str], float]:
    """(mode, argument) → the derivative of torch.clamp by it; the other arguments are numbers."""

    def function(*values: torch.Tensor) -> torch.Tensor:
        arguments: dict[str, Any] = at | dict(zip(tensors, values, strict=True))
        return torch.clamp(arguments.pop("self"), **arguments)

    points = [torch.tensor(at[name], dtype=torch.float64, requires_grad=True) for name in tensors]
    found = zip(tensors, torch.autograd.grad(function(*points), points), strict=True)
    slopes = {("reverse", name): float(gradient) for name, gradient in found}
    for k, name in enumerate(tensors):
        tangents = tuple(torch.tensor(float(i == k), dtype=torch.float64) for i in range(len(tensors)))
        with torch.no_grad():
            _, tangent = torch.func.jvp(function, tuple(point.detach() for point in points), tangents)
        slopes["forward", name] = float(tangent)
    return slopes


def close(ours: list[float], theirs: list[float], tolerance: float = 1e-10) -> bool:
    return all(abs(a - b) <= tolerance * max(1.0, abs(b)) for a, b in zip(ours, theirs, strict=True))


def test_every_helper_has_its_citation_and_is_used(rules: Rulebook) -> None:
    assert all(entered.citation.startswith(f"{name} (") for name in HELPERS for entered in HELPERS[name])
    formulas = " ".join(
        text
        for entry in rules.entries
        for text in (*entry.gradients.values(), *entry.tangents.values(), *case_texts(entry.signature.base))
    )
    assert [name for name in HELPERS if name not in formulas] == []


def case_texts(base: str) -> list[str]:
    known = named(base)
    return [] if known is None else [formula for case in known.cases for formula in case.formulas]


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


def test_a_billionth_more_is_refuted_in_every_rule(rules: Rulebook) -> None:
    statuses: Counter[str] = Counter()
    for entry in rules.entries:
        if classes.class_of(entry) in classes.IN_SCOPE:
            for case in cases(entry.signature):
                for text, question in backward_questions(entry, case):
                    assert isinstance(question, Question)
                    grad = sympy.Symbol("grad" if len(case.formulas) == 1 else "grad0", real=True)
                    more = question.claimed + grad / 10**9
                    statuses[answered(replace(question, claimed=more), text).status] += 1
    assert statuses["proved"] == 0
    assert statuses["refuted"] > 300
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
def test_causes_of_what_torch_refutes(rules: Rulebook) -> None:
    by_name = {entry.name: entry for entry in rules.entries}
    causes = {
        "hardsigmoid": ("the kernel multiplies with 1.0f / 6.0f", False),
        "celu": ("toFloat rounds 0.1 to float32", False),
        "binary_cross_entropy_backward": ("the second derivative adds 1e-12", True),
    }
    for name, (said, deliberate) in causes.items():
        if not DEFECTS.get(name, lambda entry: True)(by_name[name]):
            continue
        check = next(check for check in recorded(by_name[name]).checks if check.reason)
        assert check.reason.startswith(said)
        assert check.deliberate is deliberate


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


# -------------------------------------------------------------------------------------------------------- findings
def test_every_refuted_entry_has_its_place_its_size_and_a_judgement(whole: Audit) -> None:
    lines = installed_rules().read_text(encoding="utf-8").splitlines()
    refuted = [record for record in whole.records if record.refuted]
    assert refuted
    for record in refuted:
        assert lines[record.line - 1].startswith(f"- name: {record.name}(")
        assert record.judgement in ("defect", "harmless", "on purpose")
        for check in record.refuted:
            behind = lines[check.line - 1].partition(": ")[2].strip('" ')
            assert check.rule.strip().startswith(behind[:40])
            assert check.relative is None or check.relative > 0
    assert all(record.judgement is None and record.finding is None for record in whole.records if not record.refuted)


def test_what_is_known_of_refuted_entries_can_be_run(whole: Audit, capsys: Output) -> None:
    """Of those that this torch has: the reproducer shows two numbers that rounding does not explain."""
    found = {record.finding for record in whole.records if record.finding is not None}
    assert found <= set(FINDINGS)
    for finding in found:
        assert finding.reproducer.count("\n") == 3
        assert max(map(len, finding.reproducer.splitlines())) <= 76
        exec(finding.reproducer, {})
        computed, right = map(float, capsys.readouterr().out.split())
        assert abs(computed - right) > 1e-13 * abs(right), finding
        assert abs(computed - right) < 1e-6 or right in (0.0, 0.25), finding


def test_findings_name_entries_that_exist(rules: Rulebook) -> None:
    bases = {entry.signature.base for entry in rules.entries}
    assert [name for finding in FINDINGS for name in finding.entries if name not in bases] == []


def test_a_planted_defect_has_its_line_and_its_size() -> None:
    text = "- name: exp(Tensor self) -> Tensor\n  self: grad * result\n\n- name: sin(Tensor self) -> Tensor\n  self: 1.5 * grad * self.cos()"
    right, wrong = audit(read_rules(text)).records
    assert (right.line, right.judgement) == (1, None)
    assert (wrong.line, wrong.judgement, wrong.finding) == (4, "defect", None)
    (check,) = wrong.refuted
    assert check.line == 5
    assert check.relative == pytest.approx(0.5, rel=1e-15)


def test_a_finding_is_told_once_for_all_its_entries(capsys: Output) -> None:
    assert main(["audit", "--only", "celu", "--only", "celu_", "--only", "clamp"]) == 1
    assert main(["audit", "--only", "celu", "--json", "-"]) == 1
    out = capsys.readouterr().out
    assert "import math, torch\n" in out
    document = json.loads(out[out.index("\n{") :])
    (record,) = document["records"]
    assert (record["judgement"], record["file"]) == ("defect", "derivatives.yaml")
    assert record["reproducer"].startswith("import math, torch\n")


def test_the_summary_has_a_row_for_each_refuted_entry(whole: Audit) -> None:
    shown = io.StringIO()
    console_on(shown).print(Drawing(tuple(page(whole)), ascii=True))
    lines = shown.getvalue().splitlines()
    for record in whole.records:
        rows = [line for line in lines if line.split()[:1] == [record.name] and line.split()[-1] == str(record.line)]
        assert len(rows) == bool(record.refuted), record.name
    for finding in {record.finding for record in whole.records if record.finding is not None}:
        assert shown.getvalue().count(finding.reproducer.splitlines()[1]) == 1


# ------------------------------------------------------------------------------------------- other files, other text
def test_entries_of_another_version_are_never_lost() -> None:
    text = """
- name: exp(Tensor self) -> Tensor
  self: grad * result
- name: brand_new(Tensor self) -> Tensor
  self: brand_new_backward(grad, self)
- name: sin(Tensor self) -> Tensor
  self: grad * brand_new_cosine(self)
- name: cos(Tensor self) -> Tensor
  self: grad.apply([](Tensor t){return t;})
- name: tanh_backward(Tensor gradient, Tensor output) -> Tensor
  output: grad
- name: mystery(Tensor self) -> Tensor
  output_differentiability: [False]
"""
    result = audit(read_rules(text, "torch 9.9"))
    kinds = {record.name: (record.kind, record.status) for record in result.records}
    assert kinds["brand_new"] == (classes.UNCLASSIFIED, "out of scope")
    assert kinds["mystery"] == (classes.NOT_DIFFERENTIABLE, "out of scope")
    assert kinds["exp"] == (classes.UNARY, "proved")
    assert kinds["sin"] == kinds["cos"] == (classes.UNARY, "unknown")
    assert "brand_new_cosine" in result.records[2].checks[0].reason
    assert kinds["tanh_backward"][1] == "unknown"
    assert "not the operator that is known" in result.records[4].checks[0].reason
    assert sum(sum(counts.values()) for counts in result.counts().values()) == 6


@pytest.mark.parametrize(
    "formula",
    [
        "(grad * result).sum()",
        "grad * nothing",
        "grad * 'text'",
        "grad * true_or(self)",
        'grad + "none"',
        'grad * (self == "none")',
        "grad * result * (1 / 2)",
        "1e400 * grad",
        "1e-999999999 * grad",
        "grad * " + "-" * 500 + "result",
        "grad" + ".conj()" * 500,
        "{grad}",
        "grad.where(self)",
        "grads[0]",
        "std::make_tuple(grad, grad)",
    ],
)
def test_formulas_that_cannot_be_read_are_unknown(formula: str) -> None:
    (check,) = found("exp(Tensor self) -> Tensor", f"self: {json.dumps(formula)}").checks
    assert check.status == "unknown"
    assert check.reason.startswith("not read: ")


@pytest.mark.parametrize("formula", ["grad / 0", "grad * log(-1)", "grad / (self - self)"])
def test_formulas_without_a_value_are_not_proved(formula: str) -> None:
    (check,) = found("exp(Tensor self) -> Tensor", f"self: {formula}").checks
    assert check.status != "proved"


@pytest.mark.parametrize("text", ["a: [", "just words", "- self: grad", "- name: nonsense"])
def test_bad_files_are_said_to_be_so(text: str) -> None:
    with pytest.raises(UsageError):
        read_rules(text)


def test_formulas_are_trees() -> None:
    assert parse_formula("-a * b + 1") == Binary(
        "+", Binary("*", Unary("-", Name("a")), Name("b")), NumberLiteral("1", whole=True)
    )
    assert parse_formula("at::where(a >= 0., /* or */ a.sin(), b)") == Call(
        "where",
        (Binary(">=", Name("a"), NumberLiteral("0.", whole=False)), MethodCall(Name("a"), "sin", ()), Name("b")),
    )
    tree = parse_formula("a ? b : c ? d : e")
    assert isinstance(tree, Choice)
    assert isinstance(tree.otherwise, Choice)


@pytest.mark.parametrize(
    "text", ["", "a +", "(a", "[](int i){return i;}", "a = b", "__import__('os')", "a b", "f(a,)(" * 90]
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(NotAnExpression):
        parse_formula(text)


def test_signatures_are_read() -> None:
    signature = read_signature("bounded(Tensor(a!) self, Scalar? min=None, int[1] dim=[0,1]) -> (Tensor out, Tensor)")
    assert [argument.name for argument in signature.arguments] == ["self", "min", "dim"]
    assert signature.arguments[0].written
    assert signature.arguments[1].is_number
    assert not signature.arguments[2].is_number
    assert signature.results == ("out", "")


# -------------------------------------------------------------------------------------------------- the command line
def test_the_command(capsys: Output, tmp_path: Path) -> None:
    assert main(["audit", "--only", "exp", "--only", "pow.Scalar", "--ascii", "--json", str(tmp_path / "a.json")]) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    assert out.startswith("PROVED  torch ")
    assert "grad * result.conj()" in out
    document = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert [record["name"] for record in document["records"]] == ["exp", "pow.Scalar"]
    assert document["records"][0]["checks"][0]["status"] == "proved"


def test_exit_codes(capsys: Output, rules: Rulebook) -> None:
    (celu,) = (entry for entry in rules.entries if entry.name == "celu")
    assert main(["audit", "--only", "celu", "--quiet"]) == DEFECTS["celu"](celu)
    assert capsys.readouterr().out.count("\n") <= 2
    assert main(["audit", "--only", "binary_cross_entropy_backward", "--quiet"]) == 0
    assert main(["audit", "--only", "mm", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out.partition("{")[2].join(["{", ""]))["decided"] == 0


def test_an_unknown_name_is_one_line_with_the_nearest(capsys: Output) -> None:
    assert main(["audit", "--only", "lgama"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "'lgama'" in error
    assert "'lgamma'" in error
