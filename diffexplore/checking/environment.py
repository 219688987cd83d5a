"""What a check ran on: versions, and the settings that change how numbers are rounded."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

import torch

from diffexplore import __version__


@cache
def _versions() -> dict[str, str]:
    others = {name: version(name) for name in ("torch", "sympy", "numpy", "python-flint")}
    return {"diffexplore": __version__, **others}  # also where the package is imported from a folder of its source


def environment(device: torch.device, broken: Sequence[str]) -> dict[str, Any]:
    """Plain values for the document; ``broken`` are the rounding claims that did not hold here."""
    cuda, matmul = device.type == "cuda", torch.backends.cuda.matmul
    return {
        "versions": {"python": platform.python_version(), **_versions()},
        "platform": platform.platform(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "device_name": torch.cuda.get_device_name(device) if cuda else platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "cpus": os.cpu_count(),
        "tf32_matmul": bool(cuda and matmul.allow_tf32),
        "reduced_precision_reductions": cuda
        and bool(matmul.allow_fp16_reduced_precision_reduction or matmul.allow_bf16_reduced_precision_reduction),
        "flush_to_zero": "subnormal numbers are flushed to zero" in broken,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "rounding_claims": list(broken) or "hold",
    }
