"""An exponent of the formula that is off by one: 1/v for 1/v² in one term, or x² for x³ in the loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sympy

from diffexplore.checking.records import VALUE
from diffexplore.verifying.diagnosis.changes import FormulaChange, explained_changes, of_the_loss
from diffexplore.verifying.diagnosis.hypothesis import Hypothesis
from diffexplore.verifying.diagnosis.scene import Scene, exact_partial
from diffexplore.verifying.diagnosis.terms import text_of

_MOST_NODES = 12
_MOST_TERMS = 8


def powers_within(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """The gradient of the loss with one power changed, and the gradient with one power of one term changed."""
    yield from explained_changes("wrong_power", "factor", name, scenes, _changes(name, scenes[0]))


def _changes(name: str, scene: Scene) -> Iterator[FormulaChange]:
    loss = scene.problem.loss.expression
    single = ((node, wrong, loss.xreplace({node: wrong})) for node in _powers(loss) for wrong in _off_by_one(node))
    for power, wrong, written in (*single, *_of_products(loss)):
        yield of_the_loss(name, scene, 2.32, power, wrong, written)
    if name != VALUE:
        yield from _of_a_term(exact_partial(scene.problem, name))


def _of_products(expression: sympy.Expr) -> Iterator[tuple[sympy.Expr, sympy.Expr, sympy.Expr]]:
    """Powers of a product, of which SymPy makes a product of powers: (a·x)³, the wrong one, and all with it."""
    for node in [node for node in sympy.preorder_traversal(expression) if node.is_Mul][:_MOST_NODES]:
        powers = [factor for factor in node.args if isinstance(factor, sympy.Pow) and _is_whole(factor)]
        for exponent in dict.fromkeys(factor.exp for factor in powers):
            bases = [factor.base for factor in powers if factor.exp == exponent]
            if len(bases) < 2:
                continue
            power = sympy.Mul(*(base**exponent for base in bases))
            for other in (exponent - 1, exponent + 1):
                wrong = sympy.Mul(*(base**other for base in bases))
                yield power, wrong, expression.xreplace({node: node / power * wrong})


def _of_a_term(partial: sympy.Expr) -> Iterator[FormulaChange]:
    for term in sympy.Add.make_args(partial)[:_MOST_TERMS]:
        for factor in [factor for factor in sympy.Mul.make_args(term) if not factor.is_number]:
            for wrong in _off_by_one(factor):
                formula = partial - term + term / factor * wrong
                yield FormulaChange(2.35, factor, wrong, formula, after=f", in the term {text_of(term)}")
    for node in _powers(partial):
        for wrong in _off_by_one(node):
            yield FormulaChange(2.36, node, wrong, partial.xreplace({node: wrong}))


def _powers(expression: sympy.Expr) -> list[sympy.Expr]:
    nodes = [node for node in sympy.preorder_traversal(expression) if isinstance(node, sympy.Pow) and _is_whole(node)]
    return list(dict.fromkeys(nodes))[:_MOST_NODES]


def _is_whole(node: sympy.Expr) -> bool:
    return bool(node.exp.is_Integer and not node.base.is_number)


def _off_by_one(factor: sympy.Expr) -> list[sympy.Expr]:
    """The factor with an exponent one less and one more; nothing of one that is no whole power."""
    base, exponent = factor.as_base_exp()
    if base.is_number or not exponent.is_Integer:
        return []
    return [base**wrong for wrong in (exponent - 1, exponent + 1)]
