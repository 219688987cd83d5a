"""Progress of a check: a listener while it runs, and callbacks for every report that is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from diffexplore.checking.records import Row
from diffexplore.documents import Document

_Document = TypeVar("_Document", bound=Document)


class Listener(Protocol):
    """Follows a check while it runs; with ``wants_rows`` it gets a row for every sample.

    ``progress`` takes the name of a phase, and how much of it is done: parts of equal size, which take about as long
    as each other, or a total of 0 where there are no such parts.
    """

    wants_rows: bool

    def progress(self, stage: str, done: int, total: int) -> None: ...

    def row(self, row: Row) -> None: ...


class Silence:
    """A listener that ignores everything."""

    wants_rows = False

    def progress(self, stage: str, done: int, total: int) -> None:
        pass

    def row(self, row: Row) -> None:
        pass


#: They are called wherever a check was called from: a test run collects its reports so.
_callbacks: list[Callable[[Document], None]] = []


@contextmanager
def notifying(callback: Callable[[Document], None]) -> Iterator[None]:
    """Calls ``callback`` with each report that is made inside the ``with`` block."""
    _callbacks.append(callback)
    try:
        yield
    finally:
        _callbacks.remove(callback)


def announced(report: _Document) -> _Document:
    """The report, after every callback was called with it."""
    for callback in tuple(_callbacks):
        callback(report)
    return report
