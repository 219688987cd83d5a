"""What is to be decided of a traced program: that it computes the loss, and each of its partials."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, Literal

import sympy

from diffexplore.checking.records import VALUE
from diffexplore.decide import decide_equal, decide_gradient
from diffexplore.decide.records import Decision
from diffexplore.decide.surfaces import decide_beside_surfaces
from diffexplore.decide.unmoved import decide_with_unmoved_parts
from diffexplore.errors import UsageError, unknown
from diffexplore.formula.batch_sums import SAMPLES, BatchSum, batch_sum
from diffexplore.formula.budget import Allowance
from diffexplore.formula.summand import conditions_of
from diffexplore.formula.text import Writer, to_text
from diffexplore.loss import Loss
from diffexplore.proving.derivatives import readable_derivative
from diffexplore.proving.excuses import without_excuse
from diffexplore.proving.programs import TensorProgram
from diffexplore.proving.records import Statement
from diffexplore.proving.renaming import PartialClaim, Renamings
from diffexplore.proving.shown import EagerRuns
from diffexplore.tracing.declarations import of_sample, of_samples, real, symbols_of
from diffexplore.tracing.sizes import usual
from diffexplore.tracing.traced import OUTPUT, Traced


def statements_of(
    program: TensorProgram,
    traced: Traced,
    loss: Loss | None,
    names: Sequence[str],
    domain: Sequence[Any],
    allowance: Allowance,
    runs: EagerRuns,
    *,
    searched: bool = True,
) -> Iterator[Statement]:
    """That the loss is computed, and each of the partials by these names, decided one after the other.

    ``loss`` None means that of the program's own forward pass; ``domain`` are conditions that the inputs meet; the
    ``allowance`` is what all decisions share; ``runs`` show counterexamples, which are ``searched`` or not.
    Raises UsageError for the name of no symbol.
    """
    data = symbols_of(program.data) if traced.samples is None else []
    # the data as the symbols of each of a few samples, where these are traced one by one
    numbers = range(1, (traced.samples or 0) + 1)
    few = [{symbol: of_sample(symbol, number) for symbol in symbols_of(program.data)} for number in numbers]
    exact = traced.output if loss is None else over_all(loss, program, few)
    if few:
        domain = list(dict.fromkeys(condition.xreplace(sample) for condition in domain for sample in few))
    shared: dict[str, Any] = {
        "domain": domain, "sizes": usual(traced.guards), "allowance": allowance, "searched": searched,
        "inputs": [*data, *(symbol for sample in few for symbol in sample.values())],  # each of their values counts
    }  # fmt: skip
    text_of = partial(to_text, writer=Writer(unicode=True))

    meant = cache(traced.read_as_meant)

    def value(read: Traced) -> Decision:
        """That the program computes the loss."""
        stated = {**shared, "needs": read.domains[OUTPUT], "conventions": read.conventions}
        return decide_equal(exact, read.output, everywhere=True, shown=runs.shown(traced, VALUE), **stated)

    if loss is not None:
        yield Statement(VALUE, text_of(traced.output), without_excuse(value(traced), traced, meant, value).plain)
    renamings = Renamings(exact, _kinds(program, traced, data), domain, traced.conventions)

    def slope(name: str, claimed: sympy.Expr, call: int = 1) -> Statement:
        """That what a backward call computes is the partial by a symbol."""
        claim = PartialClaim(real(name), claimed, traced.domains[name], _as_meant(traced, meant, name, call))

        def decided(read: Traced) -> Decision:
            own, defined = (read.output, read.domains[OUTPUT]) if loss is None else (exact, ())
            partial = _partials(read, call)
            stated = {
                **shared, "data": data, "needs": read.domains[name], "defined": defined,
                "conventions": read.conventions, "shown": runs.shown(traced, name, call),
            }  # fmt: skip
            found = decide_beside_surfaces(own, partial[name], claim.symbol, stated)
            found = found or _by_terms(own, partial[name], claim.symbol, stated)
            found = found or decide_with_unmoved_parts(own, partial[name], claim.symbol, stated)
            return found or decide_gradient(own, partial[name], claim.symbol, **stated)

        decision = renamings.proved(claim)
        if decision is None:
            decision = without_excuse(decided(traced), traced, meant, decided)
            renamings.add(claim, decision)
        right = readable_derivative(exact, claim.symbol) if decision.status == "refuted" else None
        return Statement(name, text_of(claimed), decision.plain, call, "" if right is None else text_of(right))

    assert traced.partials is not None
    second = traced.second or {}
    for name in names:
        yield slope(name, traced.partials[name])
        if second.get(name, traced.partials[name]) != traced.partials[name]:
            other = slope(name, second[name], call=2)
            if other.status != "proved":
                yield other


def _as_meant(traced: Traced, meant: Callable[[], Traced], name: str, call: int) -> tuple[sympy.Basic, ...]:
    """What is proved of functions as they are meant, where torch departs from these: see ``without_excuse``."""
    if not traced.conventions:
        return ()
    try:
        read = meant()
    except UsageError:
        return ()
    needs = (*read.domains[name], *read.domains[OUTPUT])
    return read.output, _partials(read, call)[name], sympy.And(*needs, evaluate=False)


def _partials(read: Traced, call: int) -> Mapping[str, sympy.Expr]:
    """The partials that a backward call computes."""
    return (read.second if call > 1 else None) or read.partials or {}


def _kinds(
    program: TensorProgram, traced: Traced, data: Sequence[sympy.Symbol]
) -> Mapping[sympy.Basic, Literal["own", "data", "input"]]:
    """The symbols of a program, each with what it is for a decision."""
    few = range(1, (traced.samples or 0) + 1)
    return {
        **dict.fromkeys(symbols_of(program.parameters), "own"), **dict.fromkeys(data, "data"),
        **{of_sample(symbol, number): "input" for symbol in symbols_of(program.data) for number in few},
    }  # fmt: skip


def _by_terms(
    exact: sympy.Expr, claimed: sympy.Expr, symbol: sympy.Symbol, stated: Mapping[str, Any]
) -> Decision | None:
    """The decision by the terms of a sum that hold the symbol: wherever the sum has a value, the others add 0.

    None where all terms do, and where that is no plain proof: then what the others need counts as well.
    """
    terms = sympy.Add.make_args(exact)
    held = [term for term in terms if term.has(symbol)]
    if len(held) == len(terms) or exact.has(BatchSum):
        return None
    part = sympy.Add(*held)
    used = part.free_symbols | claimed.free_symbols
    conventions = {one: text for one, text in stated["conventions"].items() if one.free_symbols & used}
    found = decide_gradient(part, claimed, symbol, **{**stated, "conventions": conventions})
    return found if found.status == "proved" and not (found.exclusions or found.unvalued) else None


def over_all(loss: Loss, program: TensorProgram, few: Sequence[dict[sympy.Symbol, sympy.Symbol]] = ()) -> sympy.Expr:
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
    if not few:
        every = symbols_of(program.data)  # those that the loss ignores are bound as well
        return upstream * batch_sum(summand, every) / (SAMPLES if mean else 1)
    total = sympy.Add(*(summand.xreplace(sample) for sample in few))
    return upstream * (total / len(few) if mean else total)


def names_of(wrt: Sequence[str] | None, program: TensorProgram, traced: Traced) -> list[str]:
    """The partials to decide: an argument's name means all its entries, None all parameters, or all data if none."""
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


def domain_of(domain: str | Sequence[str] | None, program: TensorProgram) -> list[Any]:
    """The conditions that the inputs meet, parsed; raises UsageError as for a loss."""
    names = [symbol.name for symbol in symbols_of(program.arrays)]
    return list(conditions_of(domain, names))
