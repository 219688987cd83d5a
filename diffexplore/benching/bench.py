"""A bench from end to end: losses, sizes and methods in, measurements out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from diffexplore.benching.measuring import (
    BenchTruths,
    Times,
    later_calls,
    no_garbage_collection,
    peak_of,
    share_of,
    timed,
)
from diffexplore.benching.records import Bench, BenchedLoss, Measurement, Pair
from diffexplore.benching.settings import TimedLoss, check_memory
from diffexplore.checking.batch import Batch, make_batch
from diffexplore.checking.environment import environment
from diffexplore.checking.listener import Listener, Silence
from diffexplore.checking.tallies import Skipped
from diffexplore.floating_point import dtype_name
from diffexplore.methods import MethodEntry
from diffexplore.methods.base import Values, unwatched
from diffexplore.methods.prepared import Preparable, Prepared
from diffexplore.methods.problem import Problem
from diffexplore.methods.torch_loss import Unavailable, raised_by


def run_bench(
    requests: Sequence[TimedLoss], sizes: Sequence[int], methods: Sequence[MethodEntry], dtype: torch.dtype,
    device: torch.device, seed: int, listener: Listener | None = None,
) -> Bench:  # fmt: skip
    """Every method on every loss and size: seconds, bytes, and the error against the truth.

    What a method computes is the gradient of the reduced loss by its parameters; of a loss without parameters, the
    partials of each sample by its data. Samples are synthetic, drawn by ``seed``. Raises
    :class:`~diffexplore.errors.UsageError` where a size does not fit in memory.
    """
    listener = listener or Silence()
    problems = [
        Problem(request.loss, request.loss.parameters or request.loss.data, dtype, device) for request in requests
    ]
    plans = [sizes if problem.loss.data else (1,) for problem in problems]
    for problem, plan in zip(problems, plans, strict=True):
        for n in plan:
            check_memory(problem, n)
    progress = _Progress(listener, len(methods), sum(map(len, plans)))
    budget = share_of(progress.combinations)
    subjects, measurements = [], []
    listener.progress("loading the libraries", 0, 0)
    for request, problem, plan in zip(requests, problems, plans, strict=True):
        running = _Running(request, problem, methods, progress, budget)
        for n in plan:
            with no_garbage_collection():
                measurements += running.measured(n, seed)
            progress.batch_done()
        subjects.append(
            BenchedLoss(request.name, request.loss.summary(), dict(request.point), tuple(plan), tuple(running.skipped))
        )
    names = tuple(entry.name for entry in methods)
    return Bench(
        dtype_name(dtype), str(device), torch.get_num_threads(), seed, names, tuple(subjects),
        tuple(measurements), pairs_in(measurements), environment(device, ()),
    )  # fmt: skip


class _Progress:
    """How much of a bench is done: of each method on each batch the first call is one part, all later ones another."""

    def __init__(self, listener: Listener, methods: int, batches: int) -> None:
        self.combinations = methods * batches
        self._listener = listener
        self._methods = methods
        self._batches = self._parts = 0

    def part_done(self) -> None:
        self._parts += 1
        self._report()

    def batch_done(self) -> None:
        """The parts of methods that could not be timed are done too."""
        self._batches += 1
        self._parts = 0
        self._report()

    def _report(self) -> None:
        self._listener.progress("measuring", 2 * self._methods * self._batches + self._parts, 2 * self.combinations)


@dataclass
class _Running:
    """One loss, with the methods that can be timed on it; ``budget`` seconds are for the later calls of each."""

    request: TimedLoss
    problem: Problem
    methods: Sequence[MethodEntry]
    progress: _Progress
    budget: float
    skipped: list[Skipped] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._methods: dict[str, Preparable] = {}
        for entry in self.methods:
            method = entry.load()
            reason = method.obstacle(self.problem)
            if reason is None and isinstance(method, Preparable):
                self._methods[entry.name] = method
            else:
                self.skipped.append(Skipped(entry.name, reason or "it cannot be timed without its bound"))

    def measured(self, n: int, seed: int) -> list[Measurement]:
        """The measurements on one batch, in the order of the methods."""
        batch = self._batch(n, seed)
        columns = {name: torch.as_tensor(column) for name, column in batch.columns.items()}
        values = self.problem.values(self.request.point, columns)
        ready: dict[str, Prepared] = {}
        first: dict[str, float] = {}
        truths = BenchTruths(self.problem, self.request.point, columns, n, by_sample=not self.problem.parameters)
        errors = {}
        for name in list(self._methods):
            try:
                ready[name], first[name], errors[name] = self._first(name, values, n, truths)
            except (Unavailable, RuntimeError, NotImplementedError, TypeError, ValueError, MemoryError) as error:
                del self._methods[name]
                line = next(iter(str(error).splitlines()), "") or type(error).__name__
                self.skipped.append(Skipped(name, f"from {n:,} samples on: {line[:200]}"))
            self.progress.part_done()
        later = later_calls(ready, self.budget)
        return [
            self._measurement(name, n, Times(first[name], later[name]), errors[name], ready[name]) for name in ready
        ]

    def _batch(self, n: int, seed: int) -> Batch:
        if not self.problem.loss.data:
            return make_batch(self.problem.loss)
        return make_batch(self.problem.loss, None, n_points=n, seed=seed, points=(self.request.point,))

    def _first(
        self, name: str, values: Values, n: int, truths: BenchTruths
    ) -> tuple[Prepared, float, Mapping[str, tuple[float | None, float | None]]]:
        with raised_by(self.problem.loss.program, Unavailable):
            with unwatched():
                prepared = self._methods[name].prepared(self.problem, values, n)
            seconds, outputs = timed(prepared)
        with prepared.scope():
            gradient = prepared.numbers(outputs)
        return prepared, seconds, truths.errors(gradient)

    def _measurement(
        self, name: str, n: int, times: Times, errors: Mapping[str, tuple[float | None, float | None]],
        prepared: Prepared,
    ) -> Measurement:  # fmt: skip
        low, median, high = times.quartiles()
        with prepared.scope():
            memory = peak_of(prepared.call, self.problem.device)
        self.progress.part_done()
        ulps, relative = ([pair[place] for pair in errors.values()] for place in (0, 1))
        return Measurement(
            self.request.name, name, n, times.first, median, low, high, len(times.later), memory,
            {symbol: pair[0] for symbol, pair in errors.items()}, _largest(ulps), _largest(relative),
        )  # fmt: skip


def _largest(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return max(known) if known else None


#: What people call the library, its eager method, and the compiled one.
_PAIRS = (
    ("torch", "reverse", "torch_compile"),
    ("JAX", "jax_grad", "jax_jit"),
    ("TensorFlow", "tensorflow_tape", "tensorflow_function"),
)


def pairs_in(measurements: Sequence[Measurement]) -> tuple[Pair, ...]:
    """Each library's compiled method beside its eager one, wherever both were timed."""
    known = {(one.loss, one.n, one.method): one for one in measurements}
    return tuple(_found(known))


def _found(known: dict[tuple[str, int, str], Measurement]) -> Iterator[Pair]:
    for library, eager_name, compiled_name in _PAIRS:
        for (loss, n, method), compiled in known.items():
            eager = known.get((loss, n, eager_name))
            if method == compiled_name and eager is not None:
                ratio = eager.median / compiled.median
                yield Pair(library, eager_name, compiled_name, loss, n, ratio, _repaid(eager, compiled))


def _repaid(eager: Measurement, compiled: Measurement) -> int | None:
    """After how many later calls the compiled method's first call, beyond the eager one's, is won back."""
    gain = eager.median - compiled.median
    return max(0, math.ceil((compiled.first - eager.first) / gain)) if gain > 0 else None
