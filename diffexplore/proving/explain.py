"""The named cause of a refuted gradient: what the verification of the program finds at the counterexample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import sympy

from diffexplore.checking.records import VALUE, Cause
from diffexplore.decide.records import Counterexample
from diffexplore.errors import DiffexploreError
from diffexplore.loss import Loss
from diffexplore.proving.programs import TensorProgram, packs
from diffexplore.proving.records import Statement
from diffexplore.proving.surrogates import surrogate_of
from diffexplore.tracing.backward import SECOND_CALL
from diffexplore.tracing.declarations import Array, symbols_of
from diffexplore.tracing.reading import loss_of
from diffexplore.tracing.traced import Traced


def cause_of(
    candidate: Any, program: TensorProgram, traced: Traced, loss: Loss | None, statements: Sequence[Statement]
) -> Cause | None:
    """The cause that verification names at the first counterexample of a gradient, if it finds one."""
    from diffexplore.verifying.run import verify

    refuted = [statement for statement in statements if statement.decision.counterexample is not None]
    wrong = [statement for statement in refuted if statement.name != VALUE] or refuted
    if wrong and all(statement.call > 1 for statement in wrong):
        names = dict.fromkeys(statement.name for statement in wrong)
        return Cause("saved_overwritten", SECOND_CALL, {"inputs": list(names), "certain": True})
    wrong = [statement for statement in wrong if statement.call == 1]
    surrogate = surrogate_of(program, traced, statements)
    if surrogate is not None:
        return surrogate
    if not wrong or traced.samples is not None:
        return None
    found = wrong[0].decision.counterexample
    assert found is not None
    requested = tuple(dict.fromkeys(statement.name for statement in wrong if statement.name != VALUE)) or None
    try:
        verification = _verification_of(candidate, program, traced, loss)
        columns = {name: [_at(sample, name) for sample in _samples(found)] for name in verification.loss.data}
        point = {name: _at(found.point, name) for name in verification.loss.parameters}
        report = verify(
            verification.candidate, verification.loss, columns, point, wrt=verification.partials(requested),
            upstream=_upstream(program, found, verification), pack=verification.pack or None, device="cpu",
        )  # fmt: skip
    except DiffexploreError:
        return None
    rows = [row for row in report.rows if row.verdict == "fail" and row.cause is not None]
    named = [row for row in rows if row.parameter == wrong[0].name] or rows
    cause = _at_its_place(named[0].cause) if named else None
    # no sample is to blame by its place where a class of the data is known to be wrong
    return None if wrong[0].decision.place and cause is not None and cause.key == "one_sample" else cause


def _at_its_place(cause: Cause | None) -> Cause | None:
    """The cause without a claim about all inputs: those that were tried are near a counterexample, in its region."""
    from diffexplore.verifying.diagnosis.evidence import EVERYWHERE
    from diffexplore.verifying.diagnosis.regions import RIGHT_ELSEWHERE

    if cause is None:
        return None
    message = cause.message.replace(f", {EVERYWHERE}", "").replace(RIGHT_ELSEWHERE, "right at other samples tried")
    return replace(cause, message=message)


@dataclass(frozen=True)
class _Verification:
    """A verification of a program: what is verified, against which loss, how its arguments are packed."""

    candidate: Any
    loss: Loss
    pack: Mapping[str, Any]
    upstream: sympy.Symbol | None
    contracted: bool

    def partials(self, wrong: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """The partials to look at: of a contraction, whose formulas are long, the first alone."""
        return wrong[:1] if wrong and self.contracted else wrong


def _verification_of(candidate: Any, program: TensorProgram, traced: Traced, loss: Loss | None) -> _Verification:
    """The candidate itself, with one upstream gradient; where there are more of them, its contraction with all."""
    symbols = [symbol for weight in program.weights for symbol in weight.array.symbols]
    shapes = [weight.array.shape for weight in program.weights]
    if len(symbols) <= 1 and not any(shapes):
        upstream = symbols[0] if symbols else None
        mine = replace(program, parameters=_mine(program, program.parameters), data=_mine(program, program.data))
        names = [[symbol.name for symbol in symbols_of(arrays)] for arrays in (mine.parameters, mine.data)]
        if loss is None:
            output = traced.output if upstream is None else traced.output.xreplace({upstream: sympy.S.One})
            loss = loss_of(replace(traced, output=output, parameters=mine.parameters, data=mine.data))
        return _Verification(candidate, loss.with_symbols(*names), packs(mine.arrays), upstream, False)
    # Verification has a meaning of its own for an argument that is called so.
    renamed = {weight.array.name: f"{weight.array.name}_" for weight in program.weights}

    def contracted(**tensors: Any) -> Any:
        return program.function(**{name: tensors[renamed.get(name, name)] for name in names_of})

    names_of = [array.name for array in program.arrays]
    contracted.__name__ = program.name
    packed = {renamed.get(name, name): layout for name, layout in packs(program.arrays).items()}
    return _Verification(contracted, loss_of(traced), packed, None, True)


def _mine(program: TensorProgram, arrays: tuple[Array, ...]) -> tuple[Array, ...]:
    return tuple(array for array in arrays if not program.is_weight(array))


def _upstream(program: TensorProgram, found: Counterexample, verification: _Verification) -> Any:
    """The upstream gradient at a counterexample: of each sample, or one number."""
    if verification.upstream is None:
        return None
    name = verification.upstream.name
    return [_at(sample, name) for sample in _samples(found)] if program.by_sample else _at(found.point, name)


def _at(point: Mapping[str, Fraction], name: str) -> float:
    """The value of a symbol at a counterexample; any number for one on which neither side depends."""
    return float(point.get(name, Fraction(3, 4)))


def _samples(found: Counterexample) -> Sequence[Any]:
    return found.samples or (found.point,)
