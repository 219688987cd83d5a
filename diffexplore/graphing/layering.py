"""Ranks of nodes, and the order within them: longest paths to the loss, and barycentres against crossings.

Every edge gets a stop in each rank that it passes, and one between ranks, where its label stands: then nothing that is
kept apart within its rank can overlap anywhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from diffexplore.graphing.records import Edge, Graph

_SWEEPS = 12


@dataclass(eq=False)
class Stop:
    """A node, or a place that an edge passes: its rank, and what it is joined to above and below."""

    rank: int
    node: int | None = None
    edge: Edge | None = None
    above: list[Stop] = field(default_factory=list)
    below: list[Stop] = field(default_factory=list)


@dataclass(frozen=True)
class Layers:
    """Stops rank by rank from the inputs down, in their order; the chain of stops of each edge, its ends included.

    Nodes are in even ranks, labels in odd ones.
    """

    ranks: tuple[tuple[Stop, ...], ...]
    chains: tuple[tuple[Stop, ...], ...]

    def label_stop(self, chain: Sequence[Stop]) -> Stop:
        """Where the label of an edge stands: right above the result."""
        return chain[-2]


def layers_of(graph: Graph) -> Layers:
    """The ranks of a graph, with few crossings."""
    depth = _depths(graph)
    deepest = max(depth.values())
    nodes = {number: Stop(2 * (deepest - steps), number) for number, steps in depth.items()}
    chains = []
    for edge in graph.edges:
        first, last = nodes[edge.operand], nodes[edge.result]
        passed = [Stop(rank, edge=edge) for rank in range(first.rank + 1, last.rank)]
        chain = (first, *passed, last)
        for upper, lower in itertools.pairwise(chain):
            upper.below.append(lower)
            lower.above.append(upper)
        chains.append(chain)
    stops = [*nodes.values(), *(stop for chain in chains for stop in chain[1:-1])]
    ranks: list[list[Stop]] = [[] for _ in range(2 * deepest + 1)]
    for stop in stops:
        ranks[stop.rank].append(stop)
    return Layers(tuple(map(tuple, _ordered(ranks))), tuple(chains))


def _depths(graph: Graph) -> dict[int, int]:
    """The longest way from each node to the loss; an input that nothing uses is beside it."""
    depth = {node.number: 0 for node in graph.nodes}
    for edge in reversed(graph.edges):
        depth[edge.operand] = max(depth[edge.operand], depth[edge.result] + 1)
    return depth


def _ordered(ranks: list[list[Stop]]) -> list[list[Stop]]:
    """The best order seen in some sweeps down and up, each rank sorted by the mean place of its neighbours."""
    _start(ranks)
    best, fewest = [list(rank) for rank in ranks], _crossings(ranks)
    for sweep in range(_SWEEPS):
        downwards, flipped = sweep % 2 == 0, sweep % 4 > 1
        for rank in ranks[1:] if downwards else reversed(ranks[:-1]):
            _sort(rank, _places(ranks), downwards=downwards, flipped=flipped)
        crossings = _crossings(ranks)
        if crossings < fewest:
            best, fewest = [list(rank) for rank in ranks], crossings
    return best


def _sort(rank: list[Stop], places: dict[int, int], *, downwards: bool, flipped: bool) -> None:
    """By the neighbours above or below; equals change places where ``flipped``, which may free the next ranks."""
    if flipped:
        rank.reverse()
    neighbours = {id(stop): [places[id(other)] for other in (stop.above if downwards else stop.below)] for stop in rank}
    keys = {id(stop): _mean(neighbours[id(stop)], places[id(stop)]) for stop in rank}
    rank.sort(key=lambda stop: keys[id(stop)])


def _start(ranks: list[list[Stop]]) -> None:
    """In the order in which a walk up from the loss meets them: operands of one result stand together."""
    met: dict[int, int] = {}

    def walk(stop: Stop) -> None:
        if id(stop) not in met:
            met[id(stop)] = len(met)
            for other in stop.above:
                walk(other)

    for rank in reversed(ranks):
        for stop in rank:
            walk(stop)
    for rank in ranks:
        rank.sort(key=lambda stop: met[id(stop)])


def _places(ranks: list[list[Stop]]) -> dict[int, int]:
    return {id(stop): place for rank in ranks for place, stop in enumerate(rank)}


def _mean(places: list[int], otherwise: int) -> float:
    return sum(places) / len(places) if places else otherwise


def _crossings(ranks: list[list[Stop]]) -> int:
    places, count = _places(ranks), 0
    for rank in ranks:
        joins = [(place, places[id(other)]) for place, stop in enumerate(rank) for other in stop.below]
        count += sum((a < c and b > d) or (a > c and b < d) for i, (a, b) in enumerate(joins) for c, d in joins[:i])
    return count
