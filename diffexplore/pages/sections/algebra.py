"""What algebra says of a loss: its derivation line by line, and its graph with values and adjoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from diffexplore.errors import UsageError
from diffexplore.graphing.records import Graph
from diffexplore.graphing.svg import to_svg
from diffexplore.pages.records import Fragment, Section, Subject
from diffexplore.render.outline import formulas

if TYPE_CHECKING:
    from diffexplore.loss import Loss

#: A graph with more nodes is left to ``diffexplore graph``: here it would be too small to be read.
MOST_NODES = 80

#: The values and adjoints of more samples take longer than the rest of a page: its graph has formulas instead.
MOST_SAMPLES = 10_000


def loss(subject: Subject) -> Iterator[Section]:
    """The loss of the result and its gradient."""
    yield Section("loss", "Loss and gradient", tuple(formulas(subject.result.loss, subject.result.gradient)))


def derivation(subject: Subject) -> Iterator[Section]:
    """How the partials of the result come about, where the loss is at hand."""
    names = _differentiated(subject)
    if subject.loss is None or not names:
        return
    from diffexplore.render.algebra import steps_blocks

    blocks = tuple(steps_blocks(subject.loss, names))
    lead = "From the loss of one sample to the simplified partial, one rule at a time; every line is checked."
    yield Section("derivation", "Derivation", blocks, lead)


def _differentiated(subject: Subject) -> Sequence[str]:
    """By what the result differentiates: the symbols of its gradient that belong to the loss."""
    gradient: Mapping[str, Any] = getattr(subject.result, "gradient", {})
    return [name for name in gradient if subject.loss is not None and name in subject.loss.symbols]


def graph(subject: Subject) -> Iterator[Section]:
    """The graph of the loss at the last of the points, which is the least special one, where the loss is at hand."""
    if subject.loss is None:
        return
    from diffexplore.graphing.build import graph_of
    from diffexplore.pages.subjects import loss_of

    many = subject.batch is not None and subject.batch.n > MOST_SAMPLES
    loss = loss_of(subject.result.loss) if many else subject.loss  # without data of its own, which are others
    if loss is None:
        return
    try:
        found = graph_of(loss, *((None, None) if many else _values(subject, loss)))
    except UsageError:  # a loss that depends on nothing has no graph
        return
    if len(found.nodes) <= MOST_NODES:
        lead = "How the loss is computed, and how its derivative flows back: the adjoints, in red."
        yield Section("graph", "Computational graph", (drawing(found),), lead)


def _values(subject: Subject, loss: Loss) -> tuple[Any, Any]:
    """The point and the data; both None where one of them is not at hand: then the graph has formulas."""
    if loss.data and subject.batch is None:
        return None, None
    data = subject.batch.columns if subject.batch is not None and loss.data else None
    return (subject.points[-1] if subject.points else None), data


def drawing(found: Graph) -> Fragment:
    """The graph as it is written by ``diffexplore graph --svg``, inside the page."""
    return Fragment(f'<figure class="drawing scroll" tabindex="0">{to_svg(found)}</figure>')
