"""``dx.prove``: what a torch program's backward pass computes is the derivative, or a point where it is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import sympy

from diffexplore.arguments import as_texts, as_words
from diffexplore.check.options import as_loss
from diffexplore.check.records import VALUE
from diffexplore.errors import UsageError, unknown
from diffexplore.loss import Loss
from diffexplore.proof import decide_equal, decide_gradient
from diffexplore.proving.explain import cause_of
from diffexplore.proving.one_sample import holds_for_one
from diffexplore.proving.parts import Part, decided_parts
from diffexplore.proving.programs import Program, program_of
from diffexplore.proving.readings import Reading, settled
from diffexplore.proving.records import Proof, Statement, status_of
from diffexplore.proving.scope import scope_of
from diffexplore.proving.spare import again, run_again
from diffexplore.proving.upstream import without_factor
from diffexplore.symbolic.batch_sums import SAMPLES, batch_sum
from diffexplore.symbolic.parse import parse_condition
from diffexplore.symbolic.text import to_text
from diffexplore.tracing.declarations import Array, Spec, declare, of_samples
from diffexplore.tracing.sizes import meets, usual
from diffexplore.tracing.trace import OUTPUT, Traced, trace


def prove(
    candidate: Any,
    loss: Loss | str | None = None,
    *,
    parameters: Spec | None = None,
    data: Spec | None = None,
    wrt: Sequence[str] | str | None = None,
    domain: str | Sequence[str] | None = None,
) -> Proof:
    """Does a torch program compute the gradient of this loss, for every input and every number of samples?

    The forward pass and the backward pass of autograd are traced and read as formulas; whether the one is the
    derivative of the other is decided by algebra. A proof speaks of the operations that were traced and of their
    mathematics, not of the rounding of the kernels that compute them: :func:`diffexplore.verify` measures that.

    Args:
        candidate: a torch function, a module or the class of a ``torch.autograd.Function``, of tensors in float64. It
            returns the loss, or outputs of any shape: the proof is for every upstream gradient of each of them.
        loss: whose gradient it should be; None for that of the program's own forward pass.
        parameters, data: the arguments with their shapes, data without the axis of the samples, as in
            ``["W[3,2]", "b"]``. Default: the symbols of the loss. Without a loss, the arguments that are not declared
            are the other kind; where none is declared, all are data, with one number for each sample.
        wrt: the partials that are wanted. Default: all parameters, or all data where there are none.
        domain: conditions that the inputs meet, such as ``"s > 0"``; those of the loss count as well.

    Returns a :class:`~diffexplore.proving.records.Proof`, whose ``status`` is "proved" (only by a proof), "refuted"
    (only with a counterexample: certified enclosures that do not meet) or "unknown".
    Raises :class:`~diffexplore.errors.UsageError` for what cannot be traced, with the operator and the line.
    """
    known = None if loss is None else as_loss(loss)
    parameters = None if parameters is None else cast(Spec, declare(parameters))
    data = None if data is None else cast(Spec, declare(data))
    program = program_of(candidate, known, parameters, data)
    wanted = None if wrt is None else as_words(wrt, "wrt")
    by_data = _asks_for_data(wanted, program)
    program, traced = _traced(program, by_data=by_data)
    spare = again(candidate, known, parameters, data, program)
    conditions = [*_domain(domain, program), *(known.domain if known is not None else ())]

    def stated(traced: Traced) -> tuple[Statement, ...]:
        return tuple(_statements(program, traced, known, _names(wanted, program, traced), conditions))

    def part(traced: Traced, as_run: Traced | None, statements: tuple[Statement, ...] | None = None) -> Part:
        alone = traced.samples is not None or not program.data or not meets(traced.guards, 1)
        one = alone or holds_for_one(program, traced, by_data=by_data)
        return Part(traced, stated(traced) if statements is None else statements, one, as_run)

    as_run = _read_exactly(program, by_data=by_data) if traced.rounds else traced
    reading = settled(
        Reading(traced, stated(traced)), lambda: None if as_run is None else Reading(as_run, stated(as_run))
    )
    first = part(reading.traced, as_run, reading.statements)
    parts = decided_parts(program, first, by_data=by_data, decide=part)
    notes = run_again(program, spare, [first, *parts.all_others], conditions)
    traced, statements = (parts.refuted or first).traced, (parts.refuted or first).statements
    scope = scope_of(parts.sizes, statements, conditions, parts.others)
    return Proof(
        status_of(statements),
        program.name,
        "its own forward pass" if known is None else (known.name or f"the loss {known.formula}"),
        to_text(traced.output),
        tuple(symbol.name for symbol in _symbols(program.parameters)),
        tuple(symbol.name for symbol in _symbols(program.data)),
        traced.samples,
        traced.mixing or program.mixing,
        statements,
        scope.conditions,
        scope.exclusions,
        scope.sizes,
        scope.unvalued,
        tuple(dict.fromkeys((*traced.notes, *program.notes, *notes))),
        cause_of(candidate, program, traced, known, statements),
        reading.constants,
        reading.rounded,
    )


def _traced(program: Program, *, by_data: bool) -> tuple[Program, Traced]:
    """The program as formulas: with symbols for its upstream gradients, but for one that only multiplies."""
    traced = _read(program, by_data=by_data)
    plain = without_factor(program, traced)
    return (program, traced) if plain is program else (plain, _read(plain, by_data=by_data))


def _read(program: Program, *, by_data: bool, exact: bool = False) -> Traced:
    return trace(
        program.function,
        parameters=program.parameters,
        data=program.data,
        by_data=by_data,
        samples=program.samples,
        exact=exact,
    )


def _read_exactly(program: Program, *, by_data: bool) -> Traced | None:
    """The program as formulas, with every float as the number that it is; None where these have none."""
    try:
        return _read(program, by_data=by_data, exact=True)
    except UsageError:
        return None


def _statements(
    program: Program, traced: Traced, loss: Loss | None, names: Sequence[str], domain: Sequence[Any]
) -> Iterator[Statement]:
    """That the loss is computed, and each of its partials."""
    exact = traced.output if loss is None else _reduced(loss, program, traced)
    domain, sizes = _of_all_samples(domain, program, traced), usual(traced.guards)
    if loss is not None:
        needs = traced.needs[OUTPUT]
        same = decide_equal(
            exact,
            traced.output,
            domain=domain,
            conventions=traced.conventions,
            needs=needs,
            sizes=sizes,
            inputs=_inputs(program, traced),
            everywhere=True,
        )
        yield Statement(VALUE, to_text(traced.output), same)
    assert traced.partials is not None
    second = traced.second or {}
    for name in names:
        first = _partial(program, traced, exact, name, traced.partials[name], domain)
        yield first
        if second.get(name, traced.partials[name]) != traced.partials[name]:
            other = _partial(program, traced, exact, name, second[name], domain)
            if other.status != "proved":
                yield replace(other, call=2)


def _partial(
    program: Program, traced: Traced, exact: sympy.Expr, name: str, claimed: sympy.Expr, domain: Sequence[Any]
) -> Statement:
    """That what a backward call computes is the partial by a symbol."""
    decision = decide_gradient(
        exact,
        claimed,
        sympy.Symbol(name, real=True),
        data=_symbols(program.data) if traced.samples is None else [],
        domain=domain,
        conventions=traced.conventions,
        needs=traced.needs[name],
        sizes=usual(traced.guards),
        inputs=_inputs(program, traced),
    )
    return Statement(name, to_text(claimed), decision)


def _inputs(program: Program, traced: Traced) -> list[sympy.Symbol]:
    """The data, those of a few samples where these are traced one by one: each of their values counts."""
    if traced.samples is None:
        return _symbols(program.data)
    return [symbol for sample in _few(program, traced.samples) for symbol in sample]


def _reduced(loss: Loss, program: Program, traced: Traced) -> sympy.Expr:
    """The loss over all samples: a formal sum, or that over the few which were traced."""
    summand, symbols = loss.expression, [loss.symbols[name] for name in loss.data]
    upstream = sympy.S.One
    if program.weights:
        (upstream,) = program.weights[0].array.symbols
    if program.by_sample:
        summand, symbols = upstream * summand, [*symbols, upstream]
        upstream = sympy.S.One
    mean = loss.reduction == "mean" and not program.by_sample
    if not symbols:
        return upstream * summand
    if traced.samples is None:
        every = _symbols(program.data)  # those that the loss ignores are bound as well
        return upstream * batch_sum(summand, every) / (SAMPLES if mean else 1)
    order = _symbols(program.data)
    samples = (dict(zip(order, sample, strict=True)) for sample in _few(program, traced.samples))
    total = sympy.Add(*(summand.xreplace(sample) for sample in samples))
    return upstream * (total / traced.samples if mean else total)


def _of_all_samples(domain: Sequence[Any], program: Program, traced: Traced) -> list[Any]:
    """Conditions on data, for each of the few samples where these are traced one by one."""
    if traced.samples is None:
        return list(domain)
    samples = [dict(zip(_symbols(program.data), sample, strict=True)) for sample in _few(program, traced.samples)]
    return list(dict.fromkeys(condition.xreplace(sample) for condition in domain for sample in samples or [{}]))


def _few(program: Program, samples: int) -> list[tuple[sympy.Symbol, ...]]:
    """The symbols of each of a few samples, in the order of the data."""
    columns = [of_samples(array, samples) for array in program.data]
    sizes = [len(array.symbols) for array in program.data]
    return [
        tuple(
            symbol for column, size in zip(columns, sizes, strict=True) for symbol in column[i * size : (i + 1) * size]
        )
        for i in range(samples)
    ]


def _symbols(arrays: Iterable[Array]) -> list[sympy.Symbol]:
    return [symbol for array in arrays for symbol in array.symbols]


def _asks_for_data(wrt: Sequence[str] | None, program: Program) -> bool:
    """Whether partials by data are wanted: only then do data require gradients, as they do not in training."""
    if wrt is None:
        return all(map(program.is_weight, program.parameters))
    parameters = {array.name for array in program.parameters} | {s.name for s in _symbols(program.parameters)}
    return any(name not in parameters for name in wrt)


def _names(wrt: Sequence[str] | None, program: Program, traced: Traced) -> list[str]:
    """The partials to decide: an argument's name means all its entries."""
    partials = traced.partials or {}
    entries = {array.name: [symbol.name for symbol in array.symbols] for array in program.arrays}
    if traced.samples is not None:
        entries |= {array.name: [s.name for s in of_samples(array, traced.samples)] for array in program.data}
    if wrt is None:
        mine = [array for array in program.parameters if not program.is_weight(array)]
        chosen = [array.name for array in mine or program.data if not program.is_weight(array)]
    else:
        chosen = list(wrt)
    names = []
    for name in chosen:
        if name not in entries and name not in partials:
            raise unknown("symbol", name, [*entries, *partials])
        names += entries.get(name, [name])
    missing = [name for name in names if name not in partials]
    if missing:
        raise UsageError(f"torch has no gradient by {', '.join(missing)}: leave it out of wrt")
    return names


def _domain(domain: str | Sequence[str] | None, program: Program) -> list[Any]:
    names = [symbol.name for symbol in _symbols(program.arrays)]
    texts = [] if domain is None else as_texts(domain, "domain", "'s > 0' or ['s > 0', 'x != 0']")
    return [parse_condition(text, names) for text in texts]
