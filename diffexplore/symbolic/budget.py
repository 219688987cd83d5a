"""A limit on wall time that holds inside a single long call.

SymPy has no way to be told to stop. The work is done in a thread of its own, in which CPython raises an exception
(``PyThreadState_SetAsyncExc``) when the time is up. The caller waits, so nothing runs side by side; the exception
can only ever reach the worker, so nothing can leak into the caller; and unlike signals this works in any thread.
"""

from __future__ import annotations

import _thread
import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_SHOT_INTERVAL = 0.02
"""Seconds between two attempts: an exception that lands in a destructor or a callback is lost, so it is repeated."""


class TimeIsUp(SystemExit):
    """Raised in the worker. A SystemExit passes every ``except Exception`` and ends a thread without a message."""


def run_within(seconds: float, work: Callable[[], object]) -> bool:
    """Run ``work()`` for at most ``seconds`` of wall time.

    ``work`` should leave its results in one assignment each, so that being abandoned between two lines is harmless.
    A call into C is only abandoned once it returns.

    Returns:
        Whether ``work`` came to its end. An exception that it raised is raised here.
    """
    worker = _Worker(work)
    try:
        worker.wait(seconds)
    finally:
        worker.stop()
    if worker.error is not None:
        raise worker.error
    return worker.finished


class _Worker:
    """A thread that runs ``work`` once and can be stopped."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.finished = False
        self.error: BaseException | None = None
        self._work = work
        self._running = _thread.allocate_lock()
        self._running.acquire()
        self._over = False
        self._identifier: int | None = None
        _thread.start_new_thread(self._run, ())

    def _run(self) -> None:
        try:
            self._identifier = _thread.get_ident()  # from here on it may be shot, and will release the lock
            self._work()
            self.finished = True
        except TimeIsUp:
            pass
        except BaseException as error:  # handed to the caller, which raises it
            self.error = error
        finally:
            self._over = True
            self._running.release()

    def wait(self, seconds: float) -> None:
        """Wait for the end of the work, at most ``seconds``."""
        self._running.acquire(timeout=max(seconds, 0))

    def stop(self) -> None:
        """Raise TimeIsUp in the worker until it has ended."""
        if self._over:
            return
        with _lost_shots_ignored():
            while not self._over:
                if self._identifier is not None:
                    _raise_in(self._identifier)
                self._running.acquire(timeout=_SHOT_INTERVAL)


@contextmanager
def _lost_shots_ignored() -> Iterator[None]:
    """Python reports an exception that lands in a destructor or a callback; ours there are of no interest."""
    report = sys.unraisablehook

    def quiet(unraisable: Any) -> None:
        if unraisable.exc_type is not TimeIsUp:
            report(unraisable)

    sys.unraisablehook = quiet
    try:
        yield
    finally:
        sys.unraisablehook = report


def _raise_in(thread: int) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(TimeIsUp))
