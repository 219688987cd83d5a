"""A limit on processor time that holds inside a single long call.

Processor time, and not wall time: other processes on the machine do not change what is found within it.

SymPy has no way to be told to stop. The work is done in a thread of its own, in which CPython raises an exception
(``PyThreadState_SetAsyncExc``) when the time is up. The caller waits, so nothing runs side by side; the exception
can only ever reach the worker, so nothing can leak into the caller; and unlike signals this works in any thread.
"""

from __future__ import annotations

import _thread
import ctypes
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_SHOT_INTERVAL = 0.02
"""Seconds between two attempts: an exception that lands in a destructor or a callback is lost, so it is repeated."""


_HAS_CLOCK = hasattr(time, "pthread_getcpuclockid")
"""Whether the processor time of a thread can be told."""


class TimeIsUp(SystemExit):
    """Raised in the worker. A SystemExit passes every ``except Exception`` and ends a thread without a message."""


def run_within(seconds: float, work: Callable[[], object]) -> bool:
    """Run ``work()`` for at most ``seconds`` of its own processor time (of wall time where a system has no such clock).

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
        self._clock: int | None = None
        _thread.start_new_thread(self._run, ())

    def _run(self) -> None:
        try:
            if _HAS_CLOCK:
                self._clock = time.pthread_getcpuclockid(_thread.get_ident())
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
        """Wait for the end of the work, at most ``seconds`` of its processor time."""
        left = seconds
        while left > 0 and not self._over and not self._running.acquire(timeout=max(left, _SHOT_INTERVAL)):
            left = seconds - self._used(otherwise=seconds)

    def _used(self, otherwise: float) -> float:
        """The processor time of the thread so far; ``otherwise`` where it cannot be told."""
        if self._clock is None:
            return 0.0 if _HAS_CLOCK else otherwise
        try:
            return time.clock_gettime(self._clock)
        except OSError:  # the thread has just ended
            return otherwise

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
