"""Numbers and points of a run, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from diffexplore.proving.points_tried import Tensors
from diffexplore.tracing.traced import OUTPUT, Traced

Tensor = torch.Tensor


def samples_of(traced: Traced, tensors: Tensors) -> int:
    """The number of samples of some arguments; 1 where there are no data."""
    return max((tensors[array.name].shape[0] for array in traced.data), default=1)


def is_finite(value: float) -> bool:
    """Whether a value is neither infinite nor NaN."""
    return abs(value) < float("inf")


def name_of_value(name: str) -> str:
    """The value of a formula, as readers know it."""
    return f"∂L/∂{name}" if name != OUTPUT else "L"


def middle_of(ball: Any) -> str:
    """The middle of a ball."""
    return f"{float(ball.mid()):.6g}"


def what_differs(where: str, name: str, value: float, repeated: Sequence[float], ball: Any) -> str:
    """What differs: two calls, or a call and the formula."""
    if len(repeated) == 1 and is_finite(repeated[0]) and repeated[0] != value:
        return f"at {where} its {name_of_value(name)} is {value:.6g} in one call and {repeated[0]:.6g} in the next"
    return (
        f"at {where} it computes {name_of_value(name)} = {value:.6g}, and what was traced gives {middle_of(ball)}: "
        "it does something else where it is traced, by its number of samples, or in a later call"
    )


def in_words(traced: Traced, tensors: Mapping[str, Tensor]) -> str:
    """The arguments in words, short ones in full."""
    parts = [f"{array.name} = {_text(tensors[array.name])}" for array in (*traced.parameters, *traced.data)]
    count = f"N = {samples_of(traced, dict(tensors))}" if traced.data else ""
    return ", ".join([*parts[:6], *(["…"] if len(parts) > 6 else []), *([count] if count else [])])


def _text(tensor: Tensor) -> str:
    flat = [f"{value:.6g}" for value in tensor.reshape(-1).tolist()]
    if not tensor.dim():
        return flat[0]
    return f"({', '.join([*flat[:4], *(['…'] if len(flat) > 4 else [])])})"
