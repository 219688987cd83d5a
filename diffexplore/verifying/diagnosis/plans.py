"""Which calls of a candidate are made to learn its mistake: points, samples and numbers of samples.

The numbers of samples have no common factor, with each other or with the 3 of a traced program, so that a factor made
of them is no constant. Points are moved, and in small batches the samples too: only what holds at all of them
is stated of all inputs. A search makes at most ``_MOST_TRIES`` calls for its scenes, ``SINGLES`` for single samples and
``_REPEATS`` of the whole batch, beside the halving of a batch in 2 log₂ N calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.checking.records import Cause
from diffexplore.methods.base import Estimate
from diffexplore.verifying.candidates.computes_loss import UPSTREAM
from diffexplore.verifying.diagnosis.scene import Laboratory, Scene

Point = dict[str, float]

#: Samples of the scenes, in turn.
_SIZES = (5, 7, 1, 11, 5, 7, 11, 1, 5, 7, 11, 5)

#: Scenes that are enough, and calls after which no more are tried.
_MOST, _MOST_TRIES = 7, len(_SIZES)

#: A column with so many different whole numbers at most holds labels.
_CLASSES = 4

#: The scene at the other side of 0, which shows what a sign does.
_NEGATED = 2

#: Calls of single samples: most at the point of the check, some at others.
SINGLES, _AT_THE_POINT = 36, 20

#: Calls of the whole batch at other points, and those of them in which its samples come in another order.
_REPEATS, _REORDERED = 4, 2


def scenes(laboratory: Laboratory) -> list[Scene]:
    """Scenes of different sizes at different points, all decided and in the domain.

    A candidate that refuses some number of samples may take another by broadcasting: then only batches of the size that
    it was given are scenes.
    """
    found: list[Scene] = []
    refused = False
    for point, index, rows in _plans(laboratory):
        if len(found) < _MOST and _inside(laboratory, point, rows):
            scene = laboratory.call(point, index, rows)
            refused |= scene is None and len(index) != laboratory.n
            found += _decided(scene)
    return [scene for scene in found if scene.n == laboratory.n] if refused else found


def singles(laboratory: Laboratory) -> list[Scene]:
    """Single samples, at the point of the check and at others: of the batch, and where it is small like those of it."""
    if not laboratory.columns:
        return []
    draw = np.random.default_rng([laboratory.seed, 0x51])
    order = draw.permutation(laboratory.n)
    found: list[Scene] = []
    for i in range(SINGLES):
        point = laboratory.point if i < _AT_THE_POINT else moved(laboratory.point, draw)
        index = order[[i % laboratory.n]]
        rows = laboratory.rows(index)
        if laboratory.n <= i < _AT_THE_POINT:
            index, rows = np.array([-1]), _varied(laboratory, 1, draw)
        if _inside(laboratory, point, rows):
            scene = laboratory.call(point, index, rows)
            if scene is None:
                break  # it takes no single sample
            found += _decided(scene)
    return found


def whole_again(laboratory: Laboratory) -> Iterator[tuple[Mapping[str, float], np.ndarray]]:
    """The whole batch at other points, at some of them in another order: a point, and the samples' places."""
    draw = np.random.default_rng([laboratory.seed, 0x3A])
    for i in range(_REPEATS):
        point = moved(laboratory.point, draw)
        index = np.arange(laboratory.n) if i < _REPEATS - _REORDERED else draw.permutation(laboratory.n)
        if _inside(laboratory, point, laboratory.rows(index)):
            yield point, index


def by_data(laboratory: Laboratory, name: str, estimate: Estimate, wrong: np.ndarray) -> list[Scene]:
    """Samples as scenes of their own, with what the call of the whole batch gave by data: some wrong, some not."""
    rest = np.setdiff1d(np.arange(laboratory.n), wrong)
    sides = [places for places in (wrong, rest) if len(places)]
    chosen = [places[np.unique(np.linspace(0, len(places) - 1, SINGLES // 2).astype(int))] for places in sides]
    found = []
    for i in np.concatenate(chosen):
        own = Estimate(estimate.value[i : i + 1], estimate.bound[i : i + 1])
        scene = laboratory.scene_of(laboratory.point, np.array([i]), {name: own})
        scene.divisor = laboratory.n
        found += _decided(scene)
    return found


def same_sample(laboratory: Laboratory, place: int) -> list[Scene]:
    """One sample of the batch at a few other points."""
    draw = np.random.default_rng([laboratory.seed, place])
    points = [moved(laboratory.point, draw) for _ in range(_REPEATS)]
    return [scene for point in points for scene in _decided(laboratory.call(point, np.array([place])))]


def classes(laboratory: Laboratory) -> dict[str, set[float]]:
    """The columns that hold few whole numbers alone, as labels do."""
    found = {}
    for name, column in laboratory.columns.items():
        values = set(column.unique().tolist()) if name != UPSTREAM else set()
        if 1 < len(values) <= _CLASSES and all(value == round(value) for value in values):
            found[name] = values
    return found


def of_a_class(laboratory: Laboratory, cause: Cause) -> bool:
    """Whether the condition of a cause is on a column of labels."""
    return any(cause.fields["where"].startswith(f"{name} ") for name in classes(laboratory))


def _decided(scene: Scene | None) -> list[Scene]:
    return [scene] if scene is not None and scene.is_decided() else []


def moved(point: Mapping[str, float], draw: np.random.Generator) -> Point:
    return {name: float(value * draw.uniform(0.6, 1.6) + draw.normal() * 0.3) for name, value in point.items()}


def _plans(laboratory: Laboratory) -> Iterator[tuple[Mapping[str, float], np.ndarray, Mapping[str, Tensor]]]:
    draw = np.random.default_rng([laboratory.seed, 0xD1A6])
    n = laboratory.n
    for i, size in enumerate(_SIZES):
        point = laboratory.point if i == 0 else moved(laboratory.point, draw)
        point = {name: -value for name, value in point.items()} if i == _NEGATED else point
        if not laboratory.columns:
            yield point, np.zeros(1, np.int64), {}
        elif i == 0 or size <= n:
            index = np.sort(draw.permutation(n)[:size])
            yield point, index, laboratory.rows(index)
        else:
            yield point, np.full(size, -1), _varied(laboratory, size, draw)


def _varied(laboratory: Laboratory, size: int, draw: np.random.Generator) -> dict[str, Tensor]:
    """More samples than a small batch has: each column drawn anew from its values, moved where they are no classes."""
    rows = {}
    for name, column in laboratory.columns.items():
        known = column.detach().to(torch.float64).cpu().numpy()
        drawn = known[draw.integers(0, len(known), size)]
        whole = bool((known == np.round(known)).all())
        rows[name] = torch.from_numpy(drawn if whole and name != UPSTREAM else drawn * draw.uniform(0.6, 1.4, size))
    return rows


def _inside(laboratory: Laboratory, point: Mapping[str, float], rows: Mapping[str, Tensor]) -> bool:
    """Whether all samples lie in the domain of the loss."""
    problem = laboratory.problem
    values = {name: value.to(torch.float64) for name, value in problem.values(point, rows).items()}
    return all(bool(torch.as_tensor(holds).all()) for holds in problem.domain_program.run(TORCH, values))
