"""``dx.prove``: what a torch program's backward pass computes is the derivative, or a point where it is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from diffexplore.ambient_modes import undisturbed
from diffexplore.arguments import as_words
from diffexplore.checking.listener import Listener, Silence
from diffexplore.decide.decide import BUDGET
from diffexplore.decide.records import Counterexample
from diffexplore.formula.budget import Allowance
from diffexplore.formula.elimination import check_compatible
from diffexplore.formula.text import to_text
from diffexplore.inputs.losses import loss_to_prove
from diffexplore.loss import Loss
from diffexplore.proving.empty_batch import SOME, wrong_without_samples
from diffexplore.proving.explain import cause_of
from diffexplore.proving.factors import without_factor, without_weight
from diffexplore.proving.narrow import narrow_dtypes
from diffexplore.proving.other_calls import differences
from diffexplore.proving.parts import (
    ConstantReading,
    Part,
    Parts,
    decided_parts,
    exact_formulas,
    holds_for_one,
    settled,
)
from diffexplore.proving.programs import TensorProgram, copied, program_of
from diffexplore.proving.records import Proof, status_of, up_to_unproved
from diffexplore.proving.rerun import check_reading
from diffexplore.proving.scope import scope_of
from diffexplore.proving.shown import EagerRuns
from diffexplore.proving.statements import domain_of, names_of, over_all, statements_of
from diffexplore.torch_private.unloaded import not_compiled
from diffexplore.tracing.declarations import DTYPE, Spec, declare, symbols_of
from diffexplore.tracing.lost import written_domain
from diffexplore.tracing.sizes import meets
from diffexplore.tracing.traced import Traced
from diffexplore.verifying.surroundings import keeps_surroundings


@undisturbed
@keeps_surroundings
@not_compiled()
def prove(
    candidate: Any,
    loss: Any = None,
    *,
    parameters: Spec | None = None,
    data: Spec | None = None,
    wrt: Sequence[str] | str | None = None,
    domain: str | Sequence[str] | None = None,
    listener: Listener | None = None,
) -> Proof:
    """Does a torch program compute the gradient of this loss, for every input and every number of samples?

    The forward pass and the backward pass of autograd are traced and read as formulas; whether the one is the
    derivative of the other is decided by algebra. A proof speaks of the operations that were traced and of their
    mathematics, not of the rounding of the kernels that compute them: :func:`diffexplore.verify` measures that.

    Args:
        candidate: a torch function, a module or the class of a ``torch.autograd.Function``, of tensors in float64. It
            returns the loss, or outputs of any shape: the proof is for every upstream gradient of each of them.
        loss: whose gradient it should be: a :class:`~diffexplore.Loss`, a name of the catalogue, a formula as text or
            SymPy expression, or another torch function; None for that of the program's own forward pass.
        parameters: the arguments that are parameters, with their shapes, as in ``["W[3,2]", "b"]``, ``"w[3], b"`` or
            ``{"W": (3, 2), "b": ()}``. Default: the parameters of the loss. Without a loss, the arguments that are not
            declared are the other kind; where none is declared, all are data, with one number for each sample.
        data: the arguments that are data, each with the shape of one sample; its tensor has the axis of the samples in
            front of that. Default: the data of the loss.
        wrt: the partials that are requested, by the names of arguments or of their entries. Default: all parameters,
            or all data where there are none.
        domain: conditions that the inputs meet, such as ``"s > 0"``; those of the loss count as well.
        listener: called with the progress.

    Returns:
        A :class:`~diffexplore.proving.records.Proof`, whose ``status`` is "proved" (only by a proof), "refuted" (only
        with a counterexample: certified enclosures that do not meet) or "unknown".

    Raises:
        UsageError: for what cannot be traced, with the operator and the line.
    """
    listener = listener or Silence()
    listener.progress("tracing the program", 0, 0)
    known = None if loss is None else loss_to_prove(loss, parameters, data, wrt)
    parameters = None if parameters is None else cast(Spec, declare(parameters))
    data = None if data is None else cast(Spec, declare(data))
    program = program_of(candidate, known, parameters, data)
    requested = None if wrt is None else as_words(wrt, "wrt")
    by_data = _asks_for_data(requested, program)
    program, traced = without_factor(program, program.traced(by_data=by_data, samples=program.samples))
    spare = again(candidate, known, parameters, data, program)
    conditions = [*domain_of(domain, program), *(known.domain if known is not None else ())]
    conditions += [] if known is None else written_domain(known)
    conditions += [condition for draw in program.draws for condition in draw.domain]
    check_compatible(conditions)
    allowance, runs = Allowance(BUDGET), EagerRuns(spare.function)

    def read(traced: Traced, *, while_proved: bool = False) -> ConstantReading:
        names = names_of(requested, program, traced)
        statements = statements_of(
            program, traced, known, names, conditions, allowance, runs, searched=not while_proved
        )
        return ConstantReading(traced, tuple(up_to_unproved(statements) if while_proved else statements))

    def part(traced: Traced, as_run: Traced | None) -> Part:
        reading = settled(
            read(traced), lambda while_proved: None if as_run is None else read(as_run, while_proved=while_proved)
        )
        alone = reading.traced.samples is not None or not program.data or not meets(reading.traced.guards, 1)
        one = alone or holds_for_one(program, reading.traced, allowance, by_data=by_data)
        return Part(reading, one, as_run)

    listener.progress("deciding by algebra", 0, 0)
    first = part(traced, exact_formulas(traced))
    parts = decided_parts(program, first, by_data=by_data, decide=part)
    notes = run_again(program, spare.function, [first, *parts.all_others], conditions)
    shown = parts.refuted or first
    traced, statements = shown.traced, shown.statements
    readings = [one.reading for one in ((shown,) if parts.refuted is not None else (first, *parts.others))]
    if status_of(statements) == "refuted":
        listener.progress("looking for the cause", 0, 0)
    notes = (*notes, *runs.notes({(one.name, one.call): one for one in statements}))
    narrow = narrow_dtypes(step for reading in readings for step in reading.traced.narrow)
    sizes, calls, seen = parts.sizes, tuple[str, ...](), tuple[str, ...]()
    if status_of(statements) == "proved":
        whole = None if known is None else over_all(known, program)
        sizes, calls, seen = _left_out(spare, [first, *parts.others], parts, whole, conditions)
    scope = scope_of(sizes, statements, conditions, parts.others, calls)
    return Proof(
        status_of(statements), program.name,
        "its own forward pass" if known is None else (known.name or f"the loss {known.formula}"),
        to_text(traced.output), tuple(symbol.name for symbol in symbols_of(program.parameters)),
        tuple(symbol.name for symbol in symbols_of(program.data)), traced.samples,
        traced.mixing or program.mixing, DTYPE,
        statements, scope.conditions, scope.exclusions, scope.sizes, scope.unvalued,
        tuple(dict.fromkeys((*traced.notes, *(one.note for one in narrow), *program.notes, *notes, *seen))),
        cause_of(candidate, program, traced, known, statements),
        tuple(dict.fromkeys(constant for reading in readings for constant in reading.constants)),
        any(reading.rounded for reading in readings),
        narrow,
    )  # fmt: skip


def _asks_for_data(wrt: Sequence[str] | None, program: TensorProgram) -> bool:
    """Whether partials by data are requested: only then do data require gradients, as they do not in training."""
    if wrt is None:
        return all(map(program.is_weight, program.parameters))
    parameters = {array.name for array in program.parameters} | {s.name for s in symbols_of(program.parameters)}
    return any(name not in parameters for name in wrt)


def again(
    candidate: Any, loss: Loss | None, parameters: Spec | None, data: Spec | None, program: TensorProgram
) -> TensorProgram:
    """The program of a copy of a candidate, where it can be copied: a module keeps what it sees.

    It takes the arguments of ``program``, the upstream gradients among them.
    """
    other = program_of(copied(candidate), loss, parameters, data)
    return other if program.weights or not other.weights else without_weight(other)


def _left_out(
    program: TensorProgram, read: Sequence[Part], parts: Parts, loss: Any, domain: Sequence[Any]
) -> tuple[tuple[Any, ...], tuple[str, ...], tuple[str, ...]]:
    """What runs show a proof by the parts ``read`` not to hold of: what is stated of N, of calls, and with which notes.

    ``loss`` is over all samples, None for the program's own forward pass.
    """
    sizes, notes = parts.sizes, list[str]()
    wrong = None
    if program.data and read[0].traced.samples is None:
        wrong = wrong_without_samples(program.name, program.function, read, parts, loss, domain)
    if wrong is not None:
        sizes, notes = (*sizes, SOME), [f"without samples (N = 0) {wrong}"]
    found: dict[str, str] = {}
    for part in read:
        for one in differences(program, part.traced, domain):
            found.setdefault(one.condition, one.note)
    return sizes, tuple(found), (*notes, *found.values())


def run_again(
    program: TensorProgram, function: Callable[..., Any], parts: Sequence[Part], domain: Sequence[Any]
) -> tuple[str, ...]:
    """Runs a program where it was proved or refuted; notes for the reader. Raises as :func:`check_reading` does."""
    notes: dict[str, None] = {}
    for part in parts:
        if part.as_run is None:
            notes["the program was not run again: its floats as they are have no formula"] = None
            continue
        own = _own_points(part)
        found = check_reading(program.name, function, part.as_run, one=part.one, own=own, domain=domain)
        notes |= dict.fromkeys(found)
    return tuple(notes)


def _own_points(part: Part) -> list[Counterexample]:
    """The points of the proofs: where the two sides differ, or both have a value."""
    decisions = [statement.decision for statement in part.statements]
    points = [decision.counterexample or decision.witness for decision in decisions]
    return [point for point in points if point is not None]
