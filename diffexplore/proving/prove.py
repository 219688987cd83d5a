"""``dx.prove``: what a torch program's backward pass computes is the derivative, or a point where it is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sympy

from diffexplore.check.records import VALUE
from diffexplore.errors import UsageError, unknown
from diffexplore.loss import Loss
from diffexplore.proof import decide_equal, decide_gradient
from diffexplore.proving.explain import cause_of
from diffexplore.proving.one_sample import holds_for_one
from diffexplore.proving.programs import Program, program_of
from diffexplore.proving.records import Proof, Statement, status_of
from diffexplore.proving.scope import scope_of
from diffexplore.symbolic.batch_sums import SAMPLES, batch_sum
from diffexplore.symbolic.parse import parse_condition
from diffexplore.symbolic.text import to_text
from diffexplore.tracing.declarations import Array, Spec, of_samples
from diffexplore.tracing.trace import OUTPUT, Traced, trace
from diffexplore.verify.run import as_loss


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
            returns the loss, or an output with an entry for each sample; then the proof is for every upstream gradient.
        loss: whose gradient it should be; None for that of the program's own forward pass.
        parameters, data: the arguments with their shapes, data without the axis of the samples, as in
            ``["W[3,2]", "b"]``. Default: the symbols of the loss; without one, all other arguments are data.
        wrt: the partials that are wanted. Default: all parameters, or all data where there are none.
        domain: conditions that the inputs meet, such as ``"s > 0"``; those of the loss count as well.

    Returns a :class:`~diffexplore.proving.records.Proof`, whose ``status`` is "proved" (only by a proof), "refuted"
    (only with a counterexample: certified enclosures that do not meet) or "unknown".
    Raises :class:`~diffexplore.errors.UsageError` for what cannot be traced, with the operator and the line.
    """
    known = None if loss is None else as_loss(loss)
    program = program_of(candidate, known, parameters, data)
    wanted = wrt.replace(",", " ").split() if isinstance(wrt, str) else wrt
    by_data = _asks_for_data(wanted, program)
    traced = trace(program.function, parameters=program.parameters, data=program.data, by_data=by_data)
    conditions = [*_domain(domain, program), *(known.domain if known is not None else ())]
    statements = tuple(_statements(program, traced, known, _names(wanted, program, traced), conditions))
    one = traced.samples is not None or not program.data or holds_for_one(program, traced, by_data=by_data)
    scope = scope_of((*traced.conditions, *(() if one else ("N ≥ 2",))), statements, conditions)
    return Proof(
        status_of(statements),
        program.name,
        "its own forward pass" if known is None else (known.name or f"the loss {known.formula}"),
        to_text(traced.output),
        tuple(symbol.name for symbol in _symbols(program.parameters)),
        tuple(symbol.name for symbol in _symbols(program.data)),
        traced.samples,
        traced.mixing,
        statements,
        scope.conditions,
        scope.exclusions,
        scope.sizes,
        scope.unvalued,
        traced.notes,
        cause_of(candidate, program, traced, known, statements),
    )


def _statements(
    program: Program, traced: Traced, loss: Loss | None, names: Sequence[str], domain: Sequence[Any]
) -> Iterator[Statement]:
    """That the loss is computed, and each of its partials."""
    exact = traced.output if loss is None else _reduced(loss, program, traced)
    domain = _of_all_samples(domain, program, traced)
    if loss is not None:
        needs = traced.needs[OUTPUT]
        same = decide_equal(
            exact,
            traced.output,
            domain=domain,
            conventions=traced.conventions,
            needs=needs,
            inputs=_inputs(program, traced),
            everywhere=True,
        )
        yield Statement(VALUE, to_text(traced.output), same)
    assert traced.partials is not None
    generic = _symbols(program.data) if traced.samples is None else []
    for name in names:
        symbol = sympy.Symbol(name, real=True)
        claimed = traced.partials[name]
        decision = decide_gradient(
            exact,
            claimed,
            symbol,
            data=generic,
            domain=domain,
            conventions=traced.conventions,
            needs=traced.needs[name],
            inputs=_inputs(program, traced),
        )
        yield Statement(name, to_text(claimed), decision)


def _inputs(program: Program, traced: Traced) -> list[sympy.Symbol]:
    """The data, those of a few samples where these are traced one by one: each of their values counts."""
    if traced.samples is None:
        return _symbols(program.data)
    return [symbol for sample in _few(program, traced.samples) for symbol in sample]


def _reduced(loss: Loss, program: Program, traced: Traced) -> sympy.Expr:
    """The loss over all samples: a formal sum, or that over the few which were traced."""
    summand, symbols = loss.expression, [loss.symbols[name] for name in loss.data]
    upstream = sympy.S.One
    if program.weight is not None:
        (upstream,) = program.weight.symbols
    if program.by_sample:
        summand, symbols = upstream * summand, [*symbols, upstream]
        upstream = sympy.S.One
    mean = loss.reduction == "mean" and not program.by_sample
    if not symbols:
        return upstream * summand
    if traced.samples is None:
        return upstream * batch_sum(summand, symbols) / (SAMPLES if mean else 1)
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
        return all(array == program.weight for array in program.parameters)
    parameters = {array.name for array in program.parameters} | {s.name for s in _symbols(program.parameters)}
    return any(name not in parameters for name in wrt)


def _names(wrt: Sequence[str] | None, program: Program, traced: Traced) -> list[str]:
    """The partials to decide: an argument's name means all its entries."""
    partials = traced.partials or {}
    entries = {array.name: [symbol.name for symbol in array.symbols] for array in program.arrays}
    if traced.samples is not None:
        entries |= {array.name: [s.name for s in of_samples(array, traced.samples)] for array in program.data}
    if wrt is None:
        mine = [array for array in program.parameters if array != program.weight]
        chosen = [array.name for array in mine or program.data if array != program.weight]
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
    texts = [domain] if isinstance(domain, str) else list(domain or ())
    return [parse_condition(text, names) for text in texts]
