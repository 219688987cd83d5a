"""What is tested is what was written: SymPy's simplifications change neither what runs nor where it has a value."""

from __future__ import annotations

import copy
import functools
import math
import pickle
from collections.abc import Callable

import pytest
import sympy
import torch
from representatives import each_value, one_in

import diffexplore as dx
from diffexplore.cli.main import main
from diffexplore.errors import UsageError
from diffexplore.formula.parse import names_in, parse
from diffexplore.formula.text import to_text

METHODS = ["symbolic", "reverse", "numpy", "central_difference"]

#: Formula, a point where it has no value as written, one where it has, and its derivatives there (by hand).
REWRITTEN: tuple[tuple[str, dict[str, float], dict[str, float], dict[str, float]], ...] = (
    ("exp(log(a))", {"a": -1}, {"a": 2}, {"a": 1}),
    ("exp(2*log(a))", {"a": -1}, {"a": 3}, {"a": 6}),
    ("2**(log(a)/log(2))", {"a": -2}, {"a": 2}, {"a": 1}),
    ("sqrt(a)**2", {"a": -1}, {"a": 2}, {"a": 1}),
    ("(a**0.5)**2", {"a": -1}, {"a": 2}, {"a": 1}),
    ("sqrt(a)*sqrt(a)", {"a": -1}, {"a": 2}, {"a": 1}),
    ("sqrt(a)**4", {"a": -1}, {"a": 2}, {"a": 4}),
    ("sqrt(a)/sqrt(a) + a", {"a": 0}, {"a": 2}, {"a": 1}),
    ("sin(asin(a))", {"a": 2}, {"a": 0.5}, {"a": 1}),
    ("cos(acos(a))", {"a": -1.5}, {"a": 0.5}, {"a": 1}),
    ("cosh(acosh(a))", {"a": 0.5}, {"a": 2}, {"a": 1}),
    ("tanh(atanh(a))", {"a": 1.5}, {"a": 0.5}, {"a": 1}),
    ("1/(1/a)", {"a": 0}, {"a": 2}, {"a": 1}),
    ("1/(1/(1/a))", {"a": 0}, {"a": 2}, {"a": -0.25}),
    ("a/(b/c)", {"a": 1, "b": 2, "c": 0}, {"a": 1, "b": 2, "c": 4}, {"a": 2, "b": -1, "c": 0.5}),
    ("a**-1*a + a", {"a": 0}, {"a": 2}, {"a": 1}),
    ("a/a", {"a": 0}, {"a": 2}, {"a": 0}),
    ("0/a + a", {"a": 0}, {"a": 2}, {"a": 1}),
    ("0*log(a) + a", {"a": -3}, {"a": 3}, {"a": 1}),
    ("log(a) - log(a) + a", {"a": -3}, {"a": 3}, {"a": 1}),
    ("a**b/a**b + a", {"a": -2, "b": 0.5}, {"a": 2, "b": 0.5}, {"a": 1, "b": 0}),
    ("0*gamma(a) + a", {"a": -2}, {"a": 2}, {"a": 1}),
    ("(a*log(b))**0 + a", {"a": 1, "b": -1}, {"a": 1, "b": 2}, {"a": 1, "b": 0}),
    ("where(b > 0, log(a), log(a))", {"a": -1, "b": 1}, {"a": 2, "b": 1}, {"a": 0.5, "b": 0}),
    ("max(sqrt(a), sqrt(a))**2", {"a": -1}, {"a": 4}, {"a": 1}),
)

#: Formulas that SymPy rewrites, defined everywhere: a point and the derivatives there.
EVERYWHERE = (
    ("log(exp(a))", {"a": 2.0}, {"a": 1.0}),
    ("(a**2)**0.5", {"a": -3.0}, {"a": -1.0}),
    ("sqrt(a*a)", {"a": -3.0}, {"a": -1.0}),
    ("exp(a)*exp(-a) + a", {"a": 1.5}, {"a": 1.0}),
    ("acosh(cosh(a))", {"a": -2.0}, {"a": -1.0}),
    ("atan(tan(a))", {"a": 2.0}, {"a": 1.0}),
    ("tan(atan(a))", {"a": 2.0}, {"a": 1.0}),
    ("sinh(asinh(a))", {"a": -2.0}, {"a": 1.0}),
    ("log(a**2)", {"a": -4.0}, {"a": -0.5}),
    ("a*0", {"a": 2.0}, {"a": 0.0}),
    ("a - a + b", {"a": 2.0, "b": 1.0}, {"a": 0.0, "b": 1.0}),
    ("a**0 + b", {"a": 0.0, "b": 1.0}, {"a": 0.0, "b": 1.0}),
    ("a**1", {"a": 0.0}, {"a": 1.0}),
    ("max(a, a)", {"a": 2.0}, {"a": 1.0}),
    ("abs(abs(a))", {"a": -2.0}, {"a": -1.0}),
    ("where(b > 0, a, a)", {"a": 2.0, "b": 1.0}, {"a": 1.0, "b": 0.0}),
    ("0.1*10*a", {"a": 2.0}, {"a": 1.0}),
    ("(-1)**2*a", {"a": 2.0}, {"a": 1.0}),
    ("cbrt(a)**3", {"a": -8.0}, {"a": 1.0}),
)


