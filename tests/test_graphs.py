"""Computational graphs: their adjoints are the gradient, and equal parts are one node."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import pytest
import sympy
import torch
from flint import arb, fmpq
from graph_pages import named, page
from representatives import one_in, these

import diffexplore as dx
from benchmarks.torch_programs import CATALOGUE
from diffexplore import losses
from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.cli.main import main
from diffexplore.decide import decide_gradient
from diffexplore.errors import UsageError
from diffexplore.formula.batch_sums import BatchSum, batch_sum
from diffexplore.formula.compare import value_at
from diffexplore.graphing import graph_of
from diffexplore.graphing.adjoints import adjoints, links_of, needed
from diffexplore.graphing.draft import Drafting
from diffexplore.graphing.numbers import number_of
from diffexplore.graphing.sources import source_of
from diffexplore.program.program import lower
from diffexplore.tracing.trace import trace

Output = pytest.CaptureFixture[str]
PROGRAMS = """
import torch
print("loaded")
def line(a, b, x, y):
    return ((a * x + b - y) ** 2).mean()
def vector(w, x):
    return torch.tanh(x @ w).sum()
def spread(a, x):
    return ((a * (x - x.mean())) ** 2).sum()
def largest(a, x):
    return (a * x).cumsum(0).pow(2).mean()
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("programs") / "programs.py"
    path.write_text(PROGRAMS, encoding="utf-8")
    return path


def of_expression(formula: str, parameters: str | list[str]) -> dx.Loss:
    """A loss that was given as an expression of SymPy, which has no order of operations."""
    return dx.Loss(dx.Loss(formula, parameters=parameters).expression, parameters=parameters)


def first_samples(loss: dx.Loss, count: int) -> dict[str, list[float]]:
    assert loss.default_data is not None
    return {name: list(column)[:count] for name, column in loss.default_data().items()}


def rounded(text: str) -> tuple[Fraction, Fraction]:
    """All numbers that are written so, when they are rounded to the digits shown."""
    mantissa = text.partition("e")[0]
    places = len(mantissa.partition(".")[2]) - int(text.partition("e")[2] or 0)
    return Fraction(text) - Fraction(10) ** -places / 2, Fraction(text) + Fraction(10) ** -places / 2


def exact_gradient(loss: dx.Loss, point: Mapping[str, float], columns: Mapping[str, list[float]]) -> dict[str, arb]:
    """The certified partials: by parameters of the reduced loss, by data of sample 1."""
    n = max([1, *map(len, columns.values())])
    samples = [{name: column[i] for name, column in columns.items()} for i in range(n)]
    weight = arb(fmpq(1, n)) if loss.reduction == "mean" else arb(1)
    gradient = loss.gradient((*loss.parameters, *loss.data))
    truths = {}
    for name in gradient:
        chosen = samples if name in loss.parameters else samples[1:2]
        values = []
        for sample in chosen:
            at = {symbol: Fraction({**point, **sample}[str(symbol)]) for symbol in loss.symbols.values()}
            values.append(value_at(gradient[name], at))
        truths[name] = weight * sum(values, arb(0))
    return truths


# ----------------------------------------------------------------------------------------------------------- values
@pytest.mark.parametrize("name", one_in(3, losses.names(), first=1))
def test_adjoints_of_the_inputs_are_the_gradient(name: str) -> None:
    loss = losses.get(name)
    columns, point = first_samples(loss, 5), loss.default_points[-1]
    graph = graph_of(loss, point, columns, sample=1)
    with precision(300):
        for symbol, truth in exact_gradient(loss, point, columns).items():
            node = named(graph, symbol)
            assert node.adjoint is not None
            low, high = rounded(node.adjoint.text)
            assert arb(fmpq(low.numerator, low.denominator)) <= truth <= arb(fmpq(high.numerator, high.denominator))
            ball = node.adjoint.ball
            assert truth.overlaps(arb(ball.middle, ball.radius) + arb(0, abs(truth) * 1e-38))


@pytest.mark.parametrize("name", one_in(2, losses.names(), first=1))
def test_values_and_adjoints_are_those_of_torch(name: str) -> None:
    loss = losses.get(name)
    columns, point = first_samples(loss, 5), loss.default_points[-1]
    graph = graph_of(loss, point, columns, sample=3)
    values = {**point, **columns}
    leaves = {key: torch.tensor(value, dtype=torch.float64, requires_grad=True) for key, value in values.items()}
    summands = lower([loss.expression], list(leaves)).run(TORCH, leaves)[0]
    output = summands.mean() if loss.reduction == "mean" else summands.sum()
    gradients = dict(zip(leaves, torch.autograd.grad(output, list(leaves.values())), strict=True))
    assert graph.output.value is not None
    assert float(graph.output.value.text) == pytest.approx(output.item(), rel=1e-5)
    for key, gradient in gradients.items():
        node, entry = named(graph, key), gradient if gradient.ndim == 0 else gradient[3]
        assert node.adjoint is not None
        assert float(node.adjoint.text) == pytest.approx(entry.item(), rel=1e-5, abs=1e-12)


