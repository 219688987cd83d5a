"""The argument of one function that is off by a number: exp(−x²) for exp(−x²/2), erf(x) for erf(x/√2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import sympy

from diffexplore.checking.records import VALUE
from diffexplore.formula.derive import differentiate
from diffexplore.verifying.diagnosis.hypothesis import Hypothesis, exactly, explains
from diffexplore.verifying.diagnosis.scene import Scene, exact_partial
from diffexplore.verifying.diagnosis.terms import text_of

#: By what an argument is multiplied where a sign, a half, a root or a square is forgotten.
_TIMES = (
    sympy.Integer(-1), sympy.Integer(2), sympy.Rational(1, 2), sympy.sqrt(2), 1 / sympy.sqrt(2), sympy.Integer(4),
    sympy.Rational(1, 4),
)  # fmt: skip

_MOST_FUNCTIONS = 8

_IN_THE_LOSS, _IN_THE_GRADIENT = 2.33, 2.37


def wrong_arguments(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """The gradient of the loss with one argument changed, and the gradient with one argument changed."""
    problem = scenes[0].problem
    loss, truth = problem.loss.expression, exact_partial(problem, name)
    known = {sympy.S.Zero, truth}
    for node, wrong in _changes(loss):
        changed = loss.xreplace({node: wrong})
        words = "the loss has" if name == VALUE else "it is the gradient of a loss that has"
        if name != VALUE:
            changed = differentiate(changed, problem.loss.symbols[name])
        yield from _explained(name, scenes, changed, known, words, node, wrong, _IN_THE_LOSS)
    for node, wrong in () if name == VALUE else _changes(truth):
        yield from _explained(name, scenes, truth.xreplace({node: wrong}), known, "it has", node, wrong,
                              _IN_THE_GRADIENT)  # fmt: skip


def _explained(
    name: str, scenes: Sequence[Scene], changed: sympy.Expr, known: set[sympy.Expr], words: str, node: sympy.Expr,
    wrong: sympy.Expr, rank: float,
) -> Iterator[Hypothesis]:  # fmt: skip
    """The hypothesis, if the changed formula is a new one that explains the numbers: before a text is made of it."""
    if changed in known:
        return
    known.add(changed)
    if explains(exactly(name, changed), scenes, name):
        fields = {"function": text_of(node), "found": text_of(wrong)}
        message = f"{words} {fields['found']} in the place of {fields['function']}"
        yield Hypothesis("wrong_argument", message, rank, exactly(name, changed), fields)


def _changes(expression: sympy.Expr) -> Iterator[tuple[sympy.Expr, sympy.Expr]]:
    """The functions of one argument, those within others first, each beside itself of a multiple of the argument."""
    nodes = (node for node in dict.fromkeys(sympy.postorder_traversal(expression)) if _is_of_one(node))
    for node in islice(nodes, _MOST_FUNCTIONS):
        for number in _TIMES:
            yield node, node.func(number * node.args[0])


def _is_of_one(node: sympy.Basic) -> bool:
    return isinstance(node, sympy.Function) and len(node.args) == 1 and not node.args[0].is_number
