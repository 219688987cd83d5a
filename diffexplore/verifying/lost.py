"""Where a candidate loses more than half the digits of its gradient, and which form keeps them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from flint import arb
from torch import Tensor

from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.bounds.watch import Observer, Watch, observing
from diffexplore.checking.lost import WeakPartial, located, merged
from diffexplore.checking.records import LostDigits
from diffexplore.verifying.diagnosis.scene import Laboratory, Scene

#: Samples of a batch that are looked at together, evenly spread.
_MOST = 4096

#: Samples that are looked at by themselves.
_SINGLES = 2


def lost_digits(laboratory: Laboratory, name: str) -> tuple[LostDigits, ...]:
    """What is lost at the samples where rounding grows most; ``name`` is the candidate's."""
    if not laboratory.columns:
        return merged(_lost_at(laboratory, name, None))
    found = [lost for sample in _suspects(laboratory) for lost in _lost_at(laboratory, name, sample)]
    return merged(found)


def _lost_at(laboratory: Laboratory, name: str, sample: int | None) -> Iterator[LostDigits]:
    """What a call on one sample loses, for each partial."""
    index, values, _ = laboratory.values_of(sample)
    scene = laboratory.call(laboratory.point, index)
    if scene is None or scene.n != 1:
        return
    limit = math.sqrt(UNIT_ROUNDOFF[laboratory.problem.dtype])
    for parameter in laboratory.problem.wrt:
        relative = _relative(scene, parameter)
        if relative > limit:
            weak = WeakPartial(parameter, name, sample, relative, whole=laboratory.n == 1)
            point = dict(laboratory.point)
            lost = located(weak, laboratory.problem, values, partial(_again, laboratory, index, parameter), point)
            if lost is not None:
                yield lost


def _again(laboratory: Laboratory, index: np.ndarray, parameter: str) -> float | None:
    scene = laboratory.call(laboratory.point, index)
    return None if scene is None else scene.values(parameter)[0]


def _relative(scene: Scene, parameter: str) -> float:
    """How far the candidate may be, or is, from the truth, relative to it; 0 where the truth is 0 or not known.

    0 also where it is certainly wrong: no rounding did that.
    """
    value, bound, truth = scene.numbers(parameter)[0]
    size = abs(float(truth.mid()))
    if not truth.is_finite() or size == 0 or float(truth.rad()) > size / 2:
        return 0.0
    if not (math.isfinite(value) and math.isfinite(bound)):
        return math.inf
    error = abs(truth - arb(value))
    return 0.0 if error > bound else max(bound, float(error)) / size


def _suspects(laboratory: Laboratory) -> list[int]:
    """The samples at which some operation makes the relative radius grow most."""
    stride = max(1, -(-laboratory.n // _MOST))
    index = np.arange(0, laboratory.n, stride)
    if len(index) == 1:
        return [int(index[0])]
    growth = _Growth(len(index), UNIT_ROUNDOFF[laboratory.problem.dtype])
    with observing(growth):
        laboratory.call(laboratory.point, index)
    order = np.argsort(-growth.largest.numpy(), kind="stable")[:_SINGLES]
    return [int(index[i]) for i in order if growth.largest[i] > 1]


class _Growth(Observer):
    """Looks on at operations with one number a sample, and keeps the largest growth of a radius at each."""

    def __init__(self, n: int, unit: float) -> None:
        self._n = n
        self._unit = unit
        self.largest = torch.ones(n, dtype=torch.float64, device="cpu")

    def saw(self, watch: Watch, name: str, args: tuple[Any, ...], out: Any) -> None:
        """One operation, which ran under a watch."""
        if not self._fits(out) or out.numel() != self._n or name in watch.unwatched:
            return
        before = torch.full((self._n,), self._unit, dtype=torch.float64, device="cpu")
        for value in args:
            if self._fits(value):
                before = torch.maximum(before, _relative_radius(watch, value).reshape(-1).cpu().expand(self._n))
        growth = _relative_radius(watch, out).reshape(-1).cpu() / before
        self.largest = torch.fmax(self.largest, growth)

    def _fits(self, value: Any) -> bool:
        if not isinstance(value, Tensor) or not value.is_floating_point() or value.device.type == "meta":
            return False
        return value.numel() in (1, self._n) and not value._is_zerotensor()


def _relative_radius(watch: Watch, value: Tensor) -> Tensor:
    """The radius beside each number; 1 where no digit is left."""
    radius, size = watch.radius(value), value.detach().to(torch.float64).abs()
    return torch.where(radius == 0, 0.0, (radius / size).nan_to_num(nan=1.0).clamp(max=1.0))
