"""Comparisons, choices by a condition, and choices of the largest: which side is taken has to be certain."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall, exact, sub
from diffexplore.arithmetic.tensor_balls import chosen, filled, scattered, shaped, summed_to, taken
from diffexplore.torch_ops.tensor_rules.operands import Applied, NotCertified, Operand, OperatorCall, TensorRule, Truths

_ONE = exact(1.0)


def number_of(operand: object) -> DoubleBall:
    """The exact value of a tensor or of a Python number."""
    return operand.number if isinstance(operand, Operand) else exact(float(operand))  # type: ignore[arg-type]


def comparison(holds: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> TensorRule:
    """The rule of a comparison, given what it is of two exact numbers: of their difference and 0."""

    def rule(call: OperatorCall) -> Applied:
        difference = sub(number_of(call.args[0]), number_of(call.args[1]))
        shape = tuple(call.out.shape)
        difference = filled(difference, shape)
        sign = np.where(difference.high == 0, difference.low, difference.high)
        clear = (difference.nearest_to_zero > 0) | difference.exactly_zero
        same = _tied(call)
        value = holds(np.where(same, 0.0, sign), np.zeros(1))
        return Applied((Truths(value, ~(clear | same)),), None)

    return rule


def _tied(call: OperatorCall) -> np.ndarray:
    """Where two exact doubles are equal; their difference has a radius, as every sum has."""
    x, y = (filled(number_of(operand), tuple(call.out.shape)) for operand in call.args[:2])
    return (x.high == y.high) & (x.low == y.low) & (x.radius == 0) & (y.radius == 0)


def where(call: OperatorCall) -> Applied:
    """torch.where: where the condition is undecided, nothing is known of the result."""
    condition, *branches = call.args
    shape = tuple(call.out.shape)
    holds = np.broadcast_to(condition.value.numpy(), shape)
    open_ = None if condition.undecided is None else np.broadcast_to(condition.undecided, shape)
    first, second = (filled(number_of(branch), shape) for branch in branches)
    taken_ = chosen(holds, first, second)
    if open_ is not None:
        taken_ = taken_._replace(radius=np.where(open_, np.inf, taken_.radius))

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        (cotangent,) = cotangents
        assert cotangent is not None
        if open_ is not None:
            cotangent = cotangent._replace(radius=np.where(open_, np.inf, cotangent.radius))
        found: list[DoubleBall | None] = [None]
        for branch, there in zip(branches, (holds, ~holds), strict=True):
            if isinstance(branch, Operand):
                kept = there if open_ is None else there | open_
                found.append(
                    summed_to(chosen(kept, cotangent, exact(0.0)), branch.shape) if branch.ball is not None else None
                )
        return found

    return Applied((taken_,), pullback)


def extreme(largest: bool, *, with_index: bool) -> TensorRule:
    """The rule of max, min, amax, amin over axes: one element certainly is the largest, or nothing is known.

    Elements that are exactly equal share the cotangent evenly, as the mean of the one-sided derivatives: a tie is a
    kink, and its slope counts as unknown wherever it is used.
    """

    def rule(call: OperatorCall) -> Applied:
        operand = call.args[0]
        axes = _axes(call, operand.value.dim())
        kept = [axis for axis in range(operand.value.dim()) if axis not in axes]
        order = [*kept, *axes]
        index = (
            np.arange(operand.value.numel()).reshape(operand.shape).transpose(order).reshape(-1, _count(operand, axes))
        )
        rows = taken(shaped(operand.number, lambda field: field.reshape(-1)), index)
        if not largest:
            rows = rows._replace(high=-rows.high, low=-rows.low)
        best = np.argmax(rows.high, axis=1)
        each = np.arange(len(best))
        winner = shaped(rows, lambda field: field[each, best][:, None])
        margin = sub(winner, rows)
        tied = (winner.high == rows.high) & (winner.low == rows.low)
        exact_tie = tied & (winner.radius == 0) & (rows.radius == 0)
        others = np.ones_like(tied)
        others[each, best] = False
        unclear = ((~(margin.nearest_to_zero > 0) | (margin.high < 0)) & others & ~exact_tie).any(axis=1)
        kink = (exact_tie & others).any(axis=1)
        value = taken(shaped(operand.number, lambda field: field.reshape(-1)), index[each, best])
        value = value._replace(radius=np.where(unclear, np.inf, value.radius))
        shape = tuple(_first(call.out).shape)

        def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
            cotangent = cotangents[0]
            if cotangent is None:
                return [None]
            flat = shaped(cotangent, lambda field: field.reshape(-1))
            flat = flat._replace(radius=np.where((unclear | kink) & ~flat.exactly_zero, np.inf, flat.radius))
            found = scattered(flat, index[each, best], operand.value.numel())
            return [shaped(found, lambda field: field.reshape(operand.shape))]

        values = shaped(value, lambda field: field.reshape(shape))
        return Applied((values, None) if with_index else (values,), pullback)

    return rule


def _first(value: object) -> torch.Tensor:
    return value if isinstance(value, torch.Tensor) else value[0]  # type: ignore[index]


def _axes(call: OperatorCall, dimensions: int) -> list[int]:
    dim = call.argument("dim")
    if dim is None or dim == [] or dim == ():
        return list(range(dimensions))
    return (
        [axis % max(dimensions, 1) for axis in (dim if isinstance(dim, (list, tuple)) else [dim])] if dimensions else []
    )


def _count(operand: Operand, axes: list[int]) -> int:
    count = int(np.prod([operand.shape[axis] for axis in axes])) if axes else 1
    if count == 0 or operand.value.numel() == 0:
        raise NotCertified("the largest of no elements")
    return count


def ordered(call: OperatorCall) -> Applied:
    """sort, topk, kthvalue, median and their kin, read by the indices that they return: the order has to be certain."""
    operand, (values, indices) = call.args[0], call.out
    dim = call.argument("dim", -1)
    dim = 0 if operand.value.dim() == 0 else dim % operand.value.dim()
    labels = torch.arange(operand.value.numel()).reshape(operand.shape)
    keeps = values.dim() == operand.value.dim()
    index = indices if keeps else indices.unsqueeze(dim)
    if operand.value.dim() == 0:
        places = labels.numpy()
    else:
        places = torch.gather(labels, dim, index).reshape(values.shape).numpy()
    flat = shaped(operand.number, lambda field: field.reshape(-1))
    row = _rank_is_certain(operand, dim)
    clear = row.reshape(-1)[places]
    value = taken(flat, places)
    value = value._replace(radius=np.where(clear, value.radius, np.inf))

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        cotangent = cotangents[0]
        if cotangent is None:
            return [None]
        cotangent = cotangent._replace(radius=np.where(clear | cotangent.exactly_zero, cotangent.radius, np.inf))
        found = scattered(cotangent, places, operand.value.numel())
        return [shaped(found, lambda field: field.reshape(operand.shape))]

    return Applied((value, None), pullback)


def _rank_is_certain(operand: Operand, dim: int) -> np.ndarray:
    """For each element, whether the balls tell it from its neighbours in the order along the axis (bool)."""
    if operand.value.dim() == 0:
        return np.ones((), np.bool_)
    ball = operand.number
    order = np.argsort(ball.high, axis=dim, kind="stable")
    in_order = shaped(ball, lambda field: np.take_along_axis(field, order, dim))
    above = shaped(in_order, lambda field: np.moveaxis(field, dim, -1)[..., 1:])
    below = shaped(in_order, lambda field: np.moveaxis(field, dim, -1)[..., :-1])
    gap = sub(above, below)
    apart = (gap.nearest_to_zero > 0) & (gap.high > 0)
    edge = np.ones((*apart.shape[:-1], 1), np.bool_)
    sure = np.concatenate([edge, apart], -1) & np.concatenate([apart, edge], -1)
    found = np.empty(operand.shape, np.bool_)
    np.put_along_axis(found, order, np.moveaxis(sure, -1, dim), dim)
    return found


def without_slope(call: OperatorCall) -> Applied:
    """Results that no derivative passes through, and that are what the program computed."""
    return Applied(tuple(None for _ in (call.out if isinstance(call.out, (tuple, list)) else [call.out])), None)


def masked_fill(call: OperatorCall) -> Applied:
    """masked_fill: where(mask, value, x)."""
    x, mask, value = call.args
    return _swapped(where(OperatorCall(call.function, (mask, value, x), {}, call.out)), isinstance(value, Operand))


def _swapped(applied: Applied, value_is_tensor: bool) -> Applied:
    """From the operands (mask, value, x) to (x, mask, value)."""
    inner = applied.pullback
    assert inner is not None

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        mask, *rest = inner(cotangents)
        return [rest[-1], mask, *rest[:-1]]

    return Applied(applied.outputs, pullback)
