"""What the check reports while it runs: progress on stderr, and every row where they are requested."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from diffexplore.cli import launched
from diffexplore.cli.collector import wake

if TYPE_CHECKING:
    from rich.progress import Progress, Task, TaskID

    from diffexplore.checking.records import Row

#: The phase before anything is computed: on a cold disk it takes seconds.
LOADING = "loading torch and SymPy"

#: The time left is shown once so much of a phase is done: before, its pace is not known.
_TELLING = 0.02


class ScreenListener:
    """Passes on what the check reports to a progress display and to a stream of rows, where there are such."""

    def __init__(self, display: Progress | None, row_stream: TextIO | None) -> None:
        self.wants_rows = row_stream is not None
        self._display = display
        self._row_stream = row_stream
        self._stage: tuple[str, TaskID] | None = None

    def progress(self, stage: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` parts of ``stage`` are finished; the libraries are loaded then."""
        wake()
        self.show(stage, done, total)

    def show(self, stage: str, done: int, total: int) -> None:
        """Show how much of a phase is done, in the place of the phase before.

        A total of 0 or 1 is that of a phase of which nothing is known but that it has begun.
        """
        if self._display is None:
            return
        known = total if total > 1 else None
        if self._stage is None or self._stage[0] != stage:
            if self._stage is not None:
                self._display.remove_task(self._stage[1])
            self._stage = stage, self._display.add_task(stage, total=known)
        self._display.update(self._stage[1], completed=done, total=known)

    def row(self, row: Row) -> None:
        """Write one row as a line of JSON, in ASCII with escapes."""
        if self._row_stream is not None:
            self._row_stream.write(json.dumps(row.to_dict(), allow_nan=False, separators=(",", ":")) + "\n")


@contextlib.contextmanager
def listening(*, quiet: bool, rows_to: TextIO | None = None, loading: str = LOADING) -> Iterator[ScreenListener]:
    """A listener whose progress display is on stderr, if a person is there to see it, and gone at the end.

    Begins with the phase ``loading``: enter it before the imports that take so long. What libraries and files print
    while they are executed is kept out of standard output.
    """
    if rows_to is not None:
        launched.check_alone("--rows all prints the rows of one process")
    with contextlib.redirect_stdout(sys.stderr):
        if quiet or not sys.stderr.isatty():
            yield ScreenListener(None, rows_to)
            return
        with _display() as display:
            listener = ScreenListener(display, rows_to)
            listener.show(loading, 0, 0)
            yield listener


def _display() -> Progress:
    """The phase, how much of it is done, how long it has taken, and how long it will still take where that is known."""
    from rich.progress import Progress, ProgressColumn, SpinnerColumn, TextColumn
    from rich.text import Text

    from diffexplore.cli.output import console_on
    from diffexplore.typography import speaks_mathematics

    class Counted(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(counted(task.completed, task.total))

    class Left(ProgressColumn):
        max_refresh = 0.5  # a number that changes ten times a second cannot be read

        def render(self, task: Task) -> Text:
            return Text(time_shown(task.completed, task.total, task.elapsed, task.time_remaining))

    console = console_on(sys.stderr)
    spinner = "dots" if speaks_mathematics(console.encoding) else "line"
    columns = (SpinnerColumn(spinner), TextColumn("{task.description}", markup=False), Counted(), Left())
    return Progress(*columns, console=console, transient=True)


def counted(done: float, total: float | None) -> str:
    """``30,000 of 1,000,000``; nothing of a phase whose size is not known."""
    return "" if total is None else f"{int(done):,} of {int(total):,}"


def time_shown(done: float, total: float | None, elapsed: float | None, left: float | None) -> str:
    """``12 s left`` where the pace of the phase tells it, else how long it has taken: ``3 s``."""
    if total and left is not None and _TELLING * total <= done < total:
        return f"{_time(left)} left"
    return _time(elapsed) if elapsed and elapsed >= 1 else ""


def _time(seconds: float) -> str:
    """``12 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
