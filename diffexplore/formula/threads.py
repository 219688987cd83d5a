"""Threads for work that may be deep, and may be stopped: their stacks, and the exceptions that are lost in them.

A stack must hold as many calls as Python allows: where it ends before, the process ends with it, without a word.
Python counts nested calls and raises RecursionError at a limit (``sys.setrecursionlimit``), but what a call takes of
the stack in C is not counted. A thread has the stack that its system gives: 8 MiB on most of Linux, 2 MiB there where
``ulimit -s`` is unlimited, 128 KiB with musl, and anything after ``threading.stack_size``; and the limit may be raised,
as torch's compiler does. So the size is derived from the limit for each thread.
"""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_MIB = 2**20

_CALL = 8 * 2**10
"""Bytes for one nested call. The largest measured is 2.6 KiB: a comparison or a key of ``sorted`` that sorts again."""

_LEAST, _MOST = 16 * _MIB, 1024 * _MIB  # bounds of a stack. Only what is used of it takes memory

STARTING = _thread.allocate_lock()
"""Held while a thread starts: the size of stacks is one of the whole process, and until a thread runs Python 3.11 knows
it by the identifier of the thread that starts it, so that an exception for that one would end the new one."""


def start_with_room(run: Callable[[], None]) -> bool:
    """Run ``run()`` in a new thread with a stack for as many calls as the recursion limit allows.

    Returns:
        Whether there is such a thread: the system may have no memory for it, or no threads.
    """
    running = _thread.allocate_lock()
    running.acquire()

    def announced() -> None:
        running.release()
        run()

    with STARTING:
        try:
            usual = _thread.stack_size(_room())
        except (ValueError, RuntimeError):  # a size that the system does not take, or sizes cannot be set
            return False
        try:
            _thread.start_new_thread(announced, ())
        except RuntimeError:  # "can't start new thread"
            return False
        finally:
            _thread.stack_size(usual)
        running.acquire()
    return True


def _room() -> int:
    """Bytes of a stack for the recursion limit, a whole number of MiB."""
    return min(max(_LEAST, -(-sys.getrecursionlimit() * _CALL // _MIB) * _MIB), _MOST)


@contextmanager
def losses_ignored(kind: type[BaseException]) -> Iterator[None]:
    """Python reports an exception that is raised within a destructor or a callback; of this kind it shall not."""
    report = sys.unraisablehook

    def quiet(unraisable: Any) -> None:
        if unraisable.exc_type is not kind:
            report(unraisable)

    sys.unraisablehook = quiet
    try:
        yield
    finally:
        sys.unraisablehook = report
