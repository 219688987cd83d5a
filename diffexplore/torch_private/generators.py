"""Torch's generators of random numbers, on all devices."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch


def generators_forked() -> AbstractContextManager[None]:
    """Inside it torch's generators may be seeded and drawn from; afterwards they go on where they were.

    In a process that was forked from one that uses a device there are no generators but the CPU's: torch raises for
    any other. That there are many devices, torch warns of only where they are not listed.
    """
    accelerator = torch.accelerator.current_accelerator()
    if accelerator is None:
        return torch.random.fork_rng(devices=[])
    module = torch.get_device_module(accelerator)
    is_cut_off = getattr(module, "_is_in_bad_fork", lambda: False)()
    return torch.random.fork_rng(devices=range(0 if is_cut_off else module.device_count()))
