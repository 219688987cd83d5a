"""The search for the cause of one point's failing partials: how the candidate is called, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from flint import arb

from diffexplore.checking.broken_search import told
from diffexplore.checking.comparisons import PointOutcome
from diffexplore.checking.records import VALUE, Cause
from diffexplore.errors import UsageError
from diffexplore.methods.base import Estimates
from diffexplore.verifying.diagnosis import behaviour, locate, plans, regions
from diffexplore.verifying.diagnosis.axes import of_an_axis
from diffexplore.verifying.diagnosis.cancellation import cancelling
from diffexplore.verifying.diagnosis.evidence import different, is_wrong
from diffexplore.verifying.diagnosis.in_blocks import block_scenes, numbered
from diffexplore.verifying.diagnosis.reductions import of_the_reduction
from diffexplore.verifying.diagnosis.scene import Laboratory, Scene
from diffexplore.verifying.diagnosis.whole import MOST, SMALL, WholeBatch, batch_scene, whole_batch
from diffexplore.verifying.point import CandidateCheck


@dataclass
class Diagnosis:
    """The search for causes at one point; ``wrong`` names the partials that failed there.

    ``block`` is the block of samples in which they are sought; ``widen`` False seeks them in the dtype of the check
    alone.
    """

    check: CandidateCheck
    outcome: PointOutcome
    wrong: tuple[str, ...]
    block: int = 0
    widen: bool = True

    def __post_init__(self) -> None:
        self._laboratory = self.check.laboratory(self.block)
        self._first = self.check.blocks.rows(self.block)[0]
        self._repeatable = self.check.observed.candidate.repeatable
        self._estimates = self.check.of_block(self.block) if self.check.divided else self.check.estimates
        self._whole = self._whole_of(self._estimates)
        self._sharp: Laboratory = self._laboratory
        self._scenes: list[Scene] = []
        if self._repeatable:
            self._sharp, self._scenes = self._sharpest()

    def _sharpest(self) -> tuple[Laboratory, list[Scene]]:
        """Where causes are sought: in float64, if the candidate takes it and is wrong there too, else in its dtype.

        In a narrow dtype many causes fit one error; what is found has to explain the batch in that dtype as well.
        """
        if self.widen and self._laboratory.problem.dtype != torch.float64:
            wide = self._laboratory.widened()
            with self.check.observed.unexpecting():
                scenes = plans.scenes(wide)
            if any(is_wrong(scene, name) for scene in scenes for name in self.wrong):
                return wide, scenes
        return self._laboratory, plans.scenes(self._laboratory)

    def causes(self) -> dict[str, Cause]:
        found = self._of_behaviour() if self._repeatable else {}
        return {name: found.get(name) or self._cause_or_error(name) for name in self.wrong}

    def _of_behaviour(self) -> dict[str, Cause]:
        """Chance or rounding as the cause of all, or of the partials whose error rounding in a narrower dtype is."""
        observed, laboratory = self.check.observed, self._laboratory
        partials = [name for name in self.wrong if name != VALUE] or list(self.wrong)
        shared = behaviour.by_chance(laboratory, observed) or behaviour.only_narrow(laboratory, observed, partials)
        if shared is not None:
            return dict.fromkeys(self.wrong, shared)
        found = behaviour.narrowed(
            laboratory, observed, partials, lambda: self._whole_of(self.check.of_block(self.block))
        )
        everything = len(found) == len(partials) > 0  # then the value is, too
        return dict.fromkeys(self.wrong, next(iter(found.values()))) if everything else found

    # ------------------------------------------------------------------------------------------------ one partial
    def _cause_or_error(self, name: str) -> Cause:
        try:
            return self._cause(name)
        except UsageError:
            raise
        except Exception as error:  # of ours: the verdict stands
            return told(Cause("unexplained", "no known mistake explains these numbers", {"certain": False}), error)

    def _cause(self, name: str) -> Cause:
        known = behaviour.surrogate(self._laboratory.problem, name) or self._by_data(name)
        return known or numbered(self._sought(name), self._first)

    def _sought(self, name: str) -> Cause:
        scenes = self._known(name, [*self._scenes, *self._whole])
        cause = regions.explained(name, scenes) if scenes else None
        if self._repeatable and cause is None and name != VALUE:
            with self._in_its_own_dtype():
                cause = of_an_axis(name, self._sharp)
        if self._repeatable and (cause is None or not cause.fields["certain"]):
            more = self._known(name, [*scenes, *self._again, *self._singles])
            cause = regions.explained(name, more) if more else None
        if cause is not None:
            return self._beside_classes(name, cause)
        cause = self._patternless(name, scenes) or self._in_part(name)
        if cause is None and self._sharp is not self._laboratory:
            return Diagnosis(self.check, self.outcome, (name,), self.block, widen=False)._sought(name)
        return cause or self._unexplained(name)

    def _by_data(self, name: str) -> Cause | None:
        """What the failing samples of a partial by data show by themselves."""
        failures = self.check.failures.get(name)
        if failures is None or not failures.count:
            return None
        cause = locate.of_samples(failures, name)
        if failures.count == failures.total or (cause is not None and cause.key in _OF_ONE_LIST):
            return cause
        places = failures.kept()[0] - self._first
        places = places[places < self._laboratory.n]
        region = regions.of_a_region(name, plans.by_data(self._laboratory, name, self._estimates[name], places))
        return cause if region is None else numbered(region, self._first)

    @staticmethod
    def _known(name: str, scenes: Sequence[Scene]) -> list[Scene]:
        return [
            scene
            for scene in scenes
            if name in scene.estimates and (not isinstance(scene, WholeBatch) or name in scene.truths)
        ]

    @cached_property
    def _again(self) -> list[Scene]:
        """The whole batch at other points."""
        with self._in_its_own_dtype():
            found = [batch_scene(self._sharp, point, index) for point, index in plans.whole_again(self._sharp)]
        return [scene for scene in found if scene is not None]

    @cached_property
    def _singles(self) -> list[Scene]:
        """Single samples; none where the candidate takes the whole batch alone, and one sample by broadcasting."""
        sizes = {scene.n for scene in self._scenes}
        with self._in_its_own_dtype():
            return plans.singles(self._sharp) if self._repeatable and len(sizes) > 1 else []

    def _in_its_own_dtype(self) -> AbstractContextManager[None]:
        """In float64, a candidate may still compute in the dtype that it was written for."""
        return self.check.observed.unexpecting() if self._sharp is not self._laboratory else nullcontext()

    def _beside_classes(self, name: str, cause: Cause) -> Cause:
        """The cause, with that of one class of the data where labels are all that tells the two apart."""
        if cause.key not in _OF_TERMS or not plans.classes(self._laboratory):
            return cause
        other = regions.of_a_region(name, self._known(name, self._singles))
        if other is None or other.fields["key"] is None or not plans.of_a_class(self._laboratory, other):
            return cause
        fields = {**cause.fields, "certain": False, "or_else": other.key, "where": other.fields["where"]}
        return Cause(cause.key, f"{cause.message}; or else {other.message}", fields)

    def _in_part(self, name: str) -> Cause | None:
        """Where only some samples are wrong, or only several of them together."""
        if not self._repeatable or not self._laboratory.columns:
            return None
        singles = self._known(name, self._singles)
        wrong = different([scene for scene in singles if is_wrong(scene, name)])
        with self._in_its_own_dtype():
            one = self._one(name) if wrong <= 1 else None
        if one is not None:
            return one
        in_part = regions.of_a_region(name, singles) if wrong else None
        if in_part is not None:
            return in_part
        if not wrong:
            return of_the_reduction(name, singles, self._known(name, [*self._scenes, *self._whole, *self._again]))
        return regions.of_each_class(name, singles)

    def _one(self, name: str) -> Cause | None:
        """One sample that is wrong by itself, where the others are right."""
        laboratory, wrong = self._sharp, partial(is_wrong, name=name)
        scene = locate.by_halving(laboratory, wrong)
        if scene is None or name not in scene.estimates:
            return None
        place = scene.index[0]
        if locate.others_are_wrong(laboratory, place, wrong):
            return None
        scenes = [scene, *filter(wrong, plans.same_sample(laboratory, place))]
        inner = regions.explained(name, scenes, scope=False)
        value, truth = scene.values(name)[0], float(scene.truth(name)[0].mid())
        message = f"sample {place} is wrong by itself: {locate.both_numbers(value, truth)}"
        message += f"; there {inner.message} (at {len(scenes)} points)" if inner and inner.fields["certain"] else ""
        return Cause("one_sample", message, {"sample": place, "value": value, "truth": truth, "certain": True})

    def _patternless(self, name: str, scenes: Sequence[Scene]) -> Cause | None:
        small = [scene for scene in scenes if not isinstance(scene, WholeBatch)]
        if not small or not self.check.observed.behaviour.opaque:
            return None
        return cancelling(small, name) or behaviour.looks_narrow(small, name)

    def _unexplained(self, name: str) -> Cause:
        worst = locate.worst_singles(self._known(name, self._singles), name) if name != VALUE else ""
        message = f"no known mistake explains these numbers{'; ' if worst else ''}{worst}"
        return Cause("unexplained", message, {"certain": False})

    # --------------------------------------------------------------------------------------------- whole batch
    def _whole_of(self, estimates: Estimates) -> list[Scene]:
        laboratory, index = self._laboratory, np.arange(self._laboratory.n)
        if laboratory.n <= SMALL or self.check.divided:
            return block_scenes(laboratory, estimates)
        rows = [row for row in self.outcome.rows if row.sample is None and row.probe is None]
        truths = {row.parameter: arb(row.truth.mid, row.truth.rad) for row in rows if row.truth is not None}
        known = {name: ball for name, ball in truths.items() if name in estimates}
        places = index if laboratory.n <= MOST else index[:0]
        return [whole_batch(laboratory, laboratory.point, places, {name: estimates[name] for name in known}, known)]


#: Causes of partials by data that need no condition.
_OF_ONE_LIST = frozenset({"one_sample", "permuted"})

#: Causes that may look like an error of one class of the data.
_OF_TERMS = frozenset(
    {"cut_path", "missing_term", "extra_term", "sign_of_term", "wrong_power", "wrong_argument", "factor_of_input"}
)
