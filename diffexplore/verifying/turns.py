"""Checks in several threads, one after another: they share torch's generators, whose state each of them sets."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Where Python's threads wait for one another, by module and function.
_WAITING = {
    ("threading", "wait"),
    ("threading", "join"),
    ("threading", "_wait_for_tstate_lock"),
    ("selectors", "select"),
}

#: How long a thread sleeps before it looks again at whether the one that checks waits for it, in seconds.
_PAUSE = 0.02


class _Turns:
    """The threads that are in a check, each within that of the one before it."""

    def __init__(self) -> None:
        self._inside: list[threading.Thread] = []
        self._left = threading.Condition()

    def enter(self) -> None:
        """Waits until no other thread checks, or the one that does waits itself, perhaps for this one to check."""
        own = threading.current_thread()
        with self._left:
            while self._inside and self._inside[-1] is not own and not _waits(self._inside[-1]):
                self._left.wait(_PAUSE)
            self._inside.append(own)

    def leave(self) -> None:
        own = threading.current_thread()
        with self._left:
            place = max(place for place, one in enumerate(self._inside) if one is own)
            del self._inside[place]
            self._left.notify_all()

    def only_this_thread(self) -> None:
        """After a fork: the other threads are not in this process."""
        own = threading.current_thread()
        self._inside, self._left = [one for one in self._inside if one is own], threading.Condition()


def _waits(thread: threading.Thread) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    if frame is None:  # it has ended
        return True
    return (frame.f_globals.get("__name__"), frame.f_code.co_name) in _WAITING


_TURNS = _Turns()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_TURNS.only_this_thread)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Waits for checks in other threads; not for those that wait for this thread, of which it is a part."""
    _TURNS.enter()
    try:
        yield
    finally:
        _TURNS.leave()
