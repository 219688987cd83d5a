"""See a loss: its surface, its gradient and a descent, with sliders in a notebook."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np

from diffexplore.ambient_modes import undisturbed
from diffexplore.arguments import as_number
from diffexplore.checking.batch import make_batch
from diffexplore.errors import UsageError
from diffexplore.exploring.evaluation import BatchEvaluation
from diffexplore.exploring.evaluation import at as array_of
from diffexplore.exploring.explorer import evaluation_of, explorer_of
from diffexplore.exploring.records import Explorer
from diffexplore.exploring.window import chosen_axes
from diffexplore.fitting.fit import run_fit
from diffexplore.fitting.settings import settings_of
from diffexplore.inputs.losses import loss_given
from diffexplore.inputs.points import make_points

#: A descent is so long, but where that takes more operations than :data:`_MOST_OPERATIONS`.
_STEPS, _LEAST_STEPS = 1000, 20
_MOST_OPERATIONS = 1_000_000_000

#: The rate is divided by :data:`_CUT` until the descent never rises, so many times at most.
_CUT, _CUTS = 4.0, 12
#: So many steps are tried.
_TRIED = 200


@undisturbed
def explore(
    loss: Any,
    data: Mapping[str, Any] | str | PathLike[str] | None = None,
    at: Mapping[str, float] | None = None,
    *,
    axes: Sequence[str] | str | None = None,
    lr: float | None = None,
    steps: int | None = None,
) -> Explorer:
    """The surface of a loss with its gradient field and a descent, which a notebook shows with sliders.

    Args:
        loss: a :class:`~diffexplore.Loss`, a name of the catalogue, a formula as text or SymPy expression, or a torch
            function (of which the names in ``at`` are the parameters, and the others data).
        data: a column of shape (n,) for each data symbol, or the path of a file of columns.
        at: the start of the descent, a value for each parameter; by default the first point that the loss suggests.
        axes: the two parameters that are drawn, such as "a, b"; by default the first two. One makes a curve.
        lr: the learning rate; by default one over the largest curvature at the start, or less, so that the loss falls
            at each of the first steps.
        steps: the steps of the descent, 1000 by default, and fewer where many samples make them slow.

    Returns:
        An :class:`~diffexplore.Explorer`, which has ``to_html()``, ``figure()``, ``plot()`` and ``to_dict()`` too.

    Raises:
        UsageError: for input that cannot be used; a loss without parameters; a start outside the domain.
    """
    known = loss_given(loss, at, data)
    chosen_axes(known, axes)
    start = make_points(known, at)[0]
    batch = make_batch(known, data)
    evaluation = evaluation_of(known, batch.drawn())
    count = _steps(evaluation) if steps is None else steps
    rate = _rate(evaluation, array_of(known, start)) if lr is None else as_number(lr, "the learning rate", _A_RATE)
    settings = settings_of(rate, count, "gd", ("symbolic",), "float64")
    return explorer_of(run_fit(known, batch, start, settings), axes)


_A_RATE = "a positive number such as 1e-5"


def _steps(evaluation: BatchEvaluation) -> int:
    return max(_LEAST_STEPS, min(_STEPS, _MOST_OPERATIONS // max(1, evaluation.operations)))


def _rate(evaluation: BatchEvaluation, start: np.ndarray) -> float:
    """The first of a falling sequence of rates at which the loss falls on and on; at last the smallest of them."""
    tried = max(1, min(_TRIED, _MOST_OPERATIONS // (10 * max(1, evaluation.operations))))
    rate = _first(evaluation, start)
    for _ in range(_CUTS):
        if _falls(evaluation, start, rate, tried):
            break
        rate /= _CUT
    return rate


def _first(evaluation: BatchEvaluation, start: np.ndarray) -> float:
    """One over the largest curvature at the start; where that is 0, a step of a tenth of the point's size."""
    hessian, slopes = evaluation.hessian(start), evaluation.gradients(start[None, :])[0]
    if not np.isfinite(slopes).all():
        raise UsageError("the gradient is not finite at the start: start where it is a number")
    curvature = float(np.abs(np.linalg.eigvalsh(hessian)).max()) if np.isfinite(hessian).all() else 0.0
    steepness = math.hypot(*slopes)  # which squares nothing beyond the range of doubles
    size = max(1.0, float(np.linalg.norm(start)))
    far = 0.1 * size / steepness if steepness > 0 else 0.1
    found = 1 / curvature if curvature > 0 else far
    return found if math.isfinite(found) and found > 0 else 1e-5


def _falls(evaluation: BatchEvaluation, start: np.ndarray, rate: float, steps: int) -> bool:
    """Whether no step rises by more than rounding."""
    point, before = start, float(evaluation.values(start[None, :])[0])
    for _ in range(steps):
        point = point - rate * evaluation.gradients(point[None, :])[0]
        after = float(evaluation.values(point[None, :])[0])
        if not after <= before + 1e-12 * abs(before):
            return False
        before = after
    return True
