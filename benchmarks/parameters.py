"""Checks of losses with many parameters: how their processor time grows with the number of parameters.

    python -m benchmarks.parameters [--parameters 10,20,50] [--samples 20] [--optimum]

The loss is (y − Σ a_k·sin(k·x))², of random samples, at one point; with ``--optimum`` the samples are those of the
model to within 1e-12, so that each partial is looked for among probes. Its gradient is derived beforehand. All methods
that run here without another library are compared, reduced and by sample, in one thread.
"""

from __future__ import annotations

import argparse
import time

import torch

import diffexplore as dx

_AWAY = 1e-12


def _loss(count: int) -> dx.Loss:
    terms = " + ".join(f"a{place}*sin({place + 1}*x)" for place in range(count))
    return dx.Loss(f"(y - ({terms}))**2", parameters=[f"a{place}" for place in range(count)], data=("x", "y"))


def seconds(count: int, samples: int, optimum: bool) -> tuple[float, str]:
    """The processor time of a check of a loss with so many parameters, and its verdict."""
    loss, draw = _loss(count), torch.Generator().manual_seed(0)
    loss.gradient()
    at = {name: 0.1 + 0.01 * place for place, name in enumerate(loss.parameters)}
    x, y = (torch.rand(samples, dtype=torch.float64, generator=draw) for _ in range(2))
    if optimum:
        y = sum(value * torch.sin((place + 1) * x) for place, value in enumerate(at.values())) + _AWAY * (y - 0.5)
    before = time.process_time()
    report = dx.check(loss, {"x": x, "y": y}, at)
    return time.process_time() - before, report.verdict


def main() -> None:
    """Prints a row for each number of parameters."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parameters", default="10,20,50")
    parser.add_argument("--samples", type=lambda text: int(float(text)), default=20)
    parser.add_argument("--optimum", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    seconds(2, options.samples, options.optimum)  # the libraries, and the canary
    print("| parameters | seconds | verdict |\n|---:|---:|---|")
    for count in map(int, options.parameters.split(",")):
        taken, verdict = seconds(count, options.samples, options.optimum)
        print(f"| {count} | {taken:.2f} | {verdict} |", flush=True)


if __name__ == "__main__":
    main()
