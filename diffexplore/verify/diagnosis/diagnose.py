"""From failing rows to named causes: the simplest hypothesis that explains all numbers to within the bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from flint import arb

from diffexplore.arithmetic.balls import precision
from diffexplore.check.point import PointOutcome
from diffexplore.check.records import VALUE, Cause, Row
from diffexplore.errors import DiffexploreError
from diffexplore.methods.base import Estimates
from diffexplore.verify.diagnosis import backward, conduct, locate, nonfinite
from diffexplore.verify.diagnosis.cancellation import cancelling
from diffexplore.verify.diagnosis.families import hypotheses
from diffexplore.verify.diagnosis.hypothesis import Hypothesis, alike, distinguished, explains
from diffexplore.verify.diagnosis.revision import revised
from diffexplore.verify.diagnosis.scene import Scene
from diffexplore.verify.diagnosis.whole import WholeBatch
from diffexplore.verify.point import CandidateCheck

_BITS = 320

#: Mistakes that look like others where all values lie on one side.
_NONLINEAR = frozenset({"sign_lost", "sign_only", "clipped"})

#: Tolerances by which a certain cause must differ from the truth: in a narrow dtype many causes fit a little error.
_CLEAR = 16.0

#: Relative uncertainty up to which a fitted number counts as certain.
_SHARP = 2.0**-10

#: Whole batches up to this size are explained like any scene.
_SMALL = 128


def diagnosed(check: CandidateCheck, outcome: PointOutcome, accept: Sequence[str] = ()) -> PointOutcome:
    """The outcome with a named cause on each failing row; conventions do not fail, and pass where accepted."""
    side_effect = conduct.modified(check.observed)
    if side_effect is not None:
        return revised(outcome, {row.parameter: side_effect for row in outcome.rows}, accept, every=True)
    wrong = tuple(dict.fromkeys(row.parameter for row in outcome.rows if row.verdict == "fail" and not row.is_nan))
    again = backward.causes(check.backward, dict.fromkeys(row.parameter for row in outcome.rows), wrong)
    if again:
        outcome = revised(outcome, again, accept, every=True)
        wrong = tuple(name for name in wrong if name not in again)
    refused = backward.skipped(check.backward, check.observed.candidate.name)
    outcome = replace(outcome, skipped=(*outcome.skipped, *refused))
    causes: dict[str, Cause] = {}
    if wrong:
        with precision(_BITS):
            causes = Diagnosis(check, outcome, wrong).causes()
    return revised(_with_origins(check, outcome), causes, accept)


def _with_origins(check: CandidateCheck, outcome: PointOutcome) -> PointOutcome:
    """Values that are not finite, with what made them."""
    if not check.observed.candidate.repeatable:
        return outcome
    found: dict[tuple[str, int | None], Cause] = {}
    rows = []
    for row in outcome.rows:
        if row.is_nan and row.probe is None:
            key = (row.parameter, row.sample)
            if key not in found:
                found[key] = nonfinite.origin_of(row, check.laboratory())
            row = replace(row, cause=found[key])
        rows.append(row)
    return replace(outcome, rows=tuple(rows))


@dataclass
class Diagnosis:
    """The search for causes at one point; ``wrong`` names the partials that failed there."""

    check: CandidateCheck
    outcome: PointOutcome
    wrong: tuple[str, ...]

    def __post_init__(self) -> None:
        self._laboratory = self.check.laboratory()
        self._repeatable = self.check.observed.candidate.repeatable
        self._scenes = self._laboratory.scenes() if self._repeatable else []
        self._scenes += self._whole(self.check.estimates)

    def causes(self) -> dict[str, Cause]:
        if self._repeatable:
            shared = self._of_conduct()
            if shared is not None:
                return dict.fromkeys(self.wrong, shared)
        found = {name: self._cause(name) for name in self.wrong}
        return _with_consistency(found)

    def _of_conduct(self) -> Cause | None:
        observed, laboratory = self.check.observed, self._laboratory
        partials = [name for name in self.wrong if name != VALUE] or list(self.wrong)
        return (
            conduct.by_chance(laboratory, observed)
            or conduct.narrowed(laboratory, observed, partials, self._whole_again)
            or conduct.only_narrow(laboratory, observed, partials)
        )

    # ------------------------------------------------------------------------------------------------ one partial
    def _cause(self, name: str) -> Cause:
        failures = self.check.failures.get(name)
        if failures is not None and failures.count:
            cause = locate.of_samples(failures, name)
            if cause is not None:
                return cause
        scenes = [scene for scene in self._scenes if name in scene.estimates and _knows(scene, name)]
        if scenes:
            consistent = _consistent(name, scenes)
            if consistent:
                return _named(consistent, scenes, name)
        return self._located(name) or self._patternless(name, scenes) or self._unexplained(name)

    def _located(self, name: str) -> Cause | None:
        """One sample that is wrong by itself, where most are right."""
        small = [scene for scene in self._scenes if not isinstance(scene, WholeBatch)]
        if not self._repeatable or not self._laboratory.columns or any(_off(scene, name) for scene in small[:3]):
            return None
        scene = locate.by_halving(self._laboratory, lambda found: _off(found, name))
        if scene is None:
            return None
        scenes = [*self._scenes, scene]
        consistent = _consistent(name, [known for known in scenes if name in known.estimates and _knows(known, name)])
        if consistent:
            return _named(consistent, scenes, name)
        if locate.others_are_wrong(self._laboratory, scene.index[0], lambda found: _off(found, name)):
            return None
        i, value, truth = scene.index[0], scene.values(name)[0], float(scene.truth(name)[0].mid())
        message = f"sample {i} is wrong by itself: {locate.told(value, truth)}"
        return Cause("one_sample", message, {"sample": i, "value": value, "truth": truth, "certain": True})

    def _patternless(self, name: str, scenes: Sequence[Scene]) -> Cause | None:
        small = [scene for scene in scenes if not isinstance(scene, WholeBatch)]
        if not small or not self.check.observed.conduct.opaque:
            return None
        return cancelling(small, name) or conduct.looks_narrow(small, name)

    def _unexplained(self, name: str) -> Cause:
        singles = locate.worst_singles(self._laboratory, name) if self._repeatable and name != VALUE else ""
        shown = f"; {singles}" if singles else ""
        return Cause("unexplained", f"no known mistake explains these numbers{shown}", {"certain": False})

    # --------------------------------------------------------------------------------------------- whole batch
    def _whole_again(self) -> list[Scene]:
        return self._whole(self.check.asked_again())

    def _whole(self, estimates: Estimates) -> list[Scene]:
        laboratory = self._laboratory
        if laboratory.n <= _SMALL:
            scene = laboratory.scene_of(laboratory.point, np.arange(laboratory.n), estimates)
            return [scene] if scene.is_decided() else []
        truths = {row.parameter: _ball(row) for row in self.outcome.rows if row.sample is None and row.probe is None}
        reduced = {name: estimates[name] for name in truths if name in estimates}
        known = {name: ball for name, ball in truths.items() if ball is not None and name in reduced}
        return [
            WholeBatch(
                laboratory.problem, laboratory.point, (dict.fromkeys(laboratory.columns, 0.0),), (), laboratory.n,
                {name: reduced[name] for name in known},
                truths=known, size=laboratory.n,
            )
        ]  # fmt: skip


def _knows(scene: Scene, name: str) -> bool:
    return not isinstance(scene, WholeBatch) or name in scene.truths


def _ball(row: Row) -> arb | None:
    return arb(row.truth.mid, row.truth.rad) if row.truth else None


def _off(scene: Scene, name: str) -> bool:
    """Whether the candidate is wrong in a scene."""
    if name not in scene.estimates or not scene.is_decided():
        return False
    numbers = zip(scene.values(name), scene.bounds(name), scene.truth(name), strict=True)
    return any(abs(truth - value) > bound for value, bound, truth in numbers)


def _consistent(name: str, scenes: Sequence[Scene]) -> list[Hypothesis]:
    """The hypotheses that explain everything and say more than that all is well, the simplest first."""
    found = []
    for hypothesis in hypotheses(name, scenes):
        try:
            if explains(hypothesis, scenes, name) and distinguished(hypothesis, scenes, name):
                found.append(hypothesis)
        except DiffexploreError:
            continue
    return sorted(found, key=lambda hypothesis: hypothesis.rank)


def _named(consistent: Sequence[Hypothesis], scenes: Sequence[Scene], name: str) -> Cause:
    best = consistent[0]
    others = [other for other in consistent[1:] if _rivals(best, other) or not alike(best, other, scenes, name)]
    certain = not others and distinguished(best, scenes, name, _CLEAR) >= 2
    certain = certain and _is_sharp(best)
    message = best.message if not others else f"{best.message}; or else {others[0].message}"
    return Cause(best.key, message, {**best.fields, "certain": certain})


def _is_sharp(best: Hypothesis) -> bool:
    """Whether a fitted number is known well enough that it is no accident that one fits."""
    fitted = best.fields.get("coefficient", best.fields.get("factor"))
    uncertainty = best.fields.get("uncertainty")
    return uncertainty is None or uncertainty <= _SHARP * abs(fitted)


def _rivals(best: Hypothesis, other: Hypothesis) -> bool:
    """Whether the two are different mistakes even where they give the same numbers in these scenes."""
    return best.key != other.key and bool({best.key, other.key} & _NONLINEAR)


def _with_consistency(causes: Mapping[str, Cause]) -> dict[str, Cause]:
    """Where loss and gradient are wrong by one factor: then the gradient is that of the loss that was written."""
    value = causes.get(VALUE)
    partials = [cause for name, cause in causes.items() if name != VALUE]
    if value is None or value.key != "factor" or not partials:
        return dict(causes)
    factor = value.fields["factor"]
    if any(cause.key != "factor" or cause.fields["factor"] != factor for cause in partials):
        return dict(causes)
    text = f"{factor:g}" if isinstance(factor, float) else factor
    note = f"the candidate's loss is {text} times this loss, and its gradient is consistent with that"
    return {name: Cause(cause.key, f"{cause.message} ({note})", cause.fields) for name, cause in causes.items()}
