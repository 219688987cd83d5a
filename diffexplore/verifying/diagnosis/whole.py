"""The whole batch as a scene, of which the truth is known and the samples are too many to be gone through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import sympy
import torch
from flint import arb
from torch import Tensor

from diffexplore.checking.enclosures import Status
from diffexplore.checking.evaluate import Evaluator
from diffexplore.methods.base import Estimate
from diffexplore.verifying.diagnosis.scene import Laboratory, Scene, SceneUnavailable

#: Whole batches up to this size are explained like any scene.
SMALL = 128

#: Beyond this size no truth is enclosed for the sake of a cause alone.
MOST = 2**17


@dataclass
class WholeBatch(Scene):
    """``truths`` holds the enclosures that the check has found; ``rows`` the samples, as tensors of shape (n,)."""

    truths: Mapping[str, arb] = field(default_factory=dict)
    size: int = 0
    rows: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return self.size

    def truth(self, name: str) -> list[arb]:
        if name not in self.truths:
            raise SceneUnavailable
        return [self.truths[name]]

    def at_samples(self, expression: sympy.Expr, knob: float | None = None) -> list[arb]:
        """The expression, if it is the same for all samples."""
        if any(symbol.name in self.problem.loss.data for symbol in expression.free_symbols):
            raise SceneUnavailable
        return super().at_samples(expression, knob)

    def only(self, place: int) -> Scene:
        row = {name: float(self.rows[name][place]) for name in self.problem.loss.data}
        return Scene(self.problem, self.point, (row,), (self.index[place],), self.total, {})

    def columns(self) -> Mapping[str, Tensor]:
        return self.rows


def batch_scene(laboratory: Laboratory, point: Mapping[str, float], index: np.ndarray) -> Scene | None:
    """The whole batch at a point, its samples in the order of ``index``; None where nothing is certain of it."""
    if laboratory.n <= SMALL:
        scene = laboratory.call(point, index)
        return scene if scene is not None and scene.is_decided() else None
    if laboratory.n > MOST or set(laboratory.problem.wrt) & set(laboratory.problem.loss.data):
        return None
    scene = laboratory.call(point, index)
    return None if scene is None else enclosed(laboratory, point, index, scene.estimates)


def enclosed(
    laboratory: Laboratory, point: Mapping[str, float], index: np.ndarray, estimates: Mapping[str, Estimate]
) -> WholeBatch | None:
    """The reduced partials of a large batch, with their truths; None where nothing is certain of one."""
    found = Evaluator(laboratory.problem, point, laboratory.rows(index), laboratory.n).reduced_truths()
    reduced = [name for name in laboratory.problem.parameters if name in found]
    if any(found[name][0].status[0] != Status.RESOLVED for name in reduced):
        return None
    truths = {name: found[name][1] for name in reduced}
    places = index if laboratory.n <= MOST else index[:0]
    return whole_batch(laboratory, point, places, {name: estimates[name] for name in truths}, truths)


def whole_batch(
    laboratory: Laboratory, point: Mapping[str, float], index: np.ndarray, estimates: Mapping[str, Estimate],
    truths: Mapping[str, arb],
) -> WholeBatch:  # fmt: skip
    """The scene of a large batch whose truths are enclosed already."""
    values = laboratory.problem.values(point, laboratory.rows(index))
    fixed = {name: float(values[name]) for name in laboratory.problem.loss.parameters}
    rows = {name: values[name].to(torch.float64).cpu() for name in laboratory.problem.loss.data}
    return WholeBatch(
        laboratory.problem, fixed, (dict.fromkeys(laboratory.columns, 0.0),), tuple(int(i) for i in index),
        laboratory.n, estimates, truths=truths, size=laboratory.n, rows=rows,
    )  # fmt: skip
