"""The gradient times an expression: a factor that depends on the parameters or the data, extra or left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sympy
from flint import arb

from diffexplore.formula.text import to_text
from diffexplore.numerals import short
from diffexplore.verifying.candidates.computes_loss import UPSTREAM
from diffexplore.verifying.diagnosis.admitted import Admitted
from diffexplore.verifying.diagnosis.hypothesis import Hypothesis, Prediction, exactly, predictions
from diffexplore.verifying.diagnosis.scene import Scene, exact_partial

_MOST = 16
_POWERS = (1, -1, 2, -2, sympy.Rational(1, 2), sympy.Rational(-1, 2))

#: Ratios that differ by less, relative to themselves, are one constant.
_SAME = 2.0**-20

#: Coefficients that are exact where one is fitted this well.
_NICE = tuple(sympy.Rational(p, q) for q in (1, 2, 3, 4) for p in (*range(-6, 0), *range(1, 7)))


def multiples(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """c times a power of an expression times the partial, sample by sample; c is fitted and then rounded."""
    problem = scenes[0].problem
    partial = exact_partial(problem, name)
    for part in _parts(problem.loss.expression, problem.loss.gradient(problem.wrt)[name]):
        for factor in (*(part**power for power in _POWERS), 1 / sympy.Abs(part)):
            basis = exactly(name, factor * partial)
            found = coefficient(name, scenes, basis)
            if found is not None and _varies(name, scenes, basis):
                yield _multiple(part, factor, basis, *found)


def _multiple(part: sympy.Expr, factor: sympy.Expr, basis: Prediction, middle: float, uncertainty: float) -> Hypothesis:
    """The factor times ``middle``, or times a usual number that is as near."""
    nice = next((number for number in _NICE if abs(float(number) - middle) <= uncertainty), None)
    predict = _scaled(basis, arb(middle, uncertainty) if nice is None else arb(nice.p) / nice.q)
    clipped = isinstance(factor, sympy.Pow) and isinstance(factor.base, sympy.Abs) and part.is_Add
    if clipped and middle > 0:
        message = f"it is as if {to_text(part)} were clipped at ±{short(middle, 6)}"
        return Hypothesis("clipped", message, 2.75, predict, {"threshold": middle}, fitted=1)
    if nice is None:
        text, rank = f"{short(middle, 6)} (± {short(uncertainty)}) · {to_text(factor)}", 3.1
    else:
        text, rank = to_text(nice * factor), 2.8
    message = f"it is {text} times the gradient"
    return Hypothesis("factor_of_input", message, rank, predict, {"factor": text}, fitted=0 if nice is not None else 1)


def _parts(loss: sympy.Expr, gradient: sympy.Expr) -> list[sympy.Expr]:
    """The symbols and the subexpressions from which a factor may be made."""
    nodes = [*sorted(loss.free_symbols, key=str), *sympy.preorder_traversal(gradient), *sympy.preorder_traversal(loss)]
    parts = [
        node for node in nodes
        if isinstance(node, sympy.Expr) and not node.is_number and not node.has(sympy.Symbol(UPSTREAM, real=True))
        and not (node.is_Pow and node.exp.is_number) and not node.is_Mul
    ]  # fmt: skip
    return list(dict.fromkeys(parts))[:_MOST]


def _scaled(basis: Prediction, factor: arb) -> Prediction:
    return lambda scene: [factor * unit for unit in basis(scene) or []]


def _varies(name: str, scenes: Sequence[Scene], basis: Prediction) -> bool:
    """Whether the expression is no constant here: then it would be one factor under many names."""
    ratios = [
        float(unit.mid()) / float(truth.mid())
        for scene, units in predictions(basis, scenes)
        for unit, truth in zip(units or [], scene.truth(name), strict=True)
        if float(truth.mid()) != 0  # which is 0 below the range of doubles, too
    ]
    return bool(ratios) and max(ratios) - min(ratios) > _SAME * max(abs(ratio) for ratio in ratios)


def coefficient(name: str, scenes: Sequence[Scene], basis: Prediction) -> tuple[float, float] | None:
    """The multiple of ``basis`` that all numbers are, as middle and uncertainty; None where there is none, or 0."""
    admitted = Admitted()
    for scene, units in predictions(basis, scenes):
        for value, bound, unit in zip(scene.values(name), scene.bounds(name), units or [], strict=True):
            size, slack = float(unit.mid()), scene.slack(value, bound)
            if size == 0 and unit.is_finite() and abs(value) <= slack:
                continue  # 0 is any multiple of 0
            if not unit.is_finite() or size == 0:
                return None
            room = slack / abs(size) * max(1.0, abs(value / size))
            admitted.narrow(value / size, room)
            if not admitted.low < admitted.high:
                return None
    return admitted.unlike(0)
