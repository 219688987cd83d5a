"""All figures of a report, those that need further evaluations too: computed where a page or a file shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from diffexplore.checking.batch import Batch
from diffexplore.checking.records import Report
from diffexplore.figures.records import Figure
from diffexplore.loss import Loss
from diffexplore.scanning.error_map import CELLS, error_maps, line_of, plane_of
from diffexplore.scanning.histogram import histograms
from diffexplore.scanning.run_scan import run_scan
from diffexplore.scanning.setting import SHOWN, of_first_sample, setting_of
from diffexplore.scanning.span import ScanSpan
from diffexplore.scanning.step_curve import step_curves
from diffexplore.scanning.step_figure import step_figures, step_overviews

#: The maps of a page: an exact method, and one that takes a step.
MAPPED = ("reverse", "central_difference")

#: Places along each axis of the map of a user's function, at least, and what is drawn along its only parameter.
_CELLS_OF_FUNCTION, _OF_FUNCTION = 12, ("symbolic", "reverse")

#: Steps in a decade of a V-curve, and at least; for all partials of a page together no more than the third, so that the
#: page of a gradient of many entries does not take many times as long.
_PER_DECADE, _LEAST_PER_DECADE, _PER_DECADE_IN_ALL = 5, 2, 10

#: Partials of which a page has figures, and a file: a gradient of hundreds of entries has no hundreds of pictures.
MOST_PARTIALS, _MOST_IN_A_FILE = 6, 3


def report_figures(
    loss: Loss, batch: Batch, points: Sequence[Mapping[str, float]], report: Report
) -> dict[str, tuple[Figure, ...]]:
    """The figures of a report by what they show: ``scans``, ``steps``, ``maps``, ``along`` and ``samples``.

    There are no empty ones, and but for scans only those of the first :data:`MOST_PARTIALS` partials.

    Args:
        loss, batch, points: what was checked.
        report: what came of it, which says in which dtype and by which symbols.
    """
    found = {
        "scans": tuple(figure for scan in report.scans for figure in scan.figures()),
        "steps": v_curves(loss, batch, points[0], report),
        "maps": maps(loss, batch, points, report),
        "along": along_the_only(loss, batch, points, report),
        "samples": histograms(report)[:MOST_PARTIALS],
    }
    return {key: figures for key, figures in found.items() if figures}


def file_figures(loss: Loss, batch: Batch, points: Sequence[Mapping[str, float]], report: Report) -> tuple[Figure, ...]:
    """What a file of a report shows, where a page shows all: its scans; without any, the error of all methods against
    the step and the errors over the samples, of the first few partials."""
    scans = tuple(figure for scan in report.scans for figure in scan.figures())
    if scans:
        return scans
    steps = v_curves(loss, batch, points[0], report, brief=True)
    return (*steps, *histograms(report)[:_MOST_IN_A_FILE])


def v_curves(
    loss: Loss, batch: Batch, point: Mapping[str, float], report: Report, *, brief: bool = False
) -> tuple[Figure, ...]:
    """The error of each method that takes steps against its step, at one point: of a loss without parameters, by the
    data of the first sample. ``brief`` leaves out what only a page has room for: the figures that are about one method.
    """
    most = _MOST_IN_A_FILE if brief else MOST_PARTIALS
    if not loss.parameters and loss.program is None:
        loss, batch, point = of_first_sample(loss, batch)
    wrt = tuple(report.gradient)[:most]
    setting = setting_of(loss, batch, wrt=wrt, dtype=report.dtype)
    per_decade = max(_LEAST_PER_DECADE, min(_PER_DECADE, _PER_DECADE_IN_ALL // max(1, len(wrt))))
    return (step_overviews if brief else step_figures)(setting, step_curves(setting, point, per_decade=per_decade))


def maps(loss: Loss, batch: Batch, points: Sequence[Mapping[str, float]], report: Report) -> tuple[Figure, ...]:
    """The errors over the plane of the first two parameters; none of a loss with fewer.

    A user's function is called once a place, so that its map has fewer of them, and is of the first method alone.
    """
    if len(loss.parameters) < 2:
        return ()
    methods, cells = (MAPPED, CELLS) if loss.program is None else (MAPPED[:1], _CELLS_OF_FUNCTION)
    setting = setting_of(loss, batch, methods=methods, wrt=tuple(report.gradient)[:MOST_PARTIALS], dtype=report.dtype)
    plane = plane_of((loss.parameters[0], loss.parameters[1]), points, cells)
    return error_maps(setting, points[0], plane, points) if setting.problem.parameters else ()


def along_the_only(
    loss: Loss, batch: Batch, points: Sequence[Mapping[str, float]], report: Report
) -> tuple[Figure, ...]:
    """The correct digits along the parameter of a loss that has one, where there is no plane to map."""
    if len(loss.parameters) != 1 or loss.parameters[0] not in report.gradient:
        return ()
    (name,) = loss.parameters
    methods, cells = (SHOWN, CELLS) if loss.program is None else (_OF_FUNCTION, 2 * _CELLS_OF_FUNCTION)
    places = line_of(name, points, cells)
    span = ScanSpan(name, places[0], places[-1], len(places))
    return run_scan(loss, batch, points[0], span, methods=methods, wrt=(name,), dtype=report.dtype).figures()
