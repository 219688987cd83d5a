"""What the learning rate did, by the curvature: a step of gradient descent multiplies each direction by 1 − lr λ."""

from __future__ import annotations

import math
from itertools import pairwise

from diffexplore.fitting.explanation.words import ROUNDING, direction, many, number, place, whole
from diffexplore.fitting.records import Finding, Fit
from diffexplore.fitting.terrain import Curvature
from diffexplore.lists import listed
from diffexplore.writing.numbers import counted

#: A direction that has shrunk by less than this part on the run is one that has hardly begun.
_HARDLY = 0.1

#: Fewer factors e along the steepest direction than this are too few steps.
_FEW = 3.0

#: A condition number below this is not worth centring the data; a gain below the other not either.
_WELL = 30.0
_GAIN = 2.0


def _of_descent(fit: Fit) -> Curvature | None:
    """The curvature at the optimum, where the steps were those of gradient descent."""
    return fit.optimum_curvature if fit.optimizer == "gd" and fit.lr is not None else None


def _arrived(fit: Fit) -> bool:
    """Whether the last loss is as low as its dtype can tell."""
    return fit.run.ulp is not None and fit.excess is not None and abs(fit.excess) <= ROUNDING * fit.run.ulp


def diverged(fit: Fit) -> Finding | None:
    """Why the loss rose or became infinite: the curvature times the rate is above 2."""
    run, path = fit.run, fit.path_curvature
    first, last = run.first.loss, run.last.loss
    worse = last is None or (first is not None and last > first)
    if fit.optimizer != "gd" or fit.lr is None or path is None or path.unstable is None or not worse:
        return None
    sentence = (
        f"the steps overshoot: {'from the start' if path.unstable == 0 else f'at step {path.unstable:,}'} the largest "
        f"curvature times the rate is above 2, where each step ends farther from the valley than it began "
        f"({number(path.times_rate)} at step {path.step:,}, the largest that was seen)"
    )
    values = {"first_step": path.unstable, "largest_times_rate": path.times_rate, "step": path.step, "lr": fit.lr}
    return Finding("diverged", sentence, values)


def overshoots(fit: Fit) -> Finding | None:
    """The first step longer than twice the distance to the minimum: it ends farther away than it began."""
    if fit.optimum is None:
        return None
    goal = fit.optimum.point
    for before, after in pairwise(fit.path):
        length, distance = (math.dist(before.point.values(), end.values()) for end in (after.point, goal))
        if after.step == before.step + 1 and 2 * distance < length < math.inf and after.loss is not None:
            break
    else:
        return None
    if _arrived(fit):
        return None  # such steps are rounding
    sentence = (
        f"step {after.step:,} overshoots: it is {number(length / distance, 2)} times as long as the way that "
        f"was left to the minimum, and ends farther from it than it began, at {place(after.point)}"
    )
    return Finding("overshoots", sentence, {"step": after.step, "length": length, "distance": distance})


def slow_directions(fit: Fit) -> Finding | None:
    """Directions along which the rate is far too small for the number of steps."""
    curvature = _of_descent(fit)
    if curvature is None or fit.run.steps == 0 or curvature.definite != "positive":
        return None
    slow = [one for one in curvature.directions
            if one.steps_per_e is not None and not one.grows and one.steps_per_e > fit.run.steps / _HARDLY]  # fmt: skip
    if not slow or len(slow) == len(curvature.directions):
        return None
    worst = slow[0]
    name = direction(worst)
    left = fit.remaining.get(name)
    moved = f"{name} has hardly moved: along it" if left is not None and left > 0.9 else f"along {name}"
    assert worst.steps_per_e is not None
    sentence = (
        f"{moved} the curvature at the minimum is {number(worst.value, 2)}, so that a rate of {number(fit.lr)} takes "
        f"{many(worst.steps_per_e)} steps to come nearer by a factor e"
    )
    values = {"curvature": worst.value, "steps_per_e": worst.steps_per_e, "lr": fit.lr}
    return Finding("slow_direction", sentence, values)


