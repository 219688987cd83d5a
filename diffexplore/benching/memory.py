"""How much memory a call takes at its peak: of the process on Linux, of torch's allocator on a GPU."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")

#: What resets the highest resident size of a process to what it holds now (proc(5), clear_refs).
_RESET_PEAK = "5"

#: Smaller differences are the pages of the measurement itself.
_GRAIN = 2**16


def peak_of(call: Callable[[], Any], device: torch.device) -> int | None:
    """The most bytes that are held during ``call`` beyond those before it; None where that cannot be measured.

    Memory that a library keeps for itself from earlier calls is given back first where the C library can; what it
    does not give back is not counted.
    """
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        call()
        return max(0, torch.cuda.max_memory_allocated(device) - before)
    _trim()
    try:
        _CLEAR.write_text(_RESET_PEAK)
        before = _status("VmRSS")
        call()
        after = _status("VmHWM")
    except (OSError, LookupError, ValueError):
        return None
    return max(0, after - before) // _GRAIN * _GRAIN


def available() -> int | None:
    """The bytes that this machine has to spare; None where that is not known."""
    try:
        return _number(Path("/proc/meminfo").read_text(), "MemAvailable")
    except (OSError, LookupError, ValueError):
        return None


def _status(key: str) -> int:
    return _number(_STATUS.read_text(), key)


def _number(text: str, key: str) -> int:
    """The kilobytes behind a key, as bytes."""
    line = next((line for line in text.splitlines() if line.startswith(f"{key}:")), None)
    if line is None:
        raise LookupError(key)
    return 1024 * int(line.split()[1])


def _trim() -> None:
    """Gives what the C library keeps for later back to the system, where it is one that can."""
    try:
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    except (OSError, TypeError):  # Windows has no library of the whole process
        return
    if trim is not None:
        trim(0)
