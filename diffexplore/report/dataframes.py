"""Results as tables of pandas, which is no dependency: it is used where it is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from diffexplore.check.records import Report
    from diffexplore.fitting.records import Fit


def of_report(report: Report) -> Any:
    """A line for each row of ``report``; nested keys are joined by a point, as in ``point.a`` and ``truth.mid``."""
    return _frame([dict(_flat(row.to_dict())) for row in report.rows])


def of_fit(fit: Fit) -> Any:
    """A line for each step in the path of a run: method, dtype, step, loss, and ``point.a`` for each parameter."""
    rows = [
        {"method": run.method, "dtype": run.dtype, "step": at.step, "loss": at.loss}
        | {f"point.{name}": value for name, value in at.point.items()}
        for run in fit.runs
        for at in run.path
    ]
    return _frame(rows)


def _flat(document: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Keys and values; the fields of a cause stay together, for each cause has its own."""
    for key, value in document.items():
        if isinstance(value, Mapping) and key != "fields":
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _frame(rows: list[dict[str, Any]]) -> Any:
    try:
        import pandas
    except ImportError:
        raise UsageError("a dataframe needs pandas: python -m pip install pandas") from None
    return pandas.DataFrame(rows)
