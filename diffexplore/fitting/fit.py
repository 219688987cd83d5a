"""A fit from end to end: a loss, its data and a start in; descents, the optimum and an explanation out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from os import PathLike
from typing import Any

import torch

from diffexplore.ambient_modes import undisturbed
from diffexplore.checking.batch import Batch, make_batch
from diffexplore.checking.listener import Listener, Silence
from diffexplore.errors import UsageError
from diffexplore.fitting.descend import Walk, walk
from diffexplore.fitting.drift import Apart, DriftBound
from diffexplore.fitting.explanation import explained
from diffexplore.fitting.landscape import outside_domain
from diffexplore.fitting.objective import RunObjective, SumsObjective, takes_sums
from diffexplore.fitting.recorded import drift_records, run_record
from diffexplore.fitting.records import Drift, Fit, FittedLoss, Run
from diffexplore.fitting.reduced import ReducedFormulas, ReducedLoss, point
from diffexplore.fitting.rounded import rounded_columns
from diffexplore.fitting.settings import Settings, settings_of
from diffexplore.fitting.surroundings import Surroundings, surroundings_of
from diffexplore.floating_point import dtype_name
from diffexplore.inputs.losses import loss_given
from diffexplore.inputs.points import make_points
from diffexplore.loss import Loss
from diffexplore.methods.problem import Problem


@undisturbed
def fit(
    loss: Any,
    data: Mapping[str, Any] | str | PathLike[str] | Batch | None = None,
    at: Mapping[str, float] | None = None,
    *,
    lr: float = 1e-5,
    steps: int = 1000,
    optimizer: str = "gd",
    methods: Sequence[str] | str = ("symbolic", "reverse"),
    dtype: str | torch.dtype | Sequence[str | torch.dtype] = "float64",
) -> Fit:
    """Minimises a loss by the gradients of several methods side by side, and explains how it went.

    Args:
        loss: a :class:`~diffexplore.Loss`, a name of the catalogue, a formula as text or SymPy expression, or a torch
            function (of which the names in ``at`` are the parameters, and the others data).
        data: a column of shape (n,) for each data symbol, the path of a file or a folder of data, or what
            :func:`open_batch` gave.
        at: the start, a value for each parameter; by default the first point that the loss suggests.
        lr: the learning rate of gd, momentum and adam: positive. SciPy's newton and lbfgs choose their own steps.
        steps: at most so many, from 0.
        optimizer: "gd", "momentum" or "adam" (torch.optim), "newton" or "lbfgs" (SciPy).
        methods: whose gradients are followed; exact methods only.
        dtype: one dtype or several; each method runs in each of them.

    Raises:
        UsageError: for input that cannot be used.
    """
    settings = settings_of(lr, steps, optimizer, methods, dtype)
    known = loss_given(loss, at, data)
    points = make_points(known, at)
    return run_fit(known, make_batch(known, data), points[0], settings)


def run_fit(
    loss: Loss, batch: Batch, start: Mapping[str, float], settings: Settings, listener: Listener | None = None
) -> Fit:
    """The same on a batch that is at hand; ``listener`` follows the progress."""
    if not loss.parameters:
        raise UsageError("the loss has no parameters: there is nothing to fit")
    listener = listener or Silence()
    listener.progress("deriving the gradient", 0, 0)
    formulas = ReducedFormulas(loss)
    reduced = {
        dtype: ReducedLoss(formulas, rounded_columns(batch, dtype), batch.n, batch.blocks) for dtype in settings.dtypes
    }
    runs: list[Run] = []
    drifts: list[Drift] = []
    for dtype, exact in reduced.items():
        walks = _walks(exact, batch, start, settings, dtype)
        label = dtype_name(dtype)
        apart = Apart(len(walks), _bound(exact, settings, len(walks)))
        progress = partial(_progress, listener, label, settings.steps)
        walk(walks, settings.optimizer.load(), settings.rate, settings.steps, apart, progress)
        runs += [run_record(one, exact, label) for one in walks]
        drifts += drift_records(apart, walks, label, loss.parameters)
    listener.progress("looking for the minimum, and explaining", 0, 0)
    found = surroundings_of(reduced[settings.widest], start, runs[0], settings)
    return explained(_fit(loss, batch, settings, runs, drifts, found))


def _progress(listener: Listener, label: str, steps: int, done: int) -> None:
    listener.progress(f"descending in {label}", done, max(1, steps))


def _walks(
    loss: ReducedLoss, batch: Batch, start: Mapping[str, float], settings: Settings, dtype: torch.dtype
) -> list[Walk]:
    """The runs in one dtype, by each method; the closed form alone where sums stand for samples that are in blocks."""
    problem = Problem(loss.loss, loss.parameters, dtype, torch.device("cpu"))
    divided = batch.blocks.count > 1
    summed = [m for m in settings.methods if _takes_sums(loss, m.name, dtype, divided)]
    walks = []
    for method in summed if divided and summed else settings.methods:
        obstacle = method.load().obstacle(problem)
        if obstacle is not None:
            raise UsageError(f"{method.name} cannot be run: {obstacle}")
        by_sums = method in summed
        objective = (
            SumsObjective(problem, loss) if by_sums else RunObjective(problem, method, batch.tensors(), batch.blocks)
        )
        walks.append(Walk(method.name, objective, objective.tensors([start[name] for name in loss.parameters])))
    _check_start(walks[0], loss, start)
    return walks


def _takes_sums(loss: ReducedLoss, method: str, dtype: torch.dtype, divided: bool) -> bool:
    return takes_sums(loss.formulas.moments, loss.n, method, dtype_name(dtype), divided=divided)


def _check_start(one: Walk, loss: ReducedLoss, start: Mapping[str, float]) -> None:
    """Raises where the descent has nowhere to begin."""
    where = ", ".join(f"{name} = {value:g}" for name, value in start.items())
    outside = outside_domain(loss, point(list(start.values())))
    if outside is not None:
        raise UsageError(f"the start, {where}, lies outside the domain of the loss: {outside}")
    value = float(one.objective.loss(one.parameters))
    if not math.isfinite(value):
        dtype = f", in {str(one.parameters[0].dtype).removeprefix('torch.')}" if math.isinf(value) else ""
        raise UsageError(f"the loss is {value} at the start, {where}{dtype}: start where it is a number")


def _bound(loss: ReducedLoss, settings: Settings, runs: int) -> DriftBound | None:
    """The bound on what rounding drives apart: derived for gradient descent by two methods."""
    if settings.optimizer.name != "gd" or runs < 2:
        return None
    return DriftBound.start(loss, settings.rate, settings.steps)


def _fit(
    loss: Loss, batch: Batch, settings: Settings, runs: Sequence[Run], drifts: Sequence[Drift], found: Surroundings
) -> Fit:
    return Fit(
        loss=loss.summary(), gradient=loss.gradient().formulas(), n=batch.n, origin=batch.origin,
        optimizer=settings.optimizer.name, lr=settings.rate if settings.optimizer.has_rate else None,
        steps=settings.steps, dtype=dtype_name(settings.widest), runs=tuple(runs), drifts=tuple(drifts),
        terrain=found.terrain, start=found.start, optimum_curvature=found.optimum, path_curvature=found.path,
        centred=found.centred, plain_newton=found.newton, excess=found.excess, remaining=found.remaining,
        fitted=FittedLoss(loss, batch.drawn()),
    )  # fmt: skip
