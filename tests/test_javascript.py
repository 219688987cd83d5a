"""JavaScript from formulas: run, and held against certified truth. Tolerances follow the conditioning of the input."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import mpmath
import pytest
import sympy
from flint import arb
from formulas import texts
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from javascript import evaluate
from representatives import one_in, these
from sample_calls import formula_of

import diffexplore as dx
from diffexplore.arithmetic.balls import BALLS, precision
from diffexplore.cli.main import main
from diffexplore.errors import UsageError
from diffexplore.functions import OPERATIONS as RECORDS
from diffexplore.functions import TABLE
from diffexplore.functions.records import Lack
from diffexplore.program.export import to_javascript
from diffexplore.program.javascript import OPERATIONS, argument_names, helpers
from diffexplore.program.program import lower

#: What is demanded, relative to the truth, beside what a change of the inputs in their last place may do.
RELATIVE = 1e-12


def balls(expressions: Sequence[sympy.Expr], values: dict[str, float], spread: float) -> list[arb]:
    """The values at inputs that are known up to a relative ``spread``."""
    with precision(200):
        inputs = {name: arb(value, abs(value) * spread) for name, value in values.items()}
        return lower(list(expressions), tuple(values)).run(BALLS, inputs)


def assert_near(found: Any, expressions: Sequence[sympy.Expr], values: dict[str, float]) -> None:
    """Each number within 1e-12 of the exact one, or within 16 times what half an ulp in each input changes."""
    exact, around = balls(expressions, values, 0.0), balls(expressions, values, 2.0**-53)
    for number, truth, ball in zip(found, exact, around, strict=True):
        if not truth.is_finite() or not ball.is_finite():
            continue  # at a pole or a kink, where nothing can be demanded
        middle = float(truth.mid())
        assert isinstance(number, (int, float)), (number, middle)
        assert abs(number - middle) <= RELATIVE * abs(middle) + 16 * float(ball.rad()) + 1e-300, (number, middle)


def module(loss: dx.Loss) -> str:
    """The exported source as an expression: an object of its functions."""
    return f"(() => {{ {to_javascript(loss, loss.gradient())}\nreturn {{loss, gradient}}; }})()"


# ---------------------------------------------------------------------------------------------------- special functions
WIDE = [-40.3, -7.75, -3.001, -1.5, -0.99, -0.3, -1e-5, 1e-9, 1e-3, 0.3, 0.49, 0.51, 0.97, 1.02, 1.4616, 1.5, 1.99, 2.2,
        2.51, 3.7, 6.0, 9.99, 11.9, 12.3, 25.4, 60.2, 143.7, 170.1]  # fmt: skip


def polygamma(n: int) -> Callable[[Any], Any]:
    return lambda x: mpmath.polygamma(n, x)


SPECIAL: dict[str, tuple[Callable[[Any], Any], list[float]]] = {
    "erf(x)": (mpmath.erf, [-7, -2.5, -1, -0.4, -1e-8, 0.0, 1e-300, 0.1, 0.499, 0.9, 0.9999, 1.0, 1.7, 3.1, 5.9, 30]),
    "erfc(x)": (mpmath.erfc, [-30, -3, -1, -0.5, 0, 0.2, 0.5, 0.99, 1.0, 1.3, 2.2, 3.9, 6.5, 11.3, 20.9, 26.4]),
    "erfinv(x)": (
        mpmath.erfinv,
        [-0.999999, -0.7, -0.1, -1e-9, 1e-300, 0.2, 0.499, 0.5, 0.9, 0.99, 1 - 1e-9, 1 - 2**-53],
    ),
    "gamma(x)": (mpmath.gamma, WIDE),
    "lgamma(x)": (lambda x: mpmath.log(abs(mpmath.gamma(x))), [*WIDE, 1e5, 1e200]),
    "digamma(x)": (mpmath.digamma, [*WIDE, 1e5, 1e200]),
    **{f"polygamma({n}, x)": (polygamma(n), [x for x in WIDE if x != 1e-9] + [1e5]) for n in range(1, 11)},
    "softplus(x)": (lambda x: mpmath.log1p(mpmath.exp(x)), [-700, -40, -1, 0, 0.3, 20, 800]),
    "sigmoid(x)": (lambda x: 1 / (1 + mpmath.exp(-x)), [-700, -40, -1, 0, 0.3, 20, 800]),
    **{
        f"dsinc({n}, x)": (
            lambda x, n=n: mpmath.diff(lambda t: mpmath.sinc(t), x, n),
            [1e-3, 0.4, 0.9, 1.1, 2.4, 4.9, 5.2, 11.3],
        )
        for n in range(1, 11)
    },
}


@pytest.fixture(scope="module")
def special_values() -> dict[str, list[Any]]:
    """Everything in one process."""
    source = "\n".join(helpers(" ".join(SPECIAL)))
    lists = ", ".join(f"'{text}': {points!r}.map(x => {text})" for text, (_, points) in SPECIAL.items())
    found: dict[str, list[Any]] = evaluate(source, f"{{{lists}}}")
    return found


@pytest.mark.parametrize("text", SPECIAL)
def test_special_functions_against_mpmath(text: str, special_values: dict[str, list[Any]]) -> None:
    function, points = SPECIAL[text]
    with mpmath.workdps(60):
        for x, found in zip(points, special_values[text], strict=True):
            truth = function(mpmath.mpf(x))
            change = abs(function(mpmath.mpf(x) * (1 + mpmath.mpf(2) ** -53)) - truth)  # half an ulp of the argument
            absolute = 4e-16 if text.startswith(("lgamma", "digamma")) else 0  # near their roots
            bound = 2e-14 * abs(truth) + 4 * change + absolute
            assert abs(mpmath.mpf(str(found)) - truth) <= bound, (x, found, mpmath.nstr(truth, 20))


def test_ends_of_the_special_functions() -> None:
    texts = {
        "erf(Infinity)": 1, "erf(-Infinity)": -1, "erf(NaN)": "NaN", "erfc(Infinity)": 0, "erfc(-Infinity)": 2,
        "erfinv(1)": "Infinity", "erfinv(-1)": "-Infinity", "erfinv(1.5)": "NaN", "erfinv(0)": 0, "erfinv(NaN)": "NaN",
        "gamma(0)": "Infinity", "gamma(-3)": "NaN", "gamma(172)": "Infinity", "gamma(Infinity)": "Infinity", "gamma(5)": 24,
        "lgamma(0)": "Infinity", "lgamma(-2)": "Infinity", "lgamma(1)": 0, "lgamma(2)": 0, "lgamma(Infinity)": "Infinity",
        "digamma(0)": "NaN", "digamma(-4)": "NaN", "digamma(NaN)": "NaN", "polygamma(1, -2)": "NaN",
        "heaviside(0)": 0.5, "heaviside(-1)": 0, "heaviside(NaN)": "NaN", "sinc(0)": 1, "dsinc(2, 0)": -1 / 3, "dsinc(1, 0)": 0,
        "roundEven(2.5)": 2, "roundEven(-1.5)": -2, "roundEven(0.49999999999999994)": 0, "roundEven(7.2)": 7,
        "softplus(-Infinity)": 0, "softplus(NaN)": "NaN", "sigmoid(-Infinity)": "NaN", "sigmoid(-745)": math.exp(-745),
    }  # fmt: skip
    texts["sigmoid(-Infinity)"] = 0
    found = evaluate("\n".join(helpers(" ".join(texts))), f"[{', '.join(texts)}]")
    shown = dict(zip(texts, (0 if value == "-0" else value for value in found), strict=True))
    assert shown == texts


# -------------------------------------------------------------------------------------------------------- whole formulas
EXTRA = [
    "-x**2*a - (-a)**3", "a**x", "abs(a)**(1/3)*x", "(a*x)**(-2.5)", "a - (x - a) - (a - x)/(x/a/x)", "-(-a)*-x", "2**-a*x",
    "where(a > x, where(x < 0, 1, a*x), x)*a", "max(a, x, 0.5)*min(a, 2)*a", "exp(-(a - x)**2/2)/sqrt(2*pi)*a",
    "1e-30*a**2 + 123456789012345678901*a*x", "(a+x)*(a-x)*(a*x+1)*(a*x-2)*(1+a**2+x**4)**7",
]  # fmt: skip
POINT = {"a": 0.7, "x": 0.4}
LACKING = ("dgammainc", "dzeta", "dbetainc")
FORMULAS = {
    **{entry.name: formula_of(entry.name) for entry in TABLE if entry.name not in LACKING},
    **{text: text for text in EXTRA},
}


@cache
def loss_of(text: str) -> dx.Loss:
    """A formula in a and x; a multiple by a of a function has the function and its derivatives in the partial by a."""
    by_a = text not in EXTRA and text in FORMULAS.values()
    return dx.Loss(text, parameters="a", data="x") if by_a else dx.Loss(text, parameters="a, x")


@pytest.fixture(scope="module")
def losses_in_javascript() -> dict[str, Any]:
    """All formulas in one process: value and gradient."""
    modules = {name: module(loss_of(text)) for name, text in FORMULAS.items()}
    at = ", ".join(map(repr, POINT.values()))
    parts = (f"'{name}': (m => [m.loss({at}), m.gradient({at})])({m})" for name, m in modules.items())
    found: dict[str, Any] = evaluate("", f"{{{', '.join(parts)}}}")
    return found


@pytest.mark.parametrize("name", FORMULAS)
def test_every_function_of_the_language(name: str, losses_in_javascript: dict[str, Any]) -> None:
    loss = loss_of(FORMULAS[name])
    value, gradient = losses_in_javascript[name]
    assert all(isinstance(number, (int, float)) for number in (value, *gradient))
    assert_near([value], [loss.expression], POINT)
    assert_near(gradient, list(loss.gradient().values()), POINT)


@pytest.mark.parametrize("text", ["(a*x - 1)**2/(a**2 + 1)", "softplus(a*x)", "a**2*x", "lgamma(a)*x"])
def test_second_partials(text: str) -> None:
    loss = loss_of(text)
    source = to_javascript(loss, loss.gradient(), loss.hessian())
    rows = evaluate(source, "hessian(0.7, 0.4)")
    assert [len(row) for row in rows] == [2, 2]
    assert_near([entry for row in rows for entry in row], list(loss.hessian().values()), POINT)


def test_every_operation_of_a_program_can_be_written() -> None:
    stated = {name for name, record in RECORDS.items() if isinstance(record.javascript, Lack)}
    assert stated == {"dgammainc", "dzeta", "dbetainc"}  # derivatives by order: nobody computes them there
    assert set(BALLS.operations) - OPERATIONS == stated


@pytest.mark.parametrize("name", one_in(6, [name for name in dx.losses.names() if dx.losses.get(name).parameters]))
def test_the_catalogue_at_its_data(name: str) -> None:
    loss = dx.losses.get(name)
    assert loss.default_data is not None
    columns = loss.default_data()
    rows = [
        {**point, **dict(zip(columns, row, strict=True))}
        for point in loss.default_points
        for row in list(zip(*columns.values(), strict=True))[:12]
    ]
    calls = ", ".join(f"m.gradient({', '.join(repr(row[symbol]) for symbol in loss.symbols)})" for row in rows)
    for found, row in zip(evaluate(f"const m = {module(loss)};", f"[{calls}]"), rows, strict=True):
        assert_near(found, list(loss.gradient().values()), {symbol: row[symbol] for symbol in loss.symbols})


@given(st.lists(texts, min_size=40, max_size=40))
@limits(max_examples=1)
def test_random_formulas(formulas: list[str]) -> None:
    known: list[dx.Loss] = []
    for text in formulas:
        try:
            loss = dx.Loss(
                text, parameters=[name for name in "abxy" if name in text.replace("tanh", "") and name in names(text)]
            )
            loss.gradient()
        except UsageError:
            continue
        known.append(loss)
    values = {"a": 0.8125, "b": 1.5, "x": -0.375, "y": 2.25}
    calls = []
    for loss in known:
        at = ", ".join(repr(values[name]) for name in loss.parameters)
        calls.append(f"(m => [m.loss({at}), m.gradient({at})])({module(loss)})")
    for loss, (value, gradient) in zip(known, evaluate("", f"[{', '.join(calls)}]"), strict=True):
        point = {name: values[name] for name in loss.parameters}
        assert_near([value], [loss.expression], point)
        assert_near(gradient, list(loss.gradient().values()), point)


def names(text: str) -> set[str]:
    from diffexplore.formula.parse import names_in

    return set(names_in(text))


# ---------------------------------------------------------------------------------------------------------------- source
def test_the_source_of_the_perpendicular_loss() -> None:
    loss = dx.losses.get("perpendicular")
    assert to_javascript(loss, loss.gradient()) == (
        "// The summand, for one sample\n"
        "function loss(a, b, x, y) {\n"
        "  const t8 = a*x - y + b;\n"
        "  return t8*t8/(2*(a*a + 1));\n"
        "}\n\n"
        "// Its partials with respect to a, b\n"
        "function gradient(a, b, x, y) {\n"
        "  const t7 = a*a + 1;\n"
        "  const t14 = a*x + b - y;\n"
        "  return [(a*(y - b) + x)*t14/(t7*t7), t14/t7];\n"
        "}\n"
    )


def test_only_what_is_used_is_defined() -> None:
    assert [block.split("(")[0] for block in helpers("erf(x)")] == [
        "function expMinusSquare",
        "function erf",
        "function erfc",
    ]
    loss = dx.Loss("a*x + exp(a)", parameters="a", data="x")
    assert to_javascript(loss, loss.gradient()).count("function") == 2


@pytest.mark.parametrize(
    "name",
    these(
        ("var", "Math", "hurwitz", "t3", "α"),
        ["var", "new", "Math", "NaN", "hurwitz", "t3", "await", "eval", "loss", "α", "arguments"],
    ),
)
def test_names_that_javascript_keeps_for_itself(name: str) -> None:
    loss = dx.Loss(f"{name}**2*x + lgamma({name}*x)", parameters=[name], data="x")
    found = evaluate(f"const m = {module(loss)};", "m.gradient(1.5, 2)[0]")
    assert_near([found], list(loss.gradient().values()), {name: 1.5, "x": 2.0})
    assert argument_names([name, f"{name}_"])[0] != argument_names([name, f"{name}_"])[1]


def test_outside_of_the_domain_there_is_no_number() -> None:
    loss = dx.Loss("log(a)*x + sqrt(a) + a**x", parameters="a", data="x")
    assert evaluate(f"const m = {module(loss)};", "[m.loss(-1, 0.5), ...m.gradient(-1, 0.5)]") == ["NaN", "NaN"]


def test_a_branch_that_is_not_taken_does_no_harm() -> None:
    loss = dx.Loss("where(a > 0, log(a)**3*x, x/(a - 1)) + where(a > 0, log(a)**2, 0)", parameters="a", data="x")
    assert evaluate(f"const m = {module(loss)};", "m.gradient(-1, 2)[0]") == pytest.approx(-0.5)


def test_derive_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", "erf(a*x)", "--wrt", "a", "--format", "javascript", "--hessian"]) == 0
    source = capsys.readouterr().out
    slope = 2 / math.sqrt(math.pi) * 3 * math.exp(-2.25)
    assert evaluate(source, "gradient(0.5, 3)") == [pytest.approx(slope)]
    assert evaluate(source, "hessian(0.5, 3)") == [[pytest.approx(-2 * 0.5 * 9 * slope)]]
