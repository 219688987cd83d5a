"""Hypotheses: exact predictions of what a wrong candidate would give, held against what it gave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import sympy
from flint import arb

from diffexplore.checking.records import VALUE
from diffexplore.verifying.diagnosis.scene import Scene, SceneUnavailable

#: What a hypothesis says of one partial in one scene: a ball for each of the candidate's numbers, or None.
Prediction = Callable[[Scene], "list[arb] | None"]

#: The kind of mistake that is one small change of the loss.
EDIT = "edit"


@dataclass(frozen=True)
class Hypothesis:
    """A named cause, and the numbers that it predicts for one partial.

    ``rank`` orders causes by simplicity: of those that explain all numbers the least is named. ``fitted`` counts the
    numbers in it that were taken from the candidate's own: so many of them are no evidence. ``mistake`` names a kind of
    mistake: two of different kinds that give the same numbers cannot be distinguished, and neither is certain.
    ``scope`` tells whether the message is a statement on all inputs, to be followed by what those that were tried have
    in common: "always", or "limits" where it is followed only if they have something in common. ``why`` is what may be
    behind it, and ends the message.
    """

    key: str
    message: str
    rank: float
    predict: Prediction
    fields: Mapping[str, Any] = field(default_factory=dict)
    fitted: int = 0
    mistake: str = ""
    scope: Literal["", "limits", "always"] = ""
    why: str = ""


def subject(name: str) -> str:
    """What a factor is of: a factor of the loss's value says nothing of the gradient."""
    return "the loss" if name == VALUE else "the gradient"


def exactly(name: str, expression: sympy.Expr) -> Prediction:
    """The reduction of another expression in the place of the partial."""
    return lambda scene: scene.reduced(name, expression)


def truth_of(other: str) -> Prediction:
    """The partial by another symbol."""
    return lambda scene: scene.truth(other)


def predictions(predict: Prediction, scenes: Sequence[Scene]) -> Iterator[tuple[Scene, list[arb] | None]]:
    """What a hypothesis says of the scenes that it can be computed for."""
    for scene in scenes:
        try:
            yield scene, predict(scene)
        except SceneUnavailable:
            continue


def explains(predict: Prediction, scenes: Sequence[Scene], name: str) -> bool:
    """Whether every number of the partial in every scene is what is predicted, to within the bound."""
    return all(
        predicted is not None
        and all(
            abs(arb(value) - ball) <= tolerance(scene, value, bound, ball, truth)
            for (value, bound, truth), ball in zip(scene.numbers(name), predicted, strict=True)
        )
        for scene, predicted in predictions(predict, scenes)
    )


def tolerance(scene: Scene, value: float, bound: float, predicted: arb, truth: arb) -> arb:
    """How far a value may be from what is predicted.

    The bound is that of the operations that ran, or a multiple of a reference's, which then grows with the value.
    """
    size = abs(float(truth.mid()))
    growth = max(1.0, abs(float(predicted.mid())) / size) if size > 0 else 1.0
    return arb(scene.slack(value, bound * growth)) + predicted.rad()


def telling(hypothesis: Hypothesis, scenes: Sequence[Scene], name: str, margin: float = 1.0) -> list[Scene]:
    """The scenes in which the prediction differs from the truth by ``margin`` tolerances: evidence, not silence.

    A scene comes once for each of its numbers that differs so.
    """
    return [
        scene
        for scene, predicted in predictions(hypothesis.predict, scenes)
        if predicted is not None
        for (value, bound, truth), ball in zip(scene.numbers(name), predicted, strict=True)
        if abs(ball - truth) > margin * tolerance(scene, value, bound, ball, truth)
    ]


def alike(first: Hypothesis, second: Hypothesis, scenes: Sequence[Scene], name: str) -> bool:
    """Whether two hypotheses predict the same numbers here: then they are one cause under two names."""
    for scene in scenes:
        try:
            left, right = first.predict(scene), second.predict(scene)
        except SceneUnavailable:
            continue
        if left is None or right is None or not all(a.overlaps(b) for a, b in zip(left, right, strict=True)):
            return False
    return True
