"""The check of a candidate at one point: its gradient and its loss, the whole batch and probes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from diffexplore.checking.chunked import in_blocks, scaled
from diffexplore.checking.comparisons import PointOutcome
from diffexplore.checking.enclosures import Enclosures, Status
from diffexplore.checking.evaluate import Chunk, Evaluator, Running
from diffexplore.checking.explain import with_flushed
from diffexplore.checking.findings import SampleFindings
from diffexplore.checking.judge import INCONCLUSIVE, PASS, Judged
from diffexplore.checking.point import PointCheck
from diffexplore.checking.probes import Probe
from diffexplore.checking.records import VALUE, LostDigits, Row
from diffexplore.checking.tallies import Skipped
from diffexplore.errors import CandidateError
from diffexplore.inputs.blocks import Blocks
from diffexplore.methods.base import Estimates, Numbers
from diffexplore.verifying.diagnosis.locate import Failures
from diffexplore.verifying.diagnosis.scene import Laboratory
from diffexplore.verifying.lost import lost_digits
from diffexplore.verifying.observed import Observed


class CandidateCheck(PointCheck):
    """One point of a verification; ``self._running`` holds the candidate alone."""

    both_signs = True
    by_data_of_the_loss = True

    #: Conventions that are to pass, by their keys.
    accept: tuple[str, ...] = ()

    #: What was differentiated by before, where this is the check of second partials.
    of: str | None = None

    def run(self, stage: str) -> PointOutcome:
        (self._candidate,) = self._running
        self.failures: dict[str, Failures] = {}
        self._listener.progress(f"{stage}calling {self._candidate.name}", 0, 0)
        self._whole = self.whole_batch_again()
        first = self._blocks.rows(0)
        self.backward = self.observed.called_again(
            self._problem, self._evaluator.values(*first), self._of_samples(*first) if self.divided else self._whole
        )
        return super().run(stage)

    @property
    def divided(self) -> bool:
        """Whether there are several blocks of samples, with each of which the candidate is called by itself."""
        return self.blocks.count > 1

    @property
    def blocks(self) -> Blocks:
        return self._blocks

    @property
    def observed(self) -> Observed:
        assert isinstance(self._candidate.method, Observed)
        return self._candidate.method

    @property
    def estimates(self) -> Estimates:
        """What the candidate gave on the whole batch."""
        return self._whole

    def whole_batch_again(self) -> Estimates:
        """The whole batch once more, with the bounds that the candidate is granted now.

        Of several blocks, what has an entry for each sample is left out: it is compared block by block.
        """
        if not self.divided:
            return self._evaluator.reduced(self._candidate)
        reduced = {*self._problem.parameters, VALUE}

        def of_block(first: int, last: int) -> Estimates:
            return {name: one for name, one in self._of_samples(first, last).items() if name in reduced}

        return in_blocks(self._evaluator, of_block)

    def _of_samples(self, first: int, last: int) -> Estimates:
        return self._candidate.reduced(self._problem, self._evaluator.values(first, last), last - first)

    def of_block(self, block: int) -> Estimates:
        """A block, or the whole batch, once more, with the bounds that the candidate is granted now."""
        return self._of_samples(*self._blocks.rows(block)) if self.divided else self.whole_batch_again()

    def laboratory(self, block: int = 0) -> Laboratory:
        """For further calls of the candidate, at this point and near it, on the samples of a block."""
        first, last = self._blocks.rows(block)
        rows = {name: column[first:last] for name, column in self._columns.items()} if self.divided else self._columns
        return Laboratory(self._problem, self._candidate, self._point, rows, last - first, self._seed)

    def _reduced_estimates(self) -> dict[str, tuple[str, Estimates]]:
        return {self._candidate.name: (self._candidate.name, self._whole)}

    def _reduced_by(self, evaluator: Evaluator, running: Running) -> tuple[str, Estimates]:
        """The few samples of a probe in one call, always."""
        return running.name, evaluator.reduced(running)

    def _show_row(self, row: Row) -> None:
        super()._show_row(row if self.of is None else replace(row, of=self.of))

    # ------------------------------------------------------------------------------------------------- samples
    def _running_by_sample(self) -> list[Running]:
        """None: what a candidate gives by data came with its one call."""
        return []

    def _go_through(self, sampled: list[Running]) -> None:
        """With the failing samples of each block, in their order."""

        def of_block(first: int, last: int) -> tuple[SampleFindings, dict[str, Failures]]:
            self.failures, self._start = {}, first
            self._by_data = self._shares(first, last) if self.divided else self._whole
            return self._seen(sampled, first, last), self.failures

        found = self._blocks.each(of_block)
        self.failures = {}
        for findings, failures in found:
            self._found.join([findings])
            for name, failed in failures.items():
                self.failures.setdefault(name, Failures()).join(failed)

    def _shares(self, first: int, last: int) -> Estimates:
        """∂L/∂z_i by a call with one block: its mean counts as much as it has samples."""
        mean = self._problem.loss.reduction == "mean"
        by_data = set(self._problem.wrt) - set(self._problem.parameters)
        if not by_data:
            return {}
        share = (last - first) / self._n if mean else 1.0
        found = self._of_samples(first, last)
        return {name: scaled(one, share) for name, one in found.items() if name in by_data}

    def _take(self, chunk: Chunk) -> None:
        for name in self._problem.wrt:
            truth = self._gathered(name, chunk)
            unknown = np.full(len(truth.high), np.nan)
            self._found.signs[name].add(truth.high, truth.status == Status.RESOLVED, unknown, chunk.first)
            if name not in self._problem.parameters:
                self._judge_samples(name, truth, chunk.first)

    def _judge_samples(self, name: str, truth: Enclosures, first: int) -> None:
        """∂L/∂z_i for the samples from ``first`` on."""
        start = first - self._start
        numbers = Numbers.of(self._by_data[name], exact=True).part(start, start + len(truth.high))
        scale = self._scale[name] / (self._n if self._problem.loss.reduction == "mean" else 1)
        judged = self._judge(name, numbers, truth, scale)
        self._ledger(name, self._candidate.name, "samples").add(judged, first)
        self.failures.setdefault(name, Failures()).add(judged, first)
        if self._listener.wants_rows:
            self._stream(judged, name, self._candidate.name, first)

    def _judge(self, name: str, numbers: Numbers, truth: Enclosures, scale: float | None = None) -> Judged:
        return self._accepting(super()._judge(name, numbers, truth, scale))

    def _accepting(self, judged: Judged) -> Judged:
        """With values between the one-sided derivatives of a kink as passes, where that convention is accepted."""
        if "kink" not in self.accept:
            return judged
        truth = judged.truth
        inside = np.abs(judged.value - truth.high) <= truth.radius
        passed = (truth.status == Status.KINK) & (judged.verdict == INCONCLUSIVE) & inside
        return replace(judged, verdict=np.where(passed, PASS, judged.verdict).astype(np.int8))

    def _lost_digits(self) -> tuple[LostDigits, ...]:
        """Where its own operations lose digits: of what is not torch's, or cannot be called again, nothing is known."""
        if not (self.observed.candidate.torch and self.observed.candidate.repeatable):
            return ()
        return lost_digits(self.laboratory(), self._candidate.name)

    def _judge_loss(self) -> None:
        """The candidate's own value of the loss, where it computes one."""
        if VALUE in self._whole:
            self._judge_value(Numbers.of(self._whole[VALUE], exact=True), self._candidate.name)

    def _explained(self, row: Row, evaluator: Evaluator, running: Running | None) -> Row:
        """With inputs that the dtype rounds to 0; the diagnosis explains NaN: the candidate runs again for that."""
        return with_flushed(row, evaluator)

    def _search(self, name: str) -> None:
        if self.observed.candidate.repeatable:
            super()._search(name)

    @property
    def _value_is_finite(self) -> bool:
        """Whether the candidate's loss at this point is a number, as far as it gives one."""
        return VALUE not in self._whole or bool(self._whole[VALUE].value.isfinite().all())

    def _settle(self, name: str, judged: Judged, running: Running) -> None:
        """Nothing is settled of a candidate whose own loss is no number: its gradient is that of something else."""
        if self._value_is_finite:
            super()._settle(name, judged, running)

    def _settle_by_samples(self, name: str) -> None:
        if self._value_is_finite:
            super()._settle_by_samples(name)

    def _try(self, name: str, probe: Probe, *, settles: bool) -> None:
        """A probe, unless the candidate takes no other number of samples than that of the batch it was given."""
        try:
            super()._try(name, probe, settles=settles)
        except CandidateError as error:
            if len(probe.samples) == self._n:
                raise
            reason = f"it takes no {len(probe.samples)} samples, and is judged on the whole batch of {self._n}: {error}"
            if not any(skip.method == self._candidate.name for skip in self._skipped):
                self._skipped.append(Skipped(self._candidate.name, reason))
