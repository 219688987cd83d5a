"""Results as tables of pandas, which is no dependency: it is used where it is installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from diffexplore.documents import Plain
from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from diffexplore.fitting.records import Fit


#: Keys of a row that hold a document, and the keys of that.
_NESTED = {
    "truth": ("mid", "rad"),
    "cause": ("key", "message", "fields"),
    "entries": ("pass", "fail", "inconclusive", "kinks"),
}


def of_rows(rows: Iterable[Plain]) -> Any:
    """A line for each of the rows; nested keys are joined by a point, as in ``point.a`` and ``truth.mid``."""
    return _frame([dict(_flat(row.to_dict())) for row in rows])


def of_fit(fit: Fit) -> Any:
    """A line for each step in the path of a run: method, dtype, step, loss, and ``point.a`` for each parameter."""
    rows = [
        {"method": run.method, "dtype": run.dtype, "step": at.step, "loss": at.loss}
        | {f"point.{name}": value for name, value in at.point.items()}
        for run in fit.runs
        for at in run.path
    ]
    return _frame(rows)


def _flat(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Keys and values: the same keys for each row, whether it has a truth and a cause or not."""
    for key, value in row.items():
        if key == "point":
            yield from ((f"point.{name}", number) for name, number in value.items())
        elif key in _NESTED:
            yield from ((f"{key}.{name}", value and value[name]) for name in _NESTED[key])
        else:
            yield key, value


def _frame(rows: list[dict[str, Any]]) -> Any:
    try:
        import pandas
    except ImportError:
        raise UsageError("a dataframe needs pandas: python -m pip install pandas") from None
    return pandas.DataFrame(rows)
