"""Where the boxes and the lines of a drawing go."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from diffexplore.graphing.layering import Layers, Stop, layers_of
from diffexplore.graphing.records import Edge, Graph, Node

_BETWEEN = 26.0  # boxes side by side
_BESIDE = 12.0  # lines and labels
_GAP = 20.0  # between a rank of boxes and the labels below or above it
_MARGIN = 16.0
_PASSES, _SETTLING = 24, 120


@dataclass(frozen=True)
class Box:
    """The rectangle of a node, by its upper left corner."""

    node: Node
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class EdgeLine:
    """The way of an edge: vertical through the points of each pair, a curve from pair to pair; where its label is."""

    edge: Edge
    stretches: tuple[tuple[tuple[float, float], tuple[float, float]], ...]
    label: tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """Everything with its place, the inputs at the top."""

    boxes: tuple[Box, ...]
    lines: tuple[EdgeLine, ...]
    width: float
    height: float


def layout(
    graph: Graph, size_of: Callable[[Node], tuple[float, float]], label_size: Callable[[Edge], tuple[float, float]]
) -> Layout:
    """Places for nodes and edges of these sizes."""
    layers = layers_of(graph)
    labelled = {id(layers.label_stop(chain)) for chain in layers.chains}

    def size(stop: Stop) -> tuple[float, float]:
        if stop.node is not None:
            return size_of(graph.node(stop.node))
        return label_size(stop.edge) if stop.edge is not None and id(stop) in labelled else (0.0, 0.0)

    sizes = {id(stop): size(stop) for rank in layers.ranks for stop in rank}
    across = _across(layers, sizes)
    tops = _tops(layers, sizes)
    boxes = tuple(
        Box(graph.node(stop.node), across[id(stop)] - sizes[id(stop)][0] / 2, tops[rank][0], *sizes[id(stop)])
        for rank, stops in enumerate(layers.ranks)
        for stop in stops
        if stop.node is not None
    )
    lines = tuple(_line(chain, layers, across, tops, sizes) for chain in layers.chains)
    right = max(across[id(stop)] + sizes[id(stop)][0] / 2 for rank in layers.ranks for stop in rank)
    return Layout(boxes, lines, right + _MARGIN, sum(tops[-1]) + _MARGIN)


def _tops(layers: Layers, sizes: dict[int, tuple[float, float]]) -> list[tuple[float, float]]:
    """Top and height of each rank."""
    tops, y = [], _MARGIN
    for rank in layers.ranks:
        height = max((sizes[id(stop)][1] for stop in rank), default=0.0)
        tops.append((y, height))
        y += height + _GAP
    return tops


def _across(layers: Layers, sizes: dict[int, tuple[float, float]]) -> dict[int, float]:
    """The middle of each stop: near to what it is joined to, as far as its neighbours let it."""
    across = {}
    for rank in layers.ranks:
        for stop, x in zip(rank, _apart([0.0] * len(rank), [1.0] * len(rank), rank, sizes), strict=True):
            across[id(stop)] = x
    for turn in range(_PASSES + _SETTLING):
        downwards = turn % 2 == 0
        for rank in layers.ranks if downwards else reversed(layers.ranks):
            joined = [_joined(stop, downwards if turn < _PASSES else None) for stop in rank]
            requested = [_middle(stop, others, across) for stop, others in zip(rank, joined, strict=True)]
            # Weighted so, each step lowers the sum of squared slants, and the whole comes to rest.
            weights = [float(max(len(others), 1)) for others in joined]
            for stop, x in zip(rank, _apart(requested, weights, rank, sizes), strict=True):
                across[id(stop)] = x
    left = min(across[id(stop)] - sizes[id(stop)][0] / 2 for rank in layers.ranks for stop in rank)
    return {key: x - left + _MARGIN for key, x in across.items()}


def _joined(stop: Stop, downwards: bool | None) -> Sequence[Stop]:
    """What is above, or below, or (at last) on both sides."""
    if downwards is None:
        return [*stop.above, *stop.below]
    return stop.above if downwards else stop.below


def _middle(stop: Stop, joined: Sequence[Stop], across: dict[int, float]) -> float:
    return sum(across[id(other)] for other in joined) / len(joined) if joined else across[id(stop)]


def _apart(
    requested: Sequence[float], weights: Sequence[float], rank: Sequence[Stop], sizes: dict[int, tuple[float, float]]
) -> list[float]:
    """The places nearest to those requested, by squares, at which nothing overlaps: pools of stops that touch."""
    offsets = [0.0]
    for left, right in itertools.pairwise(rank):
        gap = _BETWEEN if left.node is not None and right.node is not None else _BESIDE
        offsets.append(offsets[-1] + (sizes[id(left)][0] + sizes[id(right)][0]) / 2 + gap)
    pools: list[tuple[float, float, int]] = []  # mean, weight, count
    for want, weight, offset in zip(requested, weights, offsets, strict=False):
        mean, total, count = want - offset, weight, 1
        while pools and pools[-1][0] >= mean:
            other, heavy, several = pools.pop()
            mean = (mean * total + other * heavy) / (total + heavy)
            total, count = total + heavy, count + several
        pools.append((mean, total, count))
    places = [mean for mean, _, count in pools for _ in range(count)]
    return [place + offset for place, offset in zip(places, offsets, strict=False)]


def _line(
    chain: Sequence[Stop], layers: Layers, across: dict[int, float], tops: Sequence[tuple[float, float]],
    sizes: dict[int, tuple[float, float]],
) -> EdgeLine:  # fmt: skip
    stretches = []
    for stop in chain[1:-1]:
        top, height = tops[stop.rank]
        stretches.append(((across[id(stop)], top), (across[id(stop)], top + height)))
    first, last = chain[0], chain[-1]
    start = _port(first, chain[1], first.below, across, sizes), tops[first.rank][0] + sizes[id(first)][1]
    end = _port(last, chain[-2], last.above, across, sizes), tops[last.rank][0]
    label = layers.label_stop(chain)
    top, height = tops[label.rank]
    edge = label.edge
    assert edge is not None
    return EdgeLine(edge, ((start, start), *stretches, (end, end)), (across[id(label)], top + height / 2))


def _port(
    stop: Stop, towards: Stop, joined: Sequence[Stop], across: dict[int, float], sizes: dict[int, tuple[float, float]]
) -> float:
    """Where a line meets a box: lines stand side by side, in the order of where they come from."""
    order = sorted(joined, key=lambda other: across[id(other)])
    place = next(i for i, other in enumerate(order) if other is towards)
    width = sizes[id(stop)][0]
    step = min(22.0, 0.7 * width / len(order))
    return across[id(stop)] + (place - (len(order) - 1) / 2) * step
