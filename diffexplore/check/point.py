"""The check of one point: every method reduced and by sample, and probes where the reduced partial hides."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from flint import arb

from diffexplore.arithmetic.balls import precision
from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.check.chunked import reduced_if_it_fits
from diffexplore.check.evaluate import Chunk, Evaluator, Running
from diffexplore.check.judge import PASS, Judged, judge
from diffexplore.check.ledger import Ledger, make_row
from diffexplore.check.listener import Listener
from diffexplore.check.probes import Probe, SignLedger, best_probe
from diffexplore.check.problem import Problem
from diffexplore.check.records import Row, Skipped, Tally
from diffexplore.check.truth import SUM_PRECISION, Enclosures, Status, statuses_in
from diffexplore.errors import DiffexploreError
from diffexplore.methods.base import Estimate, Estimates

Tensor = torch.Tensor


@dataclass(frozen=True)
class PointOutcome:
    """What one point gave: rows, counts, and the power with which each partial is settled."""

    rows: tuple[Row, ...]
    tallies: tuple[Tally, ...]
    causes: Mapping[str, int]
    skipped: tuple[Skipped, ...]
    point: Mapping[str, float]
    settled: Mapping[str, float]  # name → smallest relative error that would have been caught; NaN for a truth of 0
    failed: bool


class PointCheck:
    """One point of a check. ``scale`` is the largest |partial| of each symbol in the whole check."""

    #: Whether sub-batches of the rarer sign are tried as well: somebody's code may mistake one sign alone.
    both_signs = False

    #: Whether partials by data are those of the reduced loss, ∂L/∂z_i, and not of the summand.
    by_data_of_the_loss = False

    def __init__(
        self, problem: Problem, point: Mapping[str, float], columns: Mapping[str, Tensor], n: int,
        running: list[Running], scale: Mapping[str, float], seed: int, listener: Listener,
    ) -> None:  # fmt: skip
        self._problem = problem
        self._columns = columns
        self._n = n
        self._running = list(running)
        self._scale = scale
        self._seed = seed
        self._listener = listener
        self._evaluator = Evaluator(problem, point, columns, n, shares=self.by_data_of_the_loss)
        self._point = {name: float(point[name]) for name in problem.loss.parameters}
        self._ledgers: dict[tuple[str, str, str], Ledger] = {}
        self._signs = {name: SignLedger() for name in problem.wrt}
        self._sums = {name: arb(0) for name in problem.wrt}
        self._statuses: dict[str, set[Status]] = {name: set() for name in problem.wrt}
        self._settled: dict[str, float] = {}
        self._rows: list[Row] = []
        self._skipped: list[Skipped] = []

    def run(self, stage: str) -> PointOutcome:
        reduced = self._reduced_estimates()
        sampled = self._running_by_sample()
        for chunk in self._evaluator.chunks(sampled, lambda done: self._listener.progress(stage, done, self._n)):
            self._take(chunk)
        for name in self._problem.wrt:
            if name in self._problem.parameters:
                self._judge_reduced(name, reduced)
            else:
                self._settle_by_samples(name)
        for name in self._problem.parameters:
            self._search(name)
        return self._outcome()

    # ------------------------------------------------------------------------------------------------- reduced
    def _reduced_estimates(self) -> dict[str, tuple[str, Estimates]]:
        """Each method's reduced partials, and its name in their rows; a method that the library refuses is skipped."""
        estimates = {}
        for running in list(self._running):
            try:
                estimates[running.name] = self._ask(self._evaluator, running)
            except DiffexploreError:
                raise
            except (RuntimeError, NotImplementedError, MemoryError) as error:
                self._running.remove(running)
                self._skipped.append(Skipped(running.name, _first_line(error)))
        return estimates

    def _ask(self, evaluator: Evaluator, running: Running) -> tuple[str, Estimates]:
        """The reduced partials of one method, and its name in their rows."""
        return reduced_if_it_fits(evaluator, running)

    def _judge_reduced(self, name: str, reduced: Mapping[str, tuple[str, Estimates]]) -> None:
        truth, ball = self._evaluator.reduced_truth(self._sums[name], self._statuses[name], self._n)
        for running in self._running:
            label, estimates = reduced[running.name]
            judged = self._judge(name, estimates[name], truth)
            self._record(judged, ball, name, label, self._point, None)
            if running.method.exact:
                self._settle(name, judged)

    def _judge(self, name: str, estimate: Estimate, truth: Enclosures) -> Judged:
        value, bound = estimate.value.reshape(1).cpu().numpy(), estimate.bound.reshape(1).cpu().numpy()
        return judge(value, bound, truth, self._scale[name], self._problem.dtype, estimate.reason)

    def _record(
        self, judged: Judged, ball: arb, name: str, method: str, point: Mapping[str, float], probe: str | None
    ) -> None:
        kind = "reduced" if probe is None else "probes"
        self._ledger(name, method, kind).add(judged)
        row = make_row(judged, 0, name, method, point, sample=None, probe=probe, exact=ball)
        self._rows.append(row)
        self._hear(row)

    def _settle(self, name: str, judged: Judged) -> None:
        """A pass that includes the reduction settles the partial at this point; the sharpest one is quoted."""
        if judged.verdict[0] != PASS:
            return
        power = float(judged.detectable[0])
        known = self._settled.get(name, math.nan)
        self._settled[name] = min(known, power) if math.isfinite(known) and math.isfinite(power) else (
            power if math.isnan(known) else known
        )  # fmt: skip

    # ------------------------------------------------------------------------------------------------- samples
    def _running_by_sample(self) -> list[Running]:
        """The methods that are asked for the partials of each sample."""
        return self._running

    def _take(self, chunk: Chunk) -> None:
        for name in self._problem.wrt:
            truth = self._gathered(name, chunk)
            sharpest = np.full(len(truth.high), np.nan)
            for running in self._running if self._problem.loss.data else ():  # without data, reduced rows say it all
                value, bound, reason = chunk.estimates[running.name][name]
                judged = judge(value, bound, truth, self._scale[name], self._problem.dtype, reason)
                self._ledger(name, running.name, "samples").add(judged, chunk.first)
                if running.method.exact:
                    power = np.where(judged.verdict == PASS, judged.detectable, np.nan)
                    sharpest = np.fmin(sharpest, power)
                if self._listener.wants_rows:
                    self._stream(judged, name, running.name, chunk.first)
            self._signs[name].add(truth.high, truth.status == Status.RESOLVED, sharpest, chunk.first)

    def _gathered(self, name: str, chunk: Chunk) -> Enclosures:
        """The truths of a chunk, which also count for the reduced one."""
        truth = chunk.truths[name]
        with precision(SUM_PRECISION):
            self._sums[name] += chunk.sums[name]
        self._statuses[name] |= statuses_in(truth)
        return truth

    def _stream(self, judged: Judged, name: str, method: str, first: int) -> None:
        for i in range(len(judged.value)):
            self._hear(make_row(judged, i, name, method, self._point, sample=first + i))

    def _settle_by_samples(self, name: str) -> None:
        """A partial with respect to data has no reduction: its samples settle it."""
        for running in self._running:
            ledger = self._ledger(name, running.name, "samples")
            if running.method.exact and ledger.counts[PASS]:
                power = math.nan if ledger.min_detectable is None else ledger.min_detectable
                self._settled[name] = min(power, self._settled.get(name, power))

    # -------------------------------------------------------------------------------------------------- probes
    def _search(self, name: str) -> None:
        """Sub-batches, then a probe point, while fewer than half the digits of the partial are certain."""
        if not self._weak(name):
            return
        for probe in self._signs[name].sub_batches(name, self._point, both=self.both_signs):
            self._try(name, probe, settles=probe.several or self._n == 1)
        if self._weak(name):
            best = best_probe(self._problem, name, (self._point,), self._columns, self._n, self._seed)
            if best is not None:
                self._try(name, best, settles=False)

    def _weak(self, name: str) -> bool:
        power = self._settled.get(name, math.nan)
        return not power <= math.sqrt(UNIT_ROUNDOFF[self._problem.dtype])

    def _try(self, name: str, probe: Probe, *, settles: bool) -> None:
        """All methods on the samples of a probe; a sub-batch of several samples at the point settles the partial."""
        n = len(probe.samples)
        evaluator = Evaluator(self._problem, probe.point, probe.rows(self._columns), n)
        reduced = {running.name: self._ask(evaluator, running) for running in self._running}
        zeros = {key: np.zeros(n) for key in self._problem.wrt}
        truths, sums = evaluator.truths(evaluator.values(), n, zeros)
        truth, ball = evaluator.reduced_truth(sums[name], statuses_in(truths[name]), n)
        for running in self._running:
            label, estimates = reduced[running.name]
            judged = self._judge(name, estimates[name], truth)
            self._record(judged, ball, name, label, probe.point, probe.made)
            if settles and running.method.exact:
                self._settle(name, judged)

    # ------------------------------------------------------------------------------------------------- outcome
    def _ledger(self, name: str, method: str, kind: str) -> Ledger:
        key = (name, method, kind)
        if key not in self._ledgers:
            self._ledgers[key] = Ledger(name, method, self._point, kind)
        return self._ledgers[key]

    def _hear(self, row: Row) -> None:
        if self._listener.wants_rows:
            self._listener.row(row)

    def _outcome(self) -> PointOutcome:
        causes: Counter[str] = Counter()
        for ledger in self._ledgers.values():
            causes.update(ledger.causes)
        worst = [row for ledger in self._ledgers.values() for row in ledger.worst()]
        tallies = tuple(ledger.tally() for ledger in self._ledgers.values())
        return PointOutcome(
            rows=(*self._rows, *worst),
            tallies=tallies,
            causes=causes,
            skipped=tuple(self._skipped),
            point=self._point,
            settled=self._settled,
            failed=any(tally.failed for tally in tallies),
        )


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines() or ["out of memory"]  # Python's own MemoryError has no text
    return f"torch refuses: {lines[0]}"
