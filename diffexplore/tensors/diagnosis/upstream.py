"""The upstream gradient ignored, or used as another number."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.scene import GradientScene

_Change = Callable[[np.ndarray], np.ndarray]


def ignored(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """Ones in its place, its sum, its mean, its first entry; along axes too; its size or its square."""
    if scenes[0].sweep is None:
        return
    for key, message, change in _changes(scenes[0].sweep.upstream.ndim):
        yield Mistake(key, message, partial(_with_upstream, change=change))


def _changes(axes: int) -> list[tuple[str, str, _Change]]:
    found: list[tuple[str, str, _Change]] = [
        ("upstream_ignored", "the upstream gradient is ignored: it is the gradient for ones", np.ones_like),
        ("upstream_ignored", "the sum of the upstream gradient is used in its place", _total),
        ("upstream_ignored", "the mean of the upstream gradient is used in its place", _mean),
        ("upstream_ignored", "the first entry of the upstream gradient is used for all", _first),
        ("upstream_not_linear", "the square of the upstream gradient is used in its place", np.square),
        ("upstream_not_linear", "the size of the upstream gradient is used, without its sign", np.abs),
        ("upstream_not_linear", "the sign of the upstream gradient is used, without its size", np.sign),
    ]
    for axis in range(axes if axes > 1 else 0):
        added = f"the upstream gradient is added up along axis {axis} before it is used"
        averaged = f"the mean of the upstream gradient along axis {axis} is used in its place"
        found += [
            ("upstream_ignored", added, partial(_total, axis=axis)),
            ("upstream_ignored", averaged, partial(_mean, axis=axis)),
            ("transposed", f"the upstream gradient is reversed along axis {axis}", partial(np.flip, axis=axis)),
        ]
    for pair in itertools.combinations(range(axes), 2):
        message = f"the upstream gradient is reversed along axes {pair[0]} and {pair[1]}"
        found.append(("transposed", message, partial(np.flip, axis=pair)))
    return found


def _total(upstream: np.ndarray, axis: int | None = None) -> np.ndarray:
    return np.broadcast_to(upstream.sum(axis, keepdims=True), upstream.shape)


def _mean(upstream: np.ndarray, axis: int | None = None) -> np.ndarray:
    return np.broadcast_to(upstream.mean(axis, keepdims=True), upstream.shape)


def _first(upstream: np.ndarray) -> np.ndarray:
    return np.full_like(upstream, upstream.flat[0])


def _with_upstream(scene: GradientScene, change: _Change) -> np.ndarray | None:
    if scene.sweep is None or not scene.sweep.upstream.size:
        return None
    return scene.sweep.gradients(change(scene.sweep.upstream))[scene.source]
