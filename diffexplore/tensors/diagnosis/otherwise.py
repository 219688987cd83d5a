"""A forward that is another one for the backward: an input reversed, another in its place, ε beside a root."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch

from diffexplore.numerals import short
from diffexplore.tensors.diagnosis.hypothesis import Mistake
from diffexplore.tensors.diagnosis.recording import ChangedForward, RecordedSweep, ScalarOperand
from diffexplore.tensors.diagnosis.scene import GradientScene

Tensor = torch.Tensor

#: So many recordings are made, of so many numbers at most.
_MOST, _MOST_NUMBERS = 32, 2**14

#: A result of theirs is their first operand where their number is left out.
_WITH_NUMBERS = ("add", "sub", "mul", "div")

#: Axes up to this length are reversed: those of kernels and windows.
_LONGEST = 16


def beside_roots(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """√u + ε stands for √(u + ε)."""
    sweep = scenes[0].sweep
    if sweep is None or sweep.size > _MOST_NUMBERS:
        return
    for scalar in sweep.tape.under_roots[:_MOST]:
        message = f"{short(scalar.number, 6)} in {scalar.line} is added to the root, and not under it"
        changed = _valued(scalar, partial(_beside, number=scalar.number))
        yield Mistake(
            "wrong_constant", message, partial(_run_again, changed=changed),
            {"path": str(scalar.line), "constant": scalar.number},
        )  # fmt: skip


def _beside(values: np.ndarray, number: float) -> np.ndarray:
    """That of which √u + c is the root."""
    return np.asarray((np.sqrt(values) + number) ** 2)


def without_numbers(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """A number is left out where the result of its operation is computed again, and not in its derivative."""
    sweep = scenes[0].sweep
    if sweep is None or sweep.size > _MOST_NUMBERS:
        return
    for scalar in sweep.tape.scalars[:_MOST]:
        if scalar.operator in _WITH_NUMBERS and scalar.place == 1:
            message = f"{short(scalar.number, 6)} in {scalar.line} is left out where its value is computed again"
            yield Mistake(
                "wrong_constant", message, partial(_run_again, changed=_valued(scalar, np.copy)),
                {"path": str(scalar.line), "constant": scalar.number},
            )  # fmt: skip


def with_other_inputs(scenes: Sequence[GradientScene]) -> Iterator[Mistake]:
    """Another input is used with its axes reversed or exchanged, or a third one of its shape in its place."""
    sweep = scenes[0].sweep
    if sweep is None or sweep.size > _MOST_NUMBERS:
        return
    for key, words, changed in itertools.islice(_others(sweep, scenes[0]), _MOST):
        yield Mistake(key, f"on the way back {words}", partial(_run_again, changed=changed))


def _others(sweep: RecordedSweep, scene: GradientScene) -> Iterator[tuple[str, str, ChangedForward]]:
    places = zip(sweep.names, sweep.tape.sources, strict=True)
    tensors = {name: place.layout.read(place.state.ball).high for name, place in places}
    tensors |= {one.name: one.values for one in sweep.constants}
    own = sweep.names[scene.source]
    for name, values in tensors.items():
        for other, instead in tensors.items():
            if name not in (other, own) and instead.shape == values.shape:
                yield "wrong_operand", f"{other} is used for {name}", _with(name, instead)
    for name, values in tensors.items():
        for words, move in _moves(values.shape) if name != own else ():
            yield "transposed", f"{name} is used {words}", _with(name, move(values))


def _moves(shape: tuple[int, ...]) -> Iterator[tuple[str, Callable[[np.ndarray], np.ndarray]]]:
    axes = [axis for axis, length in enumerate(shape) if 1 < length <= _LONGEST]
    for axis in reversed(axes):
        yield f"reversed along axis {axis}", partial(np.flip, axis=axis)
    for one, two in itertools.combinations(axes, 2):
        if shape[one] == shape[two]:
            yield f"with its axes {one} and {two} exchanged", partial(np.swapaxes, axis1=one, axis2=two)
    if len(axes) > 2:
        yield f"reversed along axes {axes[-2]} and {axes[-1]}", partial(np.flip, axis=(axes[-2], axes[-1]))


def _valued(scalar: ScalarOperand, values: Callable[[np.ndarray], np.ndarray]) -> ChangedForward:
    return ChangedForward(values={scalar.operation: values})


def _with(name: str, values: np.ndarray) -> ChangedForward:
    return ChangedForward(inputs={name: np.ascontiguousarray(values)})


def _run_again(scene: GradientScene, changed: ChangedForward) -> np.ndarray | None:
    found = None if scene.sweep is None else scene.sweep.again(changed)
    return None if found is None else found.truths[scene.source]
