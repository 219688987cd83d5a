"""How long the first proof of a process takes: the distance loss, traced and proved for every number of samples.

    python -m benchmarks.prove_speed [--runs 5]

Each run is a new process, in which torch is imported before the clock starts and everything else after (SymPy too).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from statistics import median

_PROGRAM = """
import time
import torch
started = time.perf_counter()
import diffexplore as dx

def distance(a, b, x, y):
    return ((a * x - y + b) ** 2 / (2 * (a**2 + 1))).mean()

imported = time.perf_counter()
proof = dx.prove(distance, parameters=["a", "b"], data=["x", "y"])
first = time.perf_counter()
dx.prove(distance, parameters=["a", "b"], data=["x", "y"])
print(proof.status, proof.samples, first - started, time.perf_counter() - first)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    firsts, seconds = [], []
    for _ in range(options.runs):
        run = subprocess.run([sys.executable, "-c", _PROGRAM], check=True, capture_output=True, text=True)
        status, samples, first, second = run.stdout.split()
        assert (status, samples) == ("proved", "None"), run.stdout
        firsts.append(float(first))
        seconds.append(float(second))
    print(f"the first proof of a process: {median(firsts):.2f} s (from {min(firsts):.2f} to {max(firsts):.2f})")
    print(f"the next: {median(seconds):.2f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
