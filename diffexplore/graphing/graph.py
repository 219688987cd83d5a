"""``dx.graph``: the computational graph of whatever stands for a loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from diffexplore.arguments import as_words
from diffexplore.graphing.build import graph_of
from diffexplore.graphing.records import Graph
from diffexplore.inputs import functions
from diffexplore.inputs.losses import known_loss, loss_of_symbols, loss_with_values
from diffexplore.inputs.names import named_in
from diffexplore.inputs.wording import PYTHON
from diffexplore.tracing.trace import trace
from diffexplore.tracing.traced import Traced


def graph(
    loss: Any,
    at: Mapping[str, float] | None = None,
    data: Mapping[str, Any] | str | PathLike[str] | None = None,
    *,
    wrt: str | Sequence[str] | None = None,
    sample: int = 0,
) -> Graph:
    """How a loss is computed, and how its derivatives flow back.

    Args:
        loss: a :class:`~diffexplore.Loss`, a name of the catalogue, a formula as text or SymPy expression, or a torch
            function of any outputs that are one number. The names in ``at`` (without a point, those in ``wrt``) are its
            parameters, and all others data.
        at: a value for each parameter. Default: the loss's first point at which no parameter is 0 and no two are equal;
            without one, formulas without values.
        data: a column of shape (n,) for each data symbol, or the path of a file or a folder of data. Default: those of
            the loss.
        wrt: the inputs by which derivatives are requested. Default: all.
        sample: the sample whose values are shown, from 0.

    Raises:
        UsageError: for what stands for no loss, and for points, data and samples that do not belong to it.
    """
    if functions.is_function(loss):
        traced, words = _traced(loss, at, data, wrt)
        return graph_of(traced, at, data, wrt=words, sample=sample, name=functions.called(loss))
    known = known_loss(loss)
    if known is None:
        names = None if wrt is None else as_words(wrt, "wrt")
        valued = at is not None or data is not None
        named = named_in(at, data, names or ("every symbol",))  # a graph has them all, so that none need be named
        known = loss_with_values(loss, named) if valued else loss_of_symbols(loss, names)
    return graph_of(known, at, data, wrt=wrt, sample=sample)


def _traced(function: Any, at: Any, data: Any, wrt: Any) -> tuple[Traced, tuple[str, ...] | None]:
    """A function as formulas, and the symbols to differentiate by."""
    named, arguments = named_in(at, data, wrt), functions.arguments_of_function(function)
    entries = named.points if at is not None or data is not None else named.wrt
    if not entries and data is None:
        likely = PYTHON.at(functions.likely_parameters(arguments), "1.0")
        raise functions.which_are_parameters(
            function, arguments, f"give a point, as in {likely}, or wrt: the others are data"
        )
    parameters, columns = functions.split_arguments(arguments, entries, None)
    traced = trace(function, parameters=parameters, data=columns, backward=False)
    return traced, functions.entries_of(named.wrt, (*traced.parameters, *traced.data)) or None
