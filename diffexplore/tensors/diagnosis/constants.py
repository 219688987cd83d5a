"""A constant of the forward that is another one on the way back, where its operations are computed again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from diffexplore.numerals import short
from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.recording import ChangedForward, RecordedSweep, ScalarOperand
from diffexplore.tensors.diagnosis.scene import GradientScene

#: So many constants are looked at, each by so many recordings at most, of so many numbers in all.
_MOST, _STEPS, _MOST_NUMBERS = 12, 12, 2**14

#: A constant that is found is a short number, if one is as near as that.
_AS_NEAR = 1e-9


def wrong_constants(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """One constant is off, all the way from the forward."""
    scene = scenes[0]
    sweep = scene.sweep
    if sweep is None or sweep.size > _MOST_NUMBERS:
        return
    for scalar in sweep.tape.scalars[:_MOST]:
        number = _solved(scene, sweep, scalar)
        if number is not None:
            message = f"the constant {short(scalar.number, 6)} in {scalar.line} is taken for {short(number, 6)}"
            fields = {"path": str(scalar.line), "constant": scalar.number, "found": number}
            yield Mistake("wrong_constant", message, partial(_with, scalar=scalar, number=number), fields, fitted=1)


def _with(scene: GradientScene, scalar: ScalarOperand, number: float) -> np.ndarray | None:
    changed = (
        None
        if scene.sweep is None
        else scene.sweep.again(ChangedForward(scalars={(scalar.operation, scalar.place): number}))
    )
    return None if changed is None else np.asarray(changed.truths[scene.source])


def _solved(scene: GradientScene, sweep: RecordedSweep, scalar: ScalarOperand) -> float | None:
    """With which number the entry comes out that is off the most, by the secant method; None with none."""
    off = np.where(scene.known, np.abs(scene.difference), 0.0).reshape(-1)
    entry = int(off.argmax())
    value = float(scene.value.reshape(-1)[entry])

    def error(number: float) -> float:
        found = _with(scene, scalar, number)
        return np.nan if found is None else float(found.reshape(-1)[entry]) - value

    before, number = scalar.number, scalar.number * (1 + 2.0**-10)
    last, now = -float(scene.difference.reshape(-1)[entry]), error(number)
    for _ in range(_STEPS):
        if not np.isfinite(now) or now == last:
            break
        before, number, last = number, number - now * (number - before) / (now - last), now
        now = error(number)
        if abs(now) <= float(scene.room.reshape(-1)[entry]):
            return _short(number)
    return None


def _short(number: float) -> float:
    """The shortest decimal near a number; the number itself where none is near."""
    for digits in range(1, 9):
        found = float(f"{number:.{digits}g}")
        if abs(found - number) <= _AS_NEAR * abs(number):
            return found
    return number
