"""Entries that are wrong while others are right: an index range, or where a tensor lies beyond a number."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.numerals import short
from diffexplore.tensors.diagnosis.factor_names import named_factor
from diffexplore.tensors.diagnosis.factors import alignments, fitted_factor
from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.scene import GradientScene

#: By so many bits the entries that are wrong have to be less likely, by chance, than tensors are tried.
_EVIDENCE = 3.0


def mask_inverted(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """It is 0 wherever the gradient is not, and nowhere else."""
    scene = scenes[0]
    given, meant = scene.known & (scene.value != 0), scene.known & (np.abs(scene.exact) > scene.room)
    if given.any() and meant.any() and ((given ^ meant) | ~scene.known).all():
        message = "it is 0 where the gradient is not, and not 0 where the gradient is: the mask is inverted"
        yield Mistake("mask_inverted", message, lambda one: np.where(meant, 0.0, np.where(given, one.value, one.exact)))
    two = _two_factors(scene)
    if two is not None:
        factor, first = two
        one, other = short(factor, 4), short(1 / factor, 4)
        message = f"it is {one} times the gradient in some entries, {other} times it in others: a condition is inverted"
        yield Mistake("mask_inverted", message, lambda one: one.exact * np.where(first, factor, 1 / factor), fitted=1)


def _two_factors(scene: GradientScene) -> tuple[float, np.ndarray] | None:
    clear = scene.known & (np.abs(scene.exact) > 64 * scene.room)
    if int(clear.sum()) < 4:
        return None
    with np.errstate(all="ignore"):
        ratio = np.where(clear, scene.value / scene.exact, 1.0)
    factor = float(ratio[clear].flat[0])
    if factor == 0 or abs(abs(factor) - 1) < 1e-3:
        return None
    first = np.abs(ratio - factor) <= 1e-6 * abs(factor)
    return (factor, first) if not first[clear].all() else None


def explained(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """Wrong at a slice of its indices, and 0 there, or the gradient times a factor."""
    scene = scenes[0]
    place = _slice(scene.wrong) if _is_part(scene) else None
    if place is not None and _inside(scene, scene.wrong)[1] != "region":
        yield _wrong_at(scene, f"[{place}]")


def regions(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """Wrong in some entries, named by their indices or by a condition; 0 there, or with a factor, or otherwise."""
    scene = scenes[0]
    place = (_index_ranges(scene.wrong) or _where_zero(scene) or _condition(scene)) if _is_part(scene) else None
    if place is not None:
        yield _wrong_at(scene, place)


def _is_part(scene: GradientScene) -> bool:
    return bool(scene.wrong.any()) and bool(scene.wrong.sum() < scene.known.sum())


def _wrong_at(scene: GradientScene, place: str) -> Mistake:
    wrong = scene.wrong
    what, key = _inside(scene, wrong)
    message = f"it is {what} at {place}, and right elsewhere"
    fields = {"where": place, "key": key, "wrong": int(wrong.sum()), "right": int((scene.known & ~wrong).sum())}
    return Mistake("region", message, lambda one: np.where(wrong, one.value, one.exact), fields)


def _inside(scene: GradientScene, wrong: np.ndarray) -> tuple[str, str]:
    if not scene.value[wrong].any():
        return "0", "zero"
    if not scene.exact[wrong].any():
        return "not 0", "region"
    truth = DoubleBall(*(np.broadcast_to(part, scene.shape)[wrong] for part in scene.truth))
    inside = replace(scene, value=scene.value[wrong], bound=scene.bound[wrong], truth=truth, sweep=None)
    found = fitted_factor(inside, inside.exact)
    fits = found is not None and inside.explains(found[0] * inside.exact, found[1] * np.abs(inside.exact))
    if found is not None and fits and inside.value.size > 1:
        return f"{named_factor(*found, inside)[0]} times the gradient", "factor"
    return _times_a_tensor(scene, inside, wrong) or ("wrong", "region")


def _times_a_tensor(scene: GradientScene, inside: GradientScene, wrong: np.ndarray) -> tuple[str, str] | None:
    """Whether there it is the gradient times a tensor of the forward, or divided by one."""
    if scene.sweep is None or inside.value.size < 3:
        return None
    for known in scene.sweep.known:
        for values, note in alignments(known.values, scene.shape):
            for power, words in ((1.0, "times"), (-1.0, "divided by"), (2.0, "times the square of")):
                if inside.explains(inside.exact * values[wrong] ** power):
                    return f"the gradient {words} {known.name}{note}", "factor_of_input"
    return None


def _where_zero(scene: GradientScene) -> str | None:
    nothing = scene.known & (np.abs(scene.exact) <= scene.room)
    missed = int((nothing & ~scene.wrong).sum())
    only_there = not (scene.wrong & ~nothing).any() and 2 * missed <= int(nothing.sum())
    return "the entries whose gradient is 0" if only_there else None


def _index_ranges(wrong: np.ndarray) -> str | None:
    """``[0, 2:4, :]`` where the wrong entries are those of a slice; the frame of a tensor is one as well."""
    inside, outside = _slice(wrong), _slice(~wrong)
    if inside is not None:
        return f"[{inside}]"
    if outside is not None:
        return f"all entries but [{outside}]"
    places = np.argwhere(wrong)
    if len(places) <= 3:
        return ", ".join(f"[{', '.join(map(str, place))}]" for place in places.tolist())
    return None


def _slice(there: np.ndarray) -> str | None:
    """The indices, axis by axis, where these are all that are there; None where they are not, or too many to list."""
    axes = range(there.ndim)
    sets = [np.flatnonzero(there.any(tuple(other for other in axes if other != axis))) for axis in axes]
    product = np.zeros_like(there)
    product[np.ix_(*sets)] = True
    texts = [_range(places, length) for places, length in zip(sets, there.shape, strict=True)]
    return None if None in texts or (product != there).any() else ", ".join(str(text) for text in texts)


def _range(places: np.ndarray, length: int) -> str | None:
    if len(places) == length:
        return ":"
    if len(places) == 1:
        return str(int(places[0]))
    steps = {b - a for a, b in pairwise(places.tolist())}
    if len(steps) == 1:
        step = steps.pop()
        return f"{int(places[0])}:{int(places[-1]) + 1}{f':{step}' if step > 1 else ''}"
    return ", ".join(map(str, places.tolist())) if len(places) <= 4 else None


def _condition(scene: GradientScene) -> str | None:
    """``x < 0``: of a known tensor that has a number between the entries that are wrong and those that are right."""
    if scene.sweep is None:
        return None
    wrong, right = scene.wrong, scene.known & ~scene.wrong
    right &= np.abs(scene.exact) + np.abs(scene.value) > 0
    if int(wrong.sum()) < 2 or not right.any():
        return None
    count = 4 * len(scene.sweep.known)
    chances = math.log2(math.comb(int(wrong.sum()) + int(right.sum()), int(wrong.sum())))
    if chances < math.log2(count) + _EVIDENCE:
        return None  # so few entries are distinguished from the others by one tensor or another
    for known in scene.sweep.known:
        for values, note in alignments(known.values, scene.shape):
            for sizes, name in ((values, known.name + note), (np.abs(values), f"|{known.name}{note}|")):
                for sign, above in ((1.0, ">"), (-1.0, "<")):
                    least, most = float((sign * sizes)[wrong].min()), float((sign * sizes)[right].max())
                    if least > most:
                        return f"{name} {above} {_threshold(sign * most, sign * least)}"
    return None


def _threshold(one: float, other: float) -> str:
    low, high = sorted((one, other))
    for number in (0.0, 1.0, -1.0, 3.0, -3.0, 0.5, -0.5):
        if low <= number <= high:
            return f"{number:g}".replace("-", "−")
    return short((low + high) / 2, 3)
