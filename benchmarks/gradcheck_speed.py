"""Processor time of ``dx.gradcheck`` beside ``torch.autograd.gradcheck``, by the number of entries.

    python -m benchmarks.gradcheck_speed [--entries 1000 10000] [--repeats 5]

Ours runs with ``battery="none"``, torch's with its defaults, fast and slow; slow mode perturbs each entry by itself and
runs up to ``--slow`` entries. Least processor times of one thread, by turns.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F

import diffexplore as dx

Tensor = torch.Tensor

#: The length of rows, and of the layers' weights.
WIDTH = 64


class Swish(torch.autograd.Function):
    """x · σ(x)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return upstream * (s + x * s * (1 - s))


class LayerNorm(torch.autograd.Function):
    """Normalised rows, times weights (``WIDTH``), plus biases (``WIDTH``)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scale = (centred.square().mean(-1, keepdim=True) + 1e-5).rsqrt()
        ctx.save_for_backward(centred * scale, scale, weight)
        return centred * scale * weight + bias

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        normal, scale, weight = ctx.saved_tensors
        back = upstream * weight
        means = back.mean(-1, keepdim=True) + normal * (back * normal).mean(-1, keepdim=True)
        return scale * (back - means), (upstream * normal).sum(0), upstream.sum(0)


#: By name, a function and the shapes of its inputs after the first one, which has rows of ``WIDTH``.
FUNCTIONS: dict[str, tuple[Callable[..., Tensor], tuple[tuple[int, ...], ...]]] = {
    "swish": (Swish.apply, ()),
    "layer norm": (LayerNorm.apply, ((WIDTH,), (WIDTH,))),
    "softmax": (partial(F.softmax, dim=-1), ()),
    "linear": (F.linear, ((WIDTH, WIDTH),)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, nargs="+", default=[1_000, 10_000], help="of the first input")
    parser.add_argument("--slow", type=int, default=1_000, help="the most entries of slow mode")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for name, (function, shapes) in FUNCTIONS.items():
        for entries in options.entries:
            ours, fast, slow = measured(function, shapes, entries, options.repeats, entries <= options.slow)
            print(
                f"{name:10} {entries:7,} entries: ours {1e3 * ours:5.1f} ms, {ours / fast:4.1f} times fast mode", end=""
            )
            print(f", slow mode {slow / ours:.0f} times ours" if math.isfinite(slow) else "", flush=True)


def measured(
    function: Callable[..., Tensor], shapes: tuple[tuple[int, ...], ...], entries: int, repeats: int, slowly: bool
) -> tuple[float, float, float]:
    """Least seconds of processor time: ours, fast mode, slow mode (infinite where it does not run)."""
    inputs = [torch.randn(shape, dtype=torch.float64) for shape in ((entries // WIDTH, WIDTH), *shapes)]
    leaves = tuple(one.requires_grad_() for one in inputs)
    checks: list[Callable[[], Any]] = [
        partial(dx.gradcheck, function, leaves, battery="none"),
        partial(torch.autograd.gradcheck, function, leaves, fast_mode=True),
    ]
    times = [[_seconds(check) for check in checks] for _ in range(repeats + 1)][1:]  # the first one loads modules
    ours, fast = map(min, zip(*times, strict=True))
    slow = _seconds(partial(torch.autograd.gradcheck, function, leaves)) if slowly else math.inf
    return ours, fast, slow


def _seconds(check: Callable[[], Any]) -> float:
    before = time.process_time()
    check()
    return time.process_time() - before


if __name__ == "__main__":
    main()
