"""A loss with one small change: a term that is left out, negated or weighted in some sum of it, or a term added to it.

The candidate is then the value, or the gradient, of another loss. The number that makes the two agree is solved for, as
it is for a wrong constant: 0 in the place of a coefficient 1 is a term left out, −1 one with the wrong sign.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import sympy
from flint import arb

from diffexplore.checking.records import VALUE
from diffexplore.formula.derive import differentiate
from diffexplore.formula.text import to_text
from diffexplore.numerals import short
from diffexplore.verifying.candidates.computes_loss import UPSTREAM
from diffexplore.verifying.diagnosis.constants import ConstantPlace, near, solved
from diffexplore.verifying.diagnosis.hypothesis import EDIT, Hypothesis, exactly, tolerance
from diffexplore.verifying.diagnosis.read_constants import decimal_in
from diffexplore.verifying.diagnosis.scene import KNOB, Scene, SceneUnavailable
from diffexplore.verifying.diagnosis.terms import multiple, plus, text_of

#: Changes of sums that are tried, and monomials that are added.
_MOST, _MOST_ADDED = 16, 24

#: What a term is most often multiplied by, and what is most often added.
_USUAL_TIMES = (sympy.Integer(-1), sympy.Integer(0), sympy.Integer(2), sympy.Rational(1, 2))
_USUAL_ADDED = (sympy.Integer(1), sympy.Integer(-1))

_RANK, _FITTED_RANK, _ADDED_RANK = 2.5, 3.2, 3.6


def edits(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """One coefficient of a sum inside the loss changed, or a number added there."""
    problem = scenes[0].problem
    loss = problem.loss.expression
    for node, term, changed in itertools.islice(_changes(loss), _MOST):
        formula = loss.xreplace({node: changed})
        if name != VALUE:
            formula = differentiate(formula, problem.loss.symbols[name])
        exact = sympy.Integer(0 if term is None else 1)
        if formula.has(KNOB):
            yield from _explained(name, scenes, ConstantPlace(exact, formula, nearby=False), node, term)


def _changes(loss: sympy.Expr) -> Iterator[tuple[sympy.Expr, sympy.Expr | None, sympy.Expr]]:
    """A sum inside the loss, one of its terms or None for a number beside them, and the sum with the knob in it."""
    for node in dict.fromkeys(sympy.preorder_traversal(loss)):
        if isinstance(node, sympy.Add):
            for term in node.args:
                if not term.is_number:
                    yield node, term, node + (KNOB - 1) * term
            yield node, None, node + KNOB


def _explained(
    name: str, scenes: Sequence[Scene], place: ConstantPlace, node: sympy.Expr, term: sympy.Expr | None
) -> Iterator[Hypothesis]:
    """The usual numbers first: another one is solved for, of which there may be several, and one need not be found."""
    usual = _USUAL_ADDED if term is None else _USUAL_TIMES
    for value in usual:
        if _is_excluded(name, scenes[0], place, value):
            continue
        key, message = _key_and_message(node, term, str(value))
        fields = {"term": to_text(node if term is None else term), "coefficient": float(value)}
        yield Hypothesis(key, message, _RANK, exactly(name, place.at(value)), fields, mistake=EDIT)
    found = solved(name, scenes, place)
    if found is None or any(abs(float(value) - found.middle) <= found.uncertainty for value in usual):
        return
    written = decimal_in(found.middle, found.uncertainty)
    key, message = _key_and_message(node, term, written or f"{short(found.middle, 9)} (± {short(found.uncertainty)})")
    predict = near(name, place, found) if written is None else exactly(name, place.at(sympy.Rational(written)))
    fields = {"term": to_text(node if term is None else term), "coefficient": found.middle,
              "uncertainty": found.uncertainty}  # fmt: skip
    yield Hypothesis(key, message, _FITTED_RANK, predict, fields, fitted=1, mistake=EDIT)


def _is_excluded(name: str, scene: Scene, place: ConstantPlace, value: sympy.Rational) -> bool:
    """Whether a number certainly does not explain the first scene, before SymPy writes the formula with it out."""
    try:
        predicted = scene.reduced(name, place.formula, float(value))
        numbers = scene.numbers(name)
    except SceneUnavailable:
        return False
    return any(
        ball.is_finite() and abs(arb(given) - ball) > tolerance(scene, given, bound, ball, truth)
        for (given, bound, truth), ball in zip(numbers, predicted, strict=True)
    )


def _key_and_message(node: sympy.Expr, term: sympy.Expr | None, number: str) -> tuple[str, str]:
    """The key of the cause and its message."""
    if term is None:
        return "added_constant", f"as if {number.replace('-', '−')} were added to {text_of(node)}"
    where = f" in {text_of(node)}"
    match number:
        case "0":
            return "missing_term", f"as if the term {text_of(term)} were missing{where}"
        case "-1":
            return "sign_of_term", f"as if the term {text_of(term)} had the wrong sign{where}"
    return "extra_term", f"as if the term {text_of(term)} were taken {number.replace('-', '−')} times{where}"


def added(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """A multiple of a constant, of a symbol, of a product of two, or of a penalty, added to the loss."""
    problem = scenes[0].problem
    for monomial, called in itertools.islice(_monomials(scenes[0]), _MOST_ADDED):
        own = monomial if name == VALUE else sympy.diff(monomial, problem.loss.symbols[name])
        if own == 0:
            continue
        found = multiple(name, scenes, exactly(name, own))
        if found is None:
            continue
        middle, uncertainty = found
        written = decimal_in(middle, uncertainty) or f"{short(middle, 6)} (± {short(uncertainty)})"
        fields = {"coefficient": middle, "of": called, "uncertainty": uncertainty}
        predict = plus(name, exactly(name, own), arb(middle, uncertainty))
        key, message = "extra_term", f"as if {written} times {called} were added to the loss"
        if monomial == 1:
            key, message = "added_constant", f"the constant {written} is added to the loss, which changes no gradient"
        yield Hypothesis(key, message, _ADDED_RANK, predict, fields, fitted=1, mistake=EDIT)


def _monomials(scene: Scene) -> Iterator[tuple[sympy.Expr, str]]:
    """What may be added, and how it is called."""
    loss = scene.problem.loss
    parameters = [loss.symbols[name] for name in loss.parameters]
    symbols = [*parameters, *(loss.symbols[name] for name in loss.data if name != UPSTREAM)]
    yield sympy.Integer(1), "1"
    if len(parameters) > 1:
        yield sympy.Add(*(symbol**2 for symbol in parameters)), "the sum of all squared parameters (weight decay?)"
        yield sympy.Add(*map(sympy.Abs, parameters)), "the sum of all absolute parameters (an L1 penalty?)"
    for symbol in symbols:
        yield symbol, str(symbol)
    for first, second in itertools.combinations_with_replacement(symbols, 2):
        yield first * second, to_text(first * second)
