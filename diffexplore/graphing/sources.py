"""What a graph is made from: a loss or a traced function, as one expression over its samples with its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy

from diffexplore.errors import UsageError
from diffexplore.formula import build
from diffexplore.formula.batch_sums import SAMPLES, BatchSum
from diffexplore.formula.sharing import is_constant
from diffexplore.inputs.generic import most_generic
from diffexplore.loss import Loss

if TYPE_CHECKING:
    from diffexplore.checking.batch import Batch
    from diffexplore.tracing.traced import Traced


@dataclass(frozen=True)
class GraphInputs:
    """A value, or a column of values, for each input; ``point`` are the parameters alone, ``n`` the samples."""

    point: Mapping[str, float]
    columns: Mapping[str, Sequence[float]]
    n: int


@dataclass(frozen=True)
class GraphSource:
    """A loss over all samples.

    Attributes:
        name: of the loss, or None.
        output: the loss as one expression.
        parameters, data: the names of its inputs; data have a value for each sample.
        loss: knows the points and data that fit; its own formula counts for synthetic data only.
        written: whether the loss was given as text, so that its operations are known.
        unrolled: None, or the number of samples, each of whose data are inputs of their own.
        notes: how the function was read.
    """

    name: str | None
    output: sympy.Expr
    parameters: tuple[str, ...]
    data: tuple[str, ...]
    loss: Loss
    unrolled: int | None = None
    notes: tuple[str, ...] = ()
    written: bool = False

    @property
    def has_samples(self) -> bool:
        """Whether there are data at all."""
        return bool(self.loss.data)

    def inputs(
        self, at: Mapping[str, Any] | None, data: Any, n_points: float | None, sample: int,
        names: Mapping[str, str] | None = None,
    ) -> GraphInputs | None:  # fmt: skip
        """The values at a point and on data; None where neither is given nor the loss has its own.

        Of its own points one is taken at which no parameter is 0: where products vanish, a wrong term is not seen.

        Raises UsageError for values that do not belong to the loss, or are given in part.
        """
        from diffexplore.checking.batch import make_batch
        from diffexplore.inputs.points import make_points

        given = at is not None or data is not None or n_points is not None
        complete = (self.loss.default_points or not self.loss.parameters) and (
            self.loss.default_data is not None or not self.loss.data
        )
        if not given and not complete:
            return None
        point = most_generic(make_points(self.loss, at))
        batch = make_batch(self.loss, data, names=names, n_points=n_points, points=[point]).held("a graph")
        if not 0 <= sample < batch.n:
            has = "is 1 sample" if batch.n == 1 else f"are {batch.n} samples"
            raise UsageError(f"there is no sample {sample}: there {has}, counted from 0")
        return GraphInputs(point, {**{name: [value] for name, value in point.items()}, **self._columns(batch)}, batch.n)

    def _columns(self, batch: Batch) -> dict[str, list[float]]:
        columns = {name: [float(value) for value in column] for name, column in batch.columns.items()}
        if self.unrolled is None:
            return columns
        if batch.n != self.unrolled:
            raise UsageError(
                f"the function mixes its samples and was traced with {self.unrolled} of them: "
                f"give data of {self.unrolled} samples, not {batch.n}"
            )
        return {f"{name}_{i + 1}": [value] for name, column in columns.items() for i, value in enumerate(column)}


def source_of(loss: Loss | Traced | str, name: str | None = None) -> GraphSource:
    """The loss, a loss of the catalogue by its name, or a traced function."""
    if isinstance(loss, str):
        from diffexplore import losses

        loss = losses.get(loss)
    if isinstance(loss, Loss):
        named, notes = name or loss.name, (_read_from(loss.program.name),) if loss.program is not None else ()
        return GraphSource(named, _reduced(loss), loss.parameters, loss.data, loss, None, notes, loss.is_text)
    return _of_traced(loss, name)


def _read_from(program: str) -> str:
    return f"the formula was read from {program}, whose own operations may be grouped otherwise"


def _reduced(loss: Loss) -> sympy.Expr:
    """The sum or mean of the summand as it is given: no factor is moved out of the sum."""
    if not loss.data:
        return loss.expression
    total = BatchSum(loss.expression, [loss.symbols[name] for name in loss.data])
    return total / SAMPLES if loss.reduction == "mean" else total


def _of_traced(traced: Traced, name: str | None) -> GraphSource:
    parameters = [symbol.name for array in traced.parameters for symbol in array.symbols]
    data = [symbol.name for array in traced.data for symbol in array.symbols]
    loss, notes = _inputs_of(traced, parameters, data), [_read_from(name or "the function"), *traced.notes]
    if traced.samples is None:
        return GraphSource(name, _gathered(traced.output), tuple(parameters), tuple(data), loss, None, tuple(notes))
    notes.insert(0, f"for N = {traced.samples} as traced: {traced.mixing} mixes samples")
    entries = [f"{name}_{i}" for i in range(1, traced.samples + 1) for name in data]
    return GraphSource(name, traced.output, (*parameters, *entries), (), loss, traced.samples, tuple(notes))


def _gathered(output: sympy.Expr) -> sympy.Expr:
    """The sums over samples with the factors that tracing moved in front of them, which people write inside a mean."""
    return sympy.Add(*map(_gathered_term, sympy.Add.make_args(output)))


def _gathered_term(term: sympy.Expr) -> sympy.Expr:
    factors = sympy.Mul.make_args(term)
    sums = [factor for factor in factors if isinstance(factor, BatchSum)]
    if len(sums) != 1:
        return term
    moved = [factor for factor in factors if not factor.has(BatchSum) and not is_constant(factor)]
    outside = (factor for factor in factors if factor not in moved and factor not in sums)
    return sympy.Mul(*outside) * BatchSum(build.product([sums[0].summand, *moved]), sums[0].symbols)


def _inputs_of(traced: Traced, parameters: list[str], data: list[str]) -> Loss:
    """A loss of the same symbols, defined where the terms of the function's sums are, whatever is computed with them.

    It knows which points and data fit. That the function may be no mean or sum of a formula does not matter here.
    """
    symbols = [sympy.Symbol(name, real=True) for name in (*parameters, *data)]
    outer = traced.output.atoms(BatchSum) or {traced.output}
    terms = [part.summand if isinstance(part, BatchSum) else part for part in outer]
    plain = [term for term in terms if term.free_symbols <= set(symbols) and not term.has(BatchSum)]
    every = sympy.Add(*map(sympy.atan, symbols)) / 97  # a number that no formula has, so that no symbol cancels
    return Loss(sympy.Add(every, *plain), parameters=parameters, data=data)
