"""The processes that share one piece of work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from diffexplore.errors import DiffexploreError, UsageError

T = TypeVar("T")

#: The error that the processes raised together last.
_RAISED_TOGETHER: list[Exception] = []


class RankError(UsageError):
    """Input that one of several processes could not use: the message names the process."""


class RankLost(UsageError):
    """Processes ended before the others: ``gone`` are their numbers, as far as they are known."""

    def __init__(self, message: str, gone: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.gone = gone


@dataclass(frozen=True)
class Ranks:
    """``count`` processes, of which this one has the number ``rank``, from 0.

    With several of them every method but :meth:`share` is called by all, in the same order. What one of them raises
    in such a call is raised by all; an error of input names the process that met it.
    """

    rank: int = 0
    count: int = 1

    def share(self, parts: int) -> range:
        """The parts that this process works on: neighbours, so that it reads its files from end to end."""
        return range(parts * self.rank // self.count, parts * (self.rank + 1) // self.count)

    def each(self, parts: int, work: Callable[[int], T]) -> list[T]:
        """What ``work`` gives for each part, in the order of the parts, whichever process did it."""
        found, error = _tried(lambda: [work(part) for part in self.share(parts)])
        return [one for some in self.together(found or [], error) for one in some]

    def everywhere(self, work: Callable[[], T]) -> T:
        """What ``work`` gives in this process, once it has ended well in all of them."""
        found, error = _tried(work)
        self.together(None, error)
        return found  # type: ignore[return-value]  # there was no error

    def together(self, own: T, error: Exception | None = None) -> list[T]:
        """What each process gives, in their order; raises the first of their errors instead, if there is one."""
        if self.count == 1:
            if error is not None:
                raise error
            return [own]
        from diffexplore.ranks.exchange import exchanged

        sent = None if error is None else _sendable(error)
        every: list[tuple[Exception | None, T]] = exchanged(self.rank, (sent, own))
        problems = {rank: problem for rank, (problem, _) in enumerate(every) if problem is not None}
        if problems:
            rank, first = next(iter(problems.items()))
            alike = len(problems) == self.count and len({str(problem) for problem in problems.values()}) == 1
            _RAISED_TOGETHER[:] = [first if alike else _named(rank, first)]
            raise _RAISED_TOGETHER[0]
        return [one for _, one in every]

    def agree(self, what: str, own: Sequence[str]) -> None:
        """Raises :class:`UsageError` in all processes where ``own``, lines about ``what``, are not the same in all."""
        first, *others = self.together(list(own))
        for rank, other in enumerate(others, 1):
            different = [pair for pair in zip(first, other, strict=False) if pair[0] != pair[1]]
            if different or len(first) != len(other):
                here, there = different[0] if different else (f"{len(first)} files", f"{len(other)} files")
                _RAISED_TOGETHER[:] = [RankError(f"rank {rank} sees other {what} than rank 0: {there}; there, {here}")]
                raise _RAISED_TOGETHER[0]


def is_known_to_all(error: Exception) -> bool:
    """Whether all processes raised this error, in a call that they made together."""
    return isinstance(error, RankLost) or any(error is known for known in _RAISED_TOGETHER)


def _tried(work: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return work(), None
    except RankLost:
        raise
    except Exception as error:  # it is raised again, by all processes
        return None, error


def _sendable(error: Exception) -> Exception:
    """The error as another process can raise it."""
    from diffexplore.ranks.packing import packed, unpacked

    try:
        return error if type(unpacked(packed(error))) is type(error) else _described(error)
    except Exception:  # what a library's exceptions hold is theirs: files, locks, frames
        return _described(error)


def _described(error: Exception) -> RuntimeError:
    return RuntimeError(f"{type(error).__name__}: {error}")


def _named(rank: int, error: Exception) -> Exception:
    if isinstance(error, UsageError) and not isinstance(error, RankError):
        return RankError(f"rank {rank}: {error}")
    return error if isinstance(error, (DiffexploreError, RuntimeError, MemoryError)) else _described(error)


#: One process that does all of the work.
ALONE = Ranks()
