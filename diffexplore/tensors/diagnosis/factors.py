"""A factor: constant, or a tensor that is known; signs and sizes that were lost."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial

import numpy as np

from diffexplore.numerals import short
from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.lengths import adds_up, takes_a_mean
from diffexplore.tensors.diagnosis.paths import paths
from diffexplore.tensors.diagnosis.scene import GradientScene

#: A fitted factor is shown as a fraction with a denominator up to this.
_LARGEST_DENOMINATOR = 64

#: One with a denominator up to this is named, although others may be as near, as rounding in bfloat16 leaves many.
_SIMPLE = 4

_ORIGINS = {
    -1.0: "the sign is wrong",
    2.0: "a factor ½ is missing, or it is added twice",
    0.5: "a factor 2 is missing",
}


def zero(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    yield Mistake("zero", "the gradient is 0", lambda scene: np.zeros(scene.shape))


def constant(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """One factor for all entries, named where it is made of the lengths of axes."""
    scene = scenes[0]
    found = fitted_factor(scene, scene.exact)
    if found is None:
        return
    factor, spread = found
    text, origin = named_factor(factor, spread, scene)
    message = f"it is {text} times the gradient{': ' + origin if origin else ''}"
    fields = {"factor": factor, "uncertainty": spread}
    yield Mistake("factor", message, lambda one: one.exact * factor, fields, fitted=0 if origin else 1)


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
    for denominator in range(1, _LARGEST_DENOMINATOR + 1):
        near = round(middle * denominator) / denominator
        if near != 0 and abs(near - middle) <= width / 2:
            return near
    return middle


def named_factor(
    factor: float, spread: float, scene: GradientScene, share: np.ndarray | None = None
) -> tuple[str, str]:
    """A factor in words, and where it may come from: from an axis only where the program adds up along such a one.

    ``share`` is what the factor belongs to, where that is not all of the gradient.
    """
    origin = next((why for known, why in _ORIGINS.items() if abs(known - factor) <= spread + 1e-12), "")
    written = "" if origin else _left_out(factor, spread, scene, scene.exact if share is None else share)
    if written:
        return _in_digits(factor, spread), written
    for length, axis in _lengths(scene):
        if length <= 2:
            continue
        root = math.nan if math.isqrt(length) ** 2 == length else math.sqrt(length)
        for value, text, why, shows in (
            (float(length), str(length), f"the sum over {axis} is taken for its mean", takes_a_mean),
            (1.0 / length, f"1/{length}", f"the mean over {axis} is taken for its sum", adds_up),
            (root, f"√{length}", f"a factor √{length} of {axis} is missing", None),
            (1 / root, f"1/√{length}", f"a factor √{length} of {axis} is missing", None),
        ):
            if abs(factor - value) <= spread + 1e-12 * value and (shows is None or shows(scene, length)):
                return text, why
    return _in_digits(factor, spread), origin


def _left_out(factor: float, spread: float, scene: GradientScene, share: np.ndarray) -> str:
    """Which factor, or divisor, that was written as a number is left out on the way of a share.

    Whole numbers may be lengths of axes.
    """
    for scalar in () if scene.sweep is None else scene.sweep.tape.scalars:
        number = scalar.number
        if scalar.operator not in ("mul", "div") or number == round(number):
            continue
        if abs(factor - (1 / number if scalar.operator == "mul" else number)) <= spread + 1e-12 * abs(factor):
            ways = [] if scene.sweep is None else [one for one in paths(scene.sweep) if one.place == scalar.line]
            if any(np.allclose(one.shares[scene.source], share, rtol=1e-12, atol=0, equal_nan=True) for one in ways):
                what = "factor" if scalar.operator == "mul" else "division by"
                return f"the {what} {short(number, 6)} in {scalar.line} is left out"
    return ""


def _in_digits(factor: float, spread: float) -> str:
    """A short fraction, where there is one and no other is as near."""
    fraction = Fraction(factor).limit_denominator(_LARGEST_DENOMINATOR)
    exactly = abs(float(fraction) - factor) <= 1e-12 * abs(factor)
    alone = 2 * spread * fraction.denominator * _LARGEST_DENOMINATOR < 1  # no other one is as near
    if exactly and not alone and fraction.denominator > _SIMPLE:
        return f"{short(factor, 3)} (± {short(spread, 1)})"
    return str(fraction).replace("-", "−") if exactly else f"{factor:.9g} (± {short(spread)})"


def _lengths(scene: GradientScene) -> list[tuple[int, str]]:
    """Lengths of axes, and products of them, of the output and of the input."""
    shapes = [("the input", scene.shape)]
    output = scene.output if scene.sweep is None else tuple(scene.sweep.upstream.shape)
    if output:
        shapes.insert(0, ("the output", output))
    if scene.sweep is not None:
        shapes += [
            (one.name, tuple(one.values.shape)) for one, _ in zip(scene.sweep.known, scene.sweep.names, strict=False)
        ]
    found: dict[int, str] = {}
    for name, shape in shapes:
        for count in range(1, min(len(shape), 4) + 1):
            for axes in itertools.combinations(range(len(shape)), count):
                length = math.prod(shape[axis] for axis in axes)
                listed = ", ".join(map(str, axes))
                found.setdefault(length, f"{'axis' if count == 1 else 'axes'} {listed} of {name}")
    return list(found.items())


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
