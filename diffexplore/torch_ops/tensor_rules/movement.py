"""Operators whose every result element is an element of an operand, or a constant.

Where each element comes from is found by running the operator itself on labels: numbers that say which element of
which operand stands there. So no rule knows how torch pads, rolls or gathers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from diffexplore.arithmetic.double_balls import DoubleBall, exact
from diffexplore.arithmetic.tensor_balls import chosen, scattered, shaped, taken
from diffexplore.torch_ops.tensor_rules.operands import Applied, Operand, OperatorCall, operands_of, replaced

Tensor = torch.Tensor

#: Labels begin here: beyond numbers that operators fill in, and far below the largest integers of float64.
_FIRST = 2**50


def moved(call: OperatorCall) -> Applied:
    """The rule of an operator that only moves elements, by labels."""
    operands = operands_of((call.args, call.kwargs))
    sizes = [operand.value.numel() if operand.ball is not None else 0 for operand in operands]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    labels = {
        id(operand): _labels(operand, _FIRST + int(start)) for operand, start in zip(operands, starts, strict=False)
    }
    with torch.no_grad():
        args, kwargs = replaced((call.args, call.kwargs), lambda operand: labels[id(operand)])
        results = call.function(*args, **kwargs)
    flat = [shaped(operand.ball, _raveled) for operand in operands if operand.ball is not None]
    source = DoubleBall(*(np.concatenate(fields) for fields in zip(*flat, strict=True)))
    computed = _several(call.out)
    places = [_places(label, int(starts[-1])) for label in _several(results)]
    outputs = tuple(
        _read(source, place, value) if value.is_floating_point() else None
        for place, value in zip(places, computed, strict=True)
    )

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        used = [(shaped(c, _raveled), p.ravel()) for c, p in zip(cotangents, places, strict=True) if c is not None]
        cotangent = DoubleBall(*(np.concatenate(fields) for fields in zip(*(c for c, _ in used), strict=True)))
        index = np.concatenate([place for _, place in used])
        kept = index >= 0
        found = scattered(taken(cotangent, kept), index[kept], int(starts[-1]))
        return [
            None if operand.ball is None else _part(found, int(start), operand)
            for operand, start in zip(operands, starts, strict=False)
        ]

    return Applied(outputs, pullback)


def _raveled(field: np.ndarray) -> np.ndarray:
    return field.reshape(-1)


def _part(flat: DoubleBall, start: int, operand: Operand) -> DoubleBall:
    return shaped(flat, lambda field: field[start : start + operand.value.numel()].reshape(operand.shape))


def _labels(operand: Operand, first: int) -> Tensor:
    if operand.ball is None:
        return operand.value
    return torch.arange(first, first + operand.value.numel(), dtype=torch.float64).reshape(operand.shape)


def _places(labels: Tensor, count: int) -> np.ndarray:
    """Which element of the operands stands at each place; −1 for a constant."""
    number = labels.to(torch.float64).numpy() - _FIRST
    return np.where((number >= 0) & (number < count), number, -1).astype(np.int64)


def _read(source: DoubleBall, places: np.ndarray, value: Tensor) -> DoubleBall:
    constant = places < 0
    if not constant.any():
        return taken(source, places)
    fill = exact(value.to(torch.float64).numpy())
    if constant.all():
        return fill
    return chosen(constant, fill, taken(source, np.maximum(places, 0)))


def _several(value: Any) -> list[Tensor]:
    return [value] if isinstance(value, torch.Tensor) else list(value)
