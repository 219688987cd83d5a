"""Partials that are enclosed together: those for which the same conditions of a loss are cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb

from diffexplore.arithmetic.balls import BALLS, precision
from diffexplore.arithmetic.case_balls import CASES, SMOOTH
from diffexplore.arithmetic.double_balls import exact_samples
from diffexplore.arithmetic.double_double import Number
from diffexplore.arithmetic.double_functions import DOUBLE_BALLS, DOUBLE_CASES, DOUBLE_SMOOTH
from diffexplore.checking.fast_truth import VectorProgram, nearby
from diffexplore.checking.one_sided import BothSides
from diffexplore.checking.staged import RunningMode, StagedProgram
from diffexplore.functions.domains import EVERYWHERE
from diffexplore.functions.facts import ANALYTIC, CORNER, JUMP
from diffexplore.functions.tables import RELATIONS, having
from diffexplore.program.program import Program

#: Operations that jump inside their domain; no formula of a derivative tells of a jump.
_JUMPING = having(JUMP) | {"where"}

#: Operations that compare their operands, or one of them with where it jumps.
_COMPARING = having(JUMP) | RELATIONS

#: Those, and what has a corner where it compares.
_BRANCHING = _COMPARING | having(CORNER)

#: Operations that have one value, which depends continuously on their operands, wherever those are real.
_TOTAL = having(ANALYTIC, CORNER, domain=EVERYWHERE) | {"full_like"}

#: What :func:`nearby` is for Arb.
_NEARBY = arb(0, 1) * arb(2) ** -200
_NEARBY_ZERO = arb(0, 1) * arb(2) ** -1200


@dataclass(frozen=True)
class PartialEvaluator:
    """A program in Arb, sample by sample, and in double-double balls."""

    exact: StagedProgram
    vector: VectorProgram

    @classmethod
    def by_sides(
        cls, program: Program, fixed: Mapping[str, float], data: Sequence[str], by: Sequence[str] = ()
    ) -> PartialEvaluator:
        """Conditions that depend on one of ``by`` have two sides on their boundary; the others are cases."""
        double_cases = DOUBLE_CASES if program.operations & _COMPARING else DOUBLE_BALLS  # which is faster
        return cls(
            StagedProgram(program, RunningMode(BALLS, arb, cases=CASES, by=by), fixed, data),
            VectorProgram(program, RunningMode(DOUBLE_BALLS, exact_samples, cases=double_cases, by=by), fixed, data),
        )

    @classmethod
    def nearby(
        cls, program: Program, fixed: Mapping[str, float], data: Sequence[str], by: Sequence[str]
    ) -> PartialEvaluator:
        """Finite only where the program is smooth in the inputs ``by`` next to their values."""
        return cls(
            StagedProgram(program, RunningMode(SMOOTH, arb, dict.fromkeys(by, _nearby)), fixed, data),
            VectorProgram(program, _smooth_reading(by), fixed, data),
        )


def _smooth_reading(by: Sequence[str]) -> RunningMode:
    return RunningMode(DOUBLE_SMOOTH, exact_samples, dict.fromkeys(by, nearby), DOUBLE_CASES, by)


def _nearby(value: float) -> arb:
    return value + (abs(value) * _NEARBY if value else _NEARBY_ZERO)


class Partials:
    """The partials ``names`` of one loss at one point: their formulas, and the loss itself.

    A name that is no input of the loss stands for its value. ``divided`` are the numbers by which partials were
    divided in ``gradient``.
    """

    def __init__(
        self, names: Sequence[str], gradient: Program, loss: Program, fixed: Mapping[str, float], data: Sequence[str],
        divided: Mapping[str, float],
    ) -> None:  # fmt: skip
        self.names = tuple(names)
        by = [name for name in names if name in loss.inputs]
        self.gradient = PartialEvaluator.by_sides(gradient, fixed, data, by)
        self.loss = PartialEvaluator.nearby(loss, fixed, data, by) if by and loss.operations - _TOTAL else None
        self.divisors = [divided.get(name, 1.0) for name in names]
        self._breaks_by_sample = breaks_by_sample(loss, data)
        self._unbroken: bool | None = None
        self.sides = [BothSides(loss, name if name in by else None, fixed, data) for name in names]

    def smooth(
        self, placed: Mapping[str, Number], columns: Mapping[str, np.ndarray], n: int, data: Sequence[str]
    ) -> np.ndarray:
        """At which samples double-double balls prove that the loss is smooth (bool); they run on ``placed``."""
        if self.loss is None:
            return np.ones(n, np.bool_)
        if self._breaks_by_sample:
            return self.loss.vector.finite(placed, n)
        if self._unbroken is None:
            self._unbroken = self._smooth_at_one(columns, data)
        return np.full(n, self._unbroken)

    def _smooth_at_one(self, columns: Mapping[str, np.ndarray], data: Sequence[str]) -> bool:
        """Whether the loss is smooth at one finite sample, which speaks for all then."""
        rows = np.stack([columns[name] for name in data], 1) if data else np.zeros((1, 0))
        finite = np.flatnonzero(np.isfinite(rows).all(1))
        if self.loss is None or not len(finite):
            return True
        row = dict(zip(data, rows[finite[0]].tolist(), strict=True))
        with precision(256):
            self.loss.exact.prepare()
            (value,) = self.loss.exact([row[name] for name in self.loss.exact.varying])
        return bool(value.is_finite())


def breaks_by_sample(loss: Program, data: Sequence[str]) -> bool:
    """Whether a break of the loss may depend on the sample: not where only parameters are divided by, say."""
    depends = loss.depends_on(data)
    for step in loss.steps:
        critical = step.arguments[1:] if step.operation == "div" else step.arguments
        if step.operation in _JUMPING or (step.operation not in _TOTAL and any(depends[slot] for slot in critical)):
            return True
    return False


def grouped(names: Sequence[str], programs: Sequence[Program]) -> list[list[int]]:
    """The places of names on which the same branching steps of the programs depend."""
    groups: dict[Any, list[int]] = {}
    for place, name in enumerate(names):
        key: list[Any] = [name in programs[-1].inputs]
        for program in programs:
            depends = program.depends_on([name])
            steps = enumerate(program.steps, program.first_step)
            key.append(tuple(slot for slot, step in steps if step.operation in _BRANCHING and depends[slot]))
        groups.setdefault(tuple(key), []).append(place)
    return list(groups.values())


def restricted(program: Program, places: Sequence[int]) -> Program:
    """The program of some of the outputs, without the steps that only the others need."""
    if len(places) == len(program.outputs):
        return program
    outputs = [program.outputs[place] for place in places]
    needed = set(outputs)
    for slot, step in reversed(list(enumerate(program.steps, program.first_step))):
        if slot in needed:
            needed.update(step.arguments)
    kept = [slot for slot in range(program.first_step, program.first_step + len(program.steps)) if slot in needed]
    place_of = {slot: slot for slot in range(program.first_step)}
    place_of |= {slot: program.first_step + i for i, slot in enumerate(kept)}
    steps = tuple(
        type(step)(step.operation, tuple(place_of[slot] for slot in step.arguments))
        for step in (program.steps[slot - program.first_step] for slot in kept)
    )
    return Program(program.inputs, program.constants, steps, tuple(place_of[slot] for slot in outputs))