@functools.cache
def loss_of(formula: str) -> dx.Loss:
    return dx.Loss(formula, parameters=names_in(formula))


# Each formula runs each time on one side of its domain, and on the other with the slow sweeps.
@pytest.mark.parametrize(("formula", "outside"), one_in(4, [row[:2] for row in REWRITTEN], first=1))
def test_where_the_written_formula_has_no_value_there_is_no_truth(formula: str, outside: dict[str, float]) -> None:
    report = dx.check(loss_of(formula), at=outside, methods=METHODS)
    assert report.verdict == "inconclusive"
    at_the_point = [row for row in report.rows if row.probe is None]
    assert at_the_point and {row.cause.key for row in at_the_point if row.cause} == {"undefined"}
    assert all(row.verdict == "inconclusive" for row in at_the_point)


@pytest.mark.parametrize(
    ("formula", "point", "derivatives"),
    [*one_in(4, [(row[0], row[2], row[3]) for row in REWRITTEN]), *one_in(4, EVERYWHERE)],
)
def test_where_it_has_a_value_all_methods_pass(
    formula: str, point: dict[str, float], derivatives: dict[str, float]
) -> None:
    report = dx.check(loss_of(formula), at=point, methods=METHODS)
    assert report.verdict == "pass"
    for row in report.rows:
        if row.probe is None and row.method == "reverse":
            assert row.value == pytest.approx(derivatives[row.parameter], rel=1e-12, abs=1e-12)
            assert row.truth is not None
            assert float(row.truth.mid) == pytest.approx(derivatives[row.parameter], rel=1e-12, abs=1e-30)


def test_what_overflows_as_written_is_run_as_written() -> None:
    """log(exp(a)) at 800 has derivative 1; torch's exp overflows, and its gradient is no number."""
    report = dx.check(loss_of("log(exp(a))"), at={"a": 800}, methods=METHODS)
    rows = {row.method: row for row in report.rows if row.probe is None}
    assert rows["symbolic"].verdict == "pass" and rows["symbolic"].truth is not None
    assert float(rows["symbolic"].truth.mid) == 1
    assert rows["reverse"].value is None and rows["reverse"].verdict != "pass"


#: Formulas and the torch code that they stand for.
CODE: tuple[tuple[str, Callable[..., torch.Tensor]], ...] = (
    ("0.1*a - b/3 + 2.5", lambda a, b: 0.1 * a - b / 3 + 2.5),
    ("a - (b - 1)*2*a", lambda a, b: a - (b - 1) * 2 * a),
    ("a**2.5*b**3", lambda a, b: a**2.5 * b**3),
    ("a**2 - b**-2 + a**0.5", lambda a, b: a**2 - b**-2 + a**0.5),
    ("1/(1 + exp(-a))*b", lambda a, b: 1 / (1 + torch.exp(-a)) * b),
    ("exp(log(a))*sqrt(b)**2", lambda a, b: torch.exp(torch.log(a)) * torch.sqrt(b) ** 2),
    ("2**a*a**b", lambda a, b: 2**a * a**b),
    ("where(a > 0.7, a*b, b/a)", lambda a, b: torch.where(a > 0.7, a * b, b / a)),
    ("max(a, b, 0.25)*a", lambda a, b: torch.maximum(torch.maximum(a, b), torch.full_like(a, 0.25)) * a),
    ("-a**2 + 3*-b", lambda a, b: -(a**2) + 3 * -b),
    ("3.14159265*a**2*b", lambda a, b: 3.14159265 * a**2 * b),
    ("(a - b)**4/7", lambda a, b: (a - b) ** 4 / 7),
)


