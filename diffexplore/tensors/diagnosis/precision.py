"""A narrower dtype inside: errors of the size of its roundoff, and no larger, where such a dtype was seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from diffexplore.floating_point import FLOAT_FORMATS
from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.scene import GradientScene

#: So many roundings of the largest entry may add up: few of half precision, whose errors others are as large as.
_ROUNDINGS = {"float32": 32.0, "float16": 4.0, "bfloat16": 2.0}


def float32(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    yield from _narrower("float32", scenes)


def half(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    yield from _narrower("float16", scenes)
    yield from _narrower("bfloat16", scenes)


def _narrower(name: str, scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    seen = scenes[0].narrowed
    if FLOAT_FORMATS[name].unit_roundoff > scenes[0].unit and (seen is None or name in seen):
        exactly = name == "float32" and all(_fits(one.value, np.float32) for one in scenes)
        exactly |= name == "float16" and all(_fits(one.value, np.float16) for one in scenes)
        how = "its numbers are those of " if exactly else "its errors are as large as the roundings of "
        message = f"it is computed in a narrower dtype: {how}{name}"
        yield Mistake("precision", message, lambda one: _near(one, name), {"dtype": name})


def _fits(values: np.ndarray, dtype: type) -> bool:
    with np.errstate(all="ignore"):
        return bool((values.astype(dtype).astype(np.float64) == values).all())


def _near(scene: GradientScene, name: str) -> np.ndarray | None:
    """The value itself, where no entry is off by more than roundings of the largest make."""
    largest = float(np.abs(scene.exact[scene.known]).max(initial=0.0))
    if (
        not scene.known.any()
        or (
            np.abs(scene.difference)[scene.known] > _ROUNDINGS[name] * FLOAT_FORMATS[name].unit_roundoff * largest
        ).any()
    ):
        return None
    return scene.value
