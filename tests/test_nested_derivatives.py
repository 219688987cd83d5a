"""Formulas that are nested deep, and long ones: derived block by block, and printed with names for what comes twice."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from typing import Any

import pytest
import sympy
from representatives import one_in, slow

import diffexplore as dx
from diffexplore.formula import build, nested, simplify
from diffexplore.formula.blocks import blocks_of
from diffexplore.formula.compare import random_points, value_at
from diffexplore.formula.definitions import WRITTEN_OUT, defined
from diffexplore.formula.derive import BY_BLOCKS, differentiate
from diffexplore.formula.nested import Slopes
from diffexplore.formula.order import count_ops
from diffexplore.formula.parse import parse
from diffexplore.formula.remembered import remembered
from diffexplore.formula.text import to_text


def chain(link: str, times: int, inner: str = "x") -> str:
    for _ in range(times):
        inner = link.replace("{}", inner)
    return inner


def logistic(times: int) -> sympy.Expr:
    x, r = parse("x"), parse("r")
    value = x
    for _ in range(times):
        value = r * value * (1 - value)
    return value


FORMULAS = {
    "tanh": chain("tanh(a*{} + b)", 6),
    "softplus": chain("softplus(a*{} + b)", 4),
    "Horner": chain("({})*x + a", 20, "a"),
    "continued fraction": chain("a + x/({})", 7, "a"),
    "squares": chain("({})**2 + a", 5),
    "powers in powers": "(((x**2 + 1)**3 + a)**a + x)**2.5",
    "a power of itself": "(1 + x**2)**(a*(1 + x**2))",
    "a product": "*".join(f"(x + {k}*a)" for k in range(1, 14)),
    "a sum of fractions": "+".join(f"a*x**2/({k} + a**2)" for k in range(1, 14)),
    "softmax": f"exp(x)/({'+'.join(f'exp({k}*x + a)' for k in range(12))})",
    "roots and logarithms": chain("exp(-log(2 + sqrt(1 + ({})**2)))", 4, "a*x"),
    "functions of several": chain("hypot({}, atan2(a, 1 + ({})**2))", 2),
    "special": "besselj(1, a*gamma(1 + x**2))*lgamma(a + besselj(0, x)**2 + 1) + erf(a*x)*digamma(1 + x**2)",
    "choices": chain("where({} > a, tanh({})*a, {} - b)", 4),
    "maxima": chain("max(a*{}, abs({}) - b) + min({}, a)", 3),
}


@pytest.mark.parametrize("text", one_in(6, [pytest.param(text, id=name) for name, text in FORMULAS.items()]))
def test_the_derivative_has_the_values_of_the_one_that_sympy_writes_out(text: str) -> None:
    """By every symbol, wherever one of both has a value."""
    expr = parse(text)
    slopes = Slopes(expr)
    for symbol in expr.free_symbols:
        found, plain = slopes.by(symbol), sympy.diff(expr, symbol)
        compared = 0
        for point in islice(random_points(expr.free_symbols), 0, 60, 8):
            value, expected = value_at(found, point), value_at(plain, point)
            assert (value is None) == (expected is None), point
            compared += value is not None and expected is not None
            assert value is None or expected is None or value.overlaps(expected), point
        assert compared > 2


def test_a_slope_stays_in_the_branch_to_which_it_belongs() -> None:
    """d√x/dx has no value at −1, where the other branch is taken."""
    expr = parse(f"where(x > 0, {chain('sin(a*{} + b)', 7, 'sqrt(x)')}, a*x)")
    found = Slopes(expr).by(parse("x"))
    value = value_at(found, {parse("x"): Fraction(-1), parse("a"): Fraction(3), parse("b"): Fraction(1)})
    assert value is not None
    assert value == 3


@pytest.mark.parametrize(
    ("link", "inner"),
    [
        slow(lambda u, a, b: sympy.tanh(a * u + b), "x", id="tanh"),
        slow(lambda u, a, b: sympy.exp(-((a * u - b) ** 2)), "x", id="exp"),
        slow(lambda u, a, b: a + b / u, "a", id="continued fraction"),
        pytest.param(lambda u, a, b: a * u + b, "b", id="Horner"),
    ],
)
def test_a_chain_takes_as_many_rules_as_it_is_long(
    monkeypatch: pytest.MonkeyPatch, link: Callable[..., sympy.Expr], inner: str
) -> None:
    """Of chains twice as long, that is twice as much, but for what comes once; a square would be four times as much."""
    counted: list[int] = []

    def count(name: str) -> None:
        original = getattr(nested, name)

        def counting(*args: Any, **kwargs: Any) -> Any:
            counted[-1] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(nested, name, counting)

    for name in ("derivative", "derivative_along", "_simplified"):
        count(name)
    lengths, value = [], parse(inner)
    for _ in range(2):
        for _ in range(12):
            value = link(value, parse("a"), parse("b"))
        counted.append(len(blocks_of(value)))
        lengths.append(defined(Slopes(value).by(parse("a"))).operations)
    assert counted[1] < 3 * counted[0]
    assert lengths[1] < 3 * lengths[0]


def test_alike_terms_are_simplified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: set[sympy.Expr] = set()
    original = nested._simplified
    monkeypatch.setattr(nested, "_simplified", lambda expr: shapes.add(expr) or original(expr))
    slopes = Slopes(parse("+".join(f"p{k}*x**3*sinh(q{k}*x**5)" for k in range(40))))
    for k in range(40):
        assert to_text(slopes.by(parse(f"p{k}")), unicode=False) == f"x**3*sinh(q{k}*x**5)"
        assert to_text(slopes.by(parse(f"q{k}")), unicode=False) == f"p{k}*x**8*cosh(q{k}*x**5)"
    assert len(shapes) <= 4


def test_a_long_derivative_is_printed_with_names() -> None:
    """x after n steps is r·x·(1 − x) of the step before, and its slope a product of r·(1 − 2·x)."""
    partial = dx.Loss(logistic(7), parameters="r, x").gradient().formulas()["x"]
    names = ", ".join(f"u{k} = r·u{k - 1}·(1 − u{k - 1})" for k in range(2, 6))
    factors = "·".join(f"(1 − 2·u{k})" for k in range(1, 6))
    assert partial.text == f"r⁷·{factors}·(1 − 2·x)·(1 − 2·r·u5·(1 − u5)) with u1 = r·x·(1 − x), {names}"
    assert partial.latex.count(r"\text{with}") == 1
    assert partial.ops_simplified == 1 + 6 * 2 + 5 + 7 + 5 * 3  # r⁷, the factors, their product, the names
    value = value_at(parse(partial.expression), {parse("r"): Fraction(3), parse("x"): Fraction(2)})
    assert value is not None
    assert value.contains(3**7 * slopes_at(3, 2, 7))


def slopes_at(r: int, x: int, times: int) -> int:
    """The product of 1 − 2·x over the steps."""
    product = 1
    for _ in range(times):
        product, x = product * (1 - 2 * x), r * x * (1 - x)
    return product


def test_names_are_none_of_the_symbols() -> None:
    expr = logistic(8).xreplace({parse("x"): parse("u1"), parse("r"): parse("w3")})
    names = [name.name for name, _ in defined(differentiate(expr, parse("w3"))).definitions]
    assert names[:2] == ["v1", "v2"]


@pytest.mark.parametrize("text", ["Horner", "continued fraction", "squares", "tanh"])
def test_names_put_back_are_the_formula(text: str) -> None:
    expr = parse(chain(FORMULAS[text].replace("x", "({})"), 2))
    found = defined(expr)
    values: dict[sympy.Basic, sympy.Basic] = {}
    for name, part in found.definitions:
        values[name] = build.filled(part, values)
    whole = build.filled(found.formula, values)
    assert count_ops(expr) <= WRITTEN_OUT or found.definitions
    for point in islice(random_points(expr.free_symbols), 3):
        first, second = value_at(whole, point), value_at(expr, point)
        assert first is not None
        assert second is not None
        assert first.overlaps(second)


def test_second_derivatives_of_many_symbols() -> None:
    """Of log Σ exp: ∂²/∂x_j∂x_k = −s_j·s_k, with s the softmax."""
    names = [f"x{k}" for k in range(12)]
    total = "+".join(f"exp({name})" for name in names)
    hessian = dx.Loss(f"log({total})", parameters=names).hessian()
    expected = parse(f"-exp(x2)*exp(x5)/({total})**2")
    assert hessian.cost["x2", "x5"].note == BY_BLOCKS
    for point in islice(random_points(expected.free_symbols), 3):
        first, second = value_at(hessian["x2", "x5"], point), value_at(expected, point)
        assert first is not None
        assert second is not None
        assert first.overlaps(second)


def test_what_is_found_does_not_depend_on_what_was_sought_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(first: str, then: str) -> dict[str, str]:
        sympy.core.cache.clear_cache()
        monkeypatch.setattr(simplify, "_simplified", remembered(1024)(simplify._simplified.__wrapped__))
        loss = dx.Loss(chain("tanh(a*{} + b)", 6), parameters="a, b", data="x")
        return {name: str(loss.gradient((name,))[name]) for name in (first, then)}

    assert found("a", "b") == found("b", "a")
