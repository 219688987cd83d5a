"""A factor on one way that is another tensor of the same shape: the norm of x for that of y, or y for x."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from diffexplore.tensors.diagnosis.cut_paths import distinct
from diffexplore.tensors.diagnosis.factors import alignments
from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.paths import paths
from diffexplore.tensors.diagnosis.scene import GradientScene

#: A pair of tensors is tried where its quotient is that near in the entry that a way moves the most.
_NEAR = 1e-6

#: By the last operand of these their derivatives divide.
_DIVIDE = ("div", "log", "log2", "log10", "log1p", "reciprocal", "sqrt", "rsqrt")

#: How often a factor may stand in a product.
_POWERS = ((1, ""), (2, ", twice"))


@dataclass(frozen=True, eq=False)
class _Lined:
    """A tensor of the forward, in the shape of the gradient; ``number`` is its place among those that are known."""

    number: int
    name: str
    shape: tuple[int, ...]
    values: np.ndarray


def exchanged(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """What comes back on one way is right but for a factor, for which another tensor stands."""
    scene = scenes[0]
    lined = _lined(scene)
    for number, path in distinct(scene):
        share = path.shares[scene.source]
        clearest = np.unravel_index(int(np.where(scene.known, np.abs(share), 0.0).argmax()), scene.shape)
        ratio = float((scene.difference[clearest] + share[clearest]) / share[clearest])
        for right in lined:
            for wrong in lined:
                if right.shape != wrong.shape or right.number == wrong.number:
                    continue
                quotient = float(wrong.values[clearest] / right.values[clearest])
                for power, words in _POWERS:
                    if abs(quotient**power - ratio) <= _NEAR * abs(ratio):
                        yield Mistake(
                            "wrong_operand",
                            f"in the gradient through {path.name}, {_instead(scene, right, wrong)}{words}",
                            partial(_with, number=number, right=right.number, wrong=wrong.number, power=power),
                            {"path": path.name, "factor": right.name, "found": wrong.name},
                        )  # fmt: skip


def _instead(scene: GradientScene, right: _Lined, wrong: _Lined) -> str:
    """Which stands for which: a factor that is too many may be a divisor that is not there."""
    if _divides(scene, wrong) and not _divides(scene, right):
        return f"{right.name} is used for {wrong.name} as a divisor"
    return f"{wrong.name} is used for {right.name}"


def _divides(scene: GradientScene, one: _Lined) -> bool:
    """Whether the derivatives of the forward divide by a tensor."""
    if scene.sweep is None:
        return False
    known, tape = scene.sweep.known[one.number].values, scene.sweep.tape
    for entry, operator in zip(tape.entries, tape.operators, strict=False):
        divisor = entry.operands[-1] if operator in _DIVIDE else None
        if divisor is not None and np.array_equal(divisor.layout.read(divisor.state.ball).high, known):
            return True
    return False


def _lined(scene: GradientScene) -> list[_Lined]:
    """The tensors that can be a factor, those of equal values once."""
    found: list[_Lined] = []
    for number, known in enumerate(() if scene.sweep is None else scene.sweep.known):
        for values, _ in alignments(known.values, scene.shape)[:1]:
            if not any(np.array_equal(values, one.values) for one in found) and np.isfinite(values).all():
                found.append(_Lined(number, known.name, known.values.shape, values))
    return found


def _with(scene: GradientScene, number: int, right: int, wrong: int, power: int) -> np.ndarray | None:
    if scene.sweep is None:
        return None
    share = paths(scene.sweep)[number].shares[scene.source]
    both = [alignments(scene.sweep.known[one].values, scene.shape) for one in (right, wrong)]
    if not all(both):
        return None
    quotient = (both[1][0][0] / both[0][0][0]) ** power
    return np.asarray(scene.exact + np.where(share == 0, 0.0, share * quotient - share))
