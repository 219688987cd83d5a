"""The audit of other files and other text, what its formulas and signatures are read as, and its command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from audited import DEFECTS, found, installed

from diffexplore.auditing import classes
from diffexplore.auditing.audit import audit
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
from diffexplore.auditing.rulebook import Rulebook, read_rules
from diffexplore.auditing.signature import read_signature
from diffexplore.cli.main import main
from diffexplore.errors import UsageError

Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def rules() -> Rulebook:
    return installed()


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
    assert capsys.readouterr().out.startswith("ON PURPOSE  torch ")
    assert main(["audit", "--only", "mm", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out.partition("{")[2].join(["{", ""]))["decided"] == 0


def test_an_unknown_name_is_one_line_with_the_nearest(capsys: Output) -> None:
    assert main(["audit", "--only", "lgama"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "'lgama'" in error
    assert "'lgamma'" in error
