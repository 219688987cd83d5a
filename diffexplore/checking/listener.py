"""Who hears of a check while it runs."""

from __future__ import annotations

from typing import Protocol

from diffexplore.checking.records import Row


class Listener(Protocol):
    """Hears of a check while it runs; ``wants_rows`` asks for a row of every sample.

    ``progress`` is told the name of a phase, and how much of it is done: parts of equal size, which take about as long
    as each other, or a total of 0 where there are no such parts.
    """

    wants_rows: bool

    def progress(self, stage: str, done: int, total: int) -> None: ...

    def row(self, row: Row) -> None: ...


class Silence:
    """Hears nothing and says nothing."""

    wants_rows = False

    def progress(self, stage: str, done: int, total: int) -> None:
        pass

    def row(self, row: Row) -> None:
        pass
