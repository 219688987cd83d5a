"""A factor: constant, or a tensor that is known; signs and sizes that were lost."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from diffexplore.numerals import short
from diffexplore.tensors.diagnosis.factor_names import named_factor
from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.scene import GradientScene
from diffexplore.tensors.diagnosis.slope_expressions import LARGEST_DENOMINATOR

#: A few roundings in float32; of so few entries one factor may be no more than those.
_ROUNDED, _FEW = 2.0**-21, 3


def zero(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    yield Mistake("zero", "the gradient is 0", lambda scene: np.zeros(scene.shape))


def constant(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """One factor for all entries, named where it is made of the lengths of axes."""
    found = fitted_factor(scenes[0], scenes[0].exact)
    if found is not None and not _may_be_rounding(scenes[0], found[0]):
        yield _times(scenes[0], *found)


def near_one(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """A factor of few entries that a narrower dtype may make as well."""
    found = fitted_factor(scenes[0], scenes[0].exact)
    if found is not None and _may_be_rounding(scenes[0], found[0]):
        yield _times(scenes[0], *found)


def _may_be_rounding(scene: GradientScene, factor: float) -> bool:
    return abs(factor - 1) <= _ROUNDED and int(scene.wrong.sum()) < _FEW


def _times(scene: GradientScene, factor: float, spread: float) -> Mistake:
    text, origin = named_factor(factor, spread, scene)
    message = f"it is {text} times the gradient{': ' + origin if origin else ''}"
    fields = {"factor": factor, "uncertainty": spread}
    return Mistake("factor", message, lambda one: one.exact * factor, fields, fitted=0 if origin else 1)


def fitted_factor(scene: GradientScene, parts: np.ndarray) -> tuple[float, float] | None:
    """The factor c of value = c · parts, and how uncertain it is; None where there is none that fits all entries."""
    with np.errstate(all="ignore"):
        clear = scene.known & (np.abs(parts) > 0)
        if not clear.any():
            return None
        low = (scene.value - scene.room)[clear] / parts[clear]
        high = (scene.value + scene.room)[clear] / parts[clear]
    low, high = np.minimum(low, high), np.maximum(low, high)
    least, most = float(low.max()), float(high.min())
    if not (math.isfinite(least) and math.isfinite(most)) or least > most:
        return None
    middle = (least + most) / 2
    snapped = _snapped(middle, most - least)
    return snapped, (most - least) / 2


def fitted_weight(scene: GradientScene, share: np.ndarray) -> tuple[float, float] | None:
    """The weight of a share in the difference of value and truth, and its uncertainty."""
    with np.errstate(all="ignore"):
        clear = scene.known & (np.abs(share) > scene.room)
        if not clear.any():
            return None
        low = ((scene.difference - scene.room) / share)[clear]
        high = ((scene.difference + scene.room) / share)[clear]
    least, most = float(np.minimum(low, high).max()), float(np.maximum(low, high).min())
    if not least <= most:
        return None
    return (least + most) / 2, (most - least) / 2


def _snapped(middle: float, width: float) -> float:
    """The shortest fraction in the interval, where there is one."""
    for denominator in range(1, LARGEST_DENOMINATOR + 1):
        near = round(middle * denominator) / denominator
        if near != 0 and abs(near - middle) <= width / 2:
            return near
    return middle


def signs(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    yield Mistake("sign_lost", "it is the absolute value of the gradient", lambda one: np.abs(one.exact))
    yield Mistake("sign_lost", "it is minus the absolute value of the gradient", lambda one: -np.abs(one.exact))
    scene = scenes[0]
    size = float(np.abs(scene.value[scene.known]).max(initial=0.0))
    yield Mistake("sign_only", "it is the sign of the gradient", lambda one: size * np.sign(one.exact), fitted=1)


def clipped(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """Limited to the largest value that occurs several times."""
    scene = scenes[0]
    if not scene.known.any():
        return
    sizes = np.abs(scene.value[scene.known])
    limit = float(sizes.max())
    if int((sizes == limit).sum()) >= 2 and limit > 0:
        message = f"it is clipped to ±{short(limit, 6)}"
        yield Mistake("clipped", message, lambda one: np.clip(one.exact, -limit, limit), {"threshold": limit}, fitted=1)


def of_tensors(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """A factor that is another tensor of the program, or one divided by it, its square or its root."""
    scene = scenes[0]
    if scene.sweep is None:
        return
    for number, known in enumerate(scene.sweep.known):
        for _, note in alignments(known.values, scene.shape):
            for text, change in _SHAPES:
                yield Mistake(
                    "factor_of_input",
                    f"it is {text.format(known.name + note)}",
                    partial(_times_known, number=number, note=note, change=change),
                    {"factor": known.name},
                )


#: How a tensor may stand in a wrong gradient.
_SHAPES: tuple[tuple[str, Callable[[np.ndarray], np.ndarray]], ...] = (
    ("the gradient times {}", lambda x: x),
    ("the gradient divided by {}", lambda x: 1 / x),
    ("the gradient times the square of {}", np.square),
    ("the gradient divided by the square of {}", lambda x: 1 / x**2),
    ("the gradient times the root of {}", np.sqrt),
    ("the gradient divided by the root of {}", lambda x: 1 / np.sqrt(x)),
    ("the gradient divided by the cube of {}", lambda x: 1 / x**3),
    ("the gradient times the exponential of {}", np.exp),
    ("the gradient times the sign of {}", np.sign),
)


def alignments(values: np.ndarray, shape: tuple[int, ...]) -> list[tuple[np.ndarray, str]]:
    """A tensor broadcast to a shape: as torch does it, or along the axes that have its lengths."""
    found = []
    if values.ndim and values.size > 1:
        try:
            found.append((np.broadcast_to(values, shape), ""))
        except ValueError:
            squeezed = values.squeeze()
            for axes in itertools.combinations(range(len(shape)), squeezed.ndim):
                if tuple(shape[axis] for axis in axes) == squeezed.shape:
                    lined = squeezed.reshape([shape[axis] if axis in axes else 1 for axis in range(len(shape))])
                    found.append((np.broadcast_to(lined, shape), f" along axis {', '.join(map(str, axes))}"))
    elif values.size == 1:
        found.append((np.broadcast_to(values.reshape(()), shape), ""))
    return found or _grouped(values, shape)


def _grouped(values: np.ndarray, shape: tuple[int, ...]) -> list[tuple[np.ndarray, str]]:
    """A tensor with an entry for each group of neighbours: of the entries in their order, all groups as large."""
    size = math.prod(shape)
    if not 1 < values.size < size or size % values.size:
        return []
    return [(np.repeat(values.reshape(-1), size // values.size).reshape(shape), " of each group")]


def _times_known(
    scene: GradientScene, number: int, note: str, change: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray | None:
    if scene.sweep is None:
        return None
    found = [one for one, text in alignments(scene.sweep.known[number].values, scene.shape) if text == note]
    if not found:
        return None
    with np.errstate(all="ignore"):
        return np.where(scene.exact == 0, 0.0, scene.exact * change(found[0]))
