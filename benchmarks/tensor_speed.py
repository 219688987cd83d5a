"""Figure: the cost of certified gradients beside that of torch's own.

    python -m benchmarks.tensor_speed [--threads 1] [--device cpu] [--json FILE]

The two gradients of a matrix product beside the product in float64, and all gradients of a transformer block beside
autograd's. Times are the least of three runs, of the same process and threads; memory is the process's largest.
The truth is computed on the CPU wherever the function runs: on a GPU the second number of each pair alone is its own.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks._jobs import device_named, finish, with_device
from diffexplore.tensors.tape import Tape

Tensor = torch.Tensor


class Block(torch.nn.Module):
    """A transformer block: attention of 4 heads and a perceptron, each behind a norm and beside a residual."""

    def __init__(self, width: int = 128, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(width) for _ in range(2))
        self.into, self.out = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
        self.perceptron = torch.nn.Sequential(
            torch.nn.Linear(width, 4 * width), torch.nn.GELU(), torch.nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """x (batch, sequence, width), the same shape."""
        n, length, width = x.shape
        parts = self.into(self.norms[0](x)).reshape(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = torch.nn.functional.scaled_dot_product_attention(*parts)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, length, width))
        return x + self.perceptron(self.norms[1](x))


def least(run: Callable[[], Any], times: int = 3) -> float:
    """The least seconds of a few runs."""
    found = []
    for _ in range(times):
        _all_done()
        started = time.perf_counter()
        run()
        _all_done()
        found.append(time.perf_counter() - started)
    return min(found)


def _all_done() -> None:
    """Waits for what a GPU still computes."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def certified(function: Callable[..., Tensor], sources: list[Tensor], *args: Tensor) -> None:
    """The exact gradients by all sources."""
    tape = Tape(sources)
    with tape:
        out = function(*args)
    assert tape.problem is None, tape.problem
    tape.gradients(out, torch.ones_like(out))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    with_device(parser)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    device = device_named(options.device)
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    started = time.monotonic()
    x, y = (torch.randn(512, 512, dtype=torch.float64, device=device, requires_grad=True) for _ in range(2))
    product = least(lambda: x.detach() @ y.detach(), 10)
    gradients = least(lambda: certified(torch.matmul, [x, y], x, y))
    block = Block().to(device, torch.float64)
    z = torch.randn(2, 64, 128, dtype=torch.float64, device=device, requires_grad=True)
    sources = [z, *block.parameters()]
    plain = least(lambda: torch.autograd.grad(block(z).sum(), sources))
    whole = least(lambda: certified(block, sources, z))
    finish(
        f"certified gradients, seconds and times torch's own, {options.device}",
        {
            "512³ product, float64": round(product, 4),
            "both gradients, certified": round(gradients, 3),
            "times the product": round(gradients / product, 1),
            "transformer block, autograd": round(plain, 4),
            "transformer block, certified": round(whole, 2),
            "times autograd": round(whole / plain),
            "memory, MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        },
        started,
        options.json,
    )


if __name__ == "__main__":
    main()
