"""Which operators of torch have a certified derivative on tensors: torch's own database of operators.

    python -m benchmarks.tensor_coverage [--samples first|all] [--second] [--only PART] [--dtype complex128] [--jobs 1]
        [--json FILE]

Each sample of an entry is recorded, and swept back with random upstream gradients. An entry counts as certified where
every entry of every gradient has a tight radius; autograd's own gradient is held against it, within a generous margin.
Torch's database needs ``expecttest``, which its wheel does not bring.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db

from benchmarks._jobs import finish, outcomes
from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.tensors.tape import Tape
from diffexplore.torch_private.watching import tree_leaves

#: A radius counts as tight below so many times the largest entry of all gradients.
_TIGHT = 2.0**-56

#: How far autograd's gradient may be from the truth, relative to the largest entry, before it is looked at.
_MARGIN = 1e-9


#: Gradients that cancel to less count as of this size: the operands of the samples are about 1 to 10.
_SMALLEST_SCALE = 1e-3


@dataclass(frozen=True)
class Outcome:
    """What became of an entry: its first sample that is not certified says why, and which it is."""

    entry: str
    samples: int
    reason: str
    sample: int
    seconds: float


@cache
def entries(dtype: torch.dtype = torch.float64) -> dict[str, Any]:
    """Those that autograd differentiates in a dtype, by name and variant."""
    return {
        f"{entry.name}{'.' if entry.variant_test_name else ''}{entry.variant_test_name}": entry
        for entry in op_db
        if entry.supports_autograd and dtype in entry.supported_dtypes(torch.device("cpu"))
    }


def outcome(task: tuple[str, bool, bool, torch.dtype]) -> Outcome:
    """One entry, at its first sample or at all of them; its gradient, or the gradient of that."""
    name, every, second, dtype = task
    started, count, reason, which = time.monotonic(), 0, "", 0
    entry = entries(dtype)[name]
    for number, sample in enumerate(_samples(entry, dtype)):
        try:
            found = _looked_at(entry, sample, second)
        except Exception as error:  # a defect of ours: it is counted, and the sweep goes on
            found = f"ERROR {type(error).__name__}: {error}"[:100]
        if found is None:
            continue
        count += 1
        if found and not reason:
            reason, which = found, number
        if not every:
            break
    return Outcome(name, count, reason if count else "no sample with a gradient", which, time.monotonic() - started)


def _samples(entry: Any, dtype: torch.dtype) -> Iterator[Any]:
    torch.manual_seed(0)
    yield from entry.sample_inputs(torch.device("cpu"), dtype, requires_grad=True)


def _looked_at(entry: Any, sample: Any, second: bool = False) -> str | None:
    """Why a sample is not certified; "" where it is, None where nothing is differentiated."""
    arguments = (sample.input, *sample.args), sample.kwargs
    inputs = [leaf for leaf in tree_leaves(arguments) if isinstance(leaf, torch.Tensor) and leaf.requires_grad]

    def outputs() -> list[torch.Tensor]:
        torch.manual_seed(0)
        out = sample.output_process_fn_grad(entry.gradcheck_wrapper(entry.get_op(), *arguments[0], **arguments[1]))
        leaves = [leaf for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)]
        return _gradients(leaves, inputs) if second else leaves

    plain = outputs()
    places = [i for i, out in enumerate(plain) if out.requires_grad]
    if not inputs or not places:
        return None
    upstream = [torch.randn_like(plain[i]) for i in places]
    expected = torch.autograd.grad([plain[i] for i in places], inputs, upstream, allow_unused=True)
    tape = Tape(inputs)
    with tape:
        taped = outputs()
    if tape.problem is not None:
        return tape.problem
    total: list[DoubleBall] = tape.gradients([taped[i] for i in places], upstream)
    largest = max(float(np.nanmax(np.abs(ball.high), initial=0.0)) for ball in total)
    narrow = any(isinstance(leaf, torch.Tensor) and leaf.dtype is torch.float32 for leaf in tree_leaves(arguments))
    for ball, gradient in zip(total, expected, strict=True):
        scale = max(largest, _SMALLEST_SCALE)
        if (found := _compared(ball, gradient, scale, 1e-4 if narrow else _MARGIN)) != "":
            return found
    return ""


def _gradients(outputs: list[torch.Tensor], inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """The gradients of the outputs for unequal upstream gradients, which can be differentiated again."""
    outputs = [out for out in outputs if out.requires_grad]
    upstream = [torch.linspace(1, 2, out.numel(), dtype=out.dtype).reshape(out.shape) for out in outputs]
    found = torch.autograd.grad(outputs, inputs, upstream, allow_unused=True, create_graph=True)
    return [gradient for gradient in found if gradient is not None]


def _compared(ball: DoubleBall, gradient: torch.Tensor | None, scale: float, margin: float = _MARGIN) -> str:
    value = np.zeros(()) if gradient is None else gradient.detach().numpy(force=True)
    if np.iscomplexobj(value):
        value = np.stack([value.real, value.imag], -1)
    unknown = int((~np.isfinite(ball.radius)).sum())
    far = np.abs(np.broadcast_to(value, ball.high.shape) - ball.high) > ball.radius + margin * scale
    if far.any():
        return f"DIFFERS from autograd in {int(far.sum())} of {far.size}"
    if unknown:
        return f"open: {unknown} of {ball.high.size}"
    return "wide" if (ball.radius > _TIGHT * scale).any() and ball.radius.max() > 1e-290 else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", choices=("first", "all"), default="first")
    parser.add_argument("--second", action="store_true", help="the gradients of the gradients")
    parser.add_argument("--only", default="", help="entries with this in their name")
    parser.add_argument("--dtype", choices=("float64", "complex128"), default="float64")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    started = time.monotonic()
    dtype = getattr(torch, options.dtype)
    tasks = [(name, options.samples == "all", options.second, dtype) for name in entries(dtype) if options.only in name]
    reasons: dict[str, list[str]] = defaultdict(list)
    figures: Counter[str] = Counter()
    slowest: list[tuple[float, str]] = []
    for found in outcomes(outcome, tasks, options.jobs):
        slowest.append((found.seconds, found.entry))
        if not found.samples:
            figures["without a gradient"] += 1
            continue
        figures["entries"] += 1
        figures["samples"] += found.samples
        figures["certified" if not found.reason else "not certified"] += 1
        if found.reason:
            reasons[found.reason].append(f"{found.entry}[{found.sample}]")
    for reason, names in sorted(reasons.items(), key=lambda item: -len(item[1])):
        print(f"{len(names):4} {reason}: {', '.join(names)}")
    print("slowest:", ", ".join(f"{name} {seconds:.1f} s" for seconds, name in sorted(slowest, reverse=True)[:8]))
    finish("certified derivatives of torch's operators", dict(figures), started, options.json)


if __name__ == "__main__":
    main()