@pytest.mark.parametrize(("written", "dtype"), each_value(CODE, ["float64", "float32", "float16", "bfloat16"]))
def test_reverse_mode_is_what_the_code_computes(written: tuple[str, Callable[..., torch.Tensor]], dtype: str) -> None:
    formula, code = written
    kind = getattr(torch, dtype)
    leaves = {
        "a": torch.tensor(0.75, dtype=kind, requires_grad=True), "b": torch.tensor(1.25, dtype=kind, requires_grad=True)
    }  # fmt: skip
    code(**leaves).backward()
    report = dx.check(loss_of(formula), at={"a": 0.75, "b": 1.25}, methods=["reverse"], dtype=dtype)
    found = {row.parameter: row for row in report.rows if row.probe is None}
    for name, leaf in leaves.items():
        assert leaf.grad is not None
        assert found[name].value == leaf.grad.item()
        assert found[name].verdict != "fail"


def test_a_branch_that_is_not_taken_is_differentiated_as_torch_does() -> None:
    report = dx.check(loss_of("where(a > 0, sqrt(a), 0) + a"), at={"a": -1}, methods=["symbolic", "reverse"])
    rows = {row.method: row for row in report.rows if row.probe is None}
    assert rows["reverse"].value is None and rows["reverse"].verdict != "pass"
    assert rows["symbolic"].value == 1 and rows["symbolic"].verdict == "pass"


@pytest.mark.parametrize(("formula", "at_zero"), [("a**2.5", 0.0), ("a**1.5", 0.0), ("a**2", 0.0), ("a**1", 1.0)])
def test_a_power_at_zero_has_the_gradient_that_torch_gives(formula: str, at_zero: float) -> None:
    report = dx.check(loss_of(formula), at={"a": 0}, methods=["reverse", "forward", "vmap"])
    rows = [row for row in report.rows if row.probe is None]
    assert [row.value for row in rows] == [at_zero] * 3
    assert not [row for row in rows if row.verdict == "fail"]


def test_a_whole_power_of_a_negative_number_keeps_its_complex_step() -> None:
    report = dx.check(loss_of("a**4 + a**-3"), at={"a": -2}, methods=["complex_step", "reverse"])
    assert report.verdict == "pass"
    rows = {row.method: row for row in report.rows if row.probe is None}
    assert rows["complex_step"].value == pytest.approx(-32 - 3 / 16)
    assert rows["complex_step"].verdict == "pass"


# ------------------------------------------------------------------------------------------------ branches in conditions
CONDITIONS: tuple[tuple[str, Callable[[float, float], bool]], ...] = (
    ("where(x > 0, x, y) > 1", lambda x, y: (x if x > 0 else y) > 1),
    ("1 < where(x > 0, x, y)", lambda x, y: (x if x > 0 else y) > 1),
    ("where(x > 0, x, y) > where(y > 0, 2*y, 0.5)", lambda x, y: (x if x > 0 else y) > (2 * y if y > 0 else 0.5)),
    ("where(where(x > 0, x, y) > 1, x, y) < 2", lambda x, y: (x if (x if x > 0 else y) > 1 else y) < 2),
    ("abs(where(x > 0, x, 2*y)) > 1.25", lambda x, y: abs(x if x > 0 else 2 * y) > 1.25),
    ("max(x, where(y > 0, x, y)) > 1", lambda x, y: max(x, x if y > 0 else y) > 1),
    ("min(x, y) <= -abs(x)/2", lambda x, y: min(x, y) <= -abs(x) / 2),
    ("sign(x)*y > 0.25", lambda x, y: math.copysign(1, x) * y > 0.25),
    ("relu(x) + heaviside(y) > 1.2", lambda x, y: max(x, 0) + (y > 0) > 1.2),
    ("x > 0 and where(y > 0, x, 2) <= 1", lambda x, y: x > 0 and (x if y > 0 else 2) <= 1),
    ("not (where(x > 0, x, y) > 1 or y < -1)", lambda x, y: not ((x if x > 0 else y) > 1 or y < -1)),
    ("Piecewise((x, x > 1), (y, y > 0), (0, True)) > 0.7", lambda x, y: (x if x > 1 else y if y > 0 else 0) > 0.7),
    ("where(x > 0, 1, 0) == 1", lambda x, y: x > 0),
    ("where(x > 0, 1, 0) != where(y > 0, 1, 0)", lambda x, y: (x > 0) != (y > 0)),
)

