"""From a result alone to what its page is about: the loss is made again from its formula, where it has one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from diffexplore.checking.records import Report
from diffexplore.errors import UsageError
from diffexplore.fitting.records import Fit
from diffexplore.pages.records import Subject
from diffexplore.render.places import points_of

if TYPE_CHECKING:
    from diffexplore.formula.descriptions import LossSummary
    from diffexplore.loss import Loss


def of_result(result: Any) -> tuple[str, Subject]:
    """The kind of page that shows a result, and what it is about."""
    if isinstance(result, Report):
        return "report" if result.candidate is None else "verify", of_report(result)
    if isinstance(result, Fit):
        return "fit", of_fit(result)
    return _KINDS[type(result).__name__], Subject(result)


#: The kind of a result by the name of its class, which is unique in the package: most results need not be loaded.
_KINDS = {"Proof": "prove", "Graph": "graph", "Bench": "bench", "TensorReport": "gradcheck"}


def of_report(report: Report) -> Subject:
    """A check or a verification, at the points of its rows."""
    return Subject(report, loss_of(report.loss), points=points_of(report))


def of_fit(fit: Fit, axes: Sequence[str] | None = None) -> Subject:
    """A fit, from its start to its end, seen over ``axes``."""
    points = (fit.run.first.point, *([fit.run.last.point] if fit.run.finite else []))
    if fit.fitted is None:
        return Subject(fit, loss_of(fit.loss), points=points)
    return Subject(fit, fit.fitted.loss, fit.fitted.batch, points, axes=None if axes is None else tuple(axes))


def loss_of(summary: LossSummary) -> Loss | None:
    """The loss that a summary describes; None for one of a torch function, and where its text is not read back."""
    from diffexplore.loss import Loss

    if summary.program is not None:
        return None
    try:
        return Loss(
            summary.formula, parameters=summary.parameters, data=summary.data, reduction=summary.reduction,
            name=summary.name, domain=summary.domain, source=summary.source,
        )  # fmt: skip
    except UsageError:
        return None
