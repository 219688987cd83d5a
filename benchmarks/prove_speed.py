"""How long proofs take: the first one of a process, and those of programs with many partials.

    python -m benchmarks.prove_speed [--runs 5] [--only NAME,...]

Each run is a new process. Of the first proof (the distance loss, traced and proved for every number of samples) it is
the time after torch is imported, everything else included (SymPy too). Of the others it is the processor time of the
proof alone, after a small one, with the smallest of all runs printed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

_FIRST = """
import time
import torch
started = time.perf_counter()
import diffexplore as dx

def distance(a, b, x, y):
    return ((a * x - y + b) ** 2 / (2 * (a**2 + 1))).mean()

proof = dx.prove(distance, parameters=["a", "b"], data=["x", "y"])
first = time.perf_counter()
dx.prove(distance, parameters=["a", "b"], data=["x", "y"])
print(proof.status, proof.samples, first - started, time.perf_counter() - first)
"""

_LARGER = """
import sys, time
import diffexplore as dx
from benchmarks.prove_speed import PROGRAMS

program = PROGRAMS[sys.argv[1]]
dx.prove(lambda a, x: (a * x).mean(), parameters="a", data="x")
started = time.process_time()
proof = dx.prove(program.function(), parameters=program.parameters, data=program.data)
print(proof.status, len(proof.statements), time.process_time() - started)
"""


@dataclass(frozen=True)
class LargerProgram:
    """A program to prove, its arguments, and the seconds of processor time that its proof may take."""

    function: Callable[[], Callable[..., Any]]
    parameters: str
    data: str
    seconds: float


def _perceptron(activation: str = "tanh") -> Callable[..., Any]:
    import torch

    unit = getattr(torch, activation)
    return lambda W, c, v, d, X, y: ((unit(X @ W.T + c) @ v + d - y) ** 2).mean()


def _fourier() -> Callable[..., Any]:
    import torch

    frequency = torch.arange(1, 51, dtype=torch.float64)

    def loss(a: Any, b: Any, x: Any, y: Any) -> Any:
        angles = x[:, None] * frequency
        return ((torch.cos(angles) @ a + torch.sin(angles) @ b - y) ** 2).mean()

    return loss


def _layer_norm() -> Callable[..., Any]:
    import torch.nn.functional as F

    return lambda x: F.layer_norm(x, (8,))


def _attention() -> Callable[..., Any]:
    import torch.nn.functional as F

    return lambda query, key, value: F.scaled_dot_product_attention(query, key, value)


PROGRAMS = {
    "perceptron_2_8_1": LargerProgram(_perceptron, "W[8,2] c[8] v[8] d", "X[2] y", 3),
    "perceptron_2_16_1": LargerProgram(_perceptron, "W[16,2] c[16] v[16] d", "X[2] y", 10),
    "relu_2_8_1": LargerProgram(partial(_perceptron, "relu"), "W[8,2] c[8] v[8] d", "X[2] y", 10),
    "layer_norm_8": LargerProgram(_layer_norm, "x[8]", "", 3),
    "attention_3": LargerProgram(_attention, "query[3,4] key[3,4] value[3,4]", "", 6),
    "perceptron_2_25_1": LargerProgram(_perceptron, "W[25,2] c[25] v[25] d", "X[2] y", 15),
    "fourier_100": LargerProgram(_fourier, "a[50] b[50]", "x y", 15),  # no two frequencies are alike
}


def _printed(program: str, *arguments: str) -> list[str]:
    """The words that a program prints in a process of its own."""
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def _first(runs: int) -> None:
    firsts, seconds = [], []
    for _ in range(runs):
        status, samples, first, second = _printed(_FIRST)
        assert (status, samples) == ("proved", "None"), (status, samples)
        firsts.append(float(first))
        seconds.append(float(second))
    print(f"the first proof of a process: {median(firsts):.2f} s (from {min(firsts):.2f} to {max(firsts):.2f})")
    print(f"the next: {median(seconds):.2f} s")


def _larger(name: str, runs: int) -> bool:
    """Whether a program is proved in its time."""
    found = [_printed(_LARGER, name) for _ in range(runs)]
    statuses, statements = {status for status, _, _ in found}, found[0][1]
    seconds, goal = min(float(last) for _, _, last in found), PROGRAMS[name].seconds
    print(
        f"{name:18} {statements:>4} partials  {'/'.join(sorted(statuses)):8} {seconds:6.2f} s of {goal:g}", flush=True
    )
    return statuses == {"proved"} and seconds <= goal


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", help="names of the larger programs, with commas; then the first proof is left out")
    options = parser.parse_args()
    if options.only is None:
        _first(options.runs)
    names = options.only.split(",") if options.only else list(PROGRAMS)
    reached = [_larger(name, options.runs) for name in names]
    return 0 if all(reached) else 1


if __name__ == "__main__":
    raise SystemExit(main())
