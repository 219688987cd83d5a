"""The check of a candidate at one point: its gradient and its loss, the whole batch and probes."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from flint import arb

from diffexplore.arithmetic.balls import precision
from diffexplore.check.enclosures import SUM_PRECISION, Enclosures, Status, statuses_in
from diffexplore.check.evaluate import Chunk, Evaluator, Running
from diffexplore.check.judge import INCONCLUSIVE, PASS, Judged, judge
from diffexplore.check.ledger import make_row
from diffexplore.check.point import PointCheck, PointOutcome
from diffexplore.check.probes import Probe
from diffexplore.check.problem import Problem
from diffexplore.check.records import VALUE, Skipped
from diffexplore.methods.base import Estimate, Estimates
from diffexplore.symbolic.program import Program
from diffexplore.verify.candidates.base import CandidateError
from diffexplore.verify.diagnosis.locate import Failures
from diffexplore.verify.diagnosis.scene import Laboratory
from diffexplore.verify.observed import Observed

Tensor = torch.Tensor


class ValueProblem(Problem):
    """A problem whose one "partial" is the loss itself, so that its value has a truth like any gradient's."""

    @property
    def parameters(self) -> tuple[str, ...]:
        return (VALUE,)

    @cached_property
    def gradient_program(self) -> Program:
        return self.plain_loss_program


def value_problem(problem: Problem) -> ValueProblem:
    """The problem of the loss's value, in the same dtype on the same device."""
    return ValueProblem(problem.loss, (VALUE,), problem.dtype, problem.device)


class CandidateCheck(PointCheck):
    """One point of a verification; ``self._running`` holds the candidate alone."""

    both_signs = True
    by_data_of_the_loss = True

    #: Conventions that are to pass, by their keys.
    accept: tuple[str, ...] = ()

    def run(self, stage: str) -> PointOutcome:
        (self._candidate,) = self._running
        self.failures: dict[str, Failures] = {}
        _, self._whole = self._ask(self._evaluator, self._candidate)
        if VALUE in self._whole:
            self._judge_value(self._whole[VALUE])
        return super().run(stage)

    @property
    def observed(self) -> Observed:
        assert isinstance(self._candidate.method, Observed)
        return self._candidate.method

    @property
    def estimates(self) -> Estimates:
        """What the candidate gave on the whole batch."""
        return self._whole

    def asked_again(self) -> Estimates:
        """The whole batch once more, with the bounds that the candidate is granted now."""
        return self._evaluator.reduced(self._candidate)

    def laboratory(self) -> Laboratory:
        """For further calls of the candidate, at this point and near it."""
        return Laboratory(self._problem, self._candidate, self._point, self._columns, self._n, self._seed)

    def _reduced_estimates(self) -> dict[str, tuple[str, Estimates]]:
        return {self._candidate.name: (self._candidate.name, self._whole)}

    def _ask(self, evaluator: Evaluator, running: Running) -> tuple[str, Estimates]:
        """In one call, always: a candidate that cannot take the whole batch cannot be verified on it."""
        return running.name, evaluator.reduced(running)

    # ------------------------------------------------------------------------------------------------- samples
    def _running_by_sample(self) -> list[Running]:
        """None: what a candidate gives by data came with its one call."""
        return []

    def _take(self, chunk: Chunk) -> None:
        for name in self._problem.wrt:
            truth = self._gathered(name, chunk)
            unknown = np.full(len(truth.high), np.nan)
            self._signs[name].add(truth.high, truth.status == Status.RESOLVED, unknown, chunk.first)
            if name not in self._problem.parameters:
                self._judge_samples(name, truth, chunk.first)

    def _judge_samples(self, name: str, truth: Enclosures, first: int) -> None:
        """∂L/∂z_i for the samples from ``first`` on."""
        estimate, last = self._whole[name], first + len(truth.high)
        value, bound = estimate.value[first:last].cpu().numpy(), estimate.bound[first:last].cpu().numpy()
        scale = self._scale[name] / (self._n if self._problem.loss.reduction == "mean" else 1)
        judged = self._accepting(judge(value, bound, truth, scale, self._problem.dtype, estimate.reason))
        self._ledger(name, self._candidate.name, "samples").add(judged, first)
        self.failures.setdefault(name, Failures()).add(judged, first)
        if self._listener.wants_rows:
            self._stream(judged, name, self._candidate.name, first)

    def _judge(self, name: str, estimate: Estimate, truth: Enclosures) -> Judged:
        return self._accepting(super()._judge(name, estimate, truth))

    def _accepting(self, judged: Judged) -> Judged:
        """With values between the one-sided derivatives of a kink as passes, where that convention is accepted."""
        if "kink" not in self.accept:
            return judged
        truth = judged.truth
        inside = np.abs(judged.value - truth.high) <= truth.radius
        passed = (truth.status == Status.KINK) & (judged.verdict == INCONCLUSIVE) & inside
        return replace(judged, verdict=np.where(passed, PASS, judged.verdict).astype(np.int8))

    def _search(self, name: str) -> None:
        if self.observed.candidate.repeatable:
            super()._search(name)

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

    # --------------------------------------------------------------------------------------------------- value
    def _judge_value(self, estimate: Estimate) -> None:
        problem = value_problem(self._problem)
        evaluator = Evaluator(problem, self._evaluator.point, self._columns, self._n)
        total = arb(0)
        statuses: set[Status] = set()
        for chunk in evaluator.chunks([], lambda done: None):
            with precision(SUM_PRECISION):
                total += chunk.sums[VALUE]
            statuses |= statuses_in(chunk.truths[VALUE])
        truth, ball = evaluator.reduced_truth(total, statuses, self._n)
        value, bound = estimate.value.reshape(1).cpu().numpy(), estimate.bound.reshape(1).cpu().numpy()
        # Beside a loss of 0 there is nothing that its rounding could hide.
        judged = judge(value, bound, truth, float("inf"), self._problem.dtype, estimate.reason)
        self._ledger(VALUE, self._candidate.name, "reduced").add(judged)
        row = make_row(judged, 0, VALUE, self._candidate.name, self._point, sample=None, exact=ball)
        self._rows.append(row)
        self._hear(row)