POINTS = [(-1.5, -2.0), (-0.5, 1.5), (0.5, 0.75), (1.5, -0.5), (2.5, 3.0), (0.75, -1.25)]


@pytest.mark.parametrize(("condition", "holds"), one_in(2, CONDITIONS))
def test_conditions_may_compare_expressions_with_branches(condition: str, holds: Callable[..., bool]) -> None:
    formula = f"where({condition}, 3*a, 5*a) + 0*x + 0*y"
    loss = dx.Loss(formula, parameters="a", data="x, y")
    data = {"x": [x for x, _ in POINTS], "y": [y for _, y in POINTS]}
    expected = sum(3 if holds(x, y) else 5 for x, y in POINTS) / len(POINTS)
    report = dx.check(loss, data, at={"a": 2}, methods=["symbolic", "reverse", "numpy"])
    assert report.verdict == "pass"
    reduced = [row for row in report.rows if row.sample is None and row.probe is None]
    assert [row.value for row in reduced] == [pytest.approx(expected)] * 3
    # The simplified expression says the same, and its text is read back.
    again = parse(to_text(loss.expression, unicode=False))
    for x, y in POINTS:
        for expression in (loss.expression, again):
            value = expression.subs(dict(zip(_symbols("x", "y", "a"), (x, y, 2), strict=True)))
            assert value == (6 if holds(x, y) else 10)


def _symbols(*names: str) -> list[sympy.Symbol]:
    return [sympy.Symbol(name, real=True) for name in names]


def test_a_condition_with_branches_is_derived_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    formula = "where(where(x > 0, x, y) > 1, a*x, b*y**2)"
    for options in (
        [],
        ["--hessian"],
        ["--steps"],
        ["--format", "latex"],
        ["--format", "torch"],
        ["--format", "python"],
    ):
        assert main(["derive", formula, *options]) == 0
    assert main(["report", formula, "--at", "a=1,b=2,x=0.5,y=3", "--ascii"]) in (0, 3)
    assert "ITE" not in capsys.readouterr().out


def test_a_sympy_expression_may_hold_such_conditions() -> None:
    x, y, a = _symbols("x", "y", "a")
    given = sympy.Piecewise((a, sympy.Piecewise((x, x > 0), (y, True)) > 1), (2 * a, True))
    loss = dx.Loss(given, parameters="a", data="x, y")
    report = dx.check(loss, {"x": [2.0, -1.0], "y": [0.0, 0.5]}, at={"a": 1}, methods=["reverse"])
    assert report.verdict == "pass"
    assert next(row.value for row in report.rows if row.sample is None and row.probe is None) == 1.5


# -------------------------------------------------------------------------------------------------------- the loss itself
def test_losses_with_other_operations_are_not_equal() -> None:
    assert loss_of("exp(log(a))") != loss_of("a")
    assert loss_of("exp(log(a))").expression == loss_of("a").expression
    assert loss_of("a + a") != loss_of("2*a")
    assert loss_of("a*b + 1") == dx.Loss("1 + b*a", parameters="a, b")
    assert hash(loss_of("exp(log(a))")) == hash(loss_of("a"))


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda loss: pickle.loads(pickle.dumps(loss))])
def test_a_copy_is_written_as_its_original(again: Callable[[dx.Loss], dx.Loss]) -> None:
    loss = loss_of("exp(log(a)) + 0.1*b")
    assert again(loss) == loss
    assert again(loss).written == loss.written


def test_what_was_written_is_lowered_operation_by_operation() -> None:
    assert loss_of("a - b").written.operations == {"sub"}
    assert loss_of("a/b").written.operations == {"div"}
    assert loss_of("a**2.5").written.operations == {"pow"}
    assert [step.operation for step in loss_of("0.25*pi*a/3 - 2").written.steps] == ["mul", "div", "sub"]
    (constant, *_) = loss_of("132521403e-41*a").written.constants
    assert constant.exact == sympy.Rational(132521403, 10**41)


def test_an_upstream_gradient_keeps_what_was_written() -> None:
    assert loss_of("exp(log(a))").times("upstream") == "upstream*(exp(log(a)))"
    report = dx.verify(lambda a: torch.exp(torch.log(a)), loss_of("exp(log(a))"), at={"a": -1.0}, upstream=2.0)
    assert report.verdict == "inconclusive"  # what was written has no value there, with its upstream gradient too


