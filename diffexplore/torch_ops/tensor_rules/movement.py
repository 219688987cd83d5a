"""Operators whose every result element is an element of an operand, or a constant.

Where each element comes from is found by running the operator itself on labels: numbers that say which element of
which operand stands there. So no rule knows how torch pads, rolls or gathers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall
from diffexplore.arithmetic.tensor_balls import chosen, given, joined, scattered, shaped, taken
from diffexplore.torch_ops.tensor_rules.operands import (
    Applied,
    NotCertified,
    Operand,
    OperatorCall,
    Truths,
    operands_of,
    replaced,
    results_of,
)

Tensor = torch.Tensor

#: Labels begin here: beyond numbers that operators fill in, and far below the largest integers of float64.
_FIRST = 2**50


def moved(call: OperatorCall) -> Applied:
    """The rule of an operator that only moves elements, by labels."""
    operands = operands_of((call.args, call.kwargs))
    if all(operand.ball is None for operand in operands):
        return _moved_conditions(call)
    if any(operand.undecided is not None for operand in operands):
        raise NotCertified("a condition that decides it is not certain here")
    ends = {operand.value.is_complex() for operand in operands if operand.ball is not None}
    if len(ends) > 1:
        raise NotCertified("it joins real and complex numbers")
    end = (2,) if True in ends else ()
    sizes = [operand.value.numel() if operand.ball is not None else 0 for operand in operands]
    starts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    labels = {id(operand): _labels(operand, _FIRST + start) for operand, start in zip(operands, starts, strict=False)}
    with torch.no_grad():
        args, kwargs = replaced((call.args, call.kwargs), lambda operand: labels[id(operand)])
        results = call.function(*args, **kwargs)
    flat = [shaped(operand.ball, lambda field: field.reshape(-1, *end)) for operand in operands if operand.ball]
    source = joined(*flat)
    places = [_places(label, starts[-1]) for label in _several(results)]
    outputs = tuple(
        _read(source, place, value) if value.is_floating_point() or value.is_complex() else None
        for place, value in zip(places, results_of(call), strict=True)
    )

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        used = [
            (shaped(c, lambda field: field.reshape(-1, *end)), p.ravel())
            for c, p in zip(cotangents, places, strict=True)
            if c is not None
        ]
        cotangent = joined(*(c for c, _ in used))
        index = np.concatenate([place for _, place in used])
        kept = index >= 0
        if not kept.all():
            index, cotangent = index[kept], taken(cotangent, kept)
        if end:
            index = (2 * index[:, None] + np.arange(2)).reshape(-1)
        width = int(np.prod(end, dtype=np.int64))
        found = scattered(cotangent, index, starts[-1] * width)
        return [
            _part(found, start * width, (*operand.shape, *end)) if operand.varies else None
            for operand, start in zip(operands, starts, strict=False)
        ]

    return Applied(outputs, pullback, moves=True)


def _part(flat: DoubleBall, start: int, shape: tuple[int, ...]) -> DoubleBall:
    return shaped(flat, lambda field: field[start : start + int(np.prod(shape, dtype=np.int64))].reshape(shape))


def _moved_conditions(call: OperatorCall) -> Applied:
    """Truth values and integers, moved: what is not certain of them moves with them."""
    if all(operand.undecided is None for operand in operands_of((call.args, call.kwargs))):
        return Applied(tuple(None for _ in results_of(call)), None)

    def flags(operand: Operand) -> Tensor:
        if operand.value.dtype is not torch.bool:
            return operand.value
        known = np.zeros(operand.shape, np.uint8) if operand.undecided is None else operand.undecided
        return torch.from_numpy(np.array(known, order="C"))

    with torch.no_grad():
        args, kwargs = replaced((call.args, call.kwargs), flags)
        results = _several(call.function(*args, **kwargs))
    pairs = zip(results_of(call), results, strict=True)
    return Applied(tuple(Truths(value.numpy(), flag.numpy().astype(np.uint8)) for value, flag in pairs), None)


def _labels(operand: Operand, first: int) -> Tensor:
    if operand.ball is None:
        return operand.value
    return torch.arange(first, first + operand.value.numel(), dtype=torch.float64, device="cpu").reshape(operand.shape)


def _places(labels: Tensor, count: int) -> np.ndarray:
    """Which element of the operands stands at each place; −1 for a constant."""
    number = labels.to(torch.float64).numpy() - _FIRST
    return np.where((number >= 0) & (number < count), number, -1).astype(np.int64)


def _read(source: DoubleBall, places: np.ndarray, value: Tensor) -> DoubleBall:
    constant = places < 0
    if not constant.any():
        return taken(source, places)
    real = torch.view_as_real(value.resolve_conj()) if value.is_complex() else value
    fill = given(real.to(torch.float64).numpy())
    if constant.all():
        return fill
    return chosen(constant[..., None] if value.is_complex() else constant, fill, taken(source, np.maximum(places, 0)))


def _several(value: Any) -> list[Tensor]:
    return [value] if isinstance(value, torch.Tensor) else list(value)
