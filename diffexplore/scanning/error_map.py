"""Error maps: how many ulp a method is off over a plane of two parameters, and where there is no number, and why."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.checking.enclosures import Status
from diffexplore.checking.evaluate import Evaluator, Running
from diffexplore.checking.judge import PASS, Judged, cause_of
from diffexplore.checking.lost import WeakPartial, lost_in, uncertainty
from diffexplore.figures.records import Axis, Figure, Series, ValueGrid
from diffexplore.methods import spoken
from diffexplore.numerals import short
from diffexplore.scanning.places import Places, PlaceTruths
from diffexplore.scanning.records import CAUSES
from diffexplore.scanning.setting import Setting
from diffexplore.typography import typeset
from diffexplore.writing.names import reduced_partial

#: Places along each axis, at least; a round number of units is between two of them.
CELLS = 50

#: What is drawn for an error that is smaller, or 0: a logarithmic scale has no 0. In ulp.
_LEAST_ULP = 0.1

#: The samples' partials cancel where their sum is smaller than the sum of their sizes by this factor.
_CANCELS = 100.0

_ZERO = "the partial is 0, or counts as 0 beside its bound"

#: A longer subexpression is not quoted in a figure.
_LONGEST = 40

CANCEL = f"the samples' partials cancel to less than 1/{_CANCELS:.0f} of their size"


@dataclass(frozen=True)
class Plane:
    """Two parameters and the values that each takes."""

    names: tuple[str, str]
    x: tuple[float, ...]
    y: tuple[float, ...]


def plane_of(names: tuple[str, str], points: Sequence[Mapping[str, float]], cells: int = CELLS) -> Plane:
    """A plane that holds the points and the origin, with room around them, on round numbers: kinks often lie there."""
    x, y = (_round_span([point[name] for point in points], cells) for name in names)
    return Plane(names, x, y)


def line_of(name: str, points: Sequence[Mapping[str, float]], cells: int = CELLS) -> tuple[float, ...]:
    """The same of one parameter."""
    return _round_span([point[name] for point in points], cells)


def _round_span(values: Sequence[float], cells: int) -> tuple[float, ...]:
    low, high = min((*values, 0.0)), max((*values, 0.0))
    room = max(1.0, (high - low) / 2)
    unit = _round_up((high - low + 2 * room) / cells)
    first, last = math.floor((low - room) / unit), math.ceil((high + room) / unit)
    return tuple(place * unit for place in range(first, last + 1))


def _round_up(value: float) -> float:
    """The next larger 1, 2, 2.5 or 5 times a power of ten."""
    decade = 10.0 ** math.floor(math.log10(value))
    return next(factor * decade for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if factor * decade >= value * (1 - 1e-9))


def error_maps(
    setting: Setting, point: Mapping[str, float], plane: Plane, marks: Sequence[Mapping[str, float]] = ()
) -> tuple[Figure, ...]:
    """A map for each partial and each method of the setting; ``marks`` are points that it shows."""
    across, up = plane.names
    columns, rows = np.meshgrid(plane.x, plane.y)
    places = Places(setting, point, {across: columns.ravel(), up: rows.ravel()})
    truths = places.truths()
    found = []
    for running in setting.running:
        estimates = places.estimates(running)
        if isinstance(estimates, str):
            continue
        for name, judged in places.judged(running, estimates, truths).items():
            notes = _notes(setting, places, running, name, judged, truths)
            where = setting.where({key: value for key, value in point.items() if key not in plane.names})
            found.append(_figure(where, plane, running, name, judged, notes, marks))
    return tuple(found)


def _notes(
    setting: Setting, places: Places, running: Running, name: str, judged: Judged, truths: PlaceTruths
) -> dict[int, str]:
    """A note on each place that is not like the others."""
    notes = {}
    for i in np.flatnonzero(judged.verdict != PASS):
        cause = cause_of(judged, int(i))
        assert cause is not None, "every comparison that did not pass has a cause"
        notes[int(i)] = CAUSES.get(cause.key, cause.message)
    zero = (judged.verdict == PASS) & np.isnan(judged.error_ulp)
    notes |= {int(i): _ZERO for i in np.flatnonzero(zero)}
    if not running.method.exact:
        return notes
    with np.errstate(all="ignore"):
        cancels = truths.sizes[name] > _CANCELS * np.abs(truths.enclosures[name].high)
    for i in np.flatnonzero((judged.verdict == PASS) & cancels & (judged.truth.high != 0)):
        notes[int(i)] = CANCEL
    uncertain = uncertainty(judged)
    weak = uncertain > math.sqrt(UNIT_ROUNDOFF[setting.problem.dtype])
    if weak.any():
        words = _lost(setting, places, running, name, int(np.argmax(uncertain)))
        notes |= {int(i): words for i in np.flatnonzero(weak & (judged.verdict == PASS)) if int(i) not in notes}
    return notes


def _lost(setting: Setting, places: Places, running: Running, name: str, worst: int) -> str:
    """Where the digits are lost, at the place where fewest are left."""
    point = {key: float(value[worst].item()) for key, value in places.values.items() if value.dim() > 1}
    evaluator = Evaluator(setting.problem, point, setting.columns, setting.n)
    words = "fewer than half of the digits are certain"
    if setting.n > 1:
        return words
    weak = WeakPartial(name, running.name, None, 1.0, True)
    lost = lost_in(weak, evaluator, [running], point)
    if lost is None:
        return words
    what = typeset(lost.subexpression)
    return f"{what if len(what) <= _LONGEST else 'a part of the formula'} {lost.how}: {words}"


def _figure(
    where: str, plane: Plane, running: Running, name: str, judged: Judged, notes: Mapping[int, str],
    marks: Sequence[Mapping[str, float]],
) -> Figure:  # fmt: skip
    known = (judged.truth.status == Status.RESOLVED) & np.isfinite(judged.error_ulp) & ~_hidden(judged)
    ulps = np.where(known, np.maximum(judged.error_ulp, _LEAST_ULP), np.nan).reshape(len(plane.y), -1)
    values = tuple(tuple(value if math.isfinite(value) else None for value in row) for row in ulps.tolist())
    noted = tuple((i % len(plane.x), i // len(plane.x), text) for i, text in sorted(notes.items()))
    grid = ValueGrid("error", plane.x, plane.y, values, "ulp", "log", notes=noted)
    layers: list[ValueGrid | Series] = [grid]
    if marks:
        x, y = (tuple(mark[key] for mark in marks) for key in plane.names)
        layers.append(Series("points of the check", x, y, False, "start"))
    caption = f"{where} Errors in units in the last place, against the certified truth."
    return Figure(
        title=f"Error of {reduced_partial(name)} by {spoken(running.name)}",
        caption=caption + _statistics(judged, notes, known), x=Axis(plane.names[0]), y=Axis(plane.names[1]),
        layers=tuple(layers),
    )  # fmt: skip


def _hidden(judged: Judged) -> np.ndarray:
    """Where rounding hides the gradient: its ulps are so many that they would take all colours."""
    with np.errstate(all="ignore"):
        return (judged.verdict != PASS) & np.isfinite(judged.bound) & (judged.detectable >= 1)


def _statistics(judged: Judged, notes: Mapping[int, str], known: np.ndarray) -> str:
    """How large the errors are, and how many places are not like the others."""
    errors = judged.error_ulp[known]
    middle = f" Half of the errors are below {short(float(np.median(errors)))} ulp." if len(errors) else ""
    counts = Counter(notes.values()).items()
    noted = "".join(f" At {count:,} of {len(judged.value):,} places: {text}." for text, count in counts)
    small = f" Errors below {_LEAST_ULP:g} ulp are drawn as {_LEAST_ULP:g}." if (errors < _LEAST_ULP).any() else ""
    return f"{middle}{noted}{small}"
