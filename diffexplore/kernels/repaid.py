"""Whether compiling is worth its start: measured once on a machine, where there is much to compute, and remembered."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import torch

from diffexplore import caching
from diffexplore.kernels.backends import BACKENDS
from diffexplore.kernels.batches import Columns
from diffexplore.kernels.choice import fewest
from diffexplore.kernels.plan import Plan
from diffexplore.numerals import short

_FILE = "compiling.json"

#: Calls of a kernel on one batch within which the start has to be won back.
CALLS = 100

#: Operations of a call, those of all samples, below which nothing is measured: blocks take a fraction of a second.
_WORTH_MEASURING = 2**28


@dataclass(frozen=True)
class Start:
    """Seconds that compiling takes, and those that it gains at each call for a sample and an operation on it."""

    seconds: float
    gain: float


def unrepaid(plan: Plan, columns: Columns) -> str | None:
    """Why compiling is not worth its start for this batch, in one line; None where it is."""
    work = columns.n * fewest(plan).operations
    if work < _WORTH_MEASURING:
        return f"compiling takes seconds, which {columns.n:,} samples do not win back"
    start = remembered(columns.device)
    try:
        start = start or _measured(plan, columns, work)
    except Exception as error:  # of a compiler, or of torch's: whatever it is, blocks need neither
        return f"torch.compile fails here: {next(iter(str(error).splitlines()), '') or type(error).__name__}"
    if CALLS * start.gain * work > start.seconds:
        return None
    return f"compiling took {short(start.seconds, 2)} s here, which {CALLS} calls do not win back"


def _measured(plan: Plan, columns: Columns, work: int) -> Start:
    at = [1.0] * len(plan.loss.parameters)
    compiled, blocks = (BACKENDS[name].load().bind(plan, columns) for name in ("inductor", "blocked"))
    first, later, other = (_seconds(lambda run=run: run(at)) for run in (compiled, compiled, blocks))  # type: ignore[misc]
    start = Start(max(0.0, first - later), (other - later) / work)
    _remember(columns.device, start)
    return start


def _seconds(call: Callable[[], Any]) -> float:
    begin = perf_counter()
    call()  # its numbers are on the host then, whatever the device
    return perf_counter() - begin


def remembered(device: torch.device) -> Start | None:
    """What was measured before on this machine with this torch; None where nothing was, or it cannot be read."""
    try:
        found = caching.read(_FILE)[_key(device)]
        return Start(float(found["seconds"]), float(found["gain"]))
    except (ValueError, LookupError, TypeError):
        return None


def _remember(device: torch.device, start: Start) -> None:
    caching.keep(_FILE, caching.read(_FILE) | {_key(device): asdict(start)})


def _key(device: torch.device) -> str:
    """What the times depend on: the build of torch, the device, and on a CPU the number of threads."""
    if device.type == "cuda":
        return f"torch {torch.__version__}, {torch.cuda.get_device_name(device)}"
    return f"torch {torch.__version__}, {platform.machine()}, {torch.get_num_threads()} threads"
