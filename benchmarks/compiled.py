"""Compiled losses against autograd and against reading the data, side by side in one run.

    python -m benchmarks.compiled [--samples 1e7] [--threads 2] [--clock wall|cpu] [--no-inductor]
    python -m benchmarks.compiled --device cuda [--samples 1e9]

On a CPU, of half the squared perpendicular distance to a line, in float64:

1. value and gradient by blocks, by inductor, by torch's autograd and by compiled autograd, against reading both columns
   once (``x.sum() + y.sum()``) on the same threads;
2. 1,000 steps of gradient descent from data in memory: the sums taken and 1,000 gradients by them, against 1,000 times
   a step by autograd, of which some are timed;
3. the error of the gradient in ulps, with the data moved by 1e8, against the certified truth.

On a GPU: value and gradient of the same loss in float32 by the compiled kernel, and the partials by data, in bytes that
are read and written for a second, against those of a copy; and for each loss of the catalogue the verdict of a check
and the errors of the kernels in ulps on both devices.

Processor time counts all threads, and not what else runs on the machine; wall time is what a user waits for.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import torch
from torch import Tensor

import diffexplore as dx
from diffexplore.checking.batch import make_batch
from diffexplore.checking.evaluate import Evaluator
from diffexplore.floating_point import format_of
from diffexplore.kernels.backends.inductor import InductorBackend
from diffexplore.kernels.batches import columns_of
from diffexplore.kernels.plan import Plan
from diffexplore.methods.problem import Problem

_AT = {"a": 0.5, "b": 1.0}

_STEPS = 1_000

#: Calls that a GPU is given at once, so that it need not wait for the host.
_QUEUED = 10

#: The default data so many times are some rows of what a compiled kernel works on.
_COPIES = 300


def _line(n: int, dtype: torch.dtype, device: str, offset: float = 0.0) -> dict[str, Tensor]:
    """Points near the line y = 2 x + 1, moved by ``offset`` in both coordinates."""
    generator = torch.Generator(device).manual_seed(0)
    x = torch.rand(n, generator=generator, dtype=dtype, device=device) * 10
    y = 2 * x + 1 + torch.rand(n, generator=generator, dtype=dtype, device=device)
    return {"x": x.add_(offset), "y": y.add_(offset)}


class Clock:
    """Seconds of a call: of the wall, or of the processors; on a GPU until it is done."""

    def __init__(self, kind: str, device: str) -> None:
        self._now = time.process_time if kind == "cpu" else time.perf_counter
        self._device = device

    def once(self, call: Callable[[], Any]) -> float:
        self._wait()
        start = self._now()
        call()
        self._wait()
        return self._now() - start

    def turns(self, calls: Mapping[str, Callable[[], Any]], turns: int) -> dict[str, float]:
        """Median seconds of each call; they take turns, so that what slows the machine down slows all of them."""
        for call in calls.values():
            call()
        gc.collect()
        seconds: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(turns):
            for name, call in calls.items():
                seconds[name].append(self.once(call))
        return {name: median(taken) for name, taken in seconds.items()}

    def _wait(self) -> None:
        if self._device == "cuda":
            torch.cuda.synchronize()


def _autograd(data: Mapping[str, Tensor], compiled: bool) -> Callable[[], Any]:
    """A step as people write it: the loss, and one backward pass."""
    a, b = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in _AT.values())

    def loss(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return ((a * x - y + b) ** 2 / (2 * (a**2 + 1))).mean()

    run = torch.compile(loss) if compiled else loss
    return lambda: torch.autograd.grad(run(a, b, data["x"], data["y"]), (a, b))


def _reading(samples: int, clock: Clock, turns: int, inductor: bool) -> dict[str, float]:
    """Figures 1 and 2."""
    data = _line(samples, torch.float64, "cpu")
    loss = dx.losses.get("perpendicular")
    backends = ("blocked", "inductor") if inductor else ("blocked",)
    calls: dict[str, Callable[[], Any]] = {"reading": lambda: data["x"].sum() + data["y"].sum()}
    for name in backends:
        bound = loss.compile(backend=name).bind(data)
        calls[name] = lambda bound=bound: bound(_AT)
    calls["autograd"] = _autograd(data, compiled=False)
    if inductor:
        calls["compiled autograd"] = _autograd(data, compiled=True)
    seconds = clock.turns(calls, turns)
    print(f"1. value and gradient of perpendicular, N = {samples:,}, float64")
    for name, taken in seconds.items():
        print(f"   {name:<20} {1e3 * taken:9.2f} ms   {taken / seconds['reading']:7.2f} times reading x and y once")
    _descent(data, loss, clock, seconds)
    return seconds


def _descent(data: Mapping[str, Tensor], loss: dx.Loss, clock: Clock, seconds: Mapping[str, float]) -> None:
    kernel = loss.compile(backend="statistics")

    def descend() -> None:
        bound, at = kernel.bind(data), dict(_AT)
        for _ in range(_STEPS):
            gradient = bound(at).gradient
            at = {name: x - 1e-3 * gradient[name] for name, x in at.items()}

    descend()
    ours = min(clock.once(descend) for _ in range(3))
    binding = min(clock.once(lambda: kernel.bind(data)) for _ in range(3))
    print(f"2. {_STEPS:,} steps of descent, data in memory: {ours:.3f} s by sums that take {binding:.3f} s")
    for name in ("autograd", "compiled autograd"):
        if name in seconds:
            print(
                f"   {name:<20} {_STEPS * seconds[name]:9.1f} s    {_STEPS * seconds[name] / ours:7,.0f} times as long"
            )


def _offset(samples: int) -> None:
    """Figure 3."""
    loss, data = dx.losses.get("perpendicular"), _line(samples, torch.float64, "cpu", 1e8)
    print(f"3. error of the gradient in ulps, N = {samples:,}, the data moved by 1e8")
    for at in (_AT, {"a": 2.0, "b": -1e8 + 1.5}, {"a": 2.0 + 2.0**-30, "b": -1e8 + 1.5}, {"a": 2.0, "b": -1e8 + 1.4}):
        errors = _errors(loss, at, data, ("statistics", "blocked", "eager"))
        shown = "   ".join(f"{name} {worst:.2g}" for name, worst in errors.items())
        print(f"   at a = {at['a']:.12g}, b = {at['b']:.10g}:  {shown}")


def _errors(
    loss: dx.Loss, at: Mapping[str, float], data: Mapping[str, Tensor], backends: tuple[str, ...]
) -> dict[str, float]:
    """The largest error of a partial by a parameter in ulps of float64, by each backend, on the device of the data."""
    host = {name: column.cpu() for name, column in data.items()}
    n = len(next(iter(host.values())))
    exact = {name: column.to(torch.float64) for name, column in host.items()}
    problem = Problem(loss, loss.parameters, torch.float64, torch.device("cpu"))
    truths = Evaluator(problem, at, exact, n).reduced_truths()
    found = {}
    for backend in backends:
        gradient = loss.compile(backend=backend)(dict(at), data).gradient
        ulps = []
        for name, (truth, ball) in truths.items():
            ulps.append(float(abs(ball - gradient[name]).mid()) / float(format_of("float64").ulp(truth.high[0])))
        found[backend] = max(ulps)
    return found


# ------------------------------------------------------------------------------------------------------------ on a GPU
def _bandwidth(samples: int, clock: Clock, turns: int) -> None:
    """Figure 11: bytes for a second."""
    data = _line(samples, torch.float32, "cuda")
    other = torch.empty_like(data["x"])
    loss = dx.losses.get("perpendicular")
    machine = f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    print(f"{machine}: perpendicular, N = {samples:,}, float32; times, rates and shares of the copy")
    calls: dict[str, Callable[[], Any]] = {"copy": lambda: other.copy_(data["x"])}
    kernels = {"kernel": (None, torch.float64), "kernel, tuned": ("max-autotune-no-cudagraphs", torch.float64)}
    kernels |= {"kernel in float32": (None, torch.float32)}
    for name, (mode, dtype) in kernels.items():
        run = InductorBackend(mode, dtype).bind(Plan(loss, loss.parameters, hessian=False), columns_of(loss, data))
        calls[name] = lambda run=run: run(list(_AT.values()))
        numbers = run.begun(list(_AT.values()))[1]
        calls[f"{name}, queued"] = lambda run=run, numbers=numbers: [run.reduced(numbers) for _ in range(_QUEUED)]
    by_data = loss.compile("x, y", backend="inductor").bind(data)
    calls["by data"] = lambda: by_data(_AT)
    calls["eager"] = _autograd_on(data)
    calls["copy, queued"] = lambda: [other.copy_(data["x"]) for _ in range(_QUEUED)]
    moved = {name: 8 * samples * (_QUEUED if "queued" in name else 1) for name in calls} | {"by data": 16 * samples}
    seconds = {}
    for name, call in calls.items():
        try:
            seconds[name] = clock.turns({name: call}, turns)[name]
        except RuntimeError as error:  # out of memory, mostly
            print(f"   {name:<26} {str(error).splitlines()[0][:90]}", flush=True)
            torch.cuda.empty_cache()
            continue
        rate, copied = moved[name] / seconds[name], moved["copy"] / seconds["copy"]  # a copy reads and writes
        print(
            f"   {name:<26} {1e3 * seconds[name]:9.3f} ms   {rate / 1e9:8.1f} GB/s   {rate / copied:6.1%}", flush=True
        )
    kernel = loss.compile(backend="statistics")
    print(
        f"   sums that are kept         {1e3 * clock.turns({'': lambda: kernel.bind(data)}, turns)['']:9.3f} ms, once"
    )
    for backend in ("statistics", "inductor", "blocked"):
        print(f"   {backend}: {loss.compile(backend=backend)(_AT, data)}", flush=True)


def _autograd_on(data: Mapping[str, Tensor]) -> Callable[[], Any]:
    bound = dx.losses.get("perpendicular").compile(backend="eager").bind(data)
    return lambda: bound(_AT)


def _devices() -> None:
    """The verdicts of checks and the errors of kernels on both devices."""
    print("errors of the gradient in ulps of float64 (float32 data), and verdicts of a check, CPU against GPU")
    for name in dx.losses.names():
        loss = dx.losses.get(name)
        batch, at = make_batch(loss), loss.default_points[0]
        columns = {key: torch.as_tensor(column).float().repeat(_COPIES) for key, column in batch.columns.items()}
        started = time.perf_counter()
        verdicts = [dx.check(loss, dtype="float32", device=device).verdict for device in ("cpu", "cuda")]
        cells = []
        if loss.parameters:
            for device in ("cpu", "cuda"):
                here = {key: column.to(device) for key, column in columns.items()}
                backends = ("blocked", "inductor") if device == "cuda" else ("blocked",)
                errors = _errors(loss, at, here, backends)
                cells += [f"{backend} on {device} {worst:.2g}" for backend, worst in errors.items()]
        print(
            f"   {name:<24} {' / '.join(verdicts):<14} {'   '.join(cells)}   {time.perf_counter() - started:.0f} s",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=float, default=None, help="default 1e7, on a GPU 1e9")
    parser.add_argument("--threads", type=int, default=None, help="threads of torch")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--no-table", action="store_true", help="on a GPU: the bandwidth alone")
    parser.add_argument("--no-inductor", action="store_true", help="leave out what has to be compiled")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    clock = Clock(options.clock, options.device)
    if options.device == "cuda":
        _bandwidth(int(options.samples or 1e9), clock, options.turns)
        if not options.no_table:
            _devices()
        return
    samples = int(options.samples or 1e7)
    _reading(samples, clock, options.turns, not options.no_inductor)
    _offset(min(samples, 100_000))


if __name__ == "__main__":
    main()
