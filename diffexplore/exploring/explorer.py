"""From a fit to what is seen of it: which parameters are drawn, in which window, and what stands in it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from diffexplore.checking.batch import Batch
from diffexplore.errors import UsageError
from diffexplore.exploring.evaluation import BatchEvaluation, Programs, at
from diffexplore.exploring.fitted import Curve, fitted_curve
from diffexplore.exploring.records import Explorer, Fitted, Live, Mark, Valley
from diffexplore.exploring.script import curve_program, live_of
from diffexplore.exploring.surface import field_over, profile_over, surface_over
from diffexplore.exploring.window import Window, around, chosen_axes, close_to
from diffexplore.fitting.records import Fit
from diffexplore.fitting.terrain import PathStep, Point
from diffexplore.formula.text import conditions_to_text, to_text
from diffexplore.loss import Loss
from diffexplore.typography import typeset
from diffexplore.writing.numbers import counted, point_text

WHOLE, NEAR = "the whole path", "close to the minimum"

#: Points of a fitted curve.
_CURVE_POINTS = 121

#: A path that comes farther than the first, in sizes of its start, is shown as far as the second.
_RUNS_AWAY, _STAYS = 1e3, 10.0

#: The window close to a minimum shows this many times the excess that is left at the end of the path; or a part of that
#: at its start, where hardly any is left, or more than that.
_TIMES_LEFT, _LEAST_LEFT, _OF_THE_WAY = 2.0, 1e-9, 1e-3


def evaluation_of(loss: Loss, batch: Batch) -> BatchEvaluation:
    """The loss on the float64 columns of ``batch``. Raises UsageError for a loss without parameters."""
    if not loss.parameters:
        raise UsageError("the loss has no parameters: there is nothing to explore")
    return BatchEvaluation(Programs(loss), _columns(batch), batch.n)


def _columns(batch: Batch) -> dict[str, np.ndarray]:
    return {name: torch.as_tensor(column).to(torch.float64).cpu().numpy() for name, column in batch.columns.items()}


def explorer_of(fit: Fit, axes: Sequence[str] | str | None = None) -> Explorer:
    """What is to be seen of ``fit`` over ``axes``."""
    if fit.fitted is None:
        raise UsageError("the fit does not know its data: make it by dx.fit")
    loss, batch = fit.fitted.loss, fit.fitted.batch
    drawn = chosen_axes(loss, axes)
    evaluation = evaluation_of(loss, batch)
    view = _View(fit, loss, evaluation, drawn)
    curve = fitted_curve(loss)
    found = live_of(evaluation, curve, view.rate(), view.reach())
    live = found if isinstance(found, Live) else None
    whole, near = view.whole(), view.near()
    over = evaluation, view.places, view.held
    two = len(drawn) == 2
    surface = surface_over(*over, whole, view.lowest) if two else None
    profile = None if two else profile_over(evaluation, view.places[0], view.held, whole)
    return Explorer(
        loss=fit.loss, gradient=fit.gradient, n=fit.n, origin=fit.origin, axes=drawn, held=view.point(view.held),
        start=dict(fit.run.first.point), optimizer=fit.optimizer, rate=fit.lr, steps=fit.steps, path=view.path,
        marks=view.marks, valleys=view.valleys(), windows=(whole,) if near is None else (whole, near), surface=surface,
        downhill=None if surface is None else field_over(*over, whole),
        near=surface_over(*over, near, view.lowest) if two and near is not None else None, profile=profile,
        fitted=None if curve is None else _fitted(curve, view, batch),
        columns={} if live is None else {name: tuple(map(float, column)) for name, column in _columns(batch).items()},
        live=live, not_live=None if live else f"the page cannot recompute this loss: {found}",
        notes=tuple(view.notes(drawn=surface is not None or profile is not None)),
    )  # fmt: skip


def _place(point: Point) -> str:
    return point_text(point, digits=4).replace("= -", "= −")


def _width(value: float) -> float:
    """On either side of a value that does not move: half its size, or 1."""
    return abs(value) / 2 if abs(value) > 1e-3 else 1.0


class _View:
    """What a picture needs to know of a fit."""

    def __init__(self, fit: Fit, loss: Loss, evaluation: BatchEvaluation, drawn: Sequence[str]) -> None:
        self._fit, self._loss, self._evaluation, self._drawn = fit, loss, evaluation, drawn
        self.places = tuple(loss.parameters.index(name) for name in drawn)
        self.path = tuple(step for step in fit.path if all(map(math.isfinite, step.point.values())))
        self.marks = tuple(
            Mark(f"{'' if fit.terrain.complete or one.kind != 'minimum' else 'local '}{one.kind}", one.point, one.value)
            for one in fit.terrain.stationary
        )
        best = fit.best.point if fit.best is not None else fit.run.first.point
        self._optimum = None if fit.optimum is None else at(loss, fit.optimum.point)
        self.held = at(loss, best) if self._optimum is None else self._optimum
        self.lowest = None if fit.optimum is None else fit.optimum.value
        self._hessian = evaluation.hessian(self.held)[np.ix_(self.places, self.places)]

    def point(self, values: np.ndarray) -> Point:
        return dict(zip(self._loss.parameters, map(float, values), strict=True))

    def _on_axes(self, point: Point) -> tuple[float, ...]:
        return tuple(point[name] for name in self._drawn)

    def whole(self) -> Window:
        """Start, minimum, and what of the path is no higher than its start: the rest is where it ran away."""
        seen = [self._on_axes(step.point) for step in (self._fit.run.first, *self._low())]
        seen += [] if self._optimum is None else [self._on_axes(self.point(self._optimum))]
        widths = [_width(value) for value in self._on_axes(self.point(self.held))]
        window = around(WHOLE, seen, widths)
        beside = [self._on_axes(mark.point) for mark in self.marks]
        return around(WHOLE, [*seen, *filter(window.twice().holds, beside)], widths)

    def reach(self) -> dict[str, tuple[float, float]]:
        """For each parameter a range that holds start, path and minimum."""
        seen = [at(self._loss, step.point) for step in (self._fit.run.first, *self._low())]
        seen += [] if self._optimum is None else [self._optimum]
        wide = around(WHOLE, [tuple(map(float, place)) for place in seen], list(map(_width, self.held))).twice()
        return dict(zip(self._loss.parameters, zip(wide.low, wide.high, strict=True), strict=True))

    def _low(self) -> list[PathStep]:
        """What of the path is no higher than its start; and near it, where it leads away without an end."""
        start = self._fit.run.first
        bound = start.loss if start.loss is not None else math.inf
        kept = [step for step in self.path if step.loss is not None and step.loss <= bound]
        first = at(self._loss, start.point)
        size = 1 + float(np.linalg.norm(first))
        ways = [float(np.abs(at(self._loss, step.point) - first).max()) for step in kept]
        if self._optimum is None and max(ways, default=0.0) > _RUNS_AWAY * size:
            return [step for step, way in zip(kept, ways, strict=True) if way <= _STAYS * size]
        return kept

    def rate(self) -> float:
        """The rate of the fit; where it had none, one over the largest curvature."""
        largest = float(np.abs(np.linalg.eigvalsh(self._hessian)).max()) if np.isfinite(self._hessian).all() else 0.0
        return self._fit.lr or (1 / largest if largest > 0 else 0.1)

    def near(self) -> Window | None:
        if self._optimum is None or self.lowest is None:
            return None
        way = (self._fit.run.first.loss or 0.0) - self.lowest
        left = self._fit.excess or 0.0
        rise = _TIMES_LEFT * left if _LEAST_LEFT * way < left < way else _OF_THE_WAY * way
        return close_to(NEAR, [float(self._optimum[place]) for place in self.places], self._hessian, rise)

    def valleys(self) -> tuple[Valley, ...]:
        """The eigenvectors at the minimum, the flattest first; none where there is no minimum, or one axis."""
        if self._optimum is None or len(self.places) != 2 or not np.isfinite(self._hessian).all():
            return ()
        values, vectors = np.linalg.eigh(self._hessian)
        centre = self.point(self._optimum)
        return tuple(
            Valley(centre, dict(zip(self._drawn, map(float, vectors[:, i]), strict=True)), float(value))
            for i, value in enumerate(values)
        )

    def notes(self, *, drawn: bool) -> list[str]:
        """What is not to be seen, and why."""
        found = []
        if not drawn:
            found.append(
                f"the surface is not drawn: the loss has no value there, or takes {self._evaluation.operations:,} "
                f"operations at each of its points ({counted(self._fit.n, 'sample')})"
            )
        if self._optimum is None:
            found.append(f"no minimum is marked: {self._fit.explanation[0].sentence}")
        others = {name: value for name, value in self.point(self.held).items() if name not in self._drawn}
        if others:
            where = "at the minimum" if self._optimum is not None else "at the lowest point of the path"
            found.append(f"the surface is a slice {where}, {_place(others)}; the path is projected onto it")
        parameters = {self._loss.symbols[name] for name in self._loss.parameters}
        bounds = [condition for condition in self._loss.domain if condition.free_symbols & parameters]
        if bounds:
            found.append(f"the loss is defined where {typeset(conditions_to_text(bounds))}; elsewhere nothing is drawn")
        return found + self._outside()

    def _outside(self) -> list[str]:
        """Stationary points that the picture does not reach."""
        window = self.whole()
        return [
            f"a {mark.kind} lies outside the picture, at {_place(mark.point)}"
            for mark in self.marks
            if not window.holds(self._on_axes(mark.point))
        ]

    def places_of_lines(self) -> list[tuple[str, np.ndarray]]:
        """Where fitted curves are drawn."""
        last = self.path[-1] if self.path else self._fit.run.first
        found = [("start", at(self._loss, self._fit.run.first.point)), ("end", at(self._loss, last.point))]
        return [*found, ("minimum", self._optimum)] if self._optimum is not None else found


def _fitted(curve: Curve, view: _View, batch: Batch) -> Fitted | None:
    """The curve at the start, at the end and at the minimum, over the range of the data."""
    column = torch.as_tensor(batch.columns[curve.over]).double()
    x = np.linspace(float(column.min()), float(column.max()), _CURVE_POINTS)
    lines = []
    for name, point in view.places_of_lines():
        y = curve_values(curve, view, point, x)
        kept = np.isfinite(y)
        if kept.sum() > 1:
            lines.append((name, tuple(x[kept].tolist()), tuple(y[kept].tolist())))
    return Fitted(curve.over, curve.response, to_text(curve.expression), tuple(lines))


def curve_values(curve: Curve, view: _View, point: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The fitted response at ``x``; NaN where there is none."""
    from diffexplore.arithmetic.torch_real import TORCH

    named = view.point(point)
    values = {name: torch.tensor(value, dtype=torch.float64, device="cpu") for name, value in named.items()}
    output = curve_program(curve, tuple(named)).run(TORCH, values | {curve.over: torch.as_tensor(x)})[0]
    found: np.ndarray = torch.as_tensor(output, dtype=torch.float64).expand(len(x)).numpy()
    return found
