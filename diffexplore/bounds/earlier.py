"""Trials of the canary that held before: on this machine, with these builds, on this device.

What a process can change by itself, such as flushing to zero, is no part of what they are kept for: the canary tries
that in every process.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import flint
import numpy as np
import torch

import diffexplore
from diffexplore import caching

_FILE = "canary.json"

#: Machines, builds and devices of which trials are kept; the oldest go first.
_MOST = 16

#: What chooses other kernels, or other libraries, when a process starts.
_CHOICES = (
    "ATEN_", "BLIS_", "CUDA_", "DNNL_", "DYLD_", "GLIBC_", "LD_", "MKL_", "NPY_", "ONEDNN_", "OPENBLAS_", "PYTORCH_",
)  # fmt: skip

#: What Linux says of a processor that no other model has in common with it, on x86 and on ARM.
_MODEL = (
    "vendor_id", "cpu family", "model", "model name", "stepping", "flags", "CPU implementer", "CPU architecture",
    "CPU variant", "CPU part", "CPU revision", "Features",
)  # fmt: skip


class EarlierTrials:
    """The trials on one device, by name: those that held in a process before, and those that held in this one."""

    def __init__(self, device: torch.device) -> None:
        self._key = None if caching.is_off() else machine(device)
        self._kept = _names(caching.read(_FILE), self._key)
        self._added: set[str] = set()

    def held(self, name: str) -> bool:
        """Whether the trial need not be made."""
        return name in self._kept and not caching.is_off()

    def add(self, name: str) -> None:
        """Notes that the trial was made, and held."""
        self._added.add(name)

    def keep(self) -> None:
        """Keeps what was added for other processes."""
        if self._key is None or self._added <= self._kept:
            return
        found = caching.read(_FILE)
        self._kept |= self._added | _names(found, self._key)
        found.pop(self._key, None)
        newest = dict(list(found.items())[1 - _MOST :])
        caching.keep(_FILE, {**newest, self._key: sorted(self._kept)})


def _names(found: Mapping[str, Any], key: str | None) -> set[str]:
    """The trials that a file has under ``key``; none where it has something else there."""
    kept = found.get(key or "")
    return {name for name in kept if isinstance(name, str)} if isinstance(kept, list) else set()


@cache
def trials_on(device: torch.device) -> EarlierTrials:
    """Those on a device, read once in a process."""
    return EarlierTrials(device)


def once_a_machine(trial: Callable[..., tuple[str, ...]]) -> Callable[..., tuple[str, ...]]:
    """Decorates a trial, which returns a line for each claim that does not hold, of arguments that tell it from others.

    It is made once in a process, and not where it held before; one that did not hold is made again in each process.
    """

    @cache
    def tried(*arguments: object) -> tuple[str, ...]:
        (device,) = (argument for argument in arguments if isinstance(argument, torch.device))
        earlier = trials_on(device)
        name = " ".join(map(str, (trial.__name__, *arguments)))
        if earlier.held(name):
            return ()
        lines = trial(*arguments)
        if not lines:
            earlier.add(name)
        return lines

    return tried


def machine(device: torch.device) -> str | None:
    """A digest of everything that a trial on ``device`` depends on; None where that cannot be found out.

    These are the processor or the GPU with its driver, the operating system with its C library, the builds of torch and
    NumPy, the version of Arb, what the environment chooses among kernels, and the whole source of this package.
    """
    try:
        model = _processor() if device.type == "cpu" else _gpu(device)
        files = [*_files(Path(torch.__file__).parent / "lib", ""), *_files(Path(diffexplore.__file__).parent, ".py")]
        for folder in (Path(np.__path__[0], "_core"), Path(flint.__path__[0])):  # NumPy's functions are in its core
            files += _files(folder, _BINARIES)
    except OSError:
        return None
    builds = (
        sys.version, platform.platform(), platform.machine(), torch.__version__, torch.version.git_version,
        torch.__config__.show(), torch.backends.cpu.get_cpu_capability(), torch.get_default_dtype(), np.__version__,
        flint.__version__, diffexplore.__version__,
    )  # fmt: skip
    chosen = sorted(item for item in os.environ.items() if item[0].startswith(_CHOICES))
    return sha256(repr((model, builds, chosen, files)).encode()).hexdigest()


def _processor() -> str:
    """The model of the first processor; where the system does not say it, the name of the machine."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            first = file.read(2**16).partition("\n\n")[0].splitlines()
    except OSError:
        first = []
    return "\n".join(line for line in first if line.partition(":")[0].strip() in _MODEL) or platform.node()


def _gpu(device: torch.device) -> str:
    """The model of a GPU, with the driver that compiles for it; raises OSError where the driver is not told."""
    with open("/proc/driver/nvidia/version", encoding="utf-8", errors="replace") as file:
        driver = file.read(2**16)
    return repr((torch.version.cuda, torch.cuda.get_device_properties(device), driver, _processor()))


#: How compiled modules of Python end, on the systems that there are.
_BINARIES = (".so", ".pyd", ".dll", ".dylib")


def _files(folder: Path, suffix: str | tuple[str, ...]) -> Iterator[tuple[str, int, int]]:
    """The files below a folder: name, size, and when they were written, as Python itself knows what is compiled."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            if name.endswith(suffix):
                path = os.path.join(root, name)
                found = os.stat(path)
                yield path, found.st_size, found.st_mtime_ns
