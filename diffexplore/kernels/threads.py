"""Parts of a batch shared out over threads; the bits of what is computed for a part do not depend on them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

T = TypeVar("T")


def in_threads(worker: Callable[[], Callable[[int], T]], parts: int, threads: int) -> list[T]:
    """What is computed for the parts 0, 1, …, in their order, by at most so many threads.

    Each thread calls ``worker`` once, for a function of a part with space of its own.
    """
    found: list[Any] = [None] * parts
    numbers = itertools.count()

    def work() -> None:
        torch.set_num_threads(1)
        with torch.no_grad():
            compute = worker()
            while (part := next(numbers)) < parts:
                found[part] = compute(part)

    others = min(threads, parts) - 1
    with one_thread():  # it ends after the other threads have
        if others < 1:
            work()
        else:
            with ThreadPoolExecutor(others) as pool:
                running = [pool.submit(work) for _ in range(others)]
                work()
            for one in running:
                one.result()
    return found


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch and its BLAS start no threads of their own: they would get into each other's way, and add in another order.

    Of this thread, and of threads that begin meanwhile.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
