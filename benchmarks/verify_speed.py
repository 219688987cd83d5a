"""Speed of verification by data: every partial of a million samples against one reverse-mode gradient.

    python -m benchmarks.verify_speed [--points 1000000] [--runs 5] [--profile]

What is verified is ∂L/∂x_i and ∂L/∂y_i of the perpendicular loss for all samples, as a plain torch candidate returns
them. Both are timed in turn in one process; the figure is the ratio of the medians. Then one entry of the million is
spoilt, and has to be found and named.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch

from diffexplore import losses
from diffexplore.checking.records import Report
from diffexplore.verifying import verify

Tensor = torch.Tensor

POINT = {"a": 2.5, "b": 1.0}
SPOILT = 123_457
_RELATIVE = 1e-9


def columns(n: int) -> dict[str, np.ndarray]:
    """Points along a line, with noise."""
    generator = np.random.default_rng(0)
    x = generator.uniform(0, 100, n)
    return {"x": x, "y": 2.5 * x + 1 + 2 * generator.normal(size=n)}


def gradient(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """∂L/∂x_i and ∂L/∂y_i, as somebody would write them."""
    residual = (a * x - y + b) / (a * a + 1) / len(x)
    return {"x": a * residual, "y": -residual}


def spoilt(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """The same with one entry off."""
    found = gradient(a, b, x, y)
    entry = min(SPOILT, len(x) - 1)
    found["y"][entry] *= 1 + _RELATIVE
    return found


def reverse_mode(data: dict[str, np.ndarray]) -> tuple[Tensor, ...]:
    """One plain reverse-mode gradient by all data."""
    a, b = (torch.tensor(value, dtype=torch.float64) for value in POINT.values())
    x, y = (torch.from_numpy(column).requires_grad_() for column in data.values())
    loss = ((a * x - y + b) ** 2 / (2 * (a**2 + 1))).mean()
    return torch.autograd.grad(loss, (x, y))


def verification(candidate: Any, data: dict[str, np.ndarray]) -> Report:
    return verify(candidate, losses.get("perpendicular"), data, POINT, kind="gradient", wrt=("x", "y"), device="cpu")


def _seconds(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def named_entry(report: Report) -> tuple[int | None, str]:
    """The sample of the failing row, and the sentence that names its cause."""
    rows = [row for row in report.rows if row.verdict == "fail"]
    return (rows[0].sample, rows[0].cause.message if rows[0].cause else "") if rows else (None, "")


def profiled(data: dict[str, np.ndarray]) -> None:
    """Where a verification spends its time."""
    profile = cProfile.Profile()
    profile.runcall(verification, gradient, data)
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)  # the same for both sides, whatever the machine
    data = columns(options.points)
    verification(gradient, data), reverse_mode(data)
    pairs = [
        (_seconds(lambda: verification(gradient, data)), _seconds(lambda: reverse_mode(data)))
        for _ in range(options.runs)
    ]
    ours, theirs = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
    report = verification(gradient, data)
    print(f"{options.points:,} samples by x and y: {report.summary.passed:,} pass, {report.verdict}")
    print(f"verified in {ours:.3f} s, one reverse-mode gradient in {theirs:.3f} s: {ours / theirs:.1f} times")
    wrong = verification(spoilt, data)
    sample, message = named_entry(wrong)
    print(f"one entry off by {_RELATIVE:g}: {wrong.verdict}, {wrong.summary.failed} failed, sample {sample}: {message}")
    if options.profile:
        profiled(data)
    found = wrong.verdict == "fail" and sample == min(SPOILT, options.points - 1)
    return 0 if report.verdict == "pass" and found else 1


if __name__ == "__main__":
    raise SystemExit(main())
