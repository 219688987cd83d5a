"""One sample of a batch that counts wrongly: left out, twice, with the wrong sign or weight, or with another value.

Which one it is follows from calls of the whole batch at several points: the error has to be the same multiple of that
sample's own partial at all of them. The places are screened as vectors in double precision; what is left is decided
with exact values like any hypothesis.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from flint import arb

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.methods.problem import spread_over
from diffexplore.program.program import lower
from diffexplore.verifying.diagnosis.evidence import is_wrong
from diffexplore.verifying.diagnosis.hypothesis import Hypothesis, Prediction
from diffexplore.verifying.diagnosis.samples import at_places
from diffexplore.verifying.diagnosis.scene import Scene, exact_partial, reduces
from diffexplore.verifying.diagnosis.terms import multiple, plus

#: What the screening allows for its own rounding, relative to the numbers that it adds.
_SLACK = 2.0**-30

#: Places that are decided with exact values; if more pass the screening it tells nothing.
_MOST = 4

#: What is added of the sample's own share, and what that means.
_NAMED = {-1: "is left out", 1: "is counted twice", -2: "counts with the wrong sign"}


def wrong_places(name: str, scenes: Sequence[Scene]) -> Iterator[Hypothesis]:
    """One place of the batch, or one sample wherever it stands, whose share is wrong in all scenes that have it."""
    wrong = [scene for scene in scenes if is_wrong(scene, name)] if reduces(name, scenes) else []
    if not wrong:
        return
    partials = [_partials(scene, name) for scene in scenes]
    errors, allowed = _errors(name, scenes, partials)
    for by_place in (True, False):
        many = min(scene.n for scene in wrong) if by_place else scenes[0].total
        shares = [
            np.pad(column[:many], (0, max(0, many - scene.n))) if by_place else _of_samples(column, scene, many)
            for scene, column in zip(scenes, partials, strict=True)
        ]
        suspects = _explaining(errors, np.stack(shares), allowed)
        for place in suspects if len(suspects) <= _MOST else ():
            basis = _share(name, place, by_place)
            found = multiple(name, scenes, basis)
            if found is not None:
                where = [place if by_place else _found(scene, place) for scene in scenes]
                yield replace(_hypothesis(name, place, by_place, basis, found), mistake=at_places(where, scenes))


def _errors(name: str, scenes: Sequence[Scene], partials: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """By how much the sum over the samples of each scene is off, and how much of that may be rounding."""
    errors, allowed = [], []
    for scene, column in zip(scenes, partials, strict=True):
        value, bound, truth = scene.numbers(name)[0]
        count = scene.n if scene.mean else 1
        errors.append(float((arb(value) - truth).mid()) * count)
        allowed.append(scene.slack(value, bound) * count + _SLACK * float(np.abs(column).max()))
    return np.array(errors), np.array(allowed)


def _hypothesis(name: str, place: int, by_place: bool, basis: Prediction, found: tuple[float, float]) -> Hypothesis:
    middle, uncertainty = found
    whole = next((number for number in _NAMED if abs(number - middle) <= uncertainty), None)
    words = f"the sample at place {place} of the batch" if by_place else f"sample {place}, wherever it stands,"
    fields = {"sample": place, "place": words.rstrip(","), "by_place": by_place}
    if whole is not None:
        predict = plus(name, basis, arb(whole))
        return Hypothesis("one_sample", f"{words} {_NAMED[whole]}", 2.55, predict, fields, fitted=1)
    message, predict = f"{words} counts {1 + middle:.6g} times", plus(name, basis, arb(middle, uncertainty))
    return Hypothesis("one_sample", message, 2.65, predict, {**fields, "weight": 1 + middle}, fitted=1)


def _share(name: str, place: int, by_place: bool) -> Prediction:
    """What the sample adds to the reduced partial; 0 where a scene does not have it."""

    def predict(scene: Scene) -> list[arb]:
        where = place if by_place else _found(scene, place)
        if where is None or where >= scene.n:
            return [arb(0)]
        (part,) = scene.only(where).at_samples(exact_partial(scene.problem, name))
        return [scene.share(part)]

    return predict


def _found(scene: Scene, sample: int) -> int | None:
    return scene.index.index(sample) if sample in scene.index else None


def _partials(scene: Scene, name: str) -> np.ndarray:
    """The partial of each sample, in float64."""
    problem = scene.problem
    values = {key: torch.tensor(value, dtype=torch.float64, device="cpu") for key, value in scene.point.items()}
    values |= scene.columns()
    program = lower([exact_partial(problem, name)], problem.inputs)
    return spread_over(program.run(TORCH, values)[0], scene.n, values).numpy()


def _of_samples(partials: np.ndarray, scene: Scene, total: int) -> np.ndarray:
    """The partials by the samples' places in the whole batch."""
    index, found = np.array(scene.index, dtype=np.int64), np.zeros(total)
    np.add.at(found, index[index >= 0], partials[index >= 0])
    return found


def _explaining(errors: np.ndarray, shares: np.ndarray, allowed: np.ndarray) -> list[int]:
    """The places one multiple of whose shares accounts for all errors: shapes (scenes,) and (scenes, places)."""
    with np.errstate(all="ignore"):
        # A scene in which no sample has a share, as where all are masked, allows nothing and has no weight.
        weighted = np.where(allowed[:, None] > 0, shares / allowed[:, None] ** 2, 0.0)
        weight = (weighted * errors[:, None]).sum(0) / (weighted * shares).sum(0)
        left = np.abs(errors[:, None] - weight * shares)
        fits = (left <= 2 * allowed[:, None] + _SLACK * np.abs(errors)[:, None]).all(0) & np.isfinite(weight)
    return [int(place) for place in np.flatnonzero(fits)]
