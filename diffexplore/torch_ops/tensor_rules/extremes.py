"""The largest and the smallest element of others; where the balls do not tell which one it is, each may be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.arithmetic.dual_balls import DualBall, neg, tangent_of, value_of
from diffexplore.arithmetic.out_of_range import certainly_above
from diffexplore.arithmetic.tensor_balls import joined, scattered, shaped, taken, times
from diffexplore.torch_ops.tensor_rules.operands import (
    UNDECIDED,
    Applied,
    NotCertified,
    OpenChoices,
    OpenDifference,
    Operand,
    OperatorCall,
    TensorRule,
    Truths,
    results_of,
)
from diffexplore.torch_ops.tensor_rules.order import picked
from diffexplore.torch_ops.tensor_rules.reductions import axes_of

#: The differences of more elements that may be the largest are not told apart.
_MOST_OTHERS = 16


def extreme(largest: bool) -> TensorRule:
    """The rule of max, min, amax, amin over axes: one element certainly is the largest, or nothing is known.

    At a tie each of the equal elements gets some part of the cotangent. Further results (indices) are what the program
    found, which may not be certain.
    """

    def rule(call: OperatorCall) -> Applied:
        operand, results = call.args[0], results_of(call)
        index, rows = _rows(call, operand)
        found, unclear = picked_from(operand, rows, index, largest, tuple(results[0].shape))
        places: list[Truths | None] = [None for _ in results[1:]]
        if operand.varies and unclear.any():
            flags = (unclear.reshape(results[0].shape) * UNDECIDED).astype(np.uint8)
            places = [Truths(one.numpy(), flags) for one in results[1:]]
        return Applied((*found.outputs, *places), found.pullback, found.open_choices)

    return rule


def _rows(call: OperatorCall, operand: Operand) -> tuple[np.ndarray, DoubleBall]:
    """The elements along the axes of a reduction, a row each, and their places in the raveled operand."""
    axes = axes_of(call, operand)
    kept = [axis for axis in range(len(operand.shape)) if axis not in axes]
    count = int(np.prod([operand.shape[axis] for axis in axes])) if axes else 1
    if count == 0:
        raise NotCertified("the largest of no elements")
    index = np.arange(operand.value.numel()).reshape(operand.shape).transpose([*kept, *axes]).reshape(-1, count)
    return index, taken(shaped(operand.number, lambda field: field.reshape(-1)), index)


def picked_from(
    operand: Operand, rows: DoubleBall, index: np.ndarray, largest: bool, shape: tuple[int, ...]
) -> tuple[Applied, np.ndarray]:
    """The largest element of each of some rows of the raveled operand; in which rows it is not certain."""
    best, rivals, equal = best_of_rows(rows, largest)
    unclear: np.ndarray = np.asarray(rivals.any(axis=1))
    others = equal | rivals
    count = others.sum(axis=1)
    each = np.arange(len(index))
    places = index[each, best]
    if not count.any():
        return picked(operand, places, ~unclear, ~unclear, shape), unclear
    value = shaped(
        _largest_among(rows, best, others, unclear, _tangents(operand, index)), lambda field: field.reshape(shape)
    )
    if not operand.varies:
        return Applied((value,), None), unclear

    def spread(cotangent: DoubleBall, at: np.ndarray) -> DoubleBall:
        return shaped(scattered(cotangent, at, operand.value.numel()), lambda field: field.reshape(operand.shape))

    def flat(cotangents: Sequence[DoubleBall | None]) -> DoubleBall:
        assert cotangents[0] is not None
        return shaped(cotangents[0], lambda field: field.reshape(-1))

    def hull(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        """Of elements that may be the largest each gets anything from 0 to the whole."""
        whole = flat(cotangents)
        back = spread(whole, places)
        if isinstance(operand.number, DualBall):  # which element is the largest may change with the point
            back = DualBall.of(value_of(back), tangent_of(back))
        radius = back.radius.reshape(-1).copy()
        reach = whole.farthest_from_zero * (count > 0)
        np.add.at(radius, places, reach)
        np.add.at(radius, index[others], np.broadcast_to(reach[:, None], others.shape)[others])
        return [back._replace(radius=radius.reshape(operand.shape))]

    def middle(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        whole = flat(cotangents)
        share = times(whole, exact(1.0 / (1 + count)))
        row = np.nonzero(others)[0]
        return [spread(joined(share, taken(share, row)), np.concatenate([places, index[others]]))]

    def differences(cotangents: Sequence[DoubleBall | None]) -> Iterator[list[OpenDifference | None]]:
        """Each of the others in the place of the one in the middle."""
        share = times(flat(cotangents), exact(count / (1 + count)))
        for rank in range(count.max()):
            row = np.flatnonzero(count > rank)
            other = index[row, np.argsort(~others[row], axis=1, kind="stable")[:, rank]]
            at = np.concatenate([places[row], other])
            part = taken(share, row)
            choice = np.zeros(operand.value.numel(), np.int64)
            choice[at] = np.concatenate([row, row]) + 1
            yield [OpenDifference(spread(joined(part, neg(part)), at), choice.reshape(operand.shape))]

    apart = len(np.unique(index)) == index.size and count.max() <= _MOST_OTHERS
    return Applied((value,), hull, OpenChoices(middle, differences) if apart else None), unclear


def _tangents(operand: Operand, index: np.ndarray) -> DoubleBall | None:
    """Those of the elements at ``index`` of the raveled operand; None where it has none."""
    if not isinstance(operand.number, DualBall):
        return None
    return taken(shaped(operand.number.tangent, lambda field: field.reshape(-1)), index)


def _largest_among(
    rows: DoubleBall, best: np.ndarray, others: np.ndarray, unclear: np.ndarray, tangents: DoubleBall | None
) -> DoubleBall:
    """The largest element of each row, ``best`` or one of ``others``, of which none is certainly below it."""
    each = np.arange(len(best))

    def reach(ball: DoubleBall, apart: np.ndarray | float) -> np.ndarray:
        """How far another element is from the best one, at most: ``apart`` is the distance of their upper parts."""
        low = np.abs(ball.low)
        far = np.where(others, apart + low + low[each, best][:, None] + ball.radius, 0.0)
        found: np.ndarray = np.maximum(far.max(axis=1), ball.radius[each, best]) * (1 + 2.0**-50)
        return found

    value = shaped(value_of(rows), lambda field: field[each, best])
    value = value._replace(radius=np.where(unclear, reach(value_of(rows), 0.0), value.radius))
    if tangents is None:
        return value
    tangent = shaped(tangents, lambda field: field[each, best])
    apart = np.abs(tangents.high - tangent.high[:, None]) + tangent.radius[:, None]
    radius = np.where(others.any(axis=1), reach(tangents, apart), tangent.radius)
    return DualBall.of(value, DoubleBall(tangent.high, tangent.low, radius))


def best_of_rows(rows: DoubleBall, largest: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each row: the place of its largest element, which others may be larger, and which others equal it."""
    if not largest:
        rows = neg(rows)
    best = np.argmax(rows.high, axis=1)
    each = np.arange(len(best))
    winner = shaped(rows, lambda field: field[each, best][:, None])
    equal = (winner.high == rows.high) & (winner.low == rows.low) & (winner.radius == 0) & (rows.radius == 0)
    less = certainly_above(winner, rows)
    others = np.ones_like(equal)
    others[each, best] = False
    return best, ~less & ~equal & others, equal & others


def place_of_extreme(largest: bool) -> TensorRule:
    """argmax, argmin: what the program found, if that is certain."""

    def rule(call: OperatorCall) -> Applied:
        operand = call.args[0]
        if operand.varies:
            _, rows = _rows(call, operand)
            if best_of_rows(rows, largest)[1].any():
                raise NotCertified("which element is the largest is not certain here")
        return Applied((None,), None)

    return rule
