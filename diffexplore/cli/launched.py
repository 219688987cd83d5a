"""The command as one of the processes that torchrun started: they share the samples, and one of them speaks for all."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from diffexplore.errors import UsageError
from diffexplore.ranks.records import ALONE, RankLost, Ranks, is_known_to_all

if TYPE_CHECKING:
    from types import FrameType

#: What torchrun tells each process.
_TOLD = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")

#: The commands that share their samples.
SHARING = ("report", "fit", "verify")

_RANKS: list[Ranks] = []


def ranks() -> Ranks:
    """The processes that share the work of this command."""
    return _RANKS[0] if _RANKS else ALONE


def speaks() -> bool:
    """Whether this process prints, and writes files."""
    return ranks().rank == 0


def begin() -> None:
    """Joins the processes of torchrun, where it started this one among others; all but the first fall silent."""
    if _RANKS or not all(os.environ.get(name) for name in _TOLD) or os.environ["WORLD_SIZE"] == "1":
        return
    from diffexplore.ranks.exchange import started

    _RANKS[:] = [started()]
    signal.signal(signal.SIGTERM, _ended_from_outside)
    if not speaks():
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # until the process ends


def end(error: Exception | None = None) -> None:
    """Waits for the other processes: raises the error of one of them, if one could not do its part."""
    if ranks().count > 1 and (error is None or not is_known_to_all(error)):
        ranks().together(None, error)


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


def _ended_from_outside(number: int, frame: FrameType | None) -> Any:
    """torchrun ends all processes where one has ended: who that was is said before."""
    from diffexplore.ranks.exchange import lost

    signal.signal(number, signal.SIG_DFL)
    raise lost(ranks())
