"""Causes that show in how a candidate behaves, not in its numbers alone: precision, chance, side effects."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.checking.records import VALUE, Cause
from diffexplore.floating_point import dtype_name, format_of
from diffexplore.methods.problem import Problem
from diffexplore.verifying.diagnosis import plans
from diffexplore.verifying.diagnosis.scene import Laboratory, Scene
from diffexplore.verifying.observed import Observed

#: Samples of the batch on which a candidate is called again in float64.
_WHOLE = 256

#: Relative errors of more roundings than this are not blamed on them.
_MOST_ROUNDINGS = 64.0


def modified(observed: Observed) -> Cause | None:
    names = observed.behaviour.modified
    if not names:
        return None
    which = ", ".join(names)
    message = f"the candidate modifies its input {which} in place: later users of the tensor get other numbers"
    return Cause("inputs_modified", message, {"inputs": list(names), "certain": True})


def surrogate(problem: Problem, name: str) -> Cause | None:
    """Whether the loss is a step, of which every other derivative than 0 is a surrogate."""
    if name == VALUE or not problem.loss.expression.has(problem.loss.symbols[name]):
        return None
    if problem.loss.gradient(problem.wrt)[name] != 0:
        return None
    message = (
        f"the loss has derivative 0 by {name} wherever it has one: this is a surrogate gradient, of another function, "
        'which is named by surrogate="identity" (straight-through), "sigmoid4" or "sigmoid(4*x)", say'
    )
    return Cause("surrogate", message, {"certain": True})


def by_chance(laboratory: Laboratory, observed: Observed) -> Cause | None:
    """Whether another seed of torch's generator gives another gradient."""
    index = np.arange(min(laboratory.n, 8))
    first = laboratory.call(laboratory.point, index)
    if first is None and laboratory.n <= _WHOLE:  # it takes the whole batch alone
        index = np.arange(laboratory.n)
        first = laboratory.call(laboratory.point, index)
    with observed.seeded(laboratory.seed + 1):
        second = laboratory.call(laboratory.point, index)
    if first is None or second is None:
        return None
    for name in first.estimates:
        pairs = list(zip(first.numbers(name), second.values(name), strict=True))
        if not all(math.isfinite(one) and math.isfinite(other) for (one, _, _), other in pairs):
            continue  # NaN differs from itself
        if not all(abs(one - other) <= 2 * bound for (one, bound, _), other in pairs):  # parallel sums differ so far
            message = "the gradient depends on random numbers (dropout?): switch them off, or fix the generator inside"
            return Cause("not_deterministic", message, {"certain": True})
    return None


def narrowed(
    laboratory: Laboratory, observed: Observed, names: Sequence[str], whole: Callable[[], list[Scene]]
) -> dict[str, Cause]:
    """The partials whose whole error computing in a narrower dtype, which was seen, accounts for.

    ``whole`` makes the scene of the whole batch anew, with bounds that allow for that dtype.
    """
    seen = observed.behaviour.narrowed
    if not seen:
        return {}
    with observed.unexpecting():
        scenes = plans.scenes(laboratory) + whole()
    dtype = dtype_name(laboratory.problem.dtype)
    message = f"computed in {', '.join(seen)} inside {dtype}: the error is what the rounding of {seen[0]} allows"
    cause = Cause("precision", message, {"dtype": seen[0], "certain": True})
    known = {name: [scene for scene in scenes if name in scene.estimates] for name in names}
    return {
        name: cause
        for name, there in known.items()
        if there and all(
            abs(truth - value) <= bound + float(truth.rad())
            for scene in there for value, bound, truth in scene.numbers(name)
        )
    }  # fmt: skip


def looks_narrow(scenes: Sequence[Scene], name: str) -> Cause | None:
    """Whether errors of a candidate that cannot be watched are of the size of a narrower dtype's rounding."""
    own = format_of(scenes[0].problem.dtype)
    if own.narrower is None:
        return None
    unit = format_of(own.narrower).unit_roundoff
    growth, most = unit / own.unit_roundoff, _MOST_ROUNDINGS * unit
    if not all(
        abs(truth - value) <= min(bound * growth, most * abs(float(truth.mid())))
        for scene in scenes
        for value, bound, truth in scene.numbers(name)
    ):
        return None
    message = (
        f"the errors have the size of {own.narrower}'s rounding and no pattern: computed in {own.narrower} "
        "somewhere, or by a formula that cancels"
    )
    return Cause("precision", message, {"dtype": own.narrower, "certain": False})


def only_narrow(laboratory: Laboratory, observed: Observed, names: Sequence[str]) -> Cause | None:
    """Whether the error of an unwatched candidate shrinks with the unit roundoff: then its formula is right.

    From a narrow dtype to float64 an error of rounding shrinks by the ratio of the unit roundoffs, one of the formula
    not at all: the geometric middle tells them apart.
    """
    problem = laboratory.problem
    if problem.dtype == torch.float64 or not observed.behaviour.opaque:
        return None
    wide = laboratory.widened()
    index = np.arange(min(laboratory.n, _WHOLE))
    narrow_scene, wide_scene = laboratory.call(laboratory.point, index), wide.call(wide.point, index)
    if narrow_scene is None or wide_scene is None:
        return None
    shrinks = math.sqrt(UNIT_ROUNDOFF[torch.float64] / UNIT_ROUNDOFF[problem.dtype])
    for name in names:
        narrow = narrow_scene.errors(name)
        errors = zip(narrow, wide_scene.errors(name), strict=True)
        if not any(narrow) or not all(error <= shrinks * largest for largest, error in errors if largest > 0):
            return None
    dtype = dtype_name(problem.dtype)
    message = f"the gradient is right in float64: in {dtype} it loses precision, more than it has to"
    return Cause("precision", message, {"dtype": dtype, "right_in_float64": True, "certain": True})
