"""``trace``: a torch function, and what its backward pass computes, as formulas."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import sympy
import torch
from sympy.logic.boolalg import Boolean

from diffexplore.arguments import as_function
from diffexplore.errors import UsageError
from diffexplore.formula.batch_sums import SAMPLES
from diffexplore.torch_ops.readers.arrays import Grid, cells_of
from diffexplore.tracing.capture import Capture, MixesSamples, NotDifferentiable, capture
from diffexplore.tracing.declarations import Array, Spec, check_distinct, declare, of_samples
from diffexplore.tracing.decompositions import decompositions
from diffexplore.tracing.interpret import Reading
from diffexplore.tracing.size_expressions import relation_in_samples
from diffexplore.tracing.sizes import meets
from diffexplore.tracing.traced import FEW, OUTPUT, Traced


@dataclass(frozen=True)
class _Options:
    """Whether gradients are traced, those by the data among them, and whether floats are the numbers that they are."""

    backward: bool
    by_data: bool
    exact: bool


def trace(
    fn: Callable[..., Any],
    *,
    parameters: Spec | Sequence[Array],
    data: Spec | Sequence[Array] = (),
    backward: bool = True,
    by_data: bool = True,
    samples: int | None = None,
    exact: bool = False,
) -> Traced:
    """The formulas of a torch function of named tensors, and of the gradients that autograd computes of it.

    Args:
        fn: called with its arguments by name: a parameter has its declared shape, data (N, *shape of one sample).
            The class of a ``torch.autograd.Function`` is applied to them in their order.
        parameters, data: names and shapes, as in ``["w[3]", "b"]``, ``"a, b"`` or ``{"w": (3,), "b": ()}``.
        backward: whether to trace the gradients, too.
        samples: a number of samples to trace for; None for any number.
        by_data: whether to trace those by the data; else data require no gradient, as in training.
        exact: whether every float is read as the number that it is, and not as the one that it is a rounding of.

    Raises:
        UsageError: for what cannot be read, with the operator, the line of the source and what to do.
    """
    arrays, batches = declare(parameters), declare(data)
    check_distinct((*arrays, *batches))
    _check_not_the_size((*arrays, *batches), any_size=bool(batches))
    function = applied(fn, [array.name for array in (*arrays, *batches)])
    requested = _Options(backward, by_data, exact)
    if samples is not None:
        _check_explicit(arrays, batches, samples)
        try:
            return _traced(function, arrays, batches, requested, samples, None)
        except MixesSamples as mixing:
            raise _of_values(mixing) from None
    try:
        return _traced(function, arrays, batches, requested, None, None)
    except MixesSamples as mixing:
        few = str(mixing)
    _check_explicit(arrays, batches, FEW)
    try:
        return _traced(function, arrays, batches, requested, FEW, few)
    except MixesSamples as again:
        raise _of_values(again) from None


def _of_values(mixing: MixesSamples) -> UsageError:
    """The refusal of what cannot be said for a number of samples that is known, either."""
    return UsageError(
        f"{mixing} makes a tensor whose shape depends on the values of others: write it with torch.where instead"
    )


def _check_explicit(arrays: Sequence[Array], batches: Sequence[Array], samples: int) -> None:
    """Raises UsageError where an argument has the name of an entry of one of the samples, as x_1 is."""
    explicit = [symbol for array in batches for symbol in of_samples(array, samples)]
    check_distinct((*arrays, *(Array(symbol.name, (), (symbol,)) for symbol in explicit)))


def trace_near(
    fn: Callable[..., Any],
    tried: int,
    *,
    parameters: Spec | Sequence[Array],
    data: Spec | Sequence[Array],
    by_data: bool,
    most: int,
    exact: bool = False,
) -> Traced:
    """The formulas of a function for all numbers of samples for which it goes the way that it goes for ``tried``.

    Where these cannot be told, those for ``tried`` samples alone, if that are at most ``most``. Raises as
    :func:`trace` does.
    """
    arrays, batches = declare(parameters), declare(data)
    function, requested = applied(fn, [array.name for array in (*arrays, *batches)]), _Options(True, by_data, exact)
    if tried > 1:  # torch takes a single sample for an axis to be broadcast
        try:
            return _traced(function, arrays, batches, requested, None, None, tried=tried)
        except MixesSamples as mixing:
            if tried > most:
                raise UsageError(str(mixing)) from None
    return trace(fn, parameters=arrays, data=batches, by_data=by_data, samples=tried, exact=exact)


def _check_not_the_size(arrays: Sequence[Array], *, any_size: bool) -> None:
    """Raises UsageError where an argument has the name of the number of samples."""
    if any_size and any(symbol.name == SAMPLES.name for array in arrays for symbol in array.symbols):
        raise UsageError(f"{SAMPLES} is the number of samples: give the argument of that name another one")


def _traced(
    function: Callable[..., Any],
    parameters: tuple[Array, ...],
    data: tuple[Array, ...],
    requested: _Options,
    samples: int | None,
    mixing: str | None,
    tried: int | None = None,
) -> Traced:
    captured, notes = _captured(function, parameters, data, requested, samples, tried)
    reading = Reading(captured, [symbol for array in data for symbol in array.symbols], exact=requested.exact)
    reading.notes.update(dict.fromkeys((*notes, *captured.notes)))
    read_guards(captured, reading)
    inputs = {array.name: Grid(cells_of(array.symbols, array.shape)) for array in parameters}
    inputs |= {array.name: _batch(array, samples) for array in data}
    names = {name: [symbol.name for symbol in grid.cells.flat] for name, grid in inputs.items()}
    output, gradients = reading.run(inputs)
    partials: dict[str, sympy.Expr] = {}
    again: dict[str, sympy.Expr] = {}
    needs: dict[str, tuple[Boolean, ...]] = {}
    calls = zip(captured.wrt * captured.calls, gradients, reading.needs.gradients, strict=True)
    for place, (name, gradient, need) in enumerate(calls):
        symbols = names[name]
        values = [sympy.S.Zero] * len(symbols) if gradient is None else list(gradient.cells.flat)
        (partials if place < len(captured.wrt) else again).update(zip(symbols, values, strict=True))
        needed = sorted(need, key=str)
        needs |= {symbol: tuple(dict.fromkeys((*needs.get(symbol, ()), *needed))) for symbol in symbols}
    _check_finite([output, *partials.values(), *again.values()])
    return Traced(
        parameters,
        data,
        output,
        MappingProxyType(partials) if requested.backward else None,
        MappingProxyType(again) if captured.calls > 1 else None,
        samples,
        mixing,
        tuple(reading.guards),
        tuple(reading.notes),
        MappingProxyType(reading.conventions),
        MappingProxyType({**needs, OUTPUT: tuple(sorted(reading.needs.output, key=str))}),
        captured.graph,
        tuple(reading.constants.values()),
    )


def _captured(
    function: Callable[..., Any],
    parameters: tuple[Array, ...],
    data: tuple[Array, ...],
    requested: _Options,
    samples: int | None,
    tried: int | None,
) -> tuple[Capture, list[str]]:
    """The graph with the gradients by parameters and data, but for data that torch has none by."""
    names, batches = [array.name for array in parameters], [array.name for array in data]
    choices = [batches, *([name for name in batches if name != left] for left in batches), []]
    table, notes = decompositions(), []
    for choice in choices if requested.backward and requested.by_data else [[]]:
        wrt = [*names, *choice] if requested.backward else []
        try:
            captured = capture(
                function, parameters, data, wrt=wrt, samples=samples, decompositions=table, tried=tried
            )  # fmt: skip
        except NotDifferentiable as error:
            if choice == []:
                raise
            notes = [f"not all data have a gradient: {error}"]
            continue
        return captured, notes
    raise AssertionError("the last choice raises or returns")


def _batch(array: Array, samples: int | None) -> Grid:
    """A data tensor: of the generic sample, or of a few."""
    if samples is None:
        return Grid(cells_of(array.symbols, (1, *array.shape)), 0)
    return Grid(cells_of(of_samples(array, samples), (samples, *array.shape)))


def _check_finite(expressions: Sequence[sympy.Expr]) -> None:
    """Raises UsageError where a formula would hold an infinity or an undefined number."""
    if any(expr.has(sympy.oo, -sympy.oo, sympy.zoo, sympy.nan) for expr in expressions):
        raise UsageError(
            "the function or its gradient holds an infinite or undefined number, which formulas have no word for: "
            "leave out what makes it, such as masked_fill with -inf or a division by 0"
        )


def read_guards(captured: Capture, reading: Reading) -> None:
    """What the function requested of the number of samples; torch's own questions about memory layouts do not count."""
    for guard, place in captured.guards:
        if "_prims_common" in place or captured.size is None:
            continue
        condition = relation_in_samples(guard, captured.size)
        if isinstance(condition, sympy.Equality) and not condition.has(sympy.Mod, sympy.floor):
            raise MixesSamples(f"a fixed number of samples at {place.strip('()')}")
        if condition.has(SAMPLES) and not meets([condition], captured.tried):
            raise MixesSamples(f"a condition on the number of samples at {place.strip('()')}")
        if condition.has(SAMPLES):
            reading.require(condition)


def applied(fn: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    """The function itself, or what the class of an autograd function computes of its arguments in order."""
    if isinstance(fn, type) and issubclass(fn, torch.autograd.Function):
        apply: Callable[..., Any] = fn.apply
        return lambda **tensors: apply(*(tensors[name] for name in names))
    as_function(fn, "the function", "a function of torch tensors")
    try:
        inspect.signature(fn).bind(**dict.fromkeys(names))
    except TypeError as error:
        listed = ", ".join(names) or "none"
        raise UsageError(f"the function does not take the declared arguments ({listed}) by name: {error}") from None
    except ValueError:  # a builtin that does not tell what it takes
        pass
    return fn
