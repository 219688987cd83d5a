"""The checks of one verification: a candidate, and its further modes, at every point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

from torch import Tensor

from diffexplore.bounds.canary import broken_claims
from diffexplore.checking.comparisons import PointOutcome
from diffexplore.checking.evaluate import Running
from diffexplore.checking.listener import Listener
from diffexplore.checking.run import scale_over, stage_of
from diffexplore.checking.tallies import Skipped
from diffexplore.methods.problem import Problem
from diffexplore.verifying.calling import ModeUnavailable
from diffexplore.verifying.candidates import Candidate
from diffexplore.verifying.diagnosis.diagnose import diagnosed
from diffexplore.verifying.double_backward import of_second_order
from diffexplore.verifying.modes import ModeCheck, merged
from diffexplore.verifying.observed import Observed
from diffexplore.verifying.point import CandidateCheck
from diffexplore.verifying.upstream import VerifiedSubject


@dataclass(frozen=True)
class AllPoints:
    """What the candidate of a subject, or a mode of it, gives at each point, with causes named.

    ``accept`` names the conventions that are to pass.
    """

    subject: VerifiedSubject
    seed: int
    accept: tuple[str, ...]
    listener: Listener

    def of_candidate(self, problem: Problem) -> tuple[list[PointOutcome], tuple[str, ...]]:
        """The outcome of the candidate at each point, and the rounding claims that do not hold here."""
        return self._outcomes(self.subject.candidate, problem, self._scale(problem))

    def with_modes(
        self, outcomes: list[PointOutcome], checks: Sequence[ModeCheck], problem: Problem
    ) -> tuple[list[PointOutcome], list[Skipped]]:
        """The outcomes merged with those of further modes, and the modes that torch does not have here."""
        skipped = []
        scales = _of_all_orders(checks, [self._scale(_problem_of(check, problem)) for check in checks])
        for check, scale in zip(checks, scales, strict=True):
            try:
                outcomes = _merged([outcomes, self._of_mode(check, problem, scale)])
            except ModeUnavailable as error:
                skipped.append(Skipped(check.candidate.name, str(error)))
        return outcomes, skipped

    def _of_mode(self, check: ModeCheck, problem: Problem, scale: Mapping[str, float]) -> list[PointOutcome]:
        """The outcomes of a mode; where its sum is wrong, those of its entries, unless none of them is."""
        found, _ = self._outcomes(check.candidate, _problem_of(check, problem), scale, check.of)
        if check.of is not None:
            found = [of_second_order(outcome, check.of) for outcome in found]
        if not any(outcome.failed for outcome in found):
            return found
        entries = [self._of_mode(make(), problem, scale) for make in check.instead]
        wrong = any(outcome.failed for entry in entries for outcome in entry)
        return _merged(entries) if wrong else found

    def _outcomes(
        self, candidate: Candidate, problem: Problem, scale: Mapping[str, float], of: str | None = None
    ) -> tuple[list[PointOutcome], tuple[str, ...]]:
        points, blocks = self.subject.points, self.subject.batch.blocks
        broken = broken_claims(problem.dtype, problem.device, problem.operations)
        method = Observed(candidate, self.seed, values=not self.subject.surrogate)
        running = [Running(candidate.name, method, "; ".join(broken) or None)]
        outcomes = []
        for i, point in enumerate(points):
            stage = stage_of(i, points)
            check = CandidateCheck(problem, point, self._columns, blocks, running, scale, self.seed, self.listener)
            check.accept, check.of = self.accept, of
            outcome = check.run(stage)
            if outcome.failed:
                self.listener.progress(f"{stage}looking for the cause", 0, 0)
            outcomes.append(diagnosed(check, outcome, self.accept))
        return outcomes, broken

    @cached_property
    def _columns(self) -> Mapping[str, Tensor]:
        return self.subject.batch.tensors()

    def _scale(self, problem: Problem) -> dict[str, float]:
        return scale_over(problem, self.subject.points, self._columns, self.subject.batch.blocks)


def _problem_of(check: ModeCheck, problem: Problem) -> Problem:
    """The problem with the loss and the symbols of a mode."""
    return replace(problem, loss=check.loss, wrt=check.wrt)


def _merged(found: Sequence[list[PointOutcome]]) -> list[PointOutcome]:
    """The outcomes of several checks, one for each point."""
    return [reduce(merged, of_one_point) for of_one_point in zip(*found, strict=True)]


def _of_all_orders(checks: Sequence[ModeCheck], scales: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """The scale of each check; the second partials by one symbol have one in common, as an entry may be 0 always."""
    second = [scale for check, scale in zip(checks, scales, strict=True) if check.of is not None]
    common = {name: max(scale[name] for scale in second) for name in (second[0] if second else {})}
    return [dict(scale) if check.of is None else common for check, scale in zip(checks, scales, strict=True)]
