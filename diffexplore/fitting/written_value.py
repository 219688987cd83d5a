"""Where the loss as it was written has a value: SymPy makes ``a`` of exp(log(a)), and loses that a is positive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import sympy
from flint import arb

from diffexplore.arithmetic.balls import precision
from diffexplore.fitting.reduced import BITS, ReducedLoss
from diffexplore.formula.collector import elementary
from diffexplore.functions import OPERATIONS
from diffexplore.loss import Loss
from diffexplore.program.program import Program, Step, lower


def has_value(loss: ReducedLoss, box: Sequence[arb]) -> bool:
    """Whether the loss as it was written certainly has a value all over a box of its parameters, at every sample."""
    program = _narrower(loss.loss)
    if program is None:
        return True
    with precision(BITS):
        return all(ball.is_finite() for ball in loss.over_samples(program, box))


def ends(loss: Loss) -> bool:
    """Whether there may be points at which the loss has no value: it has a domain, or was written with one."""
    return bool(loss.domain) or _narrower(loss) is not None


def _narrower(loss: Loss) -> Program | None:
    """What was written, where it may have no value at points at which the expression that SymPy made of it has one."""
    if not loss.is_text:
        return None
    written = elementary(loss.written)
    limits = _limited(written) - _limited(lower([loss.expression], written.inputs))
    return written if limits else None


def _limited(program: Program) -> Counter[str]:
    """How often a program runs the operations that are not defined everywhere, on what is no constant.

    A division by 10**12 is none: its denominator depends on no input.
    """
    depends = program.depends_on(program.inputs)
    return Counter(
        step.operation for step in program.steps if _needs_something(step, [depends[slot] for slot in step.arguments])
    )


def _needs_something(step: Step, depends: Sequence[bool]) -> bool:
    """Whether an operation needs something of one of its arguments that depend on the inputs."""
    record = OPERATIONS.get(step.operation)
    if record is None or not record.facts.domain.conditions:
        return False
    arguments = [sympy.Dummy(real=True) for _ in depends]
    moving = {argument for argument, moves in zip(arguments, depends, strict=True) if moves}
    return any(expr.free_symbols & moving for expr, _ in record.facts.domain.needs(*arguments))
