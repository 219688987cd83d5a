"""The argument of one function that is off by a number: exp(−x²) for exp(−x²/2), erf(x) for erf(x/√2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import sympy

from diffexplore.checking.records import VALUE
from diffexplore.verifying.diagnosis.changes import FormulaChange, explained_changes, of_the_loss
from diffexplore.verifying.diagnosis.hypothesis import Hypothesis
from diffexplore.verifying.diagnosis.scene import Scene, exact_partial

#: By what an argument is multiplied where a sign, a half, a root or a square is forgotten.
_TIMES = (
    sympy.Integer(-1), sympy.Integer(2), sympy.Rational(1, 2), sympy.sqrt(2), 1 / sympy.sqrt(2), sympy.Integer(4),
    sympy.Rational(1, 4),
)  # fmt: skip

_MOST_FUNCTIONS = 8

_IN_THE_LOSS, _IN_THE_GRADIENT = 2.33, 2.37


def wrong_arguments(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """The gradient of the loss with one argument changed, and the gradient with one argument changed."""
    yield from explained_changes("wrong_argument", "function", name, scenes, _changes(name, scenes[0]))


def _changes(name: str, scene: Scene) -> Iterator[FormulaChange]:
    loss = scene.problem.loss.expression
    for node, wrong in _off_by_a_number(loss):
        yield of_the_loss(name, scene, _IN_THE_LOSS, node, wrong, loss.xreplace({node: wrong}))
    if name != VALUE:
        truth = exact_partial(scene.problem, name)
        for node, wrong in _off_by_a_number(truth):
            yield FormulaChange(_IN_THE_GRADIENT, node, wrong, truth.xreplace({node: wrong}))


def _off_by_a_number(expression: sympy.Expr) -> Iterator[tuple[sympy.Expr, sympy.Expr]]:
    """The functions of one argument, those within others first, each beside itself of a multiple of the argument."""
    nodes = (node for node in dict.fromkeys(sympy.postorder_traversal(expression)) if _is_of_one(node))
    for node in islice(nodes, _MOST_FUNCTIONS):
        for number in _TIMES:
            yield node, node.func(number * node.args[0])


def _is_of_one(node: sympy.Basic) -> bool:
    return isinstance(node, sympy.Function) and len(node.args) == 1 and not node.args[0].is_number
