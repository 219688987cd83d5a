"""What the check tells while it runs: progress on stderr, and every row where they are asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from diffexplore.check.records import Row
from diffexplore.report.documents import write_row

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Listener:
    """Passes on what the check tells to a progress display and to a stream of rows, where there are such."""

    def __init__(self, display: Progress | None, row_stream: TextIO | None) -> None:
        self.wants_rows = row_stream is not None
        self._display = display
        self._row_stream = row_stream
        self._tasks: dict[str, TaskID] = {}

    def progress(self, stage: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` parts of ``stage`` are finished."""
        if self._display is None:
            return
        if stage not in self._tasks:
            self._tasks[stage] = self._display.add_task(stage, total=total)
        self._display.update(self._tasks[stage], completed=done, total=total)

    def row(self, row: Row) -> None:
        """Write one row as a line of JSON."""
        if self._row_stream is not None:
            write_row(row, self._row_stream)


@contextmanager
def listening(*, quiet: bool, rows_to: TextIO | None) -> Iterator[Listener]:
    """A listener whose progress display is on stderr, if a person is there to see it, and gone at the end."""
    if quiet or not sys.stderr.isatty():
        yield Listener(None, rows_to)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from diffexplore.cli.output import console_on

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console_on(sys.stderr), transient=True) as display:
        yield Listener(display, rows_to)
