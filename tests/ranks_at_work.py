"""Several processes that share samples: the first one has what all found.

They work in a group of three, then the first two of them in one of two, so that no process is started twice. All
are forks of one that has loaded what they need.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch.distributed as distributed

import diffexplore as dx
from diffexplore.ranks.records import RankLost

BLOCK = 75
LINE = "(a*x - y + b)**2 / (2*(a**2 + 1))"
POISSON = "exp(a*x + b) - y*(a*x + b)"
AT = {"a": 0.7, "b": 0.2}
NEAR = {"a": 0.1, "b": 1.3}  # where few steps lead to the minimum of the second one
KINDS = ("fit by sums", "fit by blocks", "report", "verify")
OF_THREE = ("fit by sums", "fit by blocks", "verify")
OF_TWO = ("report",)  # what two processes do after three


def candidate(a: Any, b: Any, x: Any, y: Any) -> Any:
    """The loss with a gradient by b that is 1 % too large."""
    return ((a * x - y + b.detach() + 1.01 * (b - b.detach())) ** 2 / (2 * (a**2 + 1))).mean()


def fitted(loss: str, batch: Any, at: dict[str, float]) -> dx.Fit:
    return dx.fit(loss, batch, at, lr=0.05, steps=3, dtype="float32")


def found_with(path: Path, *, shared: bool, kinds: Sequence[str] = KINDS) -> dict[str, Any]:
    """The documents of functions that take a batch."""
    batch = dx.open_batch(path, block=BLOCK, shared=shared)
    methods = ("symbolic", "reverse", "central_difference")
    functions: dict[str, Callable[[], Any]] = {
        "fit by sums": lambda: fitted(LINE, batch, AT),
        "fit by blocks": lambda: fitted(POISSON, batch, NEAR),
        "report": lambda: dx.check(LINE, batch, AT, methods=methods, wrt="a, b, x"),
        "verify": lambda: dx.verify(candidate, LINE, batch, AT, wrt="b, y"),
    }
    return {kind: functions[kind]().to_dict() for kind in kinds}


def refused(work: Callable[[], Any]) -> str:
    """The error that every process gets, as all of them see it."""
    try:
        work()
    except dx.UsageError as error:
        seen: list[Any] = [None] * distributed.get_world_size()
        distributed.all_gather_object(seen, str(error))
        return str(error) if len(set(seen)) == 1 else f"they differ: {seen}"
    return "no error"


def joined(folder: Path, rank: int, count: int) -> None:
    method = f"file://{folder / f'meeting{count}'}"
    distributed.init_process_group("gloo", init_method=method, rank=rank, world_size=count)


#: What the processes need, loaded once.
NEEDED = (
    "diffexplore.checking.run", "diffexplore.fitting.fit", "diffexplore.fitting.trust_region", "diffexplore.verifying.run",
    "diffexplore.inputs.stored", "diffexplore.inputs.parquet_columns", "diffexplore.kernels.statistics",
    "diffexplore.methods._difference", "diffexplore.ranks", "scipy.optimize",
)  # fmt: skip


def found_by_all(folder: Path) -> dict[str, Any]:
    """What they find; this process is the first of them."""
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    for name in NEEDED:
        importlib.import_module(name)
    others = [_begun(folder, rank) for rank in (1, 2)]
    found = work(folder, 0)
    ended = [os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]) for other in others]
    return {**found, "ended": ended}


def _begun(folder: Path, rank: int) -> int:
    """The number of a process that works as ``rank``."""
    process = os.fork()
    if process:
        return process
    try:
        work(folder, rank)
        os._exit(0)
    finally:
        os._exit(70)


def work(folder: Path, rank: int) -> dict[str, Any]:
    """What one of them finds."""
    joined(folder, rank, 3)
    found: dict[str, Any] = {"3": found_with(folder / "data.parquet", shared=True, kinds=OF_THREE)}
    for name in ("null", "nan"):
        found[name] = refused(
            lambda name=name: dx.fit(LINE, dx.open_batch(folder / f"{name}.parquet", block=BLOCK, shared=True), AT)
        )
    os.chdir(folder / f"seen by {rank}")  # the third of them has another file, and no second one
    found["other data"] = refused(lambda: dx.open_batch("data.parquet", shared=True))
    found["no data"] = refused(lambda: dx.open_batch("further.parquet", shared=True))
    distributed.destroy_process_group()
    if rank == 2:
        return found
    joined(folder, rank, 2)
    found["2"] = found_with(folder / "data.parquet", shared=True, kinds=OF_TWO)
    batch = dx.open_batch(folder / "data.parquet", block=BLOCK, shared=True)
    if rank == 1:
        os._exit(9)  # it dies while the other one waits for it
    try:
        dx.fit(LINE, batch, AT)
    except RankLost as error:
        found["lost"] = str(error)
    return found
