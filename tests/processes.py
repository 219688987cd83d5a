"""Processes of their own, for what only a new process shows."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")

#: Seconds after which something hangs: many times what anything takes, also on a busy machine.
HANGS = 900.0


def run_python(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs this Python with some arguments to its end. ``options``: of :func:`subprocess.run`."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANGS, **options)


def in_a_fork(function: Callable[..., Result], *arguments: Any) -> Result:
    """What a function of a module returns in a process of its own, whose changes nothing sees that comes after it.

    The process has loaded what this one has: it begins at once, where a new Python takes seconds to load torch.
    """
    forks = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, mp_context=forks, initializer=_work_in_one_thread) as one:
        try:
            return one.submit(function, *arguments).result(HANGS)
        except TimeoutError:  # else the end of the block would wait for it
            for child in multiprocessing.active_children():
                child.kill()
            raise


def _work_in_one_thread() -> None:
    """Those that torch has begun do not live on in a fork, where it would wait for them."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
