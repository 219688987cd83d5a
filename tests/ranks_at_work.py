"""One of several processes that share samples: python ranks_at_work.py FOLDER RANK. The first one prints what all found.

It works in a group of three, then in one of two with the first of the others, so that no process is started twice.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch.distributed as distributed

import diffexplore as dx
from diffexplore.ranks.records import RankLost

BLOCK = 300
LINE = "(a*x - y + b)**2 / (2*(a**2 + 1))"
POISSON = "exp(a*x + b) - y*(a*x + b)"
AT = {"a": 0.7, "b": 0.2}


def candidate(a: Any, b: Any, x: Any, y: Any) -> Any:
    """The loss with a gradient by b that is 1 % too large."""
    return ((a * x - y + b.detach() + 1.01 * (b - b.detach())) ** 2 / (2 * (a**2 + 1))).mean()


def fitted(loss: str, batch: Any) -> dict[str, Any]:
    return dx.fit(loss, batch, AT, lr=0.05, steps=3, dtype=("float64", "float32")).to_dict()


def found_with(path: Path, *, shared: bool) -> dict[str, Any]:
    """The documents of every function that takes a batch."""
    batch = dx.open_batch(path, block=BLOCK, shared=shared)
    methods = ("symbolic", "reverse", "central_difference")
    return {
        "fit by sums": fitted(LINE, batch),
        "fit by blocks": fitted(POISSON, batch),
        "report": dx.check(LINE, batch, AT, methods=methods, wrt="a, b, x").to_dict(),
        "verify": dx.verify(candidate, LINE, batch, AT, wrt="a, b, y").to_dict(),
    }


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


def main(folder: Path, rank: int) -> None:
    joined(folder, rank, 3)
    found: dict[str, Any] = {"3": found_with(folder / "data.parquet", shared=True)}
    for name in ("null", "nan"):
        found[name] = refused(
            lambda name=name: dx.fit(LINE, dx.open_batch(folder / f"{name}.parquet", block=BLOCK, shared=True), AT)
        )
    os.chdir(folder / f"seen by {rank}")  # the third of them has another file, and no second one
    found["other data"] = refused(lambda: dx.open_batch("data.parquet", shared=True))
    found["no data"] = refused(lambda: dx.open_batch("further.parquet", shared=True))
    distributed.destroy_process_group()
    if rank == 2:
        return
    joined(folder, rank, 2)
    found["2"] = found_with(folder / "data.parquet", shared=True)
    batch = dx.open_batch(folder / "data.parquet", block=BLOCK, shared=True)
    if rank == 1:
        os._exit(9)  # it dies while the other one waits for it
    try:
        dx.fit(LINE, batch, AT)
    except RankLost as error:
        found["lost"] = str(error)
    print(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)  # nobody is left to say goodbye to


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
