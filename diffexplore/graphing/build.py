"""``graph_of``: the computational graph of a loss or of a traced torch function, with its values at a point."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import sympy

from diffexplore.ambient_modes import undisturbed
from diffexplore.arguments import as_words
from diffexplore.errors import UsageError, unknown
from diffexplore.formula.sharing import is_constant
from diffexplore.formula.text import to_text
from diffexplore.graphing.adjoints import Link, adjoints, is_readable, links_of, needed
from diffexplore.graphing.draft import Draft, Drafting
from diffexplore.graphing.records import Edge, Graph, Node
from diffexplore.graphing.sources import GraphSource, source_of
from diffexplore.graphing.values import GraphEvaluation, Values
from diffexplore.graphing.written import drafts_of
from diffexplore.inputs import functions
from diffexplore.inputs.losses import known_loss, loss_of_symbols, loss_with_values
from diffexplore.inputs.names import named_in
from diffexplore.inputs.wording import PYTHON

if TYPE_CHECKING:
    from diffexplore.inputs.sources import Source as DataSource
    from diffexplore.loss import Loss
    from diffexplore.tracing.traced import Traced


#: A loss of more operations is not written out as one formula; its graph says what it is.
_MOST_OF_A_LOSS = 200


def graph_of(
    loss: Loss | Traced | str,
    at: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | str | os.PathLike[str] | DataSource | None = None,
    *,
    names: Mapping[str, str] | None = None,
    n_points: float | None = None,
    wrt: str | Sequence[str] | None = None,
    sample: int = 0,
    name: str | None = None,
) -> Graph:
    """How a loss is computed, and how its derivatives flow back: each node with its formula, value and adjoint.

    A formula that was given as text is drawn as it was written, operation by operation, as torch runs it; a SymPy
    expression or a traced function by its algebra. Equal subexpressions are one node. The sum over the samples is a
    node of its own: what comes before it has a value for each sample, and the adjoint of an input that all samples
    share is a sum over them.

    Args:
        loss: a :class:`~diffexplore.Loss`, the name of one in the catalogue, or a function traced by
            :func:`diffexplore.tracing.trace.trace`.
        at: a value for every parameter. Default: the loss's first point at which no parameter is 0 and no two are
            equal, or else its first; formulas without values where it has none.
        data: columns by name, or the path of a file or a folder of data. Default: the data of the loss, if it has some.
        names: of a file of data, which symbols have another name there.
        n_points: draws so many synthetic samples instead.
        wrt: the inputs by which derivatives are requested. Default: all.
        sample: the sample whose values are shown, from 0.
        name: what the graph is called. Default: the name of the loss.

    Raises:
        UsageError: for points, data and samples that do not belong to the loss.
    """
    source = source_of(loss, name)
    requested = _names(wrt, source)
    drafts, formula = _drafted(source)
    links = links_of(drafts)
    through = needed(drafts, links, requested)
    inputs = source.inputs(at, data, n_points, sample, names)
    values, notes = None, []
    if inputs is not None:
        try:
            values = GraphEvaluation(drafts, links, through, inputs.n).at(inputs.columns, sample)
        except TypeError as error:  # of lower: the formulas are known all the same
            notes.append(f"no values: {error}")
    if values is not None and values.uncertain:
        notes.append(
            "where no number stands, none is certain: something is not defined there, or a branch is undecided "
            "(a kink, where no derivative exists)"
        )
    return Graph(
        source.name, formula, tuple(_nodes(drafts, links, through, values)),
        tuple(_edge(link, values) for link in links), inputs.point if inputs is not None else None,
        inputs.n if inputs is not None and source.has_samples else None,
        sample if inputs is not None and source.data else None, (*source.notes, *notes),
    )  # fmt: skip


def _drafted(source: GraphSource) -> tuple[tuple[Draft, ...], str | None]:
    """The nodes, and the loss as text, None where that is too long."""
    if source.written:
        return drafts_of(source.loss)
    output = source.output
    if is_constant(output):
        raise UsageError("the loss does not depend on its inputs: there is nothing to draw")
    drafts = Drafting(source.parameters, source.data).of(output)
    return drafts, to_text(output) if is_readable(output, _MOST_OF_A_LOSS) else None


def _names(wrt: str | Sequence[str] | None, source: GraphSource) -> tuple[str, ...] | None:
    if wrt is None:
        return None
    names = tuple(wrt.replace(",", " ").split()) if isinstance(wrt, str) else tuple(wrt)
    inputs = (*source.parameters, *source.data)
    for name in names:
        if name not in inputs:
            raise unknown("symbol", name, inputs)
    return names


def _nodes(drafts: Sequence[Draft], links: Sequence[Link], through: set[int], values: Values | None) -> list[Node]:
    closed, rules = adjoints(drafts, links, through)
    return [_node(draft, closed.get(draft.number), rules.get(draft.number), values) for draft in drafts]


def _node(draft: Draft, adjoint: sympy.Expr | None, rule: str | None, values: Values | None) -> Node:
    return Node(
        draft.number, draft.name, draft.kind, draft.operation.text if draft.operation is not None else draft.name,
        _written(draft.closed) if draft.text is None else draft.text or None, draft.by_sample,
        values.nodes[draft.number] if values is not None else None, rule, None if adjoint is None else to_text(adjoint),
        values.adjoints.get(draft.number) if values is not None and rule is not None else None,
    )  # fmt: skip


def _edge(link: Link, values: Values | None) -> Edge:
    key = link.operand.number, link.result.number
    return Edge(*key, to_text(link.local), values.locals[key] if values is not None else None, link.smooth)


def _written(expr: sympy.Expr) -> str | None:
    return to_text(expr) if is_readable(expr) else None


@undisturbed
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
        data: a column of shape (n,) for each data symbol, or the path of a file of data. Default: the loss's own.
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
    from diffexplore.tracing.trace import trace

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
