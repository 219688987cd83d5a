"""Ways of the forward that the backward leaves out, gives the wrong sign, or counts otherwise."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from diffexplore.tensors.diagnosis.factor_names import named_factor
from diffexplore.tensors.diagnosis.factors import alignments, fitted_weight
from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.paths import PathShare, paths
from diffexplore.tensors.diagnosis.scene import GradientScene

#: So many ways are taken in pairs.
_MOST_IN_PAIRS = 24


def cut(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """One way is missing, or has the wrong sign; then two of them."""
    ways = distinct(scenes[0])
    for weight, key, verb in _KINDS:
        for number, path in ways:
            yield _weighted(key, f"the gradient through {path.name} {verb}", [number], weight)
    for (one, first), (two, second) in itertools.combinations(ways[:_MOST_IN_PAIRS], 2):
        for weight, key, verb in _KINDS:
            message = f"the gradients through {first.name}, and through {second.name}, {_PLURAL[verb]}"
            yield _weighted(key, message, [one, two], weight)
    for number, path in ways:
        yield Mistake("cut_path", f"only the gradient through {path.name} is there", partial(_share, number=number))


#: What is added to the truth, in shares of a way; its key, and the words for the way.
_KINDS = ((-1.0, "cut_path", "is missing"), (-2.0, "sign_of_term", "has the wrong sign"))
_PLURAL = {"is missing": "are missing", "has the wrong sign": "have the wrong sign"}


def scaled(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """One way is counted with a factor, which is fitted."""
    scene = scenes[0]
    ways = distinct(scene)
    pairs = itertools.combinations(ways[:_MOST_IN_PAIRS], 2)
    for several in (*([way] for way in ways), *map(list, pairs)):
        numbers = [number for number, _ in several]
        share = np.sum([path.shares[scene.source] for _, path in several], axis=0)
        weight = fitted_weight(scene, share)
        if weight is None:
            continue
        text, origin = named_factor(1 + weight[0], weight[1], scene, share)
        names = " and through ".join(path.name for _, path in several)
        message = f"the gradient through {names} is counted {text} times{': ' + origin if origin else ''}"
        yield replace(
            _weighted("scaled_path", message, numbers, weight[0]), fields={"factor": 1 + weight[0]}, fitted=len(several)
        )


def without_factor(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """A known tensor that is a factor on one way is left out there, or stands there twice."""
    scene = scenes[0]
    if scene.sweep is None:
        return
    for number, path in distinct(scene):
        for place, known in enumerate(scene.sweep.known):
            for power, words in ((-1, "lacks a factor"), (1, "is multiplied by")):
                yield Mistake(
                    "factor_of_input", f"the gradient through {path.name} {words} {known.name}",
                    partial(_with_factor, number=number, known=place, power=power),
                    {"path": path.name, "factor": known.name},
                )  # fmt: skip


def _with_factor(scene: GradientScene, number: int, known: int, power: int) -> np.ndarray | None:
    share = _share(scene, number)
    found = [] if scene.sweep is None else alignments(scene.sweep.known[known].values, scene.shape)
    if share is None or not found:
        return None
    with np.errstate(all="ignore"):
        return np.asarray(scene.exact + np.where(share == 0, 0.0, share * found[0][0] ** float(power) - share))


def slopes(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """The derivative of one operation counts as 1. The mean that is part of a larger way is taken for a sum."""
    sweep = scenes[0].sweep
    if sweep is None:
        return
    for number, path in enumerate(paths(sweep)):
        if path.slope_left_out is not None and not _is_part_with_a_mean(scenes[0], path):
            right = f", not {path.slope}" if path.slope is not None else ""
            yield Mistake(
                "local_slope", f"the derivative of {path.name} is left out: it counts as 1{right}",
                partial(_without_slope, number=number), {"path": path.name}, of_forward=True,
            )  # fmt: skip


def _is_part_with_a_mean(scene: GradientScene, path: PathShare) -> bool:
    """Whether the operation divides a part of the gradient by a whole number: :func:`scaled` tells of the sum then."""
    share = path.shares[scene.source]
    return (path.slope or "").startswith("1/") and not np.allclose(
        share, scene.exact, rtol=1e-12, atol=0, equal_nan=True
    )


def distinct(scene: GradientScene) -> list[tuple[int, PathShare]]:
    """The ways that bear on the input and are not all of it, each of several that share all once."""
    if scene.sweep is None:
        return []
    if not scene.distinct:
        scene.distinct.append(_found_distinct(scene, paths(scene.sweep)))
    kept: list[tuple[int, PathShare]] = scene.distinct[0]
    return kept


def _found_distinct(scene: GradientScene, ways: Sequence[PathShare]) -> list[tuple[int, PathShare]]:
    found: list[tuple[int, PathShare]] = []
    seen: list[tuple[float, np.ndarray]] = []
    for number, path in enumerate(ways):
        share = path.shares[scene.source]
        telling = np.abs(share) > scene.room
        size = float(np.abs(share).sum())
        alike = (other for total, other in seen if abs(total - size) <= 1e-9 * size)
        if not telling.any() or any(np.allclose(share, other, rtol=1e-12, atol=0) for other in alike):
            continue
        if np.allclose(share, scene.exact, rtol=1e-12, atol=0, equal_nan=True):
            continue
        seen.append((size, share))
        found.append((number, path))
    return found


def _weighted(key: str, message: str, numbers: list[int], weight: float) -> Mistake:
    def predict(scene: GradientScene) -> np.ndarray | None:
        if scene.sweep is None or max(numbers) >= len(paths(scene.sweep)):
            return None
        shares = [paths(scene.sweep)[number].shares[scene.source] for number in numbers]
        predicted: np.ndarray = scene.exact + weight * np.sum(shares, axis=0)
        return predicted

    return Mistake(key, message, predict, of_forward=True)


def _share(scene: GradientScene, number: int) -> np.ndarray | None:
    return None if scene.sweep is None else paths(scene.sweep)[number].shares[scene.source]


def _without_slope(scene: GradientScene, number: int) -> np.ndarray | None:
    if scene.sweep is None:
        return None
    path = paths(scene.sweep)[number]
    if path.slope_left_out is None:
        return None
    predicted: np.ndarray = scene.exact - path.shares[scene.source] + path.slope_left_out[scene.source]
    return predicted
