"""Which thread was started by which: Python does not keep that. It is noted while somebody's code runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

from diffexplore.torch_private.patch_lock import PATCHES

Thread = threading.Thread

#: The thread that started one, of those that were started while it was noted.
_PARENTS: MutableMapping[Thread, Thread] = WeakKeyDictionary()

_BLOCKS: list[Callable[..., Any]] = []


@contextmanager
def starts_noted() -> Iterator[None]:
    """Inside the block, and in others of its kind, threads that start are noted, whoever starts them."""
    holder: Any = Thread
    with PATCHES:
        if not _BLOCKS:
            holder.start = _noting(holder.start)
        _BLOCKS.append(holder.start)
    try:
        yield
    finally:
        with PATCHES:
            noting: Any = _BLOCKS.pop()
            if not _BLOCKS and holder.start is noting:
                holder.start = noting.__wrapped__


def _noting(start: Callable[[Thread], None]) -> Callable[[Thread], None]:
    @wraps(start)
    def noted(self: Thread) -> None:
        _PARENTS[self] = threading.current_thread()
        start(self)

    return noted


def belongs_to(thread: Thread) -> bool:
    """Whether what runs here was started by ``thread``: devices have threads of torch's, which Python did not start."""
    here: Thread | None = threading.current_thread()
    while here is not None:
        if here is thread or isinstance(here, threading._DummyThread):
            return True
        here = _PARENTS.get(here)
    return False
