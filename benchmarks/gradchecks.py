"""``dx.gradcheck`` beside ``torch.autograd.gradcheck``: false alarms, missed errors, seconds and lines of message.

    python -m benchmarks.gradchecks [--repeat N]

Each function is wrapped in an autograd Function whose backward is right, or wrong by a relative error in every entry,
or in one entry of one gradient. torch's checker runs with its defaults, slow and fast; ours with ``battery="none"``.
Errors that ours misses are counted by themselves where its report says that it would catch them: there are to be none.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F

import diffexplore as dx

Tensor = torch.Tensor

FUNCTIONS: dict[str, tuple[Callable[..., Tensor], tuple[tuple[int, ...], ...]]] = {
    "square": (lambda x, w: x * x * w, ((8, 16), (16,))),
    "swish": (F.silu, ((8, 16),)),
    "gelu": (F.gelu, ((8, 16),)),
    "softmax": (lambda x: F.softmax(x, -1), ((8, 16),)),
    "log_softmax": (lambda x: F.log_softmax(x, -1), ((8, 16),)),
    "linear": (F.linear, ((8, 16), (4, 16), (4,))),
    "bilinear form": (lambda x, w, y: ((x @ w) * y).sum(-1), ((8, 16), (16, 6), (8, 6))),
    "attention": (F.scaled_dot_product_attention, ((1, 2, 4, 3),) * 3),
    "cross entropy": (lambda x: F.cross_entropy(x, torch.arange(8)), ((8, 16),)),
    "logsumexp": (lambda x: x.logsumexp(-1), ((8, 16),)),
    "rms": (lambda x, w: x * (x.pow(2).mean(-1, keepdim=True) + 1e-5).rsqrt() * w, ((8, 16), (16,))),
    "division": (lambda x, y: x / (1 + y * y), ((8, 16), (16,))),
}

ERRORS = (1e-3, 1e-6, 1e-9)

#: In float32 an error below its unit roundoff is none.
ERRORS_OF = {torch.float64: ERRORS, torch.float32: ERRORS[:2]}

OURS, RIGHT = "dx.gradcheck", "false alarms"

Checker = Callable[[Any, tuple[Tensor, ...]], str | None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=1, help="so many times, with other numbers")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for dtype, errors in ERRORS_OF.items():
        print(f"\n{dtype}: {len(FUNCTIONS)} functions, {options.repeat} times")
        for name, row in _compared(dtype, errors, options.repeat).items():
            print(f"  {name:16} {'; '.join(f'{key}: {value}' for key, value in row.items())}")


def _compared(dtype: torch.dtype, errors: tuple[float, ...], repeat: int) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, check in CHECKERS.items():
        counts: dict[str, list[bool]] = defaultdict(list)
        seconds, lines, above = [], [], 0
        for label, size, function, inputs in _cases(dtype, errors, repeat):
            start = time.perf_counter()
            message = check(function, inputs)
            seconds.append(time.perf_counter() - start)
            counts[label].append(message is not None)
            above += name == OURS and message is None and label != RIGHT and POWERS[-1] < size
            if message is not None:
                lines.append(len(message.splitlines()))
        row = {}
        for label, failed in counts.items():
            right = label == RIGHT
            row[label] = f"{sum(failed) if right else len(failed) - sum(failed)} of {len(failed)}"
        if name == OURS:
            row["missed above the stated power"] = str(above)
        row["seconds, median"] = f"{statistics.median(seconds):.3f}"
        row["lines of message, most"] = str(max(lines, default=0))
        found[name] = row
    return found


def _cases(
    dtype: torch.dtype, errors: tuple[float, ...], repeat: int
) -> Iterator[tuple[str, float, Any, tuple[Tensor, ...]]]:
    for seed in range(repeat):
        for function, shapes in FUNCTIONS.values():
            yield RIGHT, 0.0, _wrapped(function, 0.0, everywhere=True), _inputs(shapes, dtype, seed)
            for error in errors:
                for everywhere in (True, False):
                    place = "all entries" if everywhere else "one entry"
                    wrong = _wrapped(function, error, everywhere)
                    yield f"missed {error:g}, {place}", error, wrong, _inputs(shapes, dtype, seed)


def _inputs(shapes: tuple[tuple[int, ...], ...], dtype: torch.dtype, seed: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for shape in shapes)


def _wrapped(function: Callable[..., Tensor], error: float, everywhere: bool) -> Any:
    """The function with a backward of its own, which is wrong by a relative ``error`` in the first gradient."""

    class Wrapped(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Tensor) -> Tensor:
            ctx.save_for_backward(*inputs)
            return function(*inputs)

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            leaves = [one.detach().requires_grad_() for one in ctx.saved_tensors]
            with torch.enable_grad():
                first, *others = torch.autograd.grad(function(*leaves), leaves, g)
            factor = torch.full(first.shape, 1 + error if everywhere else 1.0, dtype=first.dtype)
            factor.view(-1)[0] = 1 + error
            return first * factor, *others

    return Wrapped.apply


def _of_torch(*, fast: bool) -> Checker:
    def check(function: Any, inputs: tuple[Tensor, ...]) -> str | None:
        try:
            torch.autograd.gradcheck(function, inputs, fast_mode=fast)
        except RuntimeError as error:
            return str(error)
        return None

    return check


def _of_ours(function: Any, inputs: tuple[Tensor, ...]) -> str | None:
    try:
        report = dx.gradcheck(function, inputs, battery="none")
    except dx.GradientError as error:
        return str(error)
    POWERS.append(report.rows[0].smallest_detectable or 0.0)
    return None


#: What each report of ours that passed would have caught in the first gradient.
POWERS: list[float] = []


CHECKERS: dict[str, Checker] = {
    OURS: _of_ours,
    "gradcheck slow": _of_torch(fast=False),
    "gradcheck fast": _of_torch(fast=True),
}

if __name__ == "__main__":
    main()
