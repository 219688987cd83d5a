"""Terms that are left out or added: along an axis, the difference is one number, or a multiple of a known tensor."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from diffexplore.tensors.diagnosis.factors import alignments, fitted_weight
from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.scene import GradientScene


def along_axes(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """value − truth = c · K, with one c for each slice along some axes: a mean or a projection, left out or added."""
    scene = scenes[0]
    tensors = [("", np.ones(scene.shape))]
    tensors.append(("the entries in which the gradient is not 0", (np.nan_to_num(scene.exact) != 0).astype(np.float64)))
    if scene.sweep is not None:
        for known in scene.sweep.known:
            tensors += [(known.name + note, values) for values, note in alignments(known.values, scene.shape)[:1]]
    for name, values in tensors:
        for count in range(1, len(scene.shape) + 1):
            for axes in itertools.combinations(range(len(scene.shape)), count):
                predicted = _projected(scene, values, axes)
                if predicted is None:
                    continue
                along = f"{'axis' if count == 1 else 'axes'} {', '.join(map(str, axes))}"
                what = f"a multiple of {name}" if name else "one number"
                term = "a mean or a projection" if count < len(scene.shape) else "a mean, a projection or another term"
                message = f"along {along} every entry is off by {what}: {term} is left out, or added"
                yield Mistake(
                    "axis_term", message, partial(_projected, values=values, axes=axes),
                    {"along": list(axes), "of": name},
                    fitted=scene.value.size // max(1, int(np.prod([scene.shape[axis] for axis in axes]))),
                )  # fmt: skip


def multiples(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """value − truth = c · K with one number c for all entries: a term that is added, or left out."""
    scene = scenes[0]
    if scene.sweep is None:
        return
    for number, known in enumerate(scene.sweep.known):
        for values, note in alignments(known.values, scene.shape)[:1]:
            weight = fitted_weight(scene, values)
            if weight is None or weight[0] == 0:
                continue
            size, sign = f"{abs(weight[0]):.9g}", "more" if weight[0] > 0 else "less"
            yield Mistake(
                "extra_term",
                f"it is {size} times {known.name}{note} {sign} than the gradient: a term is left out, or added",
                partial(_plus_known, number=number, weight=weight[0]),
                {"coefficient": weight[0], "of": known.name},
                fitted=1,
            )  # fmt: skip


def _plus_known(scene: GradientScene, number: int, weight: float) -> np.ndarray | None:
    if scene.sweep is None:
        return None
    found = alignments(scene.sweep.known[number].values, scene.shape)
    return scene.exact + weight * found[0][0] if found else None


def _projected(scene: GradientScene, values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray | None:
    """The truth and the multiple of ``values`` in each slice that fits its largest entry."""
    if int(np.prod([scene.shape[axis] for axis in axes])) < 3:
        return None
    with np.errstate(all="ignore"):
        weights = np.where(scene.known, np.abs(values), 0.0)
        largest = weights == weights.max(axes, keepdims=True)
        factor = np.where(largest & (weights > 0), scene.difference / values, 0.0)
        count = np.maximum((largest & (weights > 0)).sum(axes, keepdims=True), 1)
        return np.asarray(scene.exact + factor.sum(axes, keepdims=True) / count * values)
