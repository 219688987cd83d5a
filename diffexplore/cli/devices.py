"""The devices that torch can use on this machine."""

from __future__ import annotations


def found_devices() -> list[tuple[str, str]]:
    """Name and description of each device. Imports torch."""
    import torch

    threads = torch.get_num_threads()
    devices = [("cpu", f"{threads} thread{'s' if threads != 1 else ''}, torch {torch.__version__}")]
    if not torch.cuda.is_available():
        return [*devices, ("cuda", "not available")]
    for index in range(torch.cuda.device_count()):
        found = torch.cuda.get_device_properties(index)
        devices.append((f"cuda:{index}", f"{found.name}, {found.total_memory / 2**30:.0f} GiB"))
    return devices
