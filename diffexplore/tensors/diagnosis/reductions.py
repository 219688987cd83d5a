"""Sums on the way back that are taken along another axis, or left out: only the diagonal of a Jacobian is there."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from functools import partial

import numpy as np

from diffexplore.tensors.diagnosis.cut_paths import distinct
from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.paths import paths
from diffexplore.tensors.diagnosis.scene import GradientScene

#: Axes up to this length are looked at entry by entry.
_LONGEST = 64

#: So many more entries than numbers that are fitted have to be explained.
_SURPLUS = 4

_Axes = tuple[int, ...]


def diagonal(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """Only what an entry along an axis of the output has of the same entry of the input."""
    sweep = scenes[0].sweep
    if sweep is None or sweep.upstream.shape != scenes[0].shape:
        return
    for axis, length in enumerate(scenes[0].shape):
        if 1 < length <= _LONGEST:
            message = (
                f"only the diagonal of the Jacobian along axis {axis} is there: that an entry of the output depends on "
                "other entries of the input, too, is left out"
            )
            yield Mistake("diagonal", message, partial(_diagonal, axis=axis), {"axis": axis})


def _diagonal(scene: GradientScene, axis: int) -> np.ndarray | None:
    if scene.sweep is None:
        return None
    found, upstream = np.zeros(scene.shape), scene.sweep.upstream
    for place in range(scene.shape[axis]):
        where = (slice(None),) * axis + (place,)
        chosen = np.zeros_like(upstream)
        chosen[where] = upstream[where]
        found[where] = scene.sweep.gradients(chosen)[scene.source][where]
    return found


def along_another_axis(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """What comes back on one way is a sum that is taken along other axes than those of the forward.

    The right share of the way is K·a, with one number a for each place along the axes that are not added up; the wrong
    one is K·b, with one number b for each place along those that are not added up then. Their quotient is fitted.
    """
    scene = scenes[0]
    reductions = _reductions(scene)
    for number, path in distinct(scene):
        for shape, right in reductions:
            same = _along(scene, number, shape, right, right)
            if same is None or scene.explains(same):
                continue  # each sum is wrong by a factor of its own
            for wrong in _subsets(shape):
                if wrong == right:
                    continue
                fitted = sum(_count(shape, axes) for axes in (right, wrong)) + _SURPLUS
                words = f"along {_listed(wrong)} and not along {_listed(right)}"
                yield Mistake(
                    "reduction_axis", f"the gradient through {path.name} is added up {words}",
                    partial(_along, number=number, shape=shape, right=right, wrong=wrong),
                    {"path": path.name, "axes": list(wrong), "right": list(right)}, fitted=fitted,
                )  # fmt: skip


def _reductions(scene: GradientScene) -> list[tuple[_Axes, _Axes]]:
    """Shapes with as many entries as the input, and the axes of them along which the forward adds up."""
    found: dict[tuple[_Axes, _Axes], None] = {}
    for entry in () if scene.sweep is None else scene.sweep.tape.entries:
        if len(entry.results) != 1 or entry.results[0] is None:
            continue
        small = entry.results[0].layout.shape
        for operand in entry.operands:
            shape = () if operand is None else operand.layout.shape
            axes = _reduced(shape, small)
            if int(np.prod(shape)) == scene.value.size and axes and len(axes) <= len(shape):
                found.setdefault((shape, axes))
    return list(found)


def _reduced(shape: _Axes, small: _Axes) -> _Axes:
    """The axes that a result lacks, or of which it has one entry; none where that is not clear."""
    if len(shape) == len(small):
        axes = tuple(axis for axis, (one, other) in enumerate(zip(shape, small, strict=True)) if one != other)
        return axes if all(small[axis] == 1 for axis in axes) else ()
    gone = len(shape) - len(small)
    several = itertools.combinations(range(len(shape)), gone) if gone > 0 else ()
    fits = [axes for axes in several if tuple(n for axis, n in enumerate(shape) if axis not in axes) == small]
    return fits[0] if len(fits) == 1 else ()


def _subsets(shape: _Axes) -> list[_Axes]:
    axes = [axis for axis, length in enumerate(shape) if length > 1]
    return [some for count in range(len(axes), 0, -1) for some in itertools.combinations(axes, count)]


def _count(shape: _Axes, axes: _Axes) -> int:
    """The places along the other axes."""
    return int(np.prod([length for axis, length in enumerate(shape) if axis not in axes]))


def _listed(axes: _Axes) -> str:
    return f"{'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}"


def _along(scene: GradientScene, number: int, shape: _Axes, right: _Axes, wrong: _Axes) -> np.ndarray | None:
    """The truth with the share of a way that is right but for one number for each place along ``right``, and ``wrong``.

    The value itself stands where it is that to within what rounding leaves of the fitted numbers.
    """
    if scene.sweep is None:
        return None
    share = paths(scene.sweep)[number].shares[scene.source]
    with np.errstate(all="ignore"):
        ratio = ((scene.difference + share) / share).reshape(shape)
        spread = np.where(np.abs(share) > scene.room, scene.room / np.abs(share), np.inf).reshape(shape)
        first = np.unravel_index(int(np.abs(share).argmax()), shape)
        # Quotients at other places along `right` alone, along `wrong` alone, and along both, from the clearest one.
        only_right, only_wrong = set(right) - set(wrong), set(wrong) - set(right)
        both = set(right) & set(wrong)
        places = (only_right | both, only_wrong | both, only_right | only_wrong | both)
        one, other, corner = (_at(ratio, first, axes) for axes in places)
        fitted = one * other / corner
        off = sum(_at(spread, first, axes) / np.abs(_at(ratio, first, axes)) for axes in places)
        predicted, off = fitted.reshape(scene.shape), (np.abs(fitted) * off).reshape(scene.shape)
        found = scene.exact - share + share * predicted
        near = np.abs(scene.value - found) <= scene.room + np.abs(share) * off
        return np.where(near & np.isfinite(off), scene.value, found)


def _at(values: np.ndarray, place: Sequence[np.intp], axes: Collection[int]) -> np.ndarray:
    """The values where the index along ``axes`` is that of ``place``, broadcast."""
    where = tuple(slice(place[axis], place[axis] + 1) if axis in axes else slice(None) for axis in range(values.ndim))
    return np.broadcast_to(values[where], values.shape)