def too_slow(fit: Fit) -> Finding | None:
    """A rate with which not even the steepest direction gets far."""
    curvature = _of_descent(fit)
    if curvature is None or fit.run.steps == 0 or curvature.definite != "positive":
        return None
    steepest = curvature.directions[-1]
    if steepest.steps_per_e is None or steepest.grows or fit.run.steps >= _FEW * steepest.steps_per_e:
        return None
    if _arrived(fit):
        return None  # a run that began at the minimum
    sentence = (
        f"{number(fit.lr)} is too slow: the loss is {number(fit.run.last.loss)} after "
        f"{counted(fit.run.steps, 'step')}; even along {direction(steepest)}, the steepest direction at the minimum, "
        f"it takes {many(steepest.steps_per_e)} steps per factor e"
    )
    values = {
        "steps_per_e": steepest.steps_per_e, "curvature": steepest.value, "steps": fit.run.steps, "lr": fit.lr,
        "last": fit.run.last.loss,
    }  # fmt: skip
    return Finding("too_slow", sentence, values)


def stable(fit: Fit) -> Finding | None:
    """Nothing oscillates: the curvature times the rate stays below 1 on the path, and the rate below the limit."""
    curvature, path = _of_descent(fit), fit.path_curvature
    if curvature is None or path is None or path.times_rate is None or curvature.stability_limit is None:
        return None
    assert fit.lr is not None
    calm = 0 < path.times_rate < 1 and fit.lr < curvature.stability_limit / 2
    if fit.run.steps == 0 or not calm or not fit.run.finite:
        return None
    sentence = (
        f"nothing oscillates: {number(fit.lr)} is {many(curvature.stability_limit / fit.lr)} times below the stability "
        f"limit at the minimum, {number(curvature.stability_limit, 2)}; on the path the curvature times the rate is at "
        f"most {number(path.times_rate, 2)} < 2"
    )
    values = {
        "stability_limit": curvature.stability_limit, "ratio": curvature.stability_limit / fit.lr,
        "largest_times_rate": path.times_rate, "step": path.step, "points": path.points,
    }  # fmt: skip
    return Finding("stable", sentence, values)


def unstable_at_the_optimum(fit: Fit) -> Finding | None:
    """A rate beyond the limit at the minimum: gradient descent cannot come to rest there."""
    curvature = _of_descent(fit)
    if curvature is None or curvature.stability_limit is None or fit.lr is None or fit.lr <= curvature.stability_limit:
        return None
    sentence = (
        f"{number(fit.lr)} is above the stability limit at the minimum, {number(curvature.stability_limit, 2)}: "
        "gradient descent cannot come to rest there"
    )
    return Finding("unstable", sentence, {"stability_limit": curvature.stability_limit, "lr": fit.lr})


def best_rate(fit: Fit) -> Finding | None:
    """The rate that would come nearest to the minimum once it is near, and whether the way there allows it."""
    curvature = _of_descent(fit)
    if curvature is None or curvature.best_rate is None or curvature.condition is None or fit.lr is None:
        return None
    if 0.5 < fit.lr / curvature.best_rate < 2:
        return None
    ratio = (curvature.condition - 1) / (curvature.condition + 1)
    needed = 1 / -math.log(ratio) if ratio > 0 else None
    cost = f", with {many(needed)} steps per factor e" if needed is not None and needed > 1 else ""
    path, but = fit.path_curvature, ""
    if path is not None and path.largest * curvature.best_rate > 2:
        but = f"; on the way, where the curvature reaches {number(path.largest, 2)}, it would overshoot"
    sentence = f"near the minimum a rate of {number(curvature.best_rate, 2)} would be best{cost}{but}"
    values = {"best_rate": curvature.best_rate, "condition": curvature.condition, "steps_per_e": needed}
    return Finding("best_rate", sentence, values)


def centring(fit: Fit) -> Finding | None:
    """What centring the data would do to the condition number."""
    curvature, centred = fit.optimum_curvature, fit.centred
    if curvature is None or centred is None or curvature.condition is None:
        return None
    if curvature.condition < _WELL or curvature.condition < _GAIN * centred.condition:
        return None
    names = listed(centred.columns)
    sentence = (
        f"the condition number at the minimum is {whole(curvature.condition)}; with the mean of {names} taken away, "
        f"which only moves the parameters, it would be {whole(centred.condition)}"
    )
    return Finding("centring", sentence, {"condition": curvature.condition, "centred": centred.condition})
