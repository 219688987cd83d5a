"""Figure: the cost of certified gradients beside that of torch's own.

    python -m benchmarks.tensor_speed [--threads 1] [--device cpu] [--json FILE]

The two gradients of a matrix product beside the product in float64, and all gradients of a transformer block beside
autograd's. Times are of the processor, in the same process and threads, one after the other by turns; a ratio is the
median of those of the turns. Memory is the process's largest. The truth is computed on the CPU wherever the function
runs: on a GPU the first number of each pair alone is its own.
"""

from __future__ import annotations

import argparse
import resource
import statistics
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


def by_turns(plain: Callable[[], Any], exact: Callable[[], Any], turns: int) -> tuple[float, float, float]:
    """Seconds of both, and how many times those of the first one the second one takes, each the median of the turns.

    What takes milliseconds runs five times a turn, and the least counts.
    """
    found = []
    for _ in range(turns):
        first = min(seconds(plain) for _ in range(5))
        second = seconds(exact)
        found.append((first, second, second / first))
    one, other, ratio = (statistics.median(column) for column in zip(*found, strict=True))
    return one, other, ratio


def seconds(run: Callable[[], Any]) -> float:
    """Processor time of one run."""
    _all_done()
    started = time.process_time()
    run()
    _all_done()
    return time.process_time() - started


def _all_done() -> None:
    """Waits for what a GPU still computes."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def certified(function: Callable[..., Tensor], sources: list[Tensor], *args: Tensor) -> None:
    """The exact gradients by all sources, for an upstream gradient of unequal numbers."""
    tape = Tape(sources)
    with tape:
        out = function(*args)
    assert tape.problem is None, tape.problem
    tape.gradients(out, torch.randn(out.shape, dtype=out.dtype))


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
    product, gradients, times = by_turns(
        lambda: x.detach() @ y.detach(), lambda: certified(torch.matmul, [x, y], x, y), 11
    )
    block = Block().to(device, torch.float64)
    z = torch.randn(2, 64, 128, dtype=torch.float64, device=device, requires_grad=True)
    sources = [z, *block.parameters()]
    plain, whole, slower = by_turns(
        lambda: torch.autograd.grad(block(z).sum(), sources), lambda: certified(block, sources, z), 3
    )
    finish(
        f"certified gradients, seconds and times torch's own, {options.device}",
        {
            "512³ product, float64": round(product, 4),
            "both gradients, certified": round(gradients, 3),
            "times the product": round(times, 1),
            "transformer block, autograd": round(plain, 4),
            "transformer block, certified": round(whole, 2),
            "times autograd": round(slower),
            "memory, MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        },
        started,
        options.json,
    )


if __name__ == "__main__":
    main()
