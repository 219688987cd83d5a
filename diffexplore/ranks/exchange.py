"""How processes give each other what they found: as bytes, through torch.distributed."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as distributed

from diffexplore.errors import UsageError
from diffexplore.lists import listed
from diffexplore.ranks.packing import packed, unpacked
from diffexplore.ranks.records import RankLost, Ranks

#: A process may work so long on its share before the others give it up.
_PATIENCE = timedelta(days=7)

#: The machine and the number of each process, by rank.
_PROCESSES: list[tuple[str, int]] = []


def started() -> Ranks:
    """Joins the processes that torchrun started, by its environment variables.

    Raises :class:`UsageError` where they cannot come together.
    """
    if not distributed.is_initialized():
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        try:
            distributed.init_process_group(backend, timeout=_PATIENCE)
        except (RuntimeError, ValueError) as error:
            raise UsageError(f"the processes of torchrun do not come together: {str(error).splitlines()[0]}") from None
    return joined()


def joined() -> Ranks:
    """The processes of the default group of torch.distributed. Raises :class:`UsageError` where there is none."""
    if not distributed.is_available() or not distributed.is_initialized():
        raise UsageError(
            "the work is to be shared, but this process is in no group: "
            "start it with torchrun and call torch.distributed.init_process_group() first"
        )
    ranks = Ranks(distributed.get_rank(), distributed.get_world_size())
    if ranks.count > 1 and len(_PROCESSES) != ranks.count:
        _PROCESSES[:] = ranks.together((socket.gethostname(), os.getpid()))
    return ranks


def left() -> None:
    """Ends what :func:`started` began."""
    _PROCESSES.clear()
    distributed.destroy_process_group()


def exchanged(rank: int, own: Any) -> list[Any]:
    """What each process gives. Raises :class:`RankLost`, which names the process, where one has ended."""
    content = packed(own)
    try:
        sizes = _gathered(torch.tensor([len(content)], dtype=torch.int64, device="cpu"))
        longest = max(int(size) for size in sizes)
        room = torch.zeros(longest, dtype=torch.uint8, device="cpu")
        room[: len(content)] = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        parts = _gathered(room)
    except (RuntimeError, ValueError) as error:
        raise lost(Ranks(rank, distributed.get_world_size()), error) from None
    return [unpacked(part.numpy().tobytes()[: int(size)]) for part, size in zip(parts, sizes, strict=True)]


def _gathered(own: torch.Tensor) -> list[torch.Tensor]:
    """The tensors of all processes, on the CPU; a group that has nccl alone moves them through its devices."""
    device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    every = [torch.empty_like(own, device=device) for _ in range(distributed.get_world_size())]
    distributed.all_gather(every, own.to(device))
    return [one.cpu() for one in every]


def lost(ranks: Ranks, error: BaseException | None = None) -> RankLost:
    """The error that names the processes that have ended: as far as they ran on this machine."""
    gone = tuple(other for other in range(len(_PROCESSES)) if other != ranks.rank and not _is_there(ranks.rank, other))
    if not gone:
        why = "" if error is None else f": {str(error).splitlines()[0][:150]}"
        return RankLost(f"a process that shares the work has ended{why}")
    names = listed([str(other) for other in gone])
    return RankLost(f"rank{'s' * (len(gone) > 1)} {names} ended before the work was done: nothing is written", gone)


def _is_there(rank: int, other: int) -> bool:
    host, process = _PROCESSES[other]
    if host != _PROCESSES[rank][0]:
        return True  # what has ended there, its own machine says
    try:
        os.kill(process, 0)
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except (OSError, IndexError):  # it is there, but no file says how it is
        return True
    return state not in ("Z", "X")  # it has ended, and nobody has looked after it yet
