"""The command as one of the processes that torchrun started: they share the samples, and one of them speaks for all."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from diffexplore.errors import UsageError
from diffexplore.ranks.records import ALONE, RankLost, Ranks, is_known_to_all

if TYPE_CHECKING:
    from types import FrameType

#: What torchrun tells each process.
_TOLD = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")

_RANKS: list[Ranks] = []


def ranks() -> Ranks:
    """The processes that share the work of this command."""
    return _RANKS[0] if _RANKS else ALONE


def speaks() -> bool:
    """Whether this process prints, and writes files."""
    return ranks().rank == 0


@contextmanager
def shared() -> Iterator[None]:
    """A command that this process runs together with those that torchrun started beside it, if it did.

    All of them end well, or all raise the error of the first that does not. All but the first fall silent.
    """
    _begin()
    if ranks().count == 1:
        yield
        return
    from diffexplore.ranks.exchange import left

    error: Exception | None = None
    try:
        yield
    except Exception as raised:
        error = raised
    if error is None or not is_known_to_all(error):
        try:
            ranks().together(None, error)
        except Exception as raised:
            error = raised
    if not isinstance(error, RankLost):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        left()
    if error is not None:
        raise error


def _begin() -> None:
    if _RANKS or not all(os.environ.get(name) for name in _TOLD) or os.environ["WORLD_SIZE"] == "1":
        return
    from diffexplore.ranks.exchange import started

    _RANKS[:] = [started()]
    signal.signal(signal.SIGTERM, _ended_from_outside)
    if not speaks():
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # until the process ends


def abandon(code: int) -> NoReturn:
    """Ends this process at once: the exchange with one that is gone would be waited for."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def left_to_say(error: Exception) -> bool:
    """Whether it is this process that tells of an error: the first of those that are still there."""
    if isinstance(error, RankLost):
        first = next(rank for rank in range(ranks().count) if rank not in error.gone)
        sys.stderr = sys.__stderr__
        return ranks().rank == first
    return speaks()


def check_alone(what: str) -> None:
    """Raises UsageError for what one process alone can do."""
    if ranks().count > 1:
        raise UsageError(f"{what}: run it without torchrun")


def _ended_from_outside(number: int, frame: FrameType | None) -> NoReturn:
    """torchrun ends all processes where one has ended: who that was is said before."""
    from diffexplore.ranks.exchange import lost

    signal.signal(number, signal.SIG_DFL)
    raise lost(ranks())
