"""``trace``: a torch function, and what its backward pass computes, as formulas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.errors import UsageError
from diffexplore.formula.batch_sums import SAMPLES
from diffexplore.torch_code.calling import applied
from diffexplore.torch_ops.readers.arrays import Grid, cells_of
from diffexplore.torch_ops.registry import decompositions
from diffexplore.tracing.capture import Capture, MixesSamples, NotDifferentiable, capture
from diffexplore.tracing.cases import Decisions, ReadCase, traced_by_cases
from diffexplore.tracing.declarations import Array, Spec, check_distinct, declare, of_samples, symbols_of
from diffexplore.tracing.domains import NoValue
from diffexplore.tracing.interpret import Reading
from diffexplore.tracing.sizes import meets, relation_in_samples
from diffexplore.tracing.traced import FEW, OUTPUT, Traced
from diffexplore.tracing.ways import USUAL, WayOfReading


def trace(
    fn: Callable[..., Any],
    *,
    parameters: Spec | Sequence[Array],
    data: Spec | Sequence[Array] = (),
    backward: bool = True,
    by_data: bool = True,
    samples: int | None = None,
) -> Traced:
    """The formulas of a torch function of named tensors, and of the gradients that autograd computes of it.

    Args:
        fn: called with its arguments by name: a parameter has its declared shape, data (N, *shape of one sample).
            The class of a ``torch.autograd.Function`` is applied to them in their order.
        parameters, data: names and shapes, as in ``["w[3]", "b"]``, ``"a, b"`` or ``{"w": (3,), "b": ()}``.
        backward: whether to trace the gradients, too.
        samples: a number of samples to trace for; None for any number.
        by_data: whether to trace those by the data; else data require no gradient, as in training.

    Raises:
        UsageError: for what cannot be read, with the operator, the line of the source and what to do.
    """
    tracing = _Tracing.of(fn, parameters, data, backward, by_data)
    check_distinct(tracing.arrays)
    if tracing.data and any(symbol.name == SAMPLES.name for symbol in symbols_of(tracing.arrays)):
        raise UsageError(f"{SAMPLES} is the number of samples: give the argument of that name another one")
    known, mixing = samples, None
    if known is None:
        try:
            return tracing.traced(None, None)
        except MixesSamples as mixed:
            known, mixing = FEW, str(mixed)
    # no argument may have the name of an entry of one of the samples, as x_1 is
    explicit = [symbol for array in tracing.data for symbol in of_samples(array, known)]
    check_distinct((*tracing.parameters, *(Array(symbol.name, (), (symbol,)) for symbol in explicit)))
    try:
        return tracing.traced(known, mixing)
    except MixesSamples as again:
        raise UsageError(
            f"{again} makes a tensor whose shape depends on the values of others: write it with torch.where instead"
        ) from None


def trace_near(
    fn: Callable[..., Any],
    tried: int,
    *,
    parameters: Spec | Sequence[Array],
    data: Spec | Sequence[Array],
    by_data: bool,
    most: int,
) -> Traced:
    """The formulas of a function for all numbers of samples for which it goes the way that it goes for ``tried``.

    Where these cannot be found, those for ``tried`` samples alone, if that are at most ``most``. Raises as
    :func:`trace` does.
    """
    tracing = _Tracing.of(fn, parameters, data, True, by_data)
    if tried > 1:  # torch takes a single sample for an axis to be broadcast
        try:
            return tracing.traced(None, None, tried)
        except MixesSamples as mixing:
            if tried > most:
                raise UsageError(str(mixing)) from None
    return trace(fn, parameters=tracing.parameters, data=tracing.data, by_data=by_data, samples=tried)


_Stated = Spec | Sequence[Array]


@dataclass(frozen=True)
class _CapturedCase:
    """The graph of one case, with notes of its gradients and what was decided in it."""

    capture: Capture
    notes: tuple[str, ...]
    decisions: Decisions


@dataclass(frozen=True)
class _Tracing:
    """A function with its arguments; whether gradients are traced, those by data too, and how it is read.

    ``captured`` are the graphs of what was traced: floats are read in two ways, of the same graph.
    """

    function: Callable[..., Any]
    parameters: tuple[Array, ...]
    data: tuple[Array, ...]
    backward: bool
    by_data: bool
    way: WayOfReading = USUAL
    captured: dict[Any, _CapturedCase] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, fn: Callable[..., Any], parameters: _Stated, data: _Stated, backward: bool, by_data: bool) -> _Tracing:
        arrays, batches = declare(parameters), declare(data)
        names = [array.name for array in (*arrays, *batches)]
        return cls(applied(fn, names), arrays, batches, backward, by_data)

    @property
    def arrays(self) -> tuple[Array, ...]:
        return (*self.parameters, *self.data)

    def traced(self, samples: int | None, mixing: str | None, tried: int | None = None) -> Traced:
        """The formulas for a number of samples, or for any; raises MixesSamples where there are none for any."""
        return traced_by_cases(lambda chosen: self._case(samples, mixing, tried, chosen))

    def _case(self, samples: int | None, mixing: str | None, tried: int | None, chosen: tuple[bool, ...]) -> ReadCase:
        """One case of the masks that the program decides."""
        case = self._captured(samples, tried, chosen)
        reading = Reading(case.capture, symbols_of(self.data), way=self.way)
        reading.notes.update(dict.fromkeys((*case.notes, *case.capture.notes)))
        traced: Traced | Exception
        try:
            traced = self._read(case.capture, reading, samples, mixing, tried)
        except (UsageError, MixesSamples) as error:
            traced = error
        return ReadCase(traced, tuple(reading.decided), case.decisions)

    def _read(
        self, captured: Capture, reading: Reading, samples: int | None, mixing: str | None, tried: int | None
    ) -> Traced:  # fmt: skip
        """The formulas of one graph."""
        read_guards(captured, reading)
        inputs = {array.name: Grid(cells_of(array.symbols, array.shape)) for array in self.parameters}
        inputs |= {array.name: _batch(array, samples) for array in self.data}
        names = {name: [symbol.name for symbol in grid.cells.flat] for name, grid in inputs.items()}
        output, gradients = reading.run(inputs)
        partials: dict[str, sympy.Expr] = {}
        again: dict[str, sympy.Expr] = {}
        domains: dict[str, tuple[Boolean, ...]] = {}
        calls = zip(captured.wrt * captured.calls, gradients, reading.domains.gradients, strict=True)
        for place, (name, gradient, conditions) in enumerate(calls):
            symbols = names[name]
            values = [sympy.S.Zero] * len(symbols) if gradient is None else list(gradient.cells.flat)
            (partials if place < len(captured.wrt) else again).update(zip(symbols, values, strict=True))
            own = sorted(conditions, key=str)
            domains |= {symbol: tuple(dict.fromkeys((*domains.get(symbol, ()), *own))) for symbol in symbols}
        if any(expr.has(*_NOT_FINITE) for expr in (output, *partials.values(), *again.values())):
            raise NoValue(
                "the function or its gradient holds an infinite or undefined number, which formulas have no word for: "
                "leave out what makes it, such as masked_fill with -inf or a division by 0"
            )

        def in_another_way(way: WayOfReading) -> Traced:
            return replace(self, way=way).traced(samples, mixing, tried)

        return Traced(
            self.parameters, self.data, output,
            MappingProxyType(partials) if self.backward else None,
            MappingProxyType(again) if captured.calls > 1 else None,
            samples, mixing, tuple(reading.guards), tuple(reading.notes), MappingProxyType(reading.conventions),
            MappingProxyType({**domains, OUTPUT: tuple(sorted(reading.domains.output, key=str))}),
            captured.graph, self.way, in_another_way, tuple(reading.constants.values()), reading.narrow.steps,
        )  # fmt: skip

    def _captured(self, samples: int | None, tried: int | None, chosen: tuple[bool, ...]) -> _CapturedCase:
        """The graph of a case, captured once."""
        if (key := (samples, tried, chosen)) not in self.captured:
            self.captured[key] = self._capture(samples, tried, chosen)
        return self.captured[key]

    def _capture(self, samples: int | None, tried: int | None, chosen: tuple[bool, ...]) -> _CapturedCase:
        """The graph with the gradients by parameters and data, but for data that torch has none by."""
        names, batches = ([array.name for array in arrays] for arrays in (self.parameters, self.data))
        choices = [batches, *([name for name in batches if name != left] for left in batches), []]
        table, notes = decompositions(), tuple[str, ...]()
        for choice in choices if self.backward and self.by_data else [[]]:
            wrt, decisions = [*names, *choice] if self.backward else [], Decisions(chosen)
            try:
                found = capture(
                    self.function, self.parameters, self.data, wrt=wrt, samples=samples, decompositions=table,
                    tried=tried, decisions=decisions,
                )  # fmt: skip
                return _CapturedCase(found, notes, decisions)
            except NotDifferentiable as error:
                if choice == []:
                    raise
                notes = (f"not all data have a gradient: {error}",)
        raise AssertionError("the last choice raises or returns")


_NOT_FINITE = (sympy.oo, -sympy.oo, sympy.zoo, sympy.nan)  # what no formula may hold


def _batch(array: Array, samples: int | None) -> Grid:
    """A data tensor: of the generic sample, or of a few."""
    if samples is None:
        return Grid(cells_of(array.symbols, (1, *array.shape)), 0)
    return Grid(cells_of(of_samples(array, samples), (samples, *array.shape)))


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
