"""The values of a traced program's formulas at tensors: certified balls, and how far rounding may move them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction

import sympy
import torch
from flint import arb
from sympy.logic.boolalg import Boolean

from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.case_balls import CASES
from diffexplore.arithmetic.torch_real import TorchArithmetic
from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.bounds.watch import Watch
from diffexplore.decide.records import Unsupported
from diffexplore.decide.refute import holds_for_first
from diffexplore.formula.batch_sums import SAMPLES, BatchSum
from diffexplore.program.program import Program, lower
from diffexplore.proving.runs import ProgramRun
from diffexplore.tracing.declarations import Array, of_samples, real, symbols_of
from diffexplore.tracing.traced import OUTPUT, Traced

Tensor = torch.Tensor

_PRECISIONS = (256, 1024)
_BITS = 100
_SIZE = "N@"


@dataclass(frozen=True)
class Stage:
    """Sums over the samples that need none but those of earlier stages: their names, and what each adds up."""

    names: tuple[str, ...]
    summands: Program


class TracedFormulas:
    """The output and the partials of a traced program, ready to be computed at many points.

    Raises TypeError where an expression has no arithmetic.
    """

    def __init__(self, traced: Traced) -> None:
        self.traced = traced
        partials = dict(traced.partials or {})
        self.names = (OUTPUT, *partials)
        rest = [expr.xreplace({SAMPLES: real(_SIZE)}) for expr in (traced.output, *partials.values())]
        self._own = [symbol.name for symbol in symbols_of(traced.parameters)]
        self._data = [symbol.name for symbol in symbols_of(traced.data)] if traced.samples is None else []
        if traced.samples is not None:
            self._own += [s.name for array in traced.data for s in of_samples(array, traced.samples)]
        self._stages: list[Stage] = []
        known: list[str] = []
        while inner := _innermost(rest):
            names = tuple(f"sum@{len(known) + k}" for k in range(len(inner)))
            summands = [found.summand for found in inner]
            self._stages.append(Stage(names, lower(summands, [*self._own, *self._data, _SIZE, *known])))
            replaced = {found: real(name) for found, name in zip(inner, names, strict=True)}
            rest = [expr.xreplace(replaced) for expr in rest]
            known += names
        self._of_sample = [name in self._data for name in self.names]
        self._end = lower(rest, [*self._own, *self._data, _SIZE, *known])

    def balls(self, tensors: Mapping[str, Tensor]) -> dict[str, list[arb | None]]:
        """Certified values at exactly these numbers: one of each formula, one for each sample of a partial by data.

        None where a formula has no value, or none that is known sharply: as at an undecided branch.
        """
        values: dict[str, list[arb | None]] = {}
        for bits in _PRECISIONS:
            with precision(bits):
                found = self._balls(tensors)
            for name, balls in found.items():
                former = values.get(name, [None] * len(balls))
                values[name] = [old if old is not None else new for old, new in zip(former, balls, strict=True)]
            if all(ball is not None for balls in values.values() for ball in balls):
                break
        return values

    def _balls(self, tensors: Mapping[str, Tensor]) -> dict[str, list[arb | None]]:
        own, columns, size = self._inputs(tensors)
        fixed = {name: arb(float(value)) for name, value in own.items()} | {_SIZE: arb(size)}
        samples = [{name: arb(float(column[i])) for name, column in columns.items()} for i in range(size)] or [{}]
        for stage in self._stages:
            rows = [stage.summands.run(CASES, {**fixed, **sample}) for sample in samples]
            fixed |= {name: sum((row[k] for row in rows), arb(0)) for k, name in enumerate(stage.names)}
        first = self._end.run(CASES, {**fixed, **samples[0]})
        later = samples[1:] if any(self._of_sample) else []
        others = [self._end.run(CASES, {**fixed, **sample}) for sample in later]
        return {
            name: [_sharp(row[k]) for row in (first, *(others if self._of_sample[k] else ()))]
            for k, name in enumerate(self.names)
        }

    def rounding(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """How far the values may move if torch computes the formulas as they are, and each input is rounded once."""
        own, columns, size = self._inputs(tensors)
        unit = UNIT_ROUNDOFF[torch.float64]
        with Watch() as watch:
            values = {name: value.detach().clone() for name, value in {**own, **columns}.items()}
            for value in values.values():
                watch.set(value, unit * value.abs())
            values[_SIZE] = torch.full((), float(size), dtype=torch.float64, device="cpu")
            for stage in self._stages:
                found = stage.summands.run(TorchArithmetic(), values)
                rows = [torch.as_tensor(row, dtype=torch.float64).expand(size) for row in found]
                values |= {name: row.sum() for name, row in zip(stage.names, rows, strict=True)}
            ends = [torch.as_tensor(end, dtype=torch.float64) for end in self._end.run(TorchArithmetic(), values)]
        return {name: watch.radius(end) for name, end in zip(self.names, ends, strict=True)}

    def in_domain(self, name: str, tensors: Mapping[str, Tensor]) -> bool:
        """Whether all that a formula's operators need for a value is met, for each of the samples.

        What needs a sum over the samples is taken for unmet.
        """
        own, columns, size = self._inputs(tensors)
        rows = [{key: column[i] for key, column in columns.items()} for i in range(size if columns else 1)]
        return all(_holds(need, {**own, **row}) for need in self.traced.domains[name] for row in rows)

    def _inputs(self, tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor], int]:
        """The values of the symbols, those of data as columns over the samples, and the number of samples."""
        own = by_symbol(self.traced.parameters, tensors)
        data = by_symbol(self.traced.data, tensors, of_data=True, samples=self.traced.samples)
        size = max((tensors[array.name].shape[0] for array in self.traced.data), default=0)
        return (own, data, size) if self.traced.samples is None else (own | data, {}, size)


def by_symbol(
    arrays: Iterable[Array], tensors: Mapping[str, Tensor], *, of_data: bool = False, samples: int | None = None
) -> dict[str, Tensor]:
    """The number of each symbol of the arguments among ``tensors``; of data for any number of samples its column."""
    found: dict[str, Tensor] = {}
    for array in (array for array in arrays if array.name in tensors):
        tensor = tensors[array.name]
        if of_data and samples is None:
            columns = tensor.reshape(tensor.shape[0], -1)
            found |= {symbol.name: columns[:, k] for k, symbol in enumerate(array.symbols)}
        else:
            symbols = array.symbols if samples is None else of_samples(array, samples)
            found |= {symbol.name: number for symbol, number in zip(symbols, tensor.reshape(-1), strict=True)}
    return found


def differentiated(traced: Traced) -> tuple[str, ...]:
    """The arguments that require gradients, as they did when the program was traced."""
    partials = set(traced.partials or {})
    data = [a.name for a in traced.data if partials & {f"{s.name}{end}" for s in a.symbols for end in ("", "_1")}]
    return (*(array.name for array in traced.parameters if traced.partials is not None), *data)


def numbers_of(traced: Traced, result: ProgramRun) -> dict[str, list[float]]:
    """The numbers of a run for each formula: one, or one for each sample."""
    partials = traced.partials or {}
    numbers = {OUTPUT: result.values[OUTPUT], **by_symbol(traced.parameters, result.values)}
    numbers |= by_symbol(traced.data, result.values, of_data=True, samples=traced.samples)
    return {name: numbers[name].reshape(-1).tolist() for name in (OUTPUT, *partials)}


def _sharp(ball: arb) -> arb | None:
    known = ball.is_finite() and (ball.rel_accuracy_bits() >= _BITS or ball.rad() < arb(2) ** -2 * arb(2) ** -_BITS)
    return ball if known else None


def _holds(need: Boolean, values: Mapping[str, Tensor]) -> bool:
    if need.has(BatchSum, SAMPLES):
        return False
    point = {symbol: Fraction(float(values[symbol.name])) for symbol in need.free_symbols}
    with suppress(Unsupported):
        return holds_for_first(need, point, ())
    return False


def _innermost(expressions: Sequence[sympy.Expr]) -> list[BatchSum]:
    """The sums that hold no sum, in the order in which they stand; each part of the expressions is visited once."""
    found: dict[BatchSum, None] = {}
    visited: set[sympy.Basic] = set()
    waiting: list[sympy.Basic] = list(reversed(expressions))
    while waiting:
        part = waiting.pop()
        if part in visited:
            continue
        visited.add(part)
        if isinstance(part, BatchSum) and not part.summand.has(BatchSum):
            found[part] = None
        else:
            waiting += reversed(part.args)
    return list(found)
