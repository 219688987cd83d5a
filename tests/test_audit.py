"""The audit of derivatives.yaml as it is installed: every entry accounted for, causes named, findings that can be run."""

from __future__ import annotations

import io
import itertools
import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import doc_examples
import pytest
import torch
from audited import DEFECTS, installed, written
from documents import check_document
from representatives import slow
from torch_operators import POINTS, Run, numeric

from diffexplore.auditing import classes
from diffexplore.auditing.audit import audit
from diffexplore.auditing.departures import as_torch_has_it
from diffexplore.auditing.findings import FINDINGS
from diffexplore.auditing.helpers import HELPERS
from diffexplore.auditing.page import page
from diffexplore.auditing.questions import backward_questions, forward_questions
from diffexplore.auditing.records import Audit
from diffexplore.auditing.rulebook import Rulebook, RulebookEntry, installed_rules, read_rules
from diffexplore.auditing.setup import Question, Unread
from diffexplore.auditing.signature import cases
from diffexplore.cli.main import main
from diffexplore.cli.output import console_on
from diffexplore.documents import to_json
from diffexplore.render.terminal import Drawing
from diffexplore.torch_ops.registry import named

Output = pytest.CaptureFixture[str]

#: Kernels of torch whose own values are less exact than the others.
ROUGH = {"digamma": 1e-8}


@pytest.fixture(scope="module")
def rules() -> Rulebook:
    return installed()


# ------------------------------------------------------------------------------------------------ the shipped file
def test_every_entry_is_in_exactly_one_class(rules: Rulebook) -> None:
    named_in_file = [
        line for line in installed_rules().read_text(encoding="utf-8").splitlines() if line.startswith("- name:")
    ]
    assert len(rules.entries) == len(named_in_file)
    kinds = Counter(classes.class_of(entry) for entry in rules.entries)
    assert kinds[classes.UNCLASSIFIED] == 0
    assert sum(kinds[kind] for kind in classes.IN_SCOPE) >= 170
    assert len({entry.name for entry in rules.entries}) == len(rules.entries)


@pytest.fixture(scope="module")
def whole() -> Audit:
    """The audit of the installed rules, which is made once."""
    return doc_examples._audited()


@pytest.fixture(scope="module", params=["part", slow("whole")])
def some(request: pytest.FixtureRequest, rules: Rulebook) -> Audit:
    """Those of all that is refuted, and of every 96th entry; all of them in the slow run."""
    if request.param == "whole":
        found: Audit = request.getfixturevalue("whole")
        return found
    bases = {entry.name: entry.signature.base for entry in rules.entries}
    refuted = {*(bases[name] for name in DEFECTS if name in bases), *(name for one in FINDINGS for name in one.entries)}
    return audit(rules, only=(refuted & set(bases.values())) | set(list(bases.values())[::96]))


