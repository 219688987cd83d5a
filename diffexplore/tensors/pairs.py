"""One gradient of one output by one input against its truth: judged entry by entry, and described by its worst one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from diffexplore.checking.enclosures import Enclosures, Status
from diffexplore.checking.judge import FAIL, INCONCLUSIVE, PASS, Judged, cause_of
from diffexplore.checking.records import Cause, Verdict
from diffexplore.checking.truth import decimal
from diffexplore.floating_point import dtype_name
from diffexplore.tensors.candidate import TensorInput
from diffexplore.tensors.judging import NOTHING
from diffexplore.tensors.numbers import shape_of
from diffexplore.tensors.records import EntryCounts, TensorRow, TensorTruth, TruthKind

_KINK = Cause("kink", "a kink, a tie or a singularity of the forward reaches this entry: no derivative is known there")

#: Why nothing is known where it cannot be estimated.
NO_DIFFERENCES = Cause("unresolved", "no derivative can be estimated: the forward gives no numbers at inputs close by")


@dataclass(frozen=True, eq=False)
class UpstreamTrial:
    """The entries of a gradient for one upstream gradient, flat, each judged; ``probe`` names the upstream gradient."""

    judged: Judged
    probe: str | None
    absent: bool = False


@dataclass(frozen=True, eq=False)
class GradientPair:
    """The gradient of an output by an input, tried with one or several upstream gradients.

    ``causes`` are those that are known of the whole gradient; where there is none, its worst entry says what is wrong.
    ``along`` says that each number compared is a derivative along a random direction, and not an entry; ``every`` that
    each upstream gradient has entries of its own, those of a Jacobian. ``overflow`` says where numbers overflow, and no
    derivative is known; ``unknown`` why else nothing is known of entries, where that is no kink.
    """

    output: str
    input: TensorInput
    trials: tuple[UpstreamTrial, ...]
    kind: TruthKind
    causes: tuple[Cause, ...] = field(default=())
    along: bool = False
    every: bool = False
    overflow: Cause | None = None
    unknown: Cause | None = None

    @property
    def has_unknown(self) -> bool:
        """Whether no derivative is known of some entries."""
        return any((trial.judged.truth.status != Status.RESOLVED).any() for trial in self.trials)

    def row(self, method: str) -> TensorRow:
        """What is reported of it."""
        counts = self._counts()
        verdict = _verdict(counts, self._right_zeros())
        trial, place = self._worst(verdict)
        judged = None if trial is None else trial.judged
        powers, zeros = self._powers(), self._zeros()
        shape = shape_of(self.input.tensor)
        index = None if place is None or self.along else tuple(int(i) for i in np.unravel_index(place, shape))
        return TensorRow(
            output=self.output,
            input=self.input.name,
            entry=index,
            method=method,
            probe=f"direction {place}" if self.along else None if trial is None else trial.probe,
            shape=tuple(self.input.tensor.shape),
            dtype=dtype_name(self.input.tensor.dtype),
            entries=counts,
            value=_number(judged, "value", place),
            truth=None if judged is None or place is None else _truth(judged.truth, place, self.kind),
            error_abs=_number(judged, "error", place),
            error_rel=_number(judged, "error_relative", place),
            error_ulp=_number(judged, "error_ulp", place),
            bound=_number(judged, "bound", place),
            smallest_detectable=float(powers.max()) if len(powers) else None,
            smallest_detectable_abs=_largest_hidden(zeros, beside_others=len(powers) > 0),
            smallest_detectable_median=float(np.median(powers)) if len(powers) else None,
            verdict=verdict,
            cause=self._cause(trial, place, verdict),
        )

    def _counts(self) -> EntryCounts:
        """Of distinct entries: one is wrong where any upstream gradient shows it, and else right where any does."""
        verdicts = np.stack([trial.judged.verdict for trial in self.trials])
        unknown: np.ndarray = np.stack([trial.judged.truth.status != Status.RESOLVED for trial in self.trials])
        if not self.every:
            wrong, right = (verdicts == FAIL).any(0), (verdicts == PASS).any(0)
            verdicts, unknown = np.where(wrong, FAIL, np.where(right, PASS, INCONCLUSIVE)), np.any(unknown, axis=0)
        left = verdicts == INCONCLUSIVE
        return EntryCounts(
            int((verdicts == PASS).sum()),
            int((verdicts == FAIL).sum()),
            int(left.sum()),
            int((left & unknown).sum()),
            int((self._zeros() > 0).sum()),
            0 if self.overflow is None else int((left & unknown).sum()),
        )

    def _right_zeros(self) -> int:
        """How many undecided entries are 0 as they should be, certainly nothing beside the others: none hides there."""
        found = []
        for judged in (trial.judged for trial in self.trials):
            truth = judged.truth
            sizes = np.where(truth.status == Status.RESOLVED, np.abs(truth.high), 0.0)
            nothing = (truth.high == 0) & (truth.radius <= NOTHING * sizes.max(initial=0.0))
            found.append((judged.verdict == INCONCLUSIVE) & (judged.value == 0) & nothing)
        return int(np.sum(found) if self.every else np.all(found, axis=0).sum())

    def _powers(self) -> np.ndarray:
        """Of the entries that passed: what would have been caught, relative to the truth, where that is not 0."""
        found = [trial.judged.detectable[trial.judged.verdict == PASS] for trial in self.trials]
        powers = np.concatenate(found or [np.zeros(0)])
        return powers[np.isfinite(powers)]

    def _zeros(self) -> np.ndarray:
        """Of the entries that passed and count as 0, with every upstream gradient: what would have been caught."""
        if not self.trials:
            return np.zeros(0)
        relative, absolute = (
            np.stack([getattr(trial.judged, of) for trial in self.trials]) for of in ("detectable", "detectable_abs")
        )
        passed = np.stack([trial.judged.verdict == PASS for trial in self.trials])
        absolute, told = np.where(passed, absolute, np.inf), passed & np.isfinite(relative)
        if not self.every:
            absolute, told = absolute.min(axis=0), told.any(axis=0)
        found = absolute[~told]
        return found[np.isfinite(found)]

    def _worst(self, verdict: Verdict) -> tuple[UpstreamTrial | None, int | None]:
        """A failing entry with the largest error, a passing one with the most ulp, an undecided one; None: no such."""
        code, size = {"fail": (FAIL, _error), "pass": (PASS, _ulp), "inconclusive": (INCONCLUSIVE, _size)}[verdict]
        found = [
            (float(sizes.max()), number, int(np.flatnonzero(there)[sizes.argmax()]))
            for number, trial in enumerate(self.trials)
            if (there := trial.judged.verdict == code).any()
            and len(sizes := np.nan_to_num(size(trial.judged)[there], nan=np.inf))
        ]
        _, number, place = max(found, key=lambda one: (one[0], -one[1]), default=(0, None, None))
        return (None, None) if number is None else (self.trials[number], place)

    def _cause(self, trial: UpstreamTrial | None, place: int | None, verdict: Verdict) -> Cause | None:
        if verdict == "pass" or trial is None or place is None:
            return None
        if verdict == "fail" and self.causes:
            return self.causes[0]
        if verdict == "fail" and trial.absent:
            return Cause("zero", f"the backward gives no gradient for {self.input.name} (None), which counts as 0")
        if verdict == "inconclusive" and trial.judged.truth.status[place] != Status.RESOLVED:
            return self.overflow or self.unknown or _KINK
        return cause_of(trial.judged, place)


def verdict_of(rows: Sequence[TensorRow]) -> Verdict:
    """Any row that fails fails the report; it passes where every row does, and something was compared."""
    verdicts = {row.verdict for row in rows}
    if "fail" in verdicts:
        return "fail"
    return "pass" if verdicts == {"pass"} and any(row.entries.passed for row in rows) else "inconclusive"


def _verdict(counts: EntryCounts, right_zeros: int) -> Verdict:
    """It passes on the entries that are decided, unless rounding hides more than these."""
    if counts.failed:
        return "fail"
    hidden = counts.inconclusive - counts.kinks - right_zeros
    shown = counts.passed - (counts.zeros if hidden > 0 else 0)  # zeros among them say nothing of what is hidden
    return "pass" if shown > hidden or not counts.total else "inconclusive"


def _error(judged: Judged) -> np.ndarray:
    return judged.error


def _ulp(judged: Judged) -> np.ndarray:
    return np.nan_to_num(judged.error_ulp, nan=-1.0)


def _size(judged: Judged) -> np.ndarray:
    return np.where(judged.truth.status != Status.RESOLVED, 0.0, np.abs(judged.truth.high))


def _largest_hidden(zeros: np.ndarray, *, beside_others: bool) -> float | None:
    """The largest error that could hide in entries that count as 0."""
    largest = float(zeros.max(initial=0.0))
    return largest if largest or (len(zeros) and not beside_others) else None


def _number(judged: Judged | None, of: str, place: int | None) -> float | None:
    if judged is None or place is None:
        return None
    number = float(getattr(judged, of)[place])
    return number if math.isfinite(number) else None


def _truth(truth: Enclosures, place: int, kind: TruthKind) -> TensorTruth | None:
    if truth.status[place] != Status.RESOLVED:
        return None
    found = decimal(truth.ball(place))
    return None if found is None else TensorTruth(found.mid, found.rad, kind)
