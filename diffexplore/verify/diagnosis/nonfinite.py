"""Which sample, and which operation, made a NaN or an infinity where the gradient is finite."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from diffexplore.check.records import Cause, Row
from diffexplore.verify.diagnosis.locate import by_halving
from diffexplore.verify.diagnosis.scene import Laboratory, Scene

#: Batches that are searched for the sample to blame.
_MOST = 2**22


def explained(row: Row, laboratory: Laboratory) -> Cause:
    """The cause of a row whose value is not finite, with the sample and the operation that made it."""
    assert row.cause is not None
    name, where = row.parameter, row.sample
    if where is None and row.probe is None and laboratory.columns and laboratory.n <= _MOST:
        scene = by_halving(laboratory, lambda found: _not_finite(found, name))
        where = scene.index[0] if scene is not None else None
    index = np.arange(laboratory.n) if where is None else np.array([where])
    with FirstNonFinite() as watch:
        laboratory.ask(laboratory.point, index)
    message = row.cause.message
    if where is not None and row.sample is None:
        message += f"; sample {where} alone makes it"
    if watch.found is not None:
        message += f": {watch.found}"
    return Cause(row.cause.key, message, {**row.cause.fields, "sample": where, "operation": watch.found})


def _not_finite(scene: Scene, name: str) -> bool:
    return name in scene.estimates and not np.isfinite(scene.values(name)).all()


class FirstNonFinite(TorchDispatchMode):
    """Remembers the first operation that makes NaN or infinity of finite numbers."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves its dispatch modes untyped
        self.found: str | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if self.found is None and isinstance(out, torch.Tensor) and out.is_floating_point():
            operands = [value for value in args if isinstance(value, (torch.Tensor, int, float))]
            if all(_finite(value) for value in operands) and not _finite(out):
                self.found = _described(func.overloadpacket.__name__, operands, out)
        return out


def _finite(value: Any) -> bool:
    return bool(torch.as_tensor(value).isfinite().all())


def _described(name: str, operands: list[Any], out: torch.Tensor) -> str:
    """``exp(710.5) = inf``, of the first element that is not finite."""
    place = int((~out.isfinite()).reshape(-1).nonzero()[0])
    shown = []
    for operand in operands:
        tensor = torch.as_tensor(operand)
        fits = tensor.shape == out.shape
        number = float(tensor.reshape(-1)[place]) if fits else (float(tensor) if tensor.numel() == 1 else math.nan)
        shown.append("…" if math.isnan(number) else f"{number:.6g}")
    return f"{name}({', '.join(shown)}) = {float(out.reshape(-1)[place]):.6g}"