@pytest.mark.parametrize("name", one_in(2, losses.names()))
def test_local_derivatives_times_adjoints_add_up(name: str) -> None:
    """The chain rule among the numbers shown, wherever no sum over samples comes between."""
    graph = graph_of(name)
    for node in graph.nodes[:-1]:
        uses = [edge for edge in graph.edges if edge.operand == node.number]
        if any(graph.node(edge.result).by_sample for edge in uses) and not node.by_sample:
            continue
        total = 0.0
        for edge in uses:
            above = graph.node(edge.result).adjoint
            assert edge.value is not None and above is not None
            total += float(edge.value.text) * float(above.text)
        assert node.adjoint is not None
        assert float(node.adjoint.text) == pytest.approx(total, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("name", these(("graph_sum", "squared_error", "absolute_error", "logistic"), losses.names()))
def test_adjoint_formulas_are_proved_to_be_the_derivatives(name: str) -> None:
    source = source_of(name)
    drafts = Drafting(source.parameters, source.data).of(source.output)
    links = links_of(drafts)
    closed, _ = adjoints(drafts, links, needed(drafts, links, None))
    data = [draft.symbol for draft in drafts if draft.kind == "data"]
    forward = source.output.replace(BatchSum, lambda summand, symbols: batch_sum(summand, symbols))
    for draft in drafts:
        if draft.operation is None:
            decision = decide_gradient(forward, closed[draft.number], draft.symbol, data=data)
            assert decision.status == "proved", (draft.name, decision)


def test_numbers_are_right_in_every_digit() -> None:
    assert [number.text for number in map(number_of, (fmpq(5, 2), fmpq(1, 3), fmpq(0), fmpq(10**9), fmpq(-1, 2**40)))
            if number is not None] == ["2.5", "0.333333", "0", "1e9", "-9.09495e-13"]  # fmt: skip
    assert number_of(arb("0.5", "1e-9")) is not None
    assert number_of(arb("0.5", "1e-5")) is None
    almost = number_of(arb("9.9999999", "1e-12"))
    assert almost is not None and almost.text == "10.0000"
    assert number_of(arb.nan()) is None


def test_an_undecided_derivative_has_no_number() -> None:
    graph = graph_of(dx.Loss("abs(a) + a**2", parameters="a"), {"a": 0.0})
    assert graph.output.value is not None and graph.output.value.text == "0"
    assert named(graph, "a").adjoint is None
    assert any("kink" in note for note in graph.notes)


def test_a_short_decimal_is_the_value_itself() -> None:
    graph = graph_of(dx.Loss("a/4 + b", parameters="a, b"), {"a": 1.0, "b": 0.1})
    a, b = (named(graph, name).value for name in "ab")
    assert a is not None and a.text == "1"
    assert b is not None and b.text == "0.100000"  # the double is not a tenth


# -------------------------------------------------------------------------------------------------------- structure
def test_equal_subexpressions_are_one_node() -> None:
    graph = graph_of(dx.Loss("exp(a*x + b) * sin(a*x + b) + (a*x + b)**2", parameters="a, b, x"))
    rules = [node.rule for node in graph.nodes]
    assert len(set(rules)) == len(rules)
    assert sum("a·x" in rule for rule in rules) == 1
    shared = next(node for node in graph.nodes if node.formula == "a·x + b")
    assert sum(edge.operand == shared.number for edge in graph.edges) == 3


def test_a_product_inside_a_longer_product_is_one_node() -> None:
    """SymPy multiplies r·(r·x·(1 − x)) out; a step that is used again is found all the same."""
    graph = graph_of(of_expression("r*(r*x*(1 - x))*(1 - r*x*(1 - x))", "r, x"))
    assert [node.rule for node in graph.nodes] == ["r", "x", "1 − x", "r·x·v3", "1 − v4", "r·v4·v5"]
    powers = graph_of(of_expression("sin(x*y)/(x*y)**2 + 1/(x*y*c) + 2*x*y", "c, x, y"))
    assert {node.rule for node in powers.nodes} >= {"x·y", "v7/v4²", "1/(c·v4)", "2·v4"}
    sums = graph_of(of_expression("exp(a + b)*(a + b + c)", "a, b, c"))
    assert {node.rule for node in sums.nodes} >= {"a + b", "v4 + c"}


@pytest.mark.parametrize(
    "formula", ["r*(r*x*(1 - x))*(1 - r*x*(1 - x))", "sin(x*y)/(x*y)**2 + 1/(x*y)", "(x*y)**3/(x*y*(1 + x*y))"]
)
def test_sharing_changes_no_value(formula: str) -> None:
    loss = of_expression(formula, [name for name in "rxy" if re.search(rf"\b{name}\b", formula)])
    point = {name: 0.3 + 0.5 * place for place, name in enumerate(loss.parameters)}
    graph = graph_of(loss, point)
    with precision(300):
        for name, truth in exact_gradient(loss, point, {}).items():
            adjoint = named(graph, name).adjoint
            assert adjoint is not None
            assert float(adjoint.text) == pytest.approx(float(truth.mid()), rel=1e-5)


def test_the_known_example() -> None:
    graph = graph_of("graph_sum")
    assert graph.formula == "Σ(x·y + z)"
    assert [node.name for node in graph.nodes] == ["x", "y", "z", "v4", "v5", "L"]
    assert [node.rule for node in graph.nodes[3:]] == ["x·y", "v4 + z", "Σ(v5)"]
    assert [node.adjoint_formula for node in graph.nodes] == ["y", "x", "1", "1", "1", "1"]
    assert [node.kind for node in graph.nodes] == ["data"] * 3 + ["operation"] * 2 + ["sum"]
    assert [node.by_sample for node in graph.nodes] == [True] * 5 + [False]


def test_what_all_samples_share_gets_a_sum() -> None:
    graph = graph_of("squared_error")
    assert named(graph, "b").adjoint_rule == "Σ(∂L/∂v6)"
    assert named(graph, "x").adjoint_rule == "∂L/∂v5 · a"
    assert graph.output.rule == "v9/N"


def test_signs_and_quotients_are_part_of_an_operation() -> None:
    graph = graph_of(of_expression("(a - b)/(2*c*d) - 3", "a, b, c, d"))
    assert [node.rule for node in graph.nodes if not node.is_input] == ["a − b", "v5/(2·c·d)", "v6 − 3"]
    assert {edge.local for edge in graph.operands(5)} == {"1", "−1"}


WRITTEN = {
    "exp(log(a))": (["log(a)", "exp(v2)"], "exp(log(a))"),
    "sqrt(a)**2": (["√a", "v2²"], "(√a)²"),
    "a*a*a - -a": (["a·a", "v2·a", "−a", "v3 − v4"], "a·a·a − (−a)"),
    "0*log(a) + a": (["log(a)", "0·v2", "v3 + a"], "0·log(a) + a"),
    "1/(1/a)": (["1/a", "1/v2"], "1/(1/a)"),
    "(a - 2)*3/(a*5)": (["a − 2", "v2·3", "a·5", "v3/v4"], "(a − 2)·3/(a·5)"),
    "a - (a - 1)": (["a − 1", "a − v2"], "a − (a − 1)"),
    "where(a > 1 and a != 2, a**2.5, 2**a)": (["a^(5/2)", "2^a", "where(a > 1 and a ≠ 2, v2, v3)"], None),
    "a": (["a"], "a"),
}


@pytest.mark.parametrize("formula", WRITTEN)
def test_a_formula_is_drawn_as_it_was_written(formula: str) -> None:
    """Operation by operation, as torch runs it, and not as SymPy simplifies it."""
    rules, text = WRITTEN[formula]
    loss = dx.Loss(formula, parameters="a")
    graph = graph_of(loss, {"a": 2.25})
    assert [node.rule for node in graph.nodes if not node.is_input] == rules
    assert graph.formula == graph.output.formula and (text is None or graph.formula == text)
    x = torch.tensor(2.25, dtype=torch.float64, requires_grad=True)
    output = loss.written.run(TORCH, {"a": x})[0]
    (slope,) = torch.autograd.grad(output, x)
    value, adjoint = graph.output.value, named(graph, "a").adjoint
    assert value is not None and float(value.text) == pytest.approx(output.item(), rel=1e-5)
    assert adjoint is not None and float(adjoint.text) == pytest.approx(slope.item(), rel=1e-5)


def test_a_written_formula_without_a_value_has_none_in_its_graph() -> None:
    graph = graph_of(dx.Loss("exp(log(a))", parameters="a"), {"a": -1.0})
    assert graph.output.value is None and named(graph, "v2").value is None


def test_a_long_written_formula_is_left_out() -> None:
    text = "a*b"
    for _ in range(7):
        text = f"({text} + {text})"
    graph = graph_of(dx.Loss(text, parameters="a, b"))
    assert graph.formula is None and graph.output.formula is None
    assert max(len(node.rule) for node in graph.nodes) < 20


def test_names_do_not_collide() -> None:
    graph = graph_of(dx.Loss("v3*L + v4", parameters="v3, L, v4"))
    names = [node.name for node in graph.nodes]
    assert len(set(names)) == len(names)


def test_only_wanted_inputs_have_adjoints() -> None:
    graph = graph_of("perpendicular", wrt="b")
    assert named(graph, "b").adjoint is not None
    assert {node.name for node in graph.nodes if node.adjoint is None} == {
        "a",
        "x",
        "y",
        "v5",
        "v6",
        "v9",
        "v10",
        "v11",
    }


def test_a_graph_of_formulas_needs_no_values() -> None:
    graph = graph_of(dx.Loss("a*x", parameters="a", data="x"))
    assert graph.point is None and graph.samples is None
    assert all(node.value is None and node.adjoint is None for node in graph.nodes)
    assert named(graph, "a").adjoint_formula == "Σ(x)/N"


def test_plain_values_only() -> None:
    document = json.loads(graph_of("huber").to_json())
    assert document == graph_of("huber").to_dict()
    assert {edge["smooth"] for edge in document["edges"]} == {True, False}


def test_long_formulas_are_left_out_and_graphs_stay_small() -> None:
    formula, value, slope = sympy.Symbol("x", real=True), 0.2, 1.0
    for _ in range(7):
        formula = 3 * formula * (1 - formula)
        value, slope = 3 * value * (1 - value), 3 * slope * (1 - 2 * value)
    graph = graph_of(dx.Loss(formula, parameters="x"), {"x": 0.2})
    assert len(graph.nodes) == 1 + 2 * 7
    assert graph.formula is None and named(graph, "x").adjoint_formula is None
    assert max(map(len, page(graph).splitlines())) <= 80
    shown = named(graph, "x").adjoint
    assert shown is not None and float(shown.text) == pytest.approx(slope, rel=1e-5)


# ---------------------------------------------------------------------------------------------------- torch functions
def program(file: Path, name: str, point: str, *more: str) -> dict[str, object]:
    target = file.parent / f"{name}.json"
    assert main(["graph", f"{file}:{name}", "--at", point, "--json", str(target), "--quiet", *more]) == 0
    return json.loads(target.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def test_a_torch_function_that_no_formula_of_each_sample_is(file: Path) -> None:
    function = {}
    exec(PROGRAMS, function)
    graph = graph_of(trace(function["spread"], parameters="a", data="x"), {"a": 1.5}, {"x": [1.0, 2.0, 4.0]}, sample=2)
    a, x = torch.tensor(1.5, requires_grad=True), torch.tensor([1.0, 2.0, 4.0], requires_grad=True)
    by_a, by_x = torch.autograd.grad(function["spread"](a, x), (a, x))
    shown = [named(graph, name).adjoint for name in ("a", "x")]
    assert [float(number.text) for number in shown if number] == pytest.approx([float(by_a), float(by_x[2])], rel=1e-5)


@pytest.mark.parametrize("name", ["line_distance", "line_distance_squared", "squared_error", "cauchy"])
def test_a_torch_function_has_the_graph_of_its_loss(name: str) -> None:
    program = CATALOGUE[name]
    graph = graph_of(trace(program.function, parameters=program.parameters, data=program.data, backward=False))
    loss = losses.get(name)
    formulas = graph_of(dx.Loss(loss.expression, parameters=loss.parameters, data=loss.data)).nodes
    assert sorted(str(node.formula) for node in graph.nodes) == sorted(str(node.formula) for node in formulas)


def test_a_torch_function_that_mixes_samples(file: Path) -> None:
    function = {}
    exec(PROGRAMS, function)
    traced = trace(function["largest"], parameters="a", data="x")
    graph = graph_of(traced, {"a": 1.0}, {"x": [1.0, 2.0, 3.0, 4.0]})
    assert any("mixes samples" in note for note in graph.notes)
    assert named(graph, "x_4").value is not None
    with pytest.raises(UsageError, match="4 samples, not 3"):
        graph_of(traced, {"a": 1.0}, {"x": [1.0, 2.0, 3.0]})


def test_files_on_the_command_line(file: Path, capsys: Output) -> None:
    line = program(file, "line", "a=1,b=2", "--points", "3")
    assert capsys.readouterr().out.splitlines() == ["Graph of line  9 nodes, 8 edges, at a = 1, b = 2; 3 samples"]
    assert line["formula"] == "Σ((a·x + b − y)²)/N"
    vector = program(file, "vector", "w1=1,w2=0.5", "--shapes", "w[2],x[2]", "--points", "3")
    assert vector["formula"] == "Σ(tanh(w1·x1 + w2·x2))"
