"""The causes of the gradients that failed in one check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.checking.judge import FAIL, Judged
from diffexplore.checking.records import Cause
from diffexplore.tensors.candidate import TensorInput
from diffexplore.tensors.diagnosis.diagnose import ALONG, FAMILIES, cause
from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.nonfinite import origin
from diffexplore.tensors.diagnosis.of_backward import of_backward
from diffexplore.tensors.diagnosis.of_compiled import only_compiled
from diffexplore.tensors.diagnosis.recording import RecordedSweep, recorded_sweep
from diffexplore.tensors.diagnosis.scene import GradientScene
from diffexplore.tensors.pairs import UpstreamTrial
from diffexplore.tensors.subject import TensorCalls

Tensor = torch.Tensor

#: So many upstream gradients have to be explained.
_MOST_SCENES = 4


class Diagnoses:
    """Finds causes; keeps each recorded sweep for all inputs."""

    def __init__(self, calls: TensorCalls) -> None:
        self._calls = calls
        self._sweeps: dict[tuple[int, int], RecordedSweep | None] = {}
        self._known: dict[str, list[Mistake]] = {}

    def causes(
        self, output: str, place: int, source: TensorInput, trials: Sequence[tuple[int, UpstreamTrial]]
    ) -> tuple[Cause, ...]:
        """Why a gradient failed; nothing where none did, or where autograd gave None.

        ``trials`` are those of one output and input, with the number of the upstream gradient; ``place`` is that of the
        output among those of the recorded forward.
        """
        if any((trial.judged.verdict == FAIL).any() for _, trial in trials):
            compiled = only_compiled(self._calls.seen, output, self._place(source), trials)
            if compiled:
                return compiled
        for number, trial in trials:
            found = self._not_finite(output, source, number, trial)
            if found is not None:
                return (found,)
        if not any(_is_wrong(trial) for _, trial in trials):
            return ()
        telling = sorted(trials, key=lambda one: not _is_wrong(one[1]))[:_MOST_SCENES]
        scenes = [self._scene(output, place, source, number, trial) for number, trial in telling]
        if self._calls.subject.order > 1:
            upstream = self._calls.upstreams[output][telling[0][0]]
            written = of_backward(self._calls.subject.candidate, output, upstream, scenes[0])
            if written is not None:
                return (written,)
        if not any(scene.wrong.any() for scene in scenes) or any(trial.absent for _, trial in trials):
            return ()
        return (cause(scenes, known=self._known.setdefault(output, [])),)

    def of_estimates(self, output: Tensor, source: TensorInput, judged: Judged, *, along: bool) -> tuple[Cause, ...]:
        """Why a gradient failed whose truth is estimated: by entry, or ``along`` directions; nothing where unknown."""
        if not ((judged.verdict == FAIL) & np.isfinite(judged.value)).any():
            return ()
        shape = judged.value.shape if along else tuple(source.tensor.shape)
        scene = replace(_scene_of(judged, shape, source, None, tuple(output.shape)), narrowed=self._narrowed)
        found = cause([scene], ALONG if along else FAMILIES) if scene.wrong.any() else None
        return () if found is None or (along and found.key == "unexplained") else (found,)

    def _not_finite(self, output: str, source: TensorInput, number: int, trial: UpstreamTrial) -> Cause | None:
        judged = trial.judged
        places = np.flatnonzero((judged.verdict == FAIL) & ~np.isfinite(judged.value))
        if not len(places):
            return None
        index = [int(i) for i in np.unravel_index(places[0], tuple(source.tensor.shape))]
        shown = "NaN" if np.isnan(judged.value[places[0]]) else "infinite"
        upstream = self._calls.upstreams[output][number]
        return origin(self._calls.subject.candidate, output, upstream, shown, index)

    def _scene(self, output: str, place: int, source: TensorInput, number: int, trial: UpstreamTrial) -> GradientScene:
        scene = _scene_of(trial.judged, tuple(source.tensor.shape), source, self._sweep(output, place, number))
        return replace(scene, source=self._place(source), narrowed=self._narrowed)

    def _place(self, source: TensorInput) -> int:
        return [one.name for one in self._calls.subject.candidate.sources].index(source.name)

    @property
    def _narrowed(self) -> frozenset[str] | None:
        seen = self._calls.seen
        return None if seen.hidden else frozenset(seen.narrowed)

    def _sweep(self, output: str, place: int, number: int) -> RecordedSweep | None:
        if (place, number) not in self._sweeps:
            upstream = self._calls.upstreams[output][number]
            self._sweeps[place, number] = recorded_sweep(self._calls.subject.forward, place, upstream)
        return self._sweeps[place, number]


def _scene_of(
    judged: Judged, shape: tuple[int, ...], source: TensorInput, sweep: RecordedSweep | None,
    output: tuple[int, ...] = (),
) -> GradientScene:  # fmt: skip
    bound = np.broadcast_to(judged.bound, judged.value.shape).reshape(shape)
    truth = DoubleBall(
        *(np.reshape(part, shape) for part in (judged.truth.high, judged.truth.low, judged.truth.radius))
    )
    return GradientScene(
        judged.value.reshape(shape), bound, truth, UNIT_ROUNDOFF[source.tensor.dtype], 0, sweep, output
    )


def _is_wrong(trial: UpstreamTrial) -> bool:
    wrong = trial.judged.verdict == FAIL
    return bool(wrong.any()) and bool(np.isfinite(trial.judged.value[wrong]).all())
