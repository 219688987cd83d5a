"""Formulas typeset as MathML, from the text that terminals show: the same mathematics, without any script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from formulas import texts
from hypothesis import given, settings

from diffexplore import losses
from diffexplore.formula.steps import derivation
from diffexplore.formula.text import to_text
from diffexplore.pages.mathml import mathml
from diffexplore.typography import typeset

#: What each element stands for when a formula is spelled on one line.
_SPELLED = {
    "mfrac": "({})/({})", "msup": "{}^({})", "msub": "{}_{}", "msqrt": "sqrt({})", "mroot": "root({}; {})",
    "mtr": "<{}>", "mtable": "cases {}",
}  # fmt: skip


def _read(text: str) -> ElementTree.Element:
    found = mathml(text)
    assert found is not None, text
    return ElementTree.fromstring(found.replace("&#xa0;", " "))


def _spelled(element: ElementTree.Element) -> str:
    """What a reader sees, on one line."""
    if element.tag == "annotation":
        return ""
    parts = [_spelled(child) for child in element]
    if element.tag == "mtd":
        return "".join(parts) + ";"
    if element.tag == "mtr":
        return f"<{''.join(parts)}>"
    if element.tag == "mtable":
        return f"cases{''.join(parts)}"
    if element.tag == "msqrt":
        return f"sqrt({''.join(parts)})"
    form = _SPELLED.get(element.tag)
    said = form.format(*parts) if form else (element.text or "").strip("\n") + "".join(parts)
    return said.replace("\u2062", "").replace("\u2061", "")


@pytest.mark.parametrize(("text", "seen"), [
    ("a*x + b", "ax+b"),
    ("(a·x − y + b)² / (2·(a² + 1))", "((ax−y+b)^(2))/(2(a^(2)+1))"),
    ("x·(a + b)", "x·(a+b)"),  # x(…) would be a function
    ("N·(a + b)²", "N·(a+b)^(2)"),
    ("2·3·x", "2·3x"),
    ("x·2", "x·2"),
    ("x2·w10", "x_2w_10"),
    ("rate·x", "rate·x"),
    ("a*(b*c)", "a·(bc)"),
    ("a/(b*c)", "(a)/(bc)"),
    ("a/b*c", "(a)/(b)·c"),
    ("a - (b - c)", "a−(b−c)"),
    ("a - b - c", "a−b−c"),
    ("-x**2", "−x^(2)"),
    ("(-x)**2", "(−x)^(2)"),
    ("−y·(a + b)", "−y·(a+b)"),
    ("x^(−y)", "x^(−y)"),
    ("2**x**y", "2^(x^(y))"),
    ("(2**x)**y", "(2^(x))^(y)"),
    ("(a/b)²", "((a)/(b))^(2)"),
    ("x**(3/2)", "x^(3/2)"),
    ("x⁻¹", "x^(−1)"),
    ("sin(x)²", "(sin(x))^(2)"),
    ("√x + ∛(a + 1)", "sqrt(x)+root(a+1; 3)"),
    ("sqrt(x**2 + 1)", "sqrt(x^(2)+1)"),
    ("abs(x) + |y − 1|", "|x|+|y−1|"),
    ("||x| − 1|", "||x|−1|"),
    ("sigmoid(alpha)", "σ(α)"),
    ("where(|u| ≤ 1, u²/2, |u|)", "{cases<(u^(2))/(2);if |u|≤1;><|u|;otherwise;>"),
    ("Piecewise((x, x > 0), (y, x < −1), (0, True))", "{cases<x;if x>0;><y;if x<−1;><0;otherwise;>"),
    ("mean[a·x]", "mean[ax]"),
    ("Σ(a·x + b)/N", "(∑(ax+b))/(N)"),
    ("∂L/∂a", "(∂L)/(∂a)"),
    ("∂ℓᵢ/∂w2", "(∂ℓ_i)/(∂w_2)"),
    ("∂L/∂xᵢ", "(∂L)/(∂x_i)"),
    ("∂²L/∂a²", "(∂^(2)L)/(∂a^(2))"),
    ("∂²L/∂a∂b", "(∂^(2)L)/(∂a∂b)"),
    ("∂L/∂v5 · x", "(∂L)/(∂v_5)·x"),
    ("∂/∂a[u²]", "(∂)/(∂a)[u^(2)]"),
    ("1e-05*x", "10^(−5)x"),
    ("2.5e16", "2.5·10^(16)"),
    ("0 < x <= 1 and (s > 0 or not t != 2)", "0<x≤1 and (s>0 or not t≠2)"),
])  # fmt: skip
def test_formulas_are_seen_as_they_are_meant(text: str, seen: str) -> None:
    assert _spelled(_read(text)) == seen


@pytest.mark.parametrize("text", [
    "", "a +", "(a", "a b", "<script>alert(1)</script>", "a; b", "f(x)'", "a = b = ", "∂", "x[", "1 2", "and", "(a, b)",
    "sums run over the samples", "a" * 5_000, "(" * 500 + "a" + ")" * 500, "-" * 2_000 + "a", "|" * 1_999, "not " * 900 + "a",
    "√" * 2_000 + "a", "2^" * 1_400 + "a",
])  # fmt: skip
def test_what_is_no_formula_is_left_to_be_shown_as_text(text: str) -> None:
    assert mathml(text) is None


def test_the_text_is_the_annotation_and_nothing_is_markup() -> None:
    text = "mean[a·x < 2]"
    root = _read(text)
    (annotation,) = root.iter("annotation")
    assert annotation.text == text and annotation.get("encoding") == "text/plain"
    assert root.tag == "math" and "<script" not in (mathml("script·a") or "")


def _shown() -> Iterator[str]:
    """Every formula that a page of a catalogue loss shows."""
    for name in losses.names():
        loss = losses.get(name)
        summary = loss.summary()
        yield typeset(summary.formula)
        if summary.domain:
            yield typeset(summary.domain)
        wrt = loss.gradient().formulas()
        yield from (text for partial in wrt.values() for text in (partial.text, partial.expression))
        yield from (to_text(step.after) for symbol in wrt for step in derivation(loss, symbol))


def test_every_formula_of_the_catalogue_is_typeset() -> None:
    shown = list(_shown())
    assert len(shown) > 200
    assert [text for text in shown if mathml(text) is None] == []


@settings(max_examples=150, deadline=None)
@given(texts)
def test_formulas_of_the_language_are_typeset_and_keep_their_symbols(text: str) -> None:
    spelled = _spelled(_read(text))
    names = set(re.findall(r"\b[a-z]\b", text)) - {"e"}
    assert all(name in spelled for name in names)
