"""A fit for people: how it ended, the loss curve, the fitted values beside the optimum, and the explanation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from diffexplore.fitting.explanation.words import combination
from diffexplore.fitting.records import Fit, Run
from diffexplore.fitting.terrain import Curvature, Direction, PathStep, StationaryPoint
from diffexplore.lists import grouped
from diffexplore.numerals import ABSENT, short
from diffexplore.render.outline import reduced_text
from diffexplore.typography import typeset
from diffexplore.writing.blocks import Block, Column, Gap, Headline, Note, Picture, Table, Text, text
from diffexplore.writing.names import reduced_partial
from diffexplore.writing.numbers import coordinate, counted, point_text

#: Significant digits of fitted values and losses.
_DIGITS = 6

#: Lines of the loss curve, and characters of what a row is called.
_PICTURE_LINES, _LONGEST_LABEL, _SHORT_LABEL = 10, 36, 13

#: With more parameters than these, values have fewer digits, and rows shorter labels, so that 80 columns hold them.
_ROOMY, _FEW_DIGITS = 3, 3

#: Tables with more parameters have a row for each parameter's value left out beyond it.
_MOST_COLUMNS = 5


def headline(fit: Fit) -> Headline:
    """How the descent ended."""
    return Headline("FIT", "strong", fit.explanation[0].sentence)


def outline(fit: Fit) -> Iterator[Block]:
    """The blocks of ``fit``."""
    yield headline(fit)
    yield Gap()
    yield Note(text(f"L = {reduced_text(fit.loss, typeset(fit.loss.formula))}"))
    yield Note(text(what_ran(fit), "quiet"))
    yield Picture(fit.figure(), _PICTURE_LINES)
    yield Gap()
    yield values(fit)
    if fit.optimum_curvature is not None:
        yield directions(fit.optimum_curvature)
    yield Gap()
    for finding in fit.explanation[1:]:
        yield Note(text(finding.sentence), "·")


def what_ran(fit: Fit) -> str:
    """The optimizer, the start, the steps and the data."""
    rate = "" if fit.lr is None else f" at the rate {coordinate(fit.lr, 6)}"
    samples = f" on {counted(fit.n, 'sample')} ({fit.origin})" if fit.loss.data else ""
    start = point_text(fit.run.first.point, digits=6)
    return f"{fit.optimizer} from {start}: {counted(fit.steps, 'step')}{rate}{samples}"


def values(fit: Fit) -> Table:
    """Where each run came to, beside the stationary points."""
    names = list(fit.run.first.point)[:_MOST_COLUMNS]
    columns = (Column.left(), Column("step"), Column("loss"), *map(Column, names), Column.left())
    rows = [_row("start", fit.run.first, names)]
    methods = len({run.method for run in fit.runs})
    rows += [_run_row(runs, names, methods) for runs in grouped(fit.runs, lambda run: _end(run, names)).values()]
    rows += [_stationary_row(fit, point, names) for point in fit.terrain.stationary]
    # What falls without an end has no lowest place, and the best that was computed is a place on the way.
    lowest, falls = fit.terrain.lowest, fit.terrain.status in ("infinity", "falls", "flat")
    if lowest is not None and fit.optimum is None and not falls:
        rows.append(_row("lowest found", lowest, names, step=""))
    return Table(columns, tuple(rows))


def _end(run: Run, names: list[str]) -> tuple[object, ...]:
    """Where a run ended, in the digits that are shown."""
    return run.last.step, _number(run.last.loss), *(_number(run.last.point[name]) for name in names), _remark(run)


def _run_row(runs: Sequence[Run], names: list[str], of: int) -> tuple[Text, ...]:
    """``symbolic, float32``, ``both methods, float32``, or ``6 runs`` where more end there than have room."""
    methods, dtypes = (list(dict.fromkeys(kind)) for kind in zip(*((r.method, r.dtype) for r in runs), strict=True))
    whole = len(methods) * len(dtypes) == len(runs)
    roomy = len(names) <= _ROOMY
    every = ("both methods" if of == 2 else "all methods") if roomy else ("both" if of == 2 else "all")
    by = every if len(methods) == of > 1 else ", ".join(methods)
    label = f"{by}, {' and '.join(dtypes)}" if whole else ", ".join(f"{run.method} {run.dtype}" for run in runs)
    label = label if len(label) <= (_LONGEST_LABEL if roomy else _SHORT_LABEL) else f"{counted(len(runs))} runs"
    return _row(label, runs[0].last, names, _remark(runs[0]) if len(names) < _MOST_COLUMNS else "")


def _row(label: str, at: PathStep, names: list[str], remark: str = "", step: str | None = None) -> tuple[Text, ...]:
    steps = text(f"{at.step:,}" if step is None else step)
    return (text(label), steps, *_numbers(at.loss, at.point, names), text(remark, "quiet"))


def _numbers(loss: float | None, point: Mapping[str, float], names: list[str]) -> list[Text]:
    digits = _DIGITS if len(names) <= _ROOMY else _FEW_DIGITS
    return [text(_number(value, digits)) for value in (loss, *(point[name] for name in names))]


def _remark(run: Run) -> str:
    """Where the lowest loss was, if it was not the last."""
    return "" if run.best is None or run.best.step == run.last.step else f"lowest at {run.best.step:,}"


def _stationary_row(fit: Fit, point: StationaryPoint, names: list[str]) -> tuple[Text, ...]:
    label = point.kind if point is not fit.optimum or fit.terrain.complete else "local minimum"
    proved = ", proved" if len(names) <= _ROOMY else ""
    return (text(label + proved), text(""), *_numbers(point.value, point.point, names), text(""))


def directions(curvature: Curvature) -> Table:
    """The Hessian at the optimum: along which direction, how curved, how fast."""
    columns = (Column.left("direction at the minimum"), Column("curvature"), Column("steps per factor e"))
    return Table(columns, tuple(map(_direction, curvature.directions[:_MOST_COLUMNS])))


def _direction(one: Direction) -> tuple[Text, ...]:
    along = ABSENT if one.along is None else combination(one.along)
    steps = short(one.steps_per_e)
    if one.steps_per_e is not None:
        steps = f"{one.steps_per_e:,.0f}" if one.steps_per_e >= 10 else steps
        steps += ", away from it" if one.grows else ""
    return text(along), text(_number(one.value)), text(steps)


def _number(value: float | None, digits: int = _DIGITS) -> str:
    return ABSENT if value is None or not math.isfinite(value) else coordinate(value, digits)


def gradient_notes(fit: Fit) -> Iterator[Block]:
    """The gradient, a note for each partial."""
    for name, partial in fit.gradient.items():
        yield Note(text(f"{reduced_partial(name)} = {reduced_text(fit.loss, partial.text)}"), "·")
