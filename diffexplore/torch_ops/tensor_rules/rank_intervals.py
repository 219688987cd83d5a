"""The order of balls along an axis: which elements have a certain rank, and between what each ranked element lies.

Sorted by their midpoints, balls fall into clusters: runs in which each ball overlaps what comes before it. All of a
cluster lies above the clusters before it, so that an element of a rank within the cluster lies within the hull of it,
whichever one it is. A cluster of one ball has a certain rank.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from diffexplore.torch_ops.tensor_rules.operands import Operand


@dataclass(frozen=True, eq=False)
class RankIntervals:
    """Arrays of the operand's shape.

    Attributes:
        certain: where an element has the rank that the program gave it, and no other can have it (bool).
        lowest: a lower bound of the element of the rank that the program gave this one (float64).
        highest: an upper bound of it. Both are infinite where the program's order is not that of the balls.
    """

    certain: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray


def rank_intervals(operand: Operand, dim: int) -> RankIntervals:
    """The ranks of the elements along an axis; of a scalar and of no elements, nothing is uncertain."""
    above, below = _ends(operand)
    if not operand.shape or not operand.shape[dim]:
        return RankIntervals(np.ones(operand.shape, np.bool_), below, above)
    middles = np.moveaxis(operand.number.high, dim, -1)
    order = np.argsort(middles, axis=-1, kind="stable")  # NaN is last, as in torch
    reached = np.maximum.accumulate(np.take_along_axis(np.moveaxis(above, dim, -1), order, -1), -1)
    ahead = np.minimum.accumulate(np.take_along_axis(np.moveaxis(below, dim, -1), order, -1)[..., ::-1], -1)[..., ::-1]
    first, last = _runs(reached[..., :-1] < ahead[..., 1:])
    lowest, highest = np.take_along_axis(ahead, first, -1), np.take_along_axis(reached, last, -1)
    values = np.moveaxis(_values(operand), dim, -1)
    by_program = np.argsort(values, axis=-1, kind="stable")
    found = np.take_along_axis(values, by_program, -1)
    left, right = _runs(found[..., :-1] != found[..., 1:])  # NaN differs from itself, and its order is kept
    # By element: the cluster of its ball, and those of the first and the last rank that the program may have given it.
    own = _by_element(order, first)
    earliest, latest = (_by_element(by_program, np.take_along_axis(first, ranks, -1)) for ranks in (left, right))
    agrees = (own == earliest) & (own == latest)
    alone = _by_element(order, first == last)
    fields = (
        agrees & alone,
        np.where(agrees, _by_element(order, lowest), -np.inf),
        np.where(agrees, _by_element(order, highest), np.inf),
    )
    return RankIntervals(*(np.moveaxis(field, -1, dim) for field in fields))


def _ends(operand: Operand) -> tuple[np.ndarray, np.ndarray]:
    """An upper and a lower bound of each element. torch puts NaN last; of what may be NaN nothing is known."""
    ball = operand.number
    slack = np.abs(ball.low) + ball.radius
    exactly = slack == 0
    above = np.where(exactly, ball.high, np.nextafter(ball.high + slack, np.inf))
    below = np.where(exactly, ball.high, np.nextafter(ball.high - slack, -np.inf))
    last = np.isnan(ball.high) & exactly
    above = np.where(np.isnan(above), np.inf, above)
    below = np.where(np.isnan(below), np.where(last, np.inf, -np.inf), below)
    return above, below


def _runs(apart: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By place along the last axis, the first and the last place of its run; ``apart`` says where one ends."""
    count = apart.shape[-1] + 1
    edge = np.ones((*apart.shape[:-1], 1), np.bool_)
    places = np.broadcast_to(np.arange(count), (*apart.shape[:-1], count))
    first = np.maximum.accumulate(np.where(np.concatenate([edge, apart], -1), places, 0), -1)
    ends = np.where(np.concatenate([apart, edge], -1), places, count - 1)
    last = np.minimum.accumulate(ends[..., ::-1], -1)[..., ::-1]
    return first, last


def _by_element(order: np.ndarray, field: np.ndarray) -> np.ndarray:
    """What is known by place in an order along the last axis, by element."""
    found = np.empty(field.shape, field.dtype)
    np.put_along_axis(found, order, field, -1)
    return found


def _values(operand: Operand) -> np.ndarray:
    """What the program computed; numbers of 16 bits as doubles, which NumPy sorts."""
    value = operand.value
    return (value.to(torch.float64) if value.is_floating_point() else value).numpy(force=True)
