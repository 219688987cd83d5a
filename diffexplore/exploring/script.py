"""What a page computes with: the loss, its simplified gradient and more as JavaScript, where a page can carry them."""

from __future__ import annotations

from collections.abc import Mapping

from diffexplore.exploring.evaluation import BatchEvaluation
from diffexplore.exploring.fitted import Curve
from diffexplore.exploring.records import Live
from diffexplore.program.javascript import function, helpers
from diffexplore.program.program import Program, lower

#: A page draws a surface of a thousand points and takes a thousand steps before the next picture is due.
MOST_OPERATIONS = 100_000

#: Numbers of data, of twenty characters at most: less than a megabyte.
MOST_NUMBERS = 40_000

_MOST_STEPS = 5_000


def live_of(
    evaluation: BatchEvaluation, curve: Curve | None, rate: float, reach: Mapping[str, tuple[float, float]]
) -> Live | str:
    """The functions; or why a page does not have them."""
    programs = evaluation.programs
    numbers = evaluation.n * len(programs.loss.data)
    length = sum(len(program.steps) for program in (programs.value, programs.gradient, programs.hessian))
    if length > _MOST_STEPS:
        return f"its formulas have {length:,} operations, and a page carries {_MOST_STEPS:,} at most"
    if numbers > MOST_NUMBERS:
        return f"its data are {numbers:,} numbers, and a page carries {MOST_NUMBERS:,} at most"
    if evaluation.operations > MOST_OPERATIONS:
        return f"a step takes {evaluation.operations:,} operations, and a page takes {MOST_OPERATIONS:,} at most"
    try:
        return Live(_source(evaluation, curve), evaluation.operations, rate, reach, bool(evaluation.loss.domain))
    except TypeError as error:
        return str(error)


def _source(evaluation: BatchEvaluation, curve: Curve | None) -> str:
    programs, loss = evaluation.programs, evaluation.loss
    names = ", ".join(loss.parameters)
    parts = [
        function("value", "The summand, for one sample", programs.value),
        function("gradient", f"Its simplified partials with respect to {names}", programs.gradient, width=0),
        function("hessian", f"Its second partials with respect to {names}, row by row", programs.hessian, width=0),
        function("inside", "Whether each condition of the domain holds", programs.inside, width=0),
    ]
    if curve is not None:
        program = curve_program(curve, loss.parameters)
        parts.append(function("fitted", f"The {curve.response} that is fitted", program))
    return "\n\n".join([*helpers("\n".join(parts)), *parts])


def curve_program(curve: Curve, parameters: tuple[str, ...]) -> Program:
    """The fitted response as a program of the parameters, then the other data symbol."""
    return lower([curve.expression], (*parameters, curve.over))
