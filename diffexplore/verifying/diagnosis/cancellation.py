"""Loss of digits by cancellation: which subexpression loses them, and which form of the partial keeps them.

What code computes cannot be read where it is not torch's. But the forms in which people write a partial are few, and
the rounding errors that each of them may make are known: a form that accounts for the errors in every scene, where the
form that diffexplore prints would not make them, is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sympy
import torch
from flint import arb

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds.watch import Watch
from diffexplore.checking.records import VALUE, Cause
from diffexplore.formula.forms import can_be_multiplied_out
from diffexplore.formula.size import nodes
from diffexplore.formula.text import to_text
from diffexplore.functions.tables import naive_forms
from diffexplore.lists import shortened
from diffexplore.methods.opaque import OPAQUE_FACTOR
from diffexplore.methods.problem import spread_over
from diffexplore.numerals import short
from diffexplore.program.program import lower
from diffexplore.verifying.diagnosis.scene import Scene, exact_partial

#: Terms so much larger than their sum lose digits that count.
_GREAT = 64.0

#: A form that allows for more than this many times the error seen explains nothing.
_LOOSE = 2.0**14

_MOST_NODES = 400


@dataclass(frozen=True)
class _Loss:
    """A sum whose terms are ``condition`` times as large as itself."""

    node: sympy.Expr
    condition: float


def cancelling(scenes: Sequence[Scene], name: str) -> Cause | None:
    """The cause, where rounding in one form of the partial accounts for all errors and for no more than them."""
    worst = max(scenes, key=lambda scene: _relative_error(scene, name))
    for form in _forms(worst, name):
        bounds = [_rounding(form, scene, name) for scene in scenes]
        if not all(
            error <= OPAQUE_FACTOR * bound
            for scene, allowed in zip(scenes, bounds, strict=True)
            for error, bound in zip(scene.errors(name), allowed, strict=True)
        ):
            continue
        if min(bounds[scenes.index(worst)]) > _LOOSE * max(worst.errors(name)):
            continue
        lost = _worst_sum(form, _simplified(worst, name), worst)
        if lost is None:
            continue
        digits = short(lost.condition, 2)
        better = _text(_simplified(worst, name))
        message = (
            f"cancellation in {_text(lost.node)}: its terms are {digits} times as large as their sum, and the digits "
            f"that they share are lost; {better} keeps them"
        )
        fields = {"subexpression": to_text(lost.node), "condition": lost.condition, "better": better, "certain": False}
        return Cause("precision", message, fields)
    return None


def _forms(scene: Scene, name: str) -> Iterator[sympy.Expr]:
    """The ways in which people write the partial that are not the printed one."""
    raw, printed = exact_partial(scene.problem, name), _simplified(scene, name)
    found = [raw]
    if nodes(raw) <= _MOST_NODES and can_be_multiplied_out(raw):
        above, below = sympy.fraction(sympy.together(raw))
        found += [sympy.expand_mul(raw), sympy.expand(above) / below, sympy.expand(raw)]
    found += [_naive(form) for form in (printed, raw)]
    yield from (form for form in dict.fromkeys(found) if form != printed)


def _simplified(scene: Scene, name: str) -> sympy.Expr:
    loss = scene.problem.loss
    return loss.expression if name == VALUE else loss.gradient(scene.problem.wrt)[name]


def _naive(expr: sympy.Expr) -> sympy.Expr:
    """Functions that exist for the sake of accuracy, written out."""
    for function, plain in naive_forms():
        expr = expr.replace(function, plain)
    return expr.replace(
        lambda node: node.is_Pow and isinstance(node.base, sympy.cosh) and node.exp == -2,
        lambda node: 1 - sympy.tanh(node.base.args[0]) ** 2,
    )


def _rounding(form: sympy.Expr, scene: Scene, name: str) -> list[float]:
    """How far a form computed by torch may be from its exact value, for each number of a partial."""
    problem, n = scene.problem, len(scene.samples)
    values = {key: torch.tensor(value, dtype=problem.dtype, device="cpu") for key, value in scene.point.items()}
    values |= {
        key: torch.tensor([sample[key] for sample in scene.samples], dtype=problem.dtype, device="cpu")
        for key in problem.loss.data
    }
    program = lower([form], problem.inputs)
    with Watch() as watch:
        parts = spread_over(program.run(TORCH, values)[0], n, values)
        if not scene.by_sample(name):
            parts = problem.reduce(parts)
    weight = 1 / n if scene.by_sample(name) and scene.mean else 1.0
    radius = watch.radius(parts)
    return [weight * float(found) for found in radius.reshape(-1).tolist()]


def _relative_error(scene: Scene, name: str) -> float:
    sizes = (abs(float(truth.mid())) for truth in scene.truth(name))
    return max(error / size if size else 0.0 for error, size in zip(scene.errors(name), sizes, strict=True))


def _worst_sum(form: sympy.Expr, better: sympy.Expr, scene: Scene) -> _Loss | None:
    """The sum in a form that cancels most at the samples of a scene, of those that the better form has not."""
    found, harmless = None, _sums(better)
    for node in _sums(form):
        if node in harmless or -node in harmless:
            continue
        condition = _condition(node, scene)
        if condition > (found.condition if found else _GREAT):
            found = _Loss(node, condition)
    return found


def _sums(expr: sympy.Expr) -> dict[sympy.Expr, None]:
    return dict.fromkeys(node for node in sympy.preorder_traversal(expr) if node.is_Add)


def _condition(node: sympy.Expr, scene: Scene) -> float:
    """The sizes of the terms beside the size of their sum, at the worst sample."""
    terms = [scene.at_samples(term) for term in node.args]
    worst = 0.0
    for parts in zip(*terms, strict=True):
        size, whole = sum((abs(part) for part in parts), arb(0)), abs(sum(parts, arb(0)))
        if size.is_finite() and whole > 0:
            worst = max(worst, float((size / whole).mid()))
    return worst


def _text(expr: sympy.Expr) -> str:
    return shortened(to_text(expr), 70)