def test_the_page_speaks_of_the_torch_that_is_pinned() -> None:
    pins = (doc_examples.ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert source_of_the_page().replace(" ", "==") in pins


def source_of_the_page() -> str:
    text = (doc_examples.ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"^## Results for (torch \S+)$", text, flags=re.MULTILINE)
    return str(source)


def test_the_document_is_as_the_schema_says(some: Audit) -> None:
    check_document("audit", to_json(some.to_dict()))
    assert {record.status for record in some.records} >= {"proved", "refuted"}
    assert not any(record.status == "unknown" for record in some.records)


@pytest.mark.slow
def test_the_tables_of_the_page_are_those_of_the_audit(whole: Audit) -> None:
    if whole.source != source_of_the_page():
        pytest.skip(f"the page speaks of {source_of_the_page()}, and {whole.source} is installed")
    text = (doc_examples.ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    assert doc_examples.with_tables(text) == text, "run python docs/refresh.py"


@pytest.mark.slow
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


def with_a_new_name(entries: Sequence[RulebookEntry]) -> list[RulebookEntry]:
    """Those whose rules call a function that no rule of an entry before them calls."""
    seen: set[str] = set()
    found = []
    for entry in entries:
        called = {entry.signature.base, *re.findall(r"\w+(?=\()", written(entry))} - {"self"}
        if not called <= seen:
            found.append(entry)
        seen |= called
    return found


@pytest.mark.filterwarnings("ignore:Converting a tensor")
@pytest.mark.parametrize("part", ["with a new name", slow("all")])
def test_formulas_and_rules_agree_with_torch(rules: Rulebook, part: str) -> None:
    """Every formula of the tables is its operator, and every rule as read is what autograd computes, at 20 points."""
    compared, wrong = 0, []
    entries = [entry for entry in rules.entries if classes.class_of(entry) in classes.IN_SCOPE]
    for entry in entries if part == "all" else with_a_new_name(entries):
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
    assert compared > (500 if part == "all" else 100)


@pytest.mark.parametrize("name", ["clamp", "clamp.Tensor"])
def test_ties_are_settled_as_torch_settles_them(rules: Rulebook, name: str) -> None:
    """Where limits and argument are equal the rule is what torch computes, in both modes: versions differ there."""
    (entry,) = (entry for entry in rules.entries if entry.name == name)
    checked = 0
    for case in cases(entry.signature):
        names = ["self", *(limit for limit in ("min", "max") if limit not in case.settings)]
        questions = [one for _, one in (*backward_questions(entry, case), *forward_questions(entry, case))]
        for values in itertools.product((0.0, 1.0, 2.0), repeat=len(names)):
            at = dict(zip(names, values, strict=True))
            theirs = tied_slopes(at, names if name == "clamp.Tensor" else ["self"])
            for question in questions:
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


# ----------------------------------------------------------------------------------------------------- named causes
def test_causes_of_what_torch_refutes(rules: Rulebook, some: Audit) -> None:
    by_name = {entry.name: entry for entry in rules.entries}
    records = {record.name: record for record in some.records}
    causes = {
        "hardsigmoid": ("the kernel multiplies with 1.0f / 6.0f", False),
        "celu": ("toFloat rounds 0.1 to float32", False),
        "binary_cross_entropy_backward": ("the second derivative adds 1e-12", True),
    }
    for name, (said, deliberate) in causes.items():
        if not DEFECTS.get(name, lambda entry: True)(by_name[name]):
            continue
        check = next(check for check in records[name].checks if check.reason)
        assert check.reason.startswith(said)
        assert check.deliberate is deliberate


# -------------------------------------------------------------------------------------------------------- findings
def test_every_refuted_entry_has_its_place_its_size_and_a_judgement(some: Audit) -> None:
    lines = installed_rules().read_text(encoding="utf-8").splitlines()
    refuted = [record for record in some.records if record.refuted]
    assert refuted
    for record in refuted:
        assert lines[record.line - 1].startswith(f"- name: {record.name}(")
        assert record.judgement in ("defect", "harmless", "on purpose")
        for check in record.refuted:
            behind = lines[check.line - 1].partition(": ")[2].strip('" ')
            assert check.rule.strip().startswith(behind[:40])
            assert check.relative is None or check.relative > 0
    assert all(record.judgement is None and record.finding is None for record in some.records if not record.refuted)


def test_what_is_known_of_refuted_entries_can_be_run(some: Audit, capsys: Output) -> None:
    """Of those that this torch has: the reproducer shows two numbers that rounding does not explain."""
    found = {record.finding for record in some.records if record.finding is not None}
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


def test_entries_with_the_same_finding_tell_it_each_where_they_are_named(capsys: Output) -> None:
    assert main(["audit", "--only", "celu", "--only", "celu_"]) == 1
    assert capsys.readouterr().out.count("import math, torch\n") == 2  # a program that shows it, below each


def test_the_document_of_an_entry_holds_its_finding(capsys: Output) -> None:
    assert main(["audit", "--only", "celu", "--json", "-"]) == 1
    document = json.loads(capsys.readouterr().out)
    (record,) = document["records"]
    assert (record["judgement"], record["file"]) == ("defect", "derivatives.yaml")
    assert record["reproducer"].startswith("import math, torch\n")


def test_the_summary_has_a_row_for_each_refuted_entry(some: Audit) -> None:
    shown = io.StringIO()
    console_on(shown).print(Drawing(tuple(page(some)), ascii=True))
    lines = shown.getvalue().splitlines()
    for record in some.records:
        rows = [line for line in lines if line.split()[:1] == [record.name] and line.split()[-1] == str(record.line)]
        assert len(rows) == bool(record.refuted), record.name
    for finding in {record.finding for record in some.records if record.finding is not None}:
        assert shown.getvalue().count(finding.reproducer.splitlines()[1]) == 1
