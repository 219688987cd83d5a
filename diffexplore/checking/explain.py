"""From a NaN to its cause: the sample, the operation that made it, and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.bounds.watch import observing
from diffexplore.checking.evaluate import Evaluator, Running
from diffexplore.checking.judge import FAIL, INCONCLUSIVE, Judged
from diffexplore.checking.origin import Origin
from diffexplore.checking.provenance import Provenance
from diffexplore.checking.records import VALUE, Cause, Row
from diffexplore.checking.remedies import described, remedy
from diffexplore.checking.unbounded import Unbounded, is_unexplained
from diffexplore.checking.unbounded import explained as name_culprit
from diffexplore.errors import DiffexploreError
from diffexplore.floating_point import dtype_name
from diffexplore.methods import reverse, symbolic
from diffexplore.methods.base import Values
from diffexplore.methods.problem import Problem

#: Batches up to this size are run once more as a whole, where no sample alone makes the NaN.
_MOST = 2**20

#: Causes that say what the loss is like at the very place.
_AT_A_PLACE = ("kink", "undefined", "outside_domain")


class Broken:
    """The first sample at which each method makes NaN or infinity of a finite partial, or has no bound."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str], int] = {}
        self._unbounded: dict[tuple[str, str], int] = {}

    def note(self, name: str, method: str, judged: Judged, first: int) -> None:
        """Remembers it, of comparisons of the samples from ``first`` on."""
        broken = (judged.verdict == FAIL) & ~np.isfinite(judged.value)
        unbounded = (judged.verdict == INCONCLUSIVE) & ~np.isfinite(judged.bound)
        for seen, samples in ((self._first, broken), (self._unbounded, unbounded)):
            if samples.any():
                seen.setdefault((name, method), first + int(samples.argmax()))

    def join(self, later: Broken) -> None:
        """Adds what later samples showed."""
        self._first = later._first | self._first
        self._unbounded = later._unbounded | self._unbounded

    def explained(self, row: Row, evaluator: Evaluator, running: Running | None) -> Row:
        """The row with the origin of its NaN, if it is one, or the operation at which it loses its bound.

        ``running`` is None for the loss's own value.
        """
        row = with_flushed(row, evaluator)
        if is_unexplained(row.cause) and running is not None:
            return self._with_culprit(row, evaluator, running)
        if row.cause is None or row.cause.key != "nan":
            return row
        if row.probe is not None:
            sample = 0 if evaluator.n == 1 and evaluator.problem.loss.data else None
        elif running is None:
            broken = ~evaluator.problem.summands(evaluator.values(), evaluator.n).isfinite()
            sample = int(broken.nonzero()[0]) if evaluator.problem.loss.data and bool(broken.any()) else None
        else:
            sample = self._first.get((row.parameter, running.name)) if row.sample is None else row.sample
        return _explained_row(row, row.cause, evaluator, running, sample)

    def _with_culprit(self, row: Row, evaluator: Evaluator, running: Running) -> Row:
        """The row with the operation that has no bound, seen where the method runs on one sample alone."""
        assert row.cause is not None
        problem = evaluator.problem
        try:
            sample = self._without_bound(row, evaluator, running)
            if sample is None:
                return row
            values = evaluator.values(sample, sample + 1)
            observer = Unbounded(Provenance(values, UNIT_ROUNDOFF[problem.dtype]))
            with observing(observer):
                _partial(row.parameter, evaluator, running, values, 1)
        except (DiffexploreError, RuntimeError, NotImplementedError, MemoryError):
            return row
        place = sample if problem.loss.data else None
        return replace(row, cause=name_culprit(row.cause, observer.found, place, _data(evaluator, place)))

    def _without_bound(self, row: Row, evaluator: Evaluator, running: Running) -> int | None:
        """The sample of a row, or of those that it sums the first that has no bound; None where there is none."""
        if row.sample is not None:
            return row.sample
        if row.probe is None and evaluator.problem.loss.data:
            return self._unbounded.get((row.parameter, running.name))
        return _first_unbounded(row.parameter, evaluator, running)


