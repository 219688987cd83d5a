"""A factor in words: the fraction that it is, and where in the program it may come from."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from diffexplore.numerals import distinct, short
from diffexplore.tensors.diagnosis.constant_names import constant_in_words
from diffexplore.tensors.diagnosis.lengths import adds_up, takes_a_mean
from diffexplore.tensors.diagnosis.paths import paths
from diffexplore.tensors.diagnosis.scene import GradientScene
from diffexplore.tensors.diagnosis.slope_expressions import LARGEST_DENOMINATOR, short_fraction

#: One with a denominator up to this is named, although others may be as near, as rounding in bfloat16 leaves many.
_SIMPLE = 4

#: A factor that is known to that, relative to its size, is no other number by chance.
_CLEAR = 2.0**-24

#: Of a factor that is nearer to 1 a number near 1 is no explanation.
_NEAR_ONE = 2.0**-10

_ORIGINS = {
    -1.0: "the sign is wrong",
    2.0: "a factor ½ is missing, or it is added twice",
    0.5: "a factor 2 is missing",
}


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
    return _in_digits(factor, spread), origin or _of_scalars(factor, spread, scene)


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


#: Powers in which a number of the forward may be a factor.
_POWERS: Mapping[str, float] = {
    "{}": 1.0, "1 / {}": -1.0, "the square of {}": 2.0, "1 / the square of {}": -2.0,
    "the root of {}": 0.5, "1 / the root of {}": -0.5,
}  # fmt: skip


def _of_scalars(factor: float, spread: float, scene: GradientScene) -> str:
    """The tensor of one entry that a factor is, or a power of."""
    if spread > _CLEAR * abs(factor) or abs(abs(factor) - 1) < _NEAR_ONE or short_fraction(factor, spread) is not None:
        return ""
    for known in () if scene.sweep is None else scene.sweep.known:
        for text, power in _POWERS.items() if known.values.size == 1 else ():
            value = float(known.values.reshape(()))
            if value > 0 and abs(value**power - factor) <= spread + 1e-12 * abs(factor):
                return f"that is {text.format(known.name)}"
    return ""


def _in_digits(factor: float, spread: float) -> str:
    """A short fraction, where there is one and no other is as near."""
    fraction = Fraction(factor).limit_denominator(LARGEST_DENOMINATOR)
    exactly = abs(float(fraction) - factor) <= 1e-12 * abs(factor)
    alone = 2 * spread * fraction.denominator * LARGEST_DENOMINATOR < 1  # no other one is as near
    if exactly and not alone and fraction.denominator > _SIMPLE:
        return f"{short(factor, 3)} (± {short(spread, 1)})"
    constant = None if exactly else constant_in_words(factor, spread)
    if constant is not None:
        return constant
    if exactly:
        return str(fraction).replace("-", "−")
    digits, _ = distinct((factor, float(fraction)), range(9, 18))
    return f"{digits} (± {short(spread)})"


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
