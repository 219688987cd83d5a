"""The check of one point: every method reduced and by sample, and probes where the reduced partial hides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb

from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.checking.chunked import reduced_if_it_fits
from diffexplore.checking.comparisons import Comparisons, PointOutcome
from diffexplore.checking.enclosures import Enclosures, Status, statuses_in
from diffexplore.checking.evaluate import Chunk, Evaluator, Running, again_in_float64, refused_by_sample
from diffexplore.checking.explain import stays_finite
from diffexplore.checking.findings import SampleFindings
from diffexplore.checking.judge import PASS
from diffexplore.checking.loss_value import compared_value, not_finite, value_truth
from diffexplore.checking.probe_search import ProbeSearch
from diffexplore.checking.probes import Probe
from diffexplore.checking.records import LOSS, VALUE
from diffexplore.checking.tallies import Skipped
from diffexplore.errors import DiffexploreError
from diffexplore.methods.base import Estimates, Numbers, OneByOne
from diffexplore.methods.torch_loss import Unavailable

#: Of a batch: by each method its name in the rows and its estimates; the truths of its samples, and their sums.
_Found = tuple[Evaluator, dict[str, tuple[str, Estimates]], dict[str, Enclosures], dict[str, arb]]


class PointCheck(Comparisons):
    """One point of a check."""

    #: Whether sub-batches of the rarer sign are tried as well: somebody's code may mistake one sign alone.
    both_signs = False

    def run(self, stage: str) -> PointOutcome:
        self._stage = stage
        self._tried: dict[tuple[Any, ...], _Found] = {}
        self._judge_loss()
        reduced = self._reduced_estimates()
        sampled = self._running_by_sample()
        self._go_through(sampled)
        self._listener.progress(f"{stage}judging the whole batch", 0, 0)
        for name in self._problem.wrt:
            if name in self._problem.parameters:
                self._judge_reduced(name, reduced)
            else:
                self._settle_by_samples(name)
        for name in self._problem.parameters:
            self._search(name)
        return self._outcome()

    def _go_through(self, sampled: list[Running]) -> None:
        """All samples, a block at a time."""
        self._found.join(self._blocks.each(lambda first, last: self._seen(sampled, first, last)))

    def _seen(self, sampled: list[Running], first: int, last: int) -> SampleFindings:
        """What the samples of one block show."""
        before, self._found = self._found, SampleFindings.start(self._problem)
        try:
            for chunk in self._evaluator.chunks(sampled, self._sample_done, first, last):
                self._take(chunk)
            return self._found
        finally:
            self._found = before

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
                estimates[running.name] = self._reduced_by(self._evaluator, running)
            except Unavailable as error:
                self._running.remove(running)
                self._skipped.append(Skipped(running.name, str(error)))
            except DiffexploreError:
                raise
            except (RuntimeError, NotImplementedError, MemoryError) as error:
                self._running.remove(running)
                self._skipped.append(Skipped(running.name, _first_line(error)))
        return estimates

    def _reduced_by(self, evaluator: Evaluator, running: Running) -> tuple[str, Estimates]:
        """The reduced partials of one method, and its name in their rows."""
        return reduced_if_it_fits(evaluator, running)

    def _judge_reduced(self, name: str, reduced: Mapping[str, tuple[str, Estimates]]) -> None:
        truth, ball = self._evaluator.reduced_truth(self._found.sums[name], self._found.statuses[name], self._n)
        for running in self._running:
            label, estimates = reduced[running.name]
            judged = self._judge(name, Numbers.of(estimates[name], exact=running.method.exact), truth)
            judged = again_in_float64(judged, self._evaluator, running, name)
            self._record(judged, ball, name, label, self._evaluator, running)
            if running.method.exact:
                self._found.weak.add_reduced(name, running.name, judged, self._n)
                self._settle(name, judged, running)

    def _judge_loss(self) -> None:
        """The loss itself, where torch's value of it is not finite: then it is compared as a partial is.

        That of a user's function is always compared: it might compute something else here than where it was read.
        """
        numbers = compared_value(self._evaluator) if self._runs_program else not_finite(self._evaluator)
        if numbers is not None:
            self._judge_value(numbers, LOSS)

    def _judge_value(self, numbers: Numbers, method: str) -> None:
        truth, ball = value_truth(self._problem, self._evaluator.point, self._columns, self._blocks)
        # Beside a loss of 0 there is nothing that its rounding could hide.
        judged = Comparisons._judge(self, VALUE, numbers, truth, math.inf)
        self._record(judged, ball, VALUE, method, self._evaluator, None)

    # ------------------------------------------------------------------------------------------------- samples
    def _running_by_sample(self) -> list[Running]:
        """The methods that give partials of each sample; what a library refuses of them is skipped."""
        requested = []
        for running in self._running:
            refusal = refused_by_sample(self._evaluator, running)
            if refusal is None:
                requested.append(running)
            else:
                self._skipped.append(Skipped(f"{running.name} (by sample)", refusal))
        return requested

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
                self._found.broken.note(name, running.name, judged, chunk.first)
                if running.method.exact:
                    self._found.weak.add(name, running.name, judged, chunk.first)
                    power = np.where(judged.verdict == PASS, judged.detectable, np.nan)
                    sharpest = np.fmin(sharpest, power)
                if self._listener.wants_rows:
                    self._stream(judged, name, running.name, chunk.first)
            self._found.signs[name].add(truth.high, truth.status == Status.RESOLVED, sharpest, chunk.first)

    def _gathered(self, name: str, chunk: Chunk) -> Enclosures:
        """The truths of a chunk, which also count for the reduced one."""
        truth = chunk.truths[name]
        self._found.add_truth(name, truth, chunk.sums[name])
        return truth

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
        for probe in self._found.signs[name].sub_batches(name, self._point, both=self.both_signs):
            self._try(name, probe, settles=probe.several or self._n == 1)
        if self._weak(name):
            best = self._probing.best(name)
            # A point of the check's own choice says nothing where it overflows: nobody chose it.
            if best is not None and self._stays_finite(best, name):
                self._try(name, best, settles=False)

    @cached_property
    def _probing(self) -> ProbeSearch:
        return ProbeSearch(self._problem, (self._point,), self._columns, self._n, self._seed)

    def _stays_finite(self, probe: Probe, name: str) -> bool:
        values = self._problem.values(probe.point, probe.rows(self._columns))
        return stays_finite(self._problem, values, len(probe.samples), name)

    def _at(self, probe: Probe) -> Evaluator:
        return Evaluator(self._problem, probe.point, probe.rows(self._columns), len(probe.samples))

    def _weak(self, name: str) -> bool:
        power = self._settled.get(name, math.nan)
        return not power <= math.sqrt(UNIT_ROUNDOFF[self._problem.dtype])

    def _try(self, name: str, probe: Probe, *, settles: bool) -> None:
        """All methods on the samples of a probe; a sub-batch of several samples at the point settles the partial."""
        evaluator, reduced, truths, sums = self._found_at(probe)
        truth, ball = evaluator.reduced_truth(sums[name], statuses_in(truths[name]), len(probe.samples))
        for running in self._running:
            found = reduced.get(running.name) if _all_at_once(running) else self._alone(evaluator, running, name)
            if found is None:
                continue
            label, estimates = found
            judged = self._judge(name, Numbers.of(estimates[name], exact=running.method.exact), truth)
            judged = again_in_float64(judged, evaluator, running, name)
            self._record(judged, ball, name, label, evaluator, running, probe.made)
            if settles and running.method.exact:
                self._settle(name, judged, running)

    def _found_at(self, probe: Probe) -> _Found:
        """All partials by the methods that give them at once, with their truths; several probes may share samples."""
        key = (tuple(probe.point.items()), probe.samples.tobytes())
        if probe.columns is None and key in self._tried:
            return self._tried[key]
        evaluator, n = self._at(probe), len(probe.samples)
        reduced = self._reduced_at_once(evaluator)
        truths, sums = evaluator.truths(evaluator.whole, n, {name: np.zeros(n) for name in self._problem.wrt})
        found = (evaluator, reduced, truths, sums)
        if probe.columns is None:
            self._tried[key] = found
        return found

    def _reduced_at_once(self, evaluator: Evaluator) -> dict[str, tuple[str, Estimates]]:
        """The reduced partials of each method that can run on this batch, and gives them all at once."""
        found = {}
        for running in self._running:
            if _all_at_once(running):
                with suppress(Unavailable):
                    found[running.name] = self._reduced_by(evaluator, running)
        return found

    def _alone(self, evaluator: Evaluator, running: Running, name: str) -> tuple[str, Estimates] | None:
        """One partial by a method that steps along each parameter by itself; None where it cannot run."""
        with suppress(Unavailable):
            return running.name, running.reduced(self._problem.alone[name], evaluator.whole, evaluator.n)
        return None


def _all_at_once(running: Running) -> bool:
    return running.method.exact and not isinstance(running.method, OneByOne)


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines() or ["out of memory"]  # Python's own MemoryError has no text
    return f"torch refuses: {lines[0]}"