def with_flushed(row: Row, evaluator: Evaluator) -> Row:
    """The row with the inputs that the dtype rounds to 0, where there is no gradient: that is what they have then."""
    if row.cause is None or row.cause.key not in _AT_A_PLACE:
        return row
    flushed = evaluator.flushed(row.sample)
    if not flushed:
        return row
    dtype = dtype_name(evaluator.problem.dtype)
    words = ", ".join(f"{name} = {value:g}" for name, value in flushed.items())
    verb = "underflows" if len(flushed) == 1 else "underflow"
    fields = {**row.cause.fields, "underflows": dict(flushed)}
    cause = Cause(row.cause.key, f"{words} {verb} to 0 in {dtype}, and there {row.cause.message}", fields)
    return replace(row, cause=cause)


def _explained_row(row: Row, cause: Cause, evaluator: Evaluator, running: Running | None, sample: int | None) -> Row:
    """``sample`` is the place of a sample that makes the NaN alone; without one, the whole batch is run again."""
    if sample is None and evaluator.n > _MOST:
        return row
    origin = Origin()
    first, last = (0, evaluator.n) if sample is None else (sample, sample + 1)
    try:
        with observing(origin):
            _run(row.parameter, evaluator, running, first, last)
    except (DiffexploreError, RuntimeError, NotImplementedError, MemoryError):
        return row
    return replace(row, cause=explained(cause, origin, sample, _data(evaluator, sample)))


def explained(cause: Cause, origin: Origin, sample: int | None, data: Mapping[str, float]) -> Cause:
    """The cause with sample, operation and remedy, in its words and in its fields."""
    advice, operation = remedy(origin), described(origin)
    seen = f"{'' if sample is None else f'sample {sample}: '}{operation}" if operation else ""
    fields = {
        **cause.fields, "sample": sample, "data": dict(data),
        "operation": str(origin.forward) if origin.forward else None,
        "backward_operation": str(origin.backward) if origin.backward else None, "remedy": advice,
    }  # fmt: skip
    return Cause(cause.key, "; ".join(words for words in (cause.message, seen, advice) if words), fields)


def stays_finite(problem: Problem, values: Values, n: int, name: str) -> bool:
    """Whether no operation of the loss, of its backward pass to a symbol and of that partial makes NaN or infinity."""
    alone = problem.of_formula.alone[name]
    origin = Origin()
    with observing(origin):
        for method in (reverse.METHOD, symbolic.METHOD):
            method.reduced(alone, values, n)
    return origin.forward is None and origin.backward is None


def _run(name: str, evaluator: Evaluator, running: Running | None, first: int, last: int) -> None:
    problem, values = evaluator.problem, evaluator.values(first, last)
    if running is not None:
        _partial(name, evaluator, running, values, last - first)
        return
    assert name == VALUE
    torch_loss = problem.torch_loss
    with torch_loss.watch(values.values()):
        torch_loss.loss(torch_loss.arguments(values), last - first)


def _partial(name: str, evaluator: Evaluator, running: Running, values: Values, n: int) -> None:
    """The partial alone, reduced where it is."""
    problem = evaluator.problem
    alone = replace(problem, wrt=(name,))
    (running.reduced if name in problem.parameters else running.samples)(alone, values, n)


def _first_unbounded(name: str, evaluator: Evaluator, running: Running) -> int | None:
    """The first sample of a small batch whose own partial has no bound."""
    if evaluator.n == 1:
        return 0
    if evaluator.n > _MOST:
        return None
    estimates = running.samples(replace(evaluator.problem, wrt=(name,)), evaluator.values(), evaluator.n)
    if name not in estimates:  # the method differentiates whole batches alone
        return None
    unbounded = (~estimates[name].bound.isfinite()).nonzero()
    return int(unbounded[0]) if len(unbounded) else None


def _data(evaluator: Evaluator, sample: int | None) -> dict[str, float]:
    if sample is None:
        return {}
    values = evaluator.values(sample, sample + 1)
    return {name: float(values[name].to(torch.float64)) for name in evaluator.problem.loss.data}
