"""The check of one point: every method reduced and by sample, and probes where the reduced partial hides."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from flint import arb

from diffexplore.arithmetic.balls import precision
from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.checking.chunked import reduced_if_it_fits
from diffexplore.checking.evaluate import Chunk, Evaluator, Running
from diffexplore.checking.explain import Broken, stays_finite
from diffexplore.checking.judge import PASS, Judged, judge
from diffexplore.checking.ledger import Ledger, make_row
from diffexplore.checking.listener import Listener
from diffexplore.checking.loss_value import compared_value, not_finite, value_truth
from diffexplore.checking.lost import Weak, lost_in, merged
from diffexplore.checking.opaque import again_in_float64, refused_by_sample
from diffexplore.checking.probes import Probe, SignLedger, best_probe
from diffexplore.checking.records import LOSS, VALUE, LostDigits, Row, Skipped, Tally
from diffexplore.checking.truth import SUM_PRECISION, Enclosures, Status, statuses_in
from diffexplore.errors import DiffexploreError
from diffexplore.methods.base import Estimates, Numbers
from diffexplore.methods.problem import Problem
from diffexplore.methods.torch_loss import Unavailable

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
    lost: tuple[LostDigits, ...] = ()


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
        self._broken = Broken()
        # Of the methods that are asked for, not of those that turn out to run: a formula is no stand-in for a function.
        self._runs_program = problem.loss.program is not None and any(r.runs_program for r in running)
        self._weak_partials = Weak(problem)

    def run(self, stage: str) -> PointOutcome:
        self._stage = stage
        self._judge_loss()
        reduced = self._reduced_estimates()
        sampled = self._running_by_sample()
        for chunk in self._evaluator.chunks(sampled, self._sample_done):
            self._take(chunk)
        self._listener.progress(f"{stage}judging the whole batch", 0, 0)
        for name in self._problem.wrt:
            if name in self._problem.parameters:
                self._judge_reduced(name, reduced)
            else:
                self._settle_by_samples(name)
        for name in self._problem.parameters:
            self._search(name)
        return self._outcome()

    def _sample_done(self, done: int) -> None:
        what = "samples" if self._running_by_sample() else "exact partials of the samples"
        self._listener.progress(f"{self._stage}{what}", done, self._n)

    # ------------------------------------------------------------------------------------------------- reduced
    def _reduced_estimates(self) -> dict[str, tuple[str, Estimates]]:
        """Each method's reduced partials, and its name in their rows; a method that the library refuses is skipped."""
        estimates = {}
        for running in list(self._running):
            self._listener.progress(f"{self._stage}the whole batch at once, by {running.name}", 0, 0)
            try:
                estimates[running.name] = self._ask(self._evaluator, running)
            except Unavailable as error:
                self._running.remove(running)
                self._skipped.append(Skipped(running.name, str(error)))
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
            judged = self._judge(name, Numbers.of(estimates[name], exact=running.method.exact), truth)
            judged = again_in_float64(judged, self._evaluator, running, name)
            self._record(judged, ball, name, label, self._evaluator, running)
            if running.method.exact:
                self._weak_partials.add_reduced(name, running.name, judged, self._n)
                self._settle(name, judged, running)

    def _judge_loss(self) -> None:
        """The loss itself, where torch's value of it is not finite: then it is compared as a partial is.

        That of a user's function is always compared: it might compute something else here than where it was read.
        """
        numbers = compared_value(self._evaluator) if self._runs_program else not_finite(self._evaluator)
        if numbers is not None:
            self._judge_value(numbers, LOSS)

    def _judge_value(self, numbers: Numbers, method: str) -> None:
        truth, ball = value_truth(self._problem, self._evaluator.point, self._columns, self._n)
        # Beside a loss of 0 there is nothing that its rounding could hide.
        judged = PointCheck._judge(self, VALUE, numbers, truth, math.inf)
        self._record(judged, ball, VALUE, method, self._evaluator, None)

    def _judge(self, name: str, numbers: Numbers, truth: Enclosures, scale: float | None = None) -> Judged:
        """The verdicts of a method's numbers; ``scale`` is the largest partial of the check unless it is given."""
        return judge(
            numbers.value, numbers.bound, truth, self._scale[name] if scale is None else scale, self._problem.dtype,
            numbers.reason, stepped=numbers.stepped,
        )  # fmt: skip

    def _record(
        self, judged: Judged, ball: arb, name: str, method: str, evaluator: Evaluator, running: Running | None,
        probe: str | None = None,
    ) -> None:  # fmt: skip
        """Keeps a reduced comparison; ``running`` is None for the loss's own value."""
        kind = "reduced" if probe is None else "probes"
        self._ledger(name, method, kind).add(judged)
        point = self._point if probe is None else evaluator.point
        row = self._explained(
            make_row(judged, 0, name, method, point, sample=None, probe=probe, exact=ball), evaluator, running
        )
        self._rows.append(row)
        self._hear(row)

    def _explained(self, row: Row, evaluator: Evaluator, running: Running | None) -> Row:
        """The row with the origin of a NaN, if it is one."""
        return self._broken.explained(row, evaluator, running)

    def _settle(self, name: str, judged: Judged, running: Running) -> None:
        """A pass that includes the reduction settles the partial at this point; the sharpest one is quoted."""
        if judged.verdict[0] != PASS or not self._settles(running):
            return
        power = float(judged.detectable[0])
        known = self._settled.get(name, math.nan)
        self._settled[name] = min(known, power) if math.isfinite(known) and math.isfinite(power) else (
            power if math.isnan(known) else known
        )  # fmt: skip

    def _settles(self, running: Running) -> bool:
        """Whether its passes count: those of exact methods, but where a user's function runs only those that run it."""
        return running.method.exact and (running.runs_program or not self._runs_program)

    # ------------------------------------------------------------------------------------------------- samples
    def _running_by_sample(self) -> list[Running]:
        """The methods that are asked for the partials of each sample; what a library refuses of them is skipped."""
        asked = []
        for running in self._running:
            refusal = refused_by_sample(self._evaluator, running)
            if refusal is None:
                asked.append(running)
            else:
                self._skipped.append(Skipped(f"{running.name} (by sample)", refusal))
        return asked

    def _take(self, chunk: Chunk) -> None:
        for name in self._problem.wrt:
            truth = self._gathered(name, chunk)
            sharpest = np.full(len(truth.high), np.nan)
            for running in self._running if self._problem.loss.data else ():  # without data, reduced rows say it all
                if name not in chunk.estimates.get(running.name, {}):
                    continue
                judged = self._judge(name, chunk.estimates[running.name][name], truth)
                judged = again_in_float64(judged, self._evaluator, running, name, chunk.first)
                self._ledger(name, running.name, "samples").add(judged, chunk.first)
                self._broken.note(name, running.name, judged, chunk.first)
                if running.method.exact:
                    self._weak_partials.add(name, running.name, judged, chunk.first)
                    power = np.where(judged.verdict == PASS, judged.detectable, np.nan)
                    sharpest = np.fmin(sharpest, power)
                if self._listener.wants_rows:
                    self._stream(judged, name, running.name, chunk.first)
            self._signs[name].add(truth.high, truth.status == Status.RESOLVED, sharpest, chunk.first)

    def _gathered(self, name: str, chunk: Chunk) -> Enclosures:
        """The truths of a chunk, which also count for the reduced one."""
        truth = chunk.truths[name]
        self._weak_partials.add_truth(name, truth)
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
            if self._settles(running) and ledger.counts[PASS]:
                power = math.nan if ledger.min_detectable is None else ledger.min_detectable
                self._settled[name] = min(power, self._settled.get(name, power))

    # -------------------------------------------------------------------------------------------------- probes
    def _search(self, name: str) -> None:
        """Sub-batches, then a probe point, while fewer than half the digits of the partial are certain."""
        if not self._weak(name):
            return
        self._listener.progress(f"{self._stage}looking for samples that show ∂L/∂{name} better", 0, 0)
        for probe in self._signs[name].sub_batches(name, self._point, both=self.both_signs):
            self._try(name, probe, settles=probe.several or self._n == 1)
        if self._weak(name):
            best = best_probe(self._problem, name, (self._point,), self._columns, self._n, self._seed)
            # A point of the check's own choice says nothing where it overflows: nobody asked about it.
            if best is not None and stays_finite(self._at(best)):
                self._try(name, best, settles=False)

    def _at(self, probe: Probe) -> Evaluator:
        return Evaluator(self._problem, probe.point, probe.rows(self._columns), len(probe.samples))

    def _weak(self, name: str) -> bool:
        power = self._settled.get(name, math.nan)
        return not power <= math.sqrt(UNIT_ROUNDOFF[self._problem.dtype])

    def _try(self, name: str, probe: Probe, *, settles: bool) -> None:
        """All methods on the samples of a probe; a sub-batch of several samples at the point settles the partial."""
        n = len(probe.samples)
        evaluator = self._at(probe)
        reduced = self._asked_of_all(evaluator)
        zeros = {key: np.zeros(n) for key in self._problem.wrt}
        truths, sums = evaluator.truths(evaluator.values(), n, zeros)
        truth, ball = evaluator.reduced_truth(sums[name], statuses_in(truths[name]), n)
        for running in self._running:
            if running.name not in reduced:
                continue
            label, estimates = reduced[running.name]
            judged = self._judge(name, Numbers.of(estimates[name], exact=running.method.exact), truth)
            judged = again_in_float64(judged, evaluator, running, name)
            self._record(judged, ball, name, label, evaluator, running, probe.made)
            if settles and running.method.exact:
                self._settle(name, judged, running)

    def _asked_of_all(self, evaluator: Evaluator) -> dict[str, tuple[str, Estimates]]:
        """The reduced partials of each method that can run on this batch."""
        found = {}
        for running in self._running:
            with suppress(Unavailable):
                found[running.name] = self._ask(evaluator, running)
        return found

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
        named = {running.name: running for running in self._running}
        worst = [
            self._explained(row, self._evaluator, named[row.method])
            for ledger in self._ledgers.values() for row in ledger.worst()
        ]  # fmt: skip
        tallies = tuple(ledger.tally() for ledger in self._ledgers.values())
        return PointOutcome(
            rows=(*self._rows, *worst),
            tallies=tallies,
            causes=causes,
            skipped=tuple(self._skipped),
            point=self._point,
            settled=self._settled,
            failed=any(tally.failed for tally in tallies),
            lost=self._lost_digits(),
        )

    def _lost_digits(self) -> tuple[LostDigits, ...]:
        """Where rounding leaves fewer than half the digits of a partial by an exact method."""
        exact = [running for running in self._running if running.method.exact]
        found = (lost_in(weak, self._evaluator, exact, self._point) for weak in self._weak_partials)
        return merged(lost for lost in found if lost is not None)


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines() or ["out of memory"]  # Python's own MemoryError has no text
    return f"torch refuses: {lines[0]}"
