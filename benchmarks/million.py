"""Checks of a million samples: how long they take, and what certified truths cost.

    python -m benchmarks.million [--samples 1e6] [--runs 3] [--threads 2] [--clock wall|cpu]

All of it is of the perpendicular distance, at one point, float64:

- ``diffexplore report --data FILE`` with all methods, reduced and by sample, beyond the imports, in a process of its
  own; the same of a tenth of the samples, and the memory that the others take beside their own;
- each exact method by sample, watched and not watched, in chunks as a check takes them;
- the certified truth of every partial by data, and their verification, beside one reverse-mode gradient by all data on
  one thread, in turns.

Processor time counts all threads, and not what else runs on the machine; wall time is what a user waits for.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

from benchmarks.verify_speed import POINT, columns, gradient, reverse_mode, verification
from diffexplore import losses
from diffexplore import methods as registry
from diffexplore.checking.batch import make_batch
from diffexplore.checking.evaluate import CHUNK, Evaluator
from diffexplore.checking.options import Options
from diffexplore.checking.run import prepared
from diffexplore.methods.base import unwatched

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}

_LOSS = "perpendicular"

#: A report in a process that has imported what it stands on: its seconds, and its peak memory in MiB.
_REPORT = """
import contextlib, io, json, resource, sys, time
import flint, sympy, torch
import diffexplore.checking.run, diffexplore.cli.report, diffexplore.render.screen
from diffexplore.cli.main import main
threads, clock, arguments = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
torch.set_num_threads(threads)
sys.argv = ["diffexplore", *arguments]
now = time.perf_counter if clock == "wall" else time.process_time
before, output = now(), io.StringIO()
with contextlib.redirect_stdout(output):
    try:
        status = main()
    except SystemExit as end:
        status = end.code
seconds = now() - before
assert not status, output.getvalue()
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def report(samples: int, threads: int, clock: str) -> tuple[float, float]:
    """Seconds beyond the imports, and peak memory in MiB, of one report on so many samples from a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "points.npz")
        np.savez(path, allow_pickle=False, **columns(samples))
        at = ",".join(f"{name}={value}" for name, value in POINT.items())
        command = ["report", _LOSS, "--data", str(path), "--at", at, "--dtype", "float64"]
        output = subprocess.check_output([sys.executable, "-c", _REPORT, str(threads), clock, *command], cwd=folder)
    seconds, peak = json.loads(output)
    return float(seconds), float(peak)


def reports(samples: int, threads: int, clock: str, runs: int) -> None:
    """The report on all samples, and on a tenth of them, in turns."""
    pairs = [(report(samples, threads, clock), report(samples // 10, threads, clock)) for _ in range(runs)]
    many, few = (median(pair[i][0] for pair in pairs) for i in (0, 1))
    peak, less = (max(pair[i][1] for pair in pairs) for i in (0, 1))
    data = (samples - samples // 10) * 16 / 2**20
    print(f"report on {samples:,} samples: {many:.2f} s beyond imports, peak {peak:.0f} MiB")
    print(f"  {many / few:.2f} times a tenth of them ({few:.2f} s, {less:.0f} MiB); {data:.0f} MiB more are data")


def watches(clock: Callable[[], float], runs: int) -> None:
    """What the watch of each exact method costs, of one chunk of samples."""
    loss = losses.get(_LOSS)
    problem = Options(device="cpu").problem(loss, loss.parameters)
    evaluator = Evaluator(problem, POINT, make_batch(loss, columns(CHUNK)).tensors(), CHUNK)
    print(f"a chunk of {CHUNK:,} samples, by sample:    watched   alone   times")
    for running in prepared(problem, registry.entries())[0]:
        if not running.method.exact or running.name == "numpy":  # which is its own watch
            continue

        def call(running: object = running) -> float:
            before = clock()
            running.samples(problem, evaluator.values(), CHUNK)  # type: ignore[attr-defined]
            return clock() - before

        call()
        watched = median(call() for _ in range(5 * runs))
        with unwatched():
            alone = median(call() for _ in range(5 * runs))
        print(f"  {running.name:<34} {1e3 * watched:7.2f} {1e3 * alone:7.2f} {watched / alone:7.1f}  (ms)")


def truths(samples: int, clock: Callable[[], float], runs: int) -> None:
    """The truth of all partials by data, and their verification, beside one reverse-mode gradient."""
    data, loss = columns(samples), losses.get(_LOSS)
    problem = Options(device="cpu").problem(loss, loss.data)
    evaluator = Evaluator(problem, POINT, make_batch(loss, data).tensors(), samples, shares=True)

    def enclosed() -> None:
        for chunk in evaluator.chunks([], lambda done: None):
            assert not any(truth.status.any() for truth in chunk.truths.values()), "each truth is resolved"

    calls: list[Callable[[], object]] = [enclosed, lambda: verification(gradient, data), lambda: reverse_mode(data)]

    def seconds(call: Callable[[], object]) -> float:
        before = clock()
        call()
        return clock() - before

    for call in calls:
        call()
    turns = [[seconds(call) for call in calls] for _ in range(3 * runs)]
    truth, verified, reverse = (median(turn[i] for turn in turns) for i in range(3))
    print(f"{2 * samples:,} partials by data on one thread: reverse mode {1e3 * reverse:.1f} ms")
    print(f"  certified truth {truth / reverse:5.1f} times that, {2 * samples / truth / 1e6:.1f} M partials a second")
    print(f"  verification    {verified / reverse:5.1f} times that")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=float, default=1e6)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    options = parser.parse_args()
    clock = CLOCKS[options.clock]
    reports(int(options.samples), options.threads, options.clock, options.runs)
    torch.set_num_threads(1)
    watches(clock, options.runs)
    truths(int(options.samples), clock, options.runs)


if __name__ == "__main__":
    main()
