"""What we write is what we read: expressions in documents, and formulas as pages print them."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator

import pytest
import sympy
from formulas import texts
from hypothesis import assume, given, settings
from representatives import one_in, these

import diffexplore as dx
from diffexplore import losses
from diffexplore.cli.main import main
from diffexplore.errors import UsageError
from diffexplore.formula.definitions import defined
from diffexplore.formula.parse import parse
from diffexplore.formula.text import to_text
from diffexplore.render.algebra import hessian_text
from diffexplore.render.outline import formulas
from diffexplore.typography import to_ascii, typeset
from diffexplore.writing.blocks import Formula, FormulaList


def used(loss: dx.Loss, expr: sympy.Expr) -> dict[str, list[str]]:
    """The symbols of an expression as the loss has them."""
    names = {symbol.name for symbol in expr.free_symbols}
    return {"parameters": [n for n in loss.parameters if n in names], "data": [n for n in loss.data if n in names]}


@pytest.mark.parametrize("name", one_in(8, losses.names()))
def test_expressions_in_documents_are_formulas(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    loss = losses.get(name)
    symbols = (*loss.parameters, *loss.data)
    assert main(["derive", name, "--wrt", ",".join(symbols), "--hessian", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    gradient, hessian = loss.gradient(symbols), loss.hessian(symbols)
    assert (
        dx.Loss(document["loss"]["formula"], parameters=loss.parameters, data=loss.data).expression == loss.expression
    )
    entries = [(document["gradient"][symbol], gradient[symbol]) for symbol in symbols]
    entries += [(document["hessian"][f"{row},{column}"], hessian[row, column]) for row, column in hessian]
    for entry, expr in entries:
        assert entry["expression"].isascii()
        assert parse(entry["expression"]) == parse(entry["text"]) == expr
        if expr.free_symbols:
            assert dx.Loss(entry["expression"], **used(loss, expr)).expression == expr


def printed(loss: dx.Loss) -> Iterator[tuple[Formula, sympy.Expr]]:
    """The formulas of a page, with the expressions that they are of."""
    symbols = (*loss.parameters, *loss.data)
    gradient, hessian = loss.gradient(symbols), loss.hessian(symbols)
    blocks = formulas(loss.summary(), gradient.formulas(), hessian_text(loss, symbols))
    shown = [formula for block in blocks if isinstance(block, FormulaList) for formula in block.formulas]
    pairs = [hessian[row, column] for i, row in enumerate(symbols) for column in symbols[i:]]
    yield from zip(shown, [loss.expression, *gradient.values(), *pairs], strict=True)


@pytest.mark.parametrize(
    ("name", "ascii"),
    these([("perpendicular", True), ("softplus", False)], itertools.product(losses.names(), [False, True])),
)
def test_what_a_page_prints_is_read_back(name: str, ascii: bool) -> None:
    loss = losses.get(name)
    for formula, expr in printed(loss):
        text = to_ascii(formula.expression) if ascii else formula.expression
        if not expr.free_symbols:
            continue  # a constant is no loss
        read = dx.Loss(text, **used(loss, expr))
        assert read.expression == expr
        assert read.reduction == (loss.reduction if "[" in text else "mean")


@settings(deadline=None, max_examples=40)
@given(texts)
def test_any_formula_as_it_is_printed_is_read_back(text: str) -> None:
    try:
        expr = parse(text)
    except UsageError:
        assume(False)
    assert parse(to_text(expr)) == expr
    assert parse(to_ascii(to_text(expr))) == expr
    assert parse(typeset(to_text(expr, unicode=False))) == expr


READ = {
    "σ(w·x)": "sigmoid(w*x)",
    "σ (x) − σ(−x)²": "sigmoid(x) - sigmoid(-x)**2",
    "w₁·x₁₂ − y²": "w1*x12 - y**2",
    "√2·√(x + 1)/√π": "sqrt(2)*sqrt(x + 1)/sqrt(pi)",
    "√x²": "sqrt(x)**2",
    "2·π·x": "2*pi*x",
    "|x|": "abs(x)",
    "|x·|y| − 1|·|y|²": "abs(x*abs(y) - 1)*abs(y)**2",
    "−|x| − |−x|": "-abs(x) - abs(-x)",
    "where(|x| ≤ 1 and y ≠ 0, x, −y)": "where(abs(x) <= 1 and y != 0, x, -y)",
    "where(y = 1 or not x ≥ 2, x, y)": "where(y == 1 or not x >= 2, x, y)",
    "where(y = 1 ∧ ¬ x > 2, x, y)": "where(y == 1 and not x > 2, x, y)",
    "Piecewise((x, y = 1), (y, True))": "Piecewise((x, y == 1), (y, True))",
    "x^(3/2)·y⁻²": "x**(3/2)*y**(-2)",
}


@pytest.mark.parametrize("text", READ)
def test_the_signs_of_mathematics(text: str) -> None:
    assert parse(text) == parse(READ[text])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("√sin(x)", r"write √\(…\) with parentheses"),
        ("√", r"write √\(…\) with parentheses"),
        ("y = a*x", "no '='"),
        ("|x", "cannot read"),
        ("(x > 0)|(y > 0)", "may stand only in|operator"),
        ("mean[x] + sum[y]", "no indexing"),
        ("2π", r"write '\*'"),
        ("log(x, base=2)", "no '='|named arguments"),
    ],
)
def test_what_is_not_clear_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        parse(text)
    assert "\n" not in str(raised.value)


def test_a_symbol_may_still_be_called_sigma() -> None:
    assert parse("σ² + σ").free_symbols == {sympy.Symbol("σ", real=True)}


@pytest.mark.parametrize(("text", "reduction"), [("mean[a·x²]", "mean"), ("sum[a·x²]", "sum"), (" sum [a*x²] ", "sum")])
def test_a_formula_says_its_reduction(text: str, reduction: str, capsys: pytest.CaptureFixture[str]) -> None:
    loss = dx.Loss(text, parameters="a", data="x")
    assert (loss.reduction, loss.formula.replace("·", "*").replace(" ", "")) == (reduction, "a*x²")
    assert main(["report", text, "--at", "a=2", "--points", "3", "--methods", "reverse", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["loss"]["reduction"] == reduction
    other = "sum" if reduction == "mean" else "mean"
    assert main(["report", text, "--at", "a=2", "--points", "3", "--reduction", other]) == 2
    assert re.search(rf"takes the {reduction} of its samples", capsys.readouterr().err)
    if reduction == "mean":
        with pytest.raises(UsageError, match="takes the mean"):
            dx.Loss(text, parameters="a", data="x", reduction="sum")


def test_a_printed_partial_is_a_candidate() -> None:
    loss = dx.Loss("(a·x + b − y)²", parameters="a, b", data="x, y")
    data, point = {"x": [0.5, -1.0, 2.0], "y": [1.0, 0.0, -1.5]}, {"a": 1.5, "b": 0.25}
    printed = {"a": "mean[2·x·(a·x + b − y)]", "b": "mean[2·(a·x + b − y)]"}
    assert dx.verify(printed, loss, data, point).verdict == "pass"
    with pytest.raises(UsageError, match="takes the sum, the loss the mean"):
        dx.verify({**printed, "b": "sum[2·(a·x + b − y)]"}, loss, data, point)


def nested(depth: int) -> str:
    """The logistic map r·x·(1 − x), applied again and again."""
    return "x" if depth == 0 else "r*({0})*(1 - ({0}))".format(nested(depth - 1))


@pytest.mark.parametrize("ascii", [False, True])
def test_definitions_are_read_back(ascii: bool) -> None:
    gradient = dx.Loss(nested(5), parameters="r", data="x").gradient()
    text = defined(gradient["r"]).text(unicode=not ascii)
    assert " with u1 = " in text
    assert parse(text) == gradient["r"]
    loss = dx.Loss(f"mean[{text}]", parameters="r", data="x")
    assert (loss.expression, loss.reduction) == (gradient["r"], "mean")


@pytest.mark.parametrize(
    ("text", "written_out"),
    [
        ("u2 + 1 with u1 = a*x, u2 = max(u1, -u1)", "max(a*x, -a*x) + 1"),
        ("u2 with u2 = u1**2, u1 = 0.1*x", "(0.1*x)**2"),
        ("_u1 + u1 with _u1 = x", "x + u1"),
        ("where(u1 > 0, u1, 0) with u1 = σ(x) − ½", "where(sigmoid(x) - 1/2 > 0, sigmoid(x) - 1/2, 0)"),
    ],
)
def test_a_definition_is_what_it_stands_for(text: str, written_out: str) -> None:
    assert parse(text) == parse(written_out)


def test_definitions_may_need_one_another_in_a_long_chain() -> None:
    """As terms of one sum, as which they are written out, they are not nested."""
    definitions = ", ".join(f"u{k} = u{k - 1} + a" for k in range(2, 401))
    assert parse(f"u400 with u1 = x, {definitions}") == parse("x + 399*a")


def test_a_declared_name_is_a_symbol() -> None:
    assert parse("2*with", ["with"]) == 2 * sympy.Symbol("with", real=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("u1 with u1 = u2, u2 = u1", "the definitions of 'u1' and 'u2' need each other"),
        ("u1 with u1 = u1 + 1", "the definition of 'u1' needs itself"),
        ("u1 with u1 = x, u1 = y", "the name 'u1' is defined twice"),
        ("u1 with u1 = x, u2 = y", "nothing uses 'u2'"),
        ("x with u1 = u2, u2 = u1", "need each other"),
        ("u1 with u1 = q", "unknown symbol 'q'"),
        ("u1 with u1 = x, u3 = u4", "nothing uses 'u3'"),
        ("x with x = a", "the name 'x' of a definition means something else"),
        ("u1 with sin = x", "the name 'sin' of a definition means something else"),
        ("u1 with u1", "after 'with' stand definitions"),
        ("u1 with u1 = ", "after 'with' stand definitions"),
        ("with u1 = x", "one 'with', behind it"),
        ("u1 with u1 = x with u2 = a", "one 'with', behind it"),
        ("u1(x) with u1 = x", "unknown function 'u1'"),
        ("u1 with u1 = (x := 2)", "no assignments"),
        ("u1 with u1 = __import__('os')", "unknown function '__import__'"),
        (
            f"u40 with u1 = x*x, {', '.join(f'u{k} = u{k - 1}*u{k - 1}' for k in range(2, 41))}",
            "more than 20,000 nodes",
        ),
        (f"u300 with u1 = x, {', '.join(f'u{k} = sin(u{k - 1})' for k in range(2, 301))}", "nested too deeply"),
    ],
)
def test_definitions_that_are_none_are_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)) as raised:
        parse(text, ["a", "x"])
    assert "\n" not in str(raised.value)


def test_a_printed_name_takes_none_that_is_there() -> None:
    whole = dx.Loss("_a + d_a with _a = x, d_a = x**2", parameters="x").expression
    assert whole == dx.Loss("x + x**2", parameters="x").expression
    beside = dx.Loss("2*_a + 3*d_a with _a = d_a*x", parameters="x, d_a").expression
    assert beside == dx.Loss("2*d_a*x + 3*d_a", parameters="x, d_a").expression
    with pytest.raises(UsageError, match="'d_a', which is neither parameter nor data"):
        dx.Loss("_a + d_a with _a = x", parameters="x")
