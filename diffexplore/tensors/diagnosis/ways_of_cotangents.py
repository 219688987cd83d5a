"""A cotangent is rearranged, or is that of another tensor, or passes another mask."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from diffexplore.tensors.diagnosis.edges import PathEdge, edges
from diffexplore.tensors.diagnosis.moves import Move, changes, moves
from diffexplore.tensors.diagnosis.other_ways import OtherWay, named_tensors, pulled_back
from diffexplore.tensors.diagnosis.recording import RecordedSweep

#: They take entries in the order of an axis, so that the way back goes in the other direction.
_IN_ORDER = ("cumsum", "roll", "flip", "cumprod", "logcumsumexp", "tril", "triu", "constant_pad_nd", "convolution")


def in_the_other_direction(sweep: RecordedSweep, edge: PathEdge) -> Iterator[OtherWay]:
    """The way back of an operation that has a direction, or a triangle, is that of its mirror image."""
    given = edge.given[0]
    if given is None or sweep.tape.operators[edge.number] not in _IN_ORDER:
        return
    for words, move in moves(given.high.shape):
        if words.startswith(("reversed", "with its axes")) and given.high.shape == edge.operand.layout.shape:
            where = words.removeprefix("reversed ").removeprefix("with its ").removesuffix(" exchanged")
            yield OtherWay(
                "transposed", f"the operation is taken in the other direction {where.replace('axes', 'of axes')}",
                ("direction", words), partial(_mirrored, sweep, edge, move),
            )  # fmt: skip


def _mirrored(sweep: RecordedSweep, edge: PathEdge, move: Move) -> np.ndarray | None:
    given = edge.given[0]
    assert given is not None
    back = pulled_back(sweep, edge, move(given.high))
    return None if back is None else move(back)


def rearranged(sweep: RecordedSweep, edge: PathEdge) -> Iterator[OtherWay]:
    """What comes back is in another order, or added up along an axis; or the cotangent of the result is."""
    back, given = edge.cotangent.high, edge.given[0]
    if given is not None and len(edge.given) == 1 and given.high.size == back.size:
        words = "the entries of the gradient by its result are used in the order in which they lie"
        yield OtherWay("permuted", f"{words} there", ("there",), partial(np.reshape, given.high, back.shape))
        if given.high.shape == back.shape and not edge.operand.layout.is_whole(back.size):
            words, key = "what comes back to a view is not arranged back as the tensor lies", "transposed"
        else:
            words, key = f"{words} in memory", "permuted"
        yield OtherWay(key, words, ("memory",), partial(_in_memory, edge, given.high))
    for words, change in changes(back.shape):
        key = "reduction_axis" if "added up" in words else "transposed"
        yield OtherWay(key, f"the gradient is used {words}", ("back", words), partial(change, back))
    if given is None or len(edge.given) != 1 or given.high.shape == back.shape:
        return
    for words, change in changes(given.high.shape):
        key = "reduction_axis" if "added up" in words else "transposed"
        yield OtherWay(
            key, f"the gradient by its result is used {words}", ("given", words),
            partial(_changed, sweep, edge, change),
        )  # fmt: skip


def _in_memory(edge: PathEdge, given: np.ndarray) -> np.ndarray | None:
    """What comes back where the entries of the result are taken for those of the operand's storage, one by one."""
    if edge.operand.state.ball.high.size != given.size:
        return None
    return edge.operand.layout.view(np.ascontiguousarray(given).reshape(-1))


def _changed(sweep: RecordedSweep, edge: PathEdge, change: Move) -> np.ndarray | None:
    given = edge.given[0]
    return None if given is None else pulled_back(sweep, edge, change(given.high))


def of_others(sweep: RecordedSweep, edge: PathEdge) -> Iterator[OtherWay]:
    """The gradient by another result of the same shape is used for that by the result of the operation."""
    given = edge.given[0]
    if given is None or len(edge.given) != 1:
        return
    seen = {edge.number}
    for other in edges(sweep)[0]:
        cotangent = other.given[0]
        if cotangent is not None and other.number not in seen and cotangent.high.shape == given.high.shape:
            seen.add(other.number)
            words = f"the gradient by {sweep.tape.places[other.number]} is used for that by its result"
            yield OtherWay(
                "wrong_operand", words, ("cotangent", other.number),
                partial(pulled_back, sweep, edge, cotangent.high),
            )  # fmt: skip


def masked(sweep: RecordedSweep, edge: PathEdge) -> Iterator[OtherWay]:
    """Of an operation that lets some entries through, others are: those where a tensor is above 0, or below."""
    given, back = edge.given[0], edge.cotangent.high
    if given is None or given.high.shape != back.shape or not ((back == 0) | (back == given.high)).all():
        return
    if not ((back == 0) & (given.high != 0)).any():
        return
    for words, change in changes(back.shape):
        if "diagonal" in words:
            yield OtherWay(
                "mask_inverted", f"the gradient is used {words}", ("mask", words), partial(change, given.high)
            )
    for one in named_tensors(sweep):
        if one.values.shape == back.shape:
            for sign, where in ((1.0, ">"), (-1.0, "<")):
                words = f"it is let through where {one.name} {where} 0"
                let = partial(_let_through, given.high, one.values, sign)
                yield OtherWay("mask_inverted", words, ("where", one.number, where), let)


def _let_through(given: np.ndarray, values: np.ndarray, sign: float) -> np.ndarray:
    return np.where(sign * values > 0, given, 0.0)
