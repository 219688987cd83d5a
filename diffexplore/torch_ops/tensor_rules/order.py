"""What is read off an order of elements: the order has to be certain."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.arithmetic.dual_balls import DualBall, at_a_kink, of_a_choice
from diffexplore.arithmetic.kinds_of_zeros import HERE, is_zero_here
from diffexplore.arithmetic.tensor_balls import scattered, shaped, taken
from diffexplore.torch_ops.tensor_rules.operands import (
    Applied,
    NotCertified,
    Operand,
    OperatorCall,
    Pullback,
)
from diffexplore.torch_ops.tensor_rules.rank_intervals import rank_intervals


def picked(
    operand: Operand, places: np.ndarray, known: np.ndarray, smooth: np.ndarray, shape: tuple[int, ...]
) -> Applied:
    """The elements at ``places`` of the raveled operand, where the balls know that it is these."""
    value = taken(shaped(operand.number, lambda field: field.reshape(-1)), places)
    value = value._replace(radius=np.where(known, value.radius, np.inf))

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        if cotangents[0] is None:
            return [None]
        cotangent = shaped(cotangents[0], lambda field: field.reshape(places.shape))
        cotangent = of_a_choice(smooth, cotangent)
        found = scattered(cotangent, places, operand.value.numel())
        return [shaped(found, lambda field: field.reshape(operand.shape))]

    back: Pullback | None = pullback if operand.varies else None
    return Applied((shaped(value, lambda field: field.reshape(shape)),), back)


def by_rank(call: OperatorCall) -> Applied:
    """sort, topk, kthvalue and median, read by the indices that they return. Derivatives need certain ranks."""
    if isinstance(call.out, torch.Tensor):  # the median of all, without its place
        return _median_of_all(call)
    return _by_index(call, _picked_by_rank)


def by_order(call: OperatorCall) -> Applied:
    """mode, cummax and cummin, read by the indices that they return: the whole order has to be certain."""
    return _by_index(call, _picked_in_order)


def _by_index(call: OperatorCall, pick: Callable[[Operand, np.ndarray, int, tuple[int, ...]], Applied]) -> Applied:
    operand = call.args[0]
    values, indices = call.out
    dimensions = len(operand.shape)
    dim = call.argument("dim", -1) % dimensions if dimensions else 0
    labels = torch.arange(operand.value.numel(), device="cpu").reshape(operand.shape)
    if dimensions == 0:
        places = labels.numpy()
    else:
        index = indices if values.dim() == dimensions else indices.unsqueeze(dim)
        places = torch.gather(labels, dim, index).reshape(values.shape).numpy()
    found = pick(operand, places, dim, tuple(values.shape))
    return Applied((*found.outputs, None), found.pullback)


def _picked_by_rank(operand: Operand, places: np.ndarray, dim: int, shape: tuple[int, ...]) -> Applied:
    """The elements at ``places``; where their ranks are not certain, others might as well have been picked.

    What is picked lies within the hull of these, so that its value is known there, and its derivative is not.
    """
    ranks = rank_intervals(operand, dim)
    found = _picked_where(operand, ranks.certain, places, dim, shape)
    (value,) = found.outputs
    assert isinstance(value, DoubleBall), "a number was picked"
    unclear = ~ranks.certain.reshape(-1)[places].reshape(shape)
    low, high = (field.reshape(-1)[places].reshape(shape) for field in (ranks.lowest, ranks.highest))
    within = unclear & np.isfinite(low) & np.isfinite(high)
    if not within.any():
        return found
    middle = np.where(within, low / 2 + high / 2, value.high)
    radius = np.where(within, np.nextafter(np.maximum(high - middle, middle - low), np.inf), value.radius)
    hull: DoubleBall = DoubleBall(middle, np.where(within, 0.0, value.low), radius)
    if isinstance(value, DualBall):
        hull = at_a_kink(within, DualBall.of(hull, value.tangent))
    return Applied((hull,), found.pullback)


def _picked_in_order(operand: Operand, places: np.ndarray, dim: int, shape: tuple[int, ...]) -> Applied:
    ranks = rank_intervals(operand, dim)
    agrees = np.isfinite(ranks.highest) | ranks.certain
    certain = ranks.certain & agrees.all(axis=dim, keepdims=True) if operand.shape else ranks.certain
    return _picked_where(operand, certain, places, dim, shape)


def _picked_where(
    operand: Operand, certain: np.ndarray, places: np.ndarray, dim: int, shape: tuple[int, ...]
) -> Applied:
    clear = certain.reshape(-1)[places]
    found = picked(operand, places, clear, clear, shape)
    if found.pullback is None or clear.all():
        return found
    back = found.pullback

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        (cotangent,) = back(cotangents)
        if cotangent is None or not operand.shape:
            return [cotangent]
        reached = np.isinf(cotangent.radius).any(axis=dim, keepdims=True)
        here = is_zero_here(cotangent).any(axis=dim, keepdims=True)
        radius = np.where(here & ~certain, np.maximum(cotangent.radius, HERE), cotangent.radius)
        return [cotangent._replace(radius=np.where(reached & ~certain, np.inf, radius))]

    return Applied(found.outputs, pullback)


def _median_of_all(call: OperatorCall) -> Applied:
    operand = call.args[0]
    flat = Operand(operand.value.reshape(-1), shaped(operand.number, lambda f: f.reshape(-1)), varies=operand.varies)
    if not flat.value.numel():
        raise NotCertified("the median of no elements")
    pick = torch.nanmedian if "nan" in call.function._schema.name else torch.median
    index = pick(flat.value, 0).indices.numpy()
    found = _picked_by_rank(flat, index, 0, ())
    back = found.pullback
    if back is None:
        return found
    return Applied(
        found.outputs,
        lambda c: [None if x is None else shaped(x, lambda f: f.reshape(operand.shape)) for x in back(c)],
    )
