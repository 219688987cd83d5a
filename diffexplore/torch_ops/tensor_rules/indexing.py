"""Operators that add elements to places of another tensor: what each place gets, and where elements are collected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.arithmetic.dual_balls import zeros_here
from diffexplore.arithmetic.tensor_balls import chosen, filled, quotient, scattered, shaped, summed_to, taken, times
from diffexplore.torch_ops.tensor_rules.arithmetic import number_of, plus, product
from diffexplore.torch_ops.tensor_rules.movement import moved
from diffexplore.torch_ops.tensor_rules.operands import Applied, NotCertified, Operand, OperatorCall

Tensor = torch.Tensor


def _added(
    x: Operand,
    source: Operand,
    places: np.ndarray,
    alpha: DoubleBall,
    among: tuple[slice, ...] = (),
    indices: int = 1,
) -> Applied:
    """x plus alpha · the source's elements, each at its place; of the source only those ``among`` its slices.

    So many ``indices`` stand between the two among the arguments.
    """
    size = x.value.numel()
    values = filled(shaped(source.number, lambda field: field[among] if among else field), places.shape)
    found = scattered(product(alpha, values), places, size)
    value = plus(x.number, shaped(found, lambda field: field.reshape(x.shape)))

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        (cotangent,) = cotangents
        assert cotangent is not None
        back = times(taken(shaped(cotangent, lambda field: field.reshape(-1)), places), zeros_here(alpha))
        if among:
            back = shaped(back, lambda field: _within(field, source.shape, among))
        else:
            back = summed_to(back, source.shape)
        return [cotangent if x.varies else None, *[None] * indices, back if source.varies else None]

    return Applied((value,), pullback)


def _within(part: np.ndarray, shape: tuple[int, ...], among: tuple[slice, ...]) -> np.ndarray:
    """Zeros of ``shape`` but for ``part``."""
    whole = np.zeros(shape)
    whole[among] = part
    return whole


def _labels(x: Operand) -> Tensor:
    return torch.arange(x.value.numel(), device="cpu").reshape(x.shape)


_ONE = number_of(1)


def scatter_add(call: OperatorCall) -> Applied:
    """scatter_add: x, with source[i] added at the place that index[i] says along an axis."""
    x, dim, index, source = call.args[:4]
    places = torch.gather(_labels(x), dim, index.value).numpy() if x.shape else np.zeros(index.shape, np.int64)
    return _added(x, source, places, _ONE, tuple(slice(0, size) for size in index.shape))


def scatter(call: OperatorCall) -> Applied:
    """scatter: elements put along an axis, or multiplied or added where ``reduce`` says so."""
    if call.argument("reduce") is not None:
        raise NotCertified("scatter with reduce is not read: scatter_reduce is")
    x, dim, index = call.args[:3]
    return _put(call, torch.gather(_labels(x), dim, index.value) if x.shape else index.value)


def _put(call: OperatorCall, places: Tensor) -> Applied:
    """Elements moved to ``places``, each of which is to be another one: else it is not specified which stays."""
    if len(torch.unique(places)) != places.numel() and isinstance(call.args[-1], Operand):
        raise NotCertified("it puts several elements in one place")
    return moved(call)


def put_by_strides(call: OperatorCall) -> Applied:
    """as_strided_scatter: elements put where strides over the operand's memory say."""
    if not call.args[0].value.is_contiguous():
        raise NotCertified("its strides are those of memory in another order")
    return moved(call)


def index_copy(call: OperatorCall) -> Applied:
    """index_copy: slices put along an axis."""
    return _put(call, call.args[2].value)


def unpooled(call: OperatorCall) -> Applied:
    """max_unpool: each element put at its place within a larger plane."""
    axes = 2 if "2d" in call.function._schema.name else 3
    planes = call.args[1].value.flatten(-axes)
    if any(len(torch.unique(plane)) != plane.numel() for plane in planes.flatten(0, -2)):
        raise NotCertified("it puts several elements in one place")
    return moved(call)


def index_add(call: OperatorCall) -> Applied:
    """index_add: x, with alpha · the source's slices added."""
    x, dim, index, source = call.args[:4]
    labels = _labels(x).reshape(x.shape or (1,))
    places = torch.index_select(labels, dim, index.value.reshape(-1)).numpy()
    return _added(x, source, places.reshape(source.shape), number_of(call.argument("alpha", 1)))


def embedding(call: OperatorCall) -> Applied:
    """embedding: rows of a weight. That which pads gets no gradient; others perhaps a part for each time it is read."""
    applied, index = moved(call), call.args[1].value
    inner, padding = applied.pullback, call.argument("padding_idx", -1)
    if inner is None or (padding < 0 and not call.argument("scale_grad_by_freq")):
        return applied
    counts = torch.bincount(index.reshape(-1), minlength=1)[index] if call.argument("scale_grad_by_freq") else None

    def pullback(cotangents: Sequence[DoubleBall | None]) -> Sequence[DoubleBall | None]:
        (cotangent,) = cotangents
        assert cotangent is not None
        cotangent = chosen((index == padding).unsqueeze(-1).numpy(), exact(0.0), cotangent)
        if counts is not None:
            cotangent = quotient(cotangent, exact(counts.unsqueeze(-1).double().numpy()))
        return inner([cotangent])

    return Applied(applied.outputs, pullback)


def index_put(call: OperatorCall) -> Applied:
    """index_put: values put, or added, where indices say."""
    x, indices, values = call.args[:3]
    given: list[Any] = [None if index is None else index.value for index in indices]
    found = torch.ops.aten.index(_labels(x), given)
    if not call.argument("accumulate", False):
        return _put(OperatorCall(call.function, call.args[:3], call.kwargs, call.out), found)
    places = found.numpy()
    return _added(x, values, places, _ONE, indices=sum(index is not None for index in indices))


def put(call: OperatorCall) -> Applied:
    """put: elements put, or added, at places counted in row-major order."""
    x, index, source = call.args[:3]
    if not call.argument("accumulate", False):
        return _put(OperatorCall(call.function, call.args[:3], call.kwargs, call.out), index.value)
    places = np.mod(index.value.numpy(), max(x.value.numel(), 1))
    return _added(x, source, places.reshape(source.shape), _ONE)
