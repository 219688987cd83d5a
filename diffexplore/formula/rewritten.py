"""What SymPy made of a formula while it read it, and where the formula as it was written has no value."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
from flint import arb, fmpq
from sympy.logic.boolalg import Boolean

from diffexplore.arithmetic.balls import BALLS, precision
from diffexplore.formula.collector import elementary
from diffexplore.formula.text import to_text
from diffexplore.functions import OPERATIONS
from diffexplore.program.program import Program, Step, lower

_BITS = 256
_LONGEST = 60

#: Numbers at which symbols are tried, the telling ones first.
_NUMBERS = tuple(sympy.Rational(halves, 2) for halves in (-2, 0, 4, 2, -6, 6, 1, -1))

_MOST_TRIALS = 200  # points tried
_MOST_OPERATIONS = 40_000  # operations that they may take all together, of large formulas fewer points

#: Operations that SymPy puts in another order or form without a word: sums, products, comparisons.
_REARRANGED = frozenset("add sub mul div neg full_like lt le gt ge eq ne and or not".split())


@dataclass(frozen=True)
class ValuelessPoint:
    """A point at which an operation of the written formula certainly has no value."""

    point: Mapping[str, sympy.Rational]
    operation: str


def rewriting(expression: sympy.Expr, written: Program, domain: Sequence[Boolean] = ()) -> str | None:
    """What SymPy made of a formula, as a sentence; None where it kept the functions and where they have values."""
    plain, simplified = elementary(written), lower([expression], written.inputs)
    gap = None if plain.computes_as(simplified) else _gap(plain, simplified, domain)
    if gap is None and not plain.operations - simplified.operations - _REARRANGED:
        return None
    text = to_text(expression)
    made = text if len(text) <= _LONGEST else "a simpler form"
    sentence = f"SymPy simplifies the formula to {made} to differentiate it; what runs is what is written"
    if gap is None:
        return sentence
    where = ", ".join(f"{name} = {to_text(number)}" for name, number in gap.point.items())
    return f"{sentence}, which has no value at {where} ({_WORDS.get(gap.operation, gap.operation)})"


_WORDS = {"div": "division by 0", "pow": "power"}


def _gap(written: Program, simplified: Program, domain: Sequence[Boolean]) -> ValuelessPoint | None:
    """A point where what was written certainly has no value, and what SymPy made of it has one."""
    conditions = lower(list(domain), written.inputs)
    each = 1 + len(written.steps) + len(simplified.steps) + len(conditions.steps)
    with precision(_BITS):
        for point in itertools.islice(_points(written.inputs), min(_MOST_TRIALS, _MOST_OPERATIONS // each)):
            balls = {name: arb(fmpq(int(number.p), int(number.q))) for name, number in point.items()}
            if any(holds is False for holds in conditions.run(BALLS, balls)):
                continue
            if not simplified.run(BALLS, balls)[0].is_finite():
                continue
            slot = _outside(written, balls)
            if slot is not None:
                reached = {name: number for name, number in point.items() if written.depends_on([name])[slot]}
                return ValuelessPoint(reached, written.steps[slot - written.first_step].operation)
    return None


def _points(names: Sequence[str]) -> Iterator[Mapping[str, sympy.Rational]]:
    """Every symbol at one number, then all combinations."""
    together = ((number,) * len(names) for number in _NUMBERS)
    mixed = itertools.product(_NUMBERS, repeat=len(names)) if len(names) > 1 else ()
    for numbers in itertools.chain(together, mixed):
        yield dict(zip(names, numbers, strict=True))


def _outside(program: Program, balls: Mapping[str, arb]) -> int | None:
    """The slot of an operation that the output needs and that certainly has no value; None where none is certain.

    Branches that are not taken are not needed.
    """
    slots = [balls[name] for name in program.inputs] + [BALLS.constant(constant) for constant in program.constants]
    for step in program.steps:
        slots.append(BALLS.operations[step.operation](*[slots[slot] for slot in step.arguments]))
    pending, seen = list(program.outputs), set()
    while pending:
        slot = pending.pop()
        if slot in seen or slot < program.first_step:
            continue
        seen.add(slot)
        step = program.steps[slot - program.first_step]
        operands = [slots[place] for place in step.arguments]
        known = OPERATIONS.get(step.operation)  # a choice or a comparison always has a value
        if known is not None and all(one.is_finite() for one in operands) and known.facts.domain.fails(*operands):
            return slot
        pending += _needed(step, operands)
    return None


def _needed(step: Step, operands: Sequence[Any]) -> Sequence[int]:
    """The operands that count: of a choice its condition, and the branch that is taken where that is decided."""
    if step.operation != "where":
        return step.arguments
    condition, taken, otherwise = step.arguments
    return (condition,) if operands[0] is None else (condition, taken if operands[0] else otherwise)