@pytest.mark.parametrize("formula", ["a/(b - b)", "log(-1) + a", "(-1)**0.5*a"])
def test_what_has_no_value_anywhere_is_refused(formula: str) -> None:
    with pytest.raises(UsageError):
        loss_of(formula)


# ---------------------------------------------------------------------------------------------------------- what is said
@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("exp(log(a))", "SymPy simplifies the formula to a to differentiate it; what runs is what is written, which "
                        "has no value at a = −1 (log)"),
        ("1/(1/a)", "which has no value at a = 0 (division by 0)"),
        ("sin(asin(a))", "which has no value at a = 2 (asin)"),
        ("log(exp(a))", "what runs is what is written"),
    ],
)  # fmt: skip
def test_a_rewritten_formula_is_told(formula: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    loss = loss_of(formula)
    assert loss.rewritten is not None and said in loss.rewritten
    assert loss.summary().to_dict()["rewritten"] == loss.rewritten
    for command in (["derive", formula], ["report", formula, "--at", "a=0.5"]):
        main(command)
        assert said in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    "formula",
    ["(a*x - y + b)**2/(2*(a**2 + 1))", "where(a > 0, sqrt(a), 0)", "a**-2 + cot(a)", "hypot(a, b)", "cbrt(a)"],
)
def test_a_formula_that_sympy_keeps_is_not_told(formula: str) -> None:
    assert loss_of(formula).rewritten is None


@pytest.mark.parametrize("name", dx.losses.names())
def test_no_loss_of_the_catalogue_is_another_one(name: str) -> None:
    assert dx.losses.get(name).rewritten is None


@pytest.mark.parametrize(
    ("formula", "latex"),
    [
        ("exp(log(a))", r"e^{\log{\left(a \right)}}"), ("sqrt(a)**2", r"\left(\sqrt{a}\right)^{2}"),
        ("1/(1/a)", r"\frac{1}{\frac{1}{a}}"), ("max(a, a)", r"\max\left(a, a\right)"),
    ],
)  # fmt: skip
def test_the_loss_is_printed_as_it_was_written(formula: str, latex: str) -> None:
    assert loss_of(formula).latex() == latex


# ----------------------------------------------------------------------------------------------------------- candidates
def through_a_logarithm(a: torch.Tensor) -> torch.Tensor:
    return 0 * torch.log(a) + a


@pytest.mark.parametrize("formula", ["a", "0*log(a) + a"])
def test_a_candidate_whose_own_loss_is_no_number_does_not_pass(formula: str) -> None:
    assert dx.verify(through_a_logarithm, loss_of(formula), at={"a": -3.0}).verdict != "pass"
    assert dx.verify(through_a_logarithm, loss_of(formula), at={"a": 3.0}).verdict == "pass"


@pytest.mark.parametrize(("a", "verdict"), [(-3.0, "fail"), (3.0, "pass")])
def test_a_candidate_of_formulas_is_run_as_it_was_written(a: float, verdict: str) -> None:
    """exp(log(2a)) is 2a for a > 0, and no number for a < 0."""
    candidate = {"a": "exp(log(2*a))"}
    assert dx.verify(candidate, loss_of("a**2"), at={"a": a}).verdict == verdict
    assert dx.verify(candidate, loss_of("a**2"), at={"a": a}, upstream=2.0).verdict == verdict
    assert dx.verify({"a": "exp(log(2*a))*upstream"}, loss_of("a**2"), at={"a": a}, upstream=2.0).verdict == verdict


def test_synthetic_data_stay_where_the_written_formula_has_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "a*exp(log(x))", "--at", "a=1", "--points", "40", "--methods", "reverse,symbolic"]) == 0
    assert "undefined" not in capsys.readouterr().out
    assert main(["report", "exp(log(a*x))", "--at", "a=-1", "--points", "40", "--methods", "reverse"]) == 0


def test_the_double_backward_is_that_of_the_gradient() -> None:
    def candidate(a: torch.Tensor) -> torch.Tensor:
        return torch.exp(torch.log(a)) ** 3

    report = dx.verify(candidate, loss_of("exp(log(a))**3"), at={"a": 2.0}, modes=["reverse", "double backward"])
    assert report.verdict == "pass"
    second = [row for row in report.rows if "double" in row.method]
    assert second and all(row.value == pytest.approx(12.0) for row in second if row.parameter == "a")
