"""A limit on work, counted in operations, so that the same input ends in the same place on every machine.

What works under a :class:`Budget` says what it does by calls of :func:`spend`, by counts that depend on its input
alone: nodes that are visited, terms that are multiplied, steps that are run in balls. SymPy and flint do not count, and
cannot be stopped: what they are given is bounded beforehand, by its size (:mod:`diffexplore.formula.size`).

Seconds are a far net under that. The work is done in a thread of its own, in which CPython raises an exception
(``PyThreadState_SetAsyncExc``) when the processor time of the thread is up. The caller waits, so nothing runs side by
side; the exception can only ever reach the worker, so nothing can leak into the caller; and unlike signals this works
in any thread. The thread has a stack that holds as many calls as Python allows (:mod:`diffexplore.formula.threads`).
"""

from __future__ import annotations

import _thread
import ctypes
import time
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from enum import Enum

from diffexplore.formula.threads import STARTING, losses_ignored, start_with_room

_SHOT_INTERVAL = 0.02
"""Seconds between two attempts: an exception that lands in a destructor or a callback is lost, so it is repeated."""

_LOOK_INTERVAL = 0.2
"""Seconds between two looks of a caller that waits: what waits for a lock cannot be stopped itself."""

_raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc

_HAS_CLOCK = hasattr(time, "pthread_getcpuclockid")  # whether the processor time of a thread can be read


class Ending(Enum):
    """How work under a budget ended; the value says it in words."""

    DONE = "done"
    TOO_LARGE = "too large"
    OUT_OF_TIME = "out of time"


@dataclass(frozen=True)
class Budget:
    """So many operations, and the net under them: seconds of processor time, many times what the operations take."""

    operations: int
    seconds: float


class _Stopped(SystemExit):
    """Ends work. A SystemExit passes every ``except Exception`` and ends a thread without a message."""


class _Spent(_Stopped):
    """Raised by :func:`spend` where the operations are used up."""


class TimeIsUp(_Stopped):
    """Raised in the worker when its time is up."""


class Meter:
    """What is left of the operations of one budget; ``late`` where some work under it was ended by its seconds."""

    def __init__(self, operations: int) -> None:
        self.left = operations
        self.late = False

    def spend(self, operations: int) -> None:
        self.left -= operations
        if self.left < 0:
            raise _Spent


METER: ContextVar[Meter | None] = ContextVar("meter", default=None)
"""That of the work that is being done."""


def spend(operations: int = 1) -> None:
    """Take ``operations`` from the budget of the work that this call is part of, if it has one.

    The count must depend on the input of the work alone: what was found before must not be cheaper. A result that is
    kept for later calls is kept with what it took (:func:`diffexplore.formula.remembered.remembered`).
    """
    meter = METER.get()
    if meter is not None:
        meter.spend(operations)


def run_within(budget: Budget, work: Callable[[], object]) -> Ending:
    """Run ``work()`` within its operations, and within its seconds of the processor time of its thread.

    ``work`` should leave its results in one assignment each, so that being abandoned between two lines is harmless.
    A call into C is only abandoned once it returns. A budget within another is one of its own: nothing is taken from
    the outer one. (Where a system has no processor time of threads, the seconds are of wall time.)

    Returns:
        How the work ended. An exception that it raised is raised here.
    """
    return _run(Meter(budget.operations), budget.seconds, work)


def _run(meter: Meter, seconds: float, work: Callable[[], object]) -> Ending:
    worker = _Worker(work, meter)
    try:
        worker.wait(seconds)
    finally:
        worker.stop()
    if worker.error is not None:
        raise worker.error
    outer = METER.get()
    if outer is not None:
        outer.late |= meter.late or worker.ending is Ending.OUT_OF_TIME
    return worker.ending


class Allowance:
    """A budget that pieces of work share, one after the other.

    Each may take half of the operations that are left: what is too large leaves some for what comes after it. The
    seconds are for each piece.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.left = budget.operations

    def run(self, work: Callable[[], object]) -> Ending:
        """As :func:`run_within`, with half of what is left; what the work took is gone, also where it raises."""
        share = self.left // 2
        meter = Meter(share)
        try:
            return _run(meter, self._budget.seconds, work)
        finally:
            self.left -= share - max(meter.left, 0)


class _Worker:
    """A thread that runs ``work`` once and can be stopped."""

    def __init__(self, work: Callable[[], object], meter: Meter) -> None:
        self.ending = Ending.OUT_OF_TIME
        self.error: BaseException | None = None
        self._work = work
        self._meter = meter
        self._context = copy_context()
        self._running = _thread.allocate_lock()
        self._running.acquire()
        self._over = False
        self._identifier: int | None = None
        self._clock: int | None = None
        if not start_with_room(self._run):
            self._run()  # no thread can be had: the operations alone limit the work

    def _run(self) -> None:
        try:
            if _HAS_CLOCK:
                self._clock = time.pthread_getcpuclockid(_thread.get_ident())
            self._identifier = _thread.get_ident()  # from here on it may be shot, and will release the lock
            self._context.run(METER.set, self._meter)
            self._context.run(self._work)
            self.ending = Ending.DONE
        except _Spent:
            self.ending = Ending.TOO_LARGE
        except TimeIsUp:
            pass
        except BaseException as error:  # handed to the caller, which raises it
            self.error = error
        finally:  # neither here nor above does Python raise a shot before the release, since it does so at calls only
            self._over = True
            self._running.release()

    def wait(self, seconds: float) -> None:
        """Wait for the end of the work, at most ``seconds`` of its processor time."""
        started, left = time.monotonic(), seconds
        while left > 0 and not self._over:
            if self._running.acquire(timeout=min(max(left, _SHOT_INTERVAL), _LOOK_INTERVAL)):
                return
            left = seconds - self._used(otherwise=time.monotonic() - started)

    def _used(self, otherwise: float) -> float:
        """The processor time of the thread so far; ``otherwise`` where it cannot be read."""
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
        stopped = False
        with losses_ignored(TimeIsUp):
            while not self._over:
                try:
                    if self._identifier is not None:
                        self._shoot(ctypes.c_ulong(self._identifier), ctypes.py_object(TimeIsUp))
                    self._running.acquire(timeout=_SHOT_INTERVAL)
                except TimeIsUp:  # the caller is a worker itself, and is stopped: this one must end before
                    stopped = True
        if stopped:
            raise TimeIsUp

    def _shoot(self, thread: ctypes.c_ulong, error: ctypes.py_object[type[TimeIsUp]]) -> None:
        """Raise in the worker, unless it is over: its identifier may then be that of another thread.

        Python cannot change threads between the question and the shot, as nothing is called before that.
        """
        with STARTING:
            if not self._over:
                _raise_in(thread, error)
