"""Right gradients, by name, into which errors can be planted: a few functions, torch's operators, hand-written ones."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

Tensor = torch.Tensor

FUNCTIONS: dict[str, tuple[Callable[..., Tensor], tuple[tuple[int, ...], ...]]] = {
    "square": (lambda x, w: x * x * w, ((8, 16), (16,))),
    "swish": (F.silu, ((8, 16),)),
    "gelu": (F.gelu, ((8, 16),)),
    "softmax": (lambda x: F.softmax(x, -1), ((8, 16),)),
    "log_softmax": (lambda x: F.log_softmax(x, -1), ((8, 16),)),
    "linear": (F.linear, ((8, 16), (4, 16), (4,))),
    "bilinear form": (lambda x, w, y: ((x @ w) * y).sum(-1), ((8, 16), (16, 6), (8, 6))),
    "attention": (F.scaled_dot_product_attention, ((1, 2, 4, 3),) * 3),
    "cross entropy": (lambda x: F.cross_entropy(x, torch.arange(8)), ((8, 16),)),
    "logsumexp": (lambda x: x.logsumexp(-1), ((8, 16),)),
    "rms": (lambda x, w: x * (x.pow(2).mean(-1, keepdim=True) + 1e-5).rsqrt() * w, ((8, 16), (16,))),
    "division": (lambda x, y: x / (1 + y * y), ((8, 16), (16,))),
}

SOURCES = ("functions", "operators", "handwritten")


@dataclass(frozen=True)
class Checked:
    """A function of its inputs, and what ``dx.gradcheck`` is given beside them."""

    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    def fresh(self) -> tuple[Any, ...]:
        """The inputs, made anew: what a call does to them stays without effect."""
        return tuple(
            one.detach().clone().requires_grad_(one.requires_grad) if isinstance(one, Tensor) else one
            for one in self.inputs
        )

    @staticmethod
    def seeded(function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with the same draws in each call, as torch's checker needs them."""

        def call(*inputs: Any) -> Any:
            torch.manual_seed(0)
            return function(*inputs)

        return call


def names_of(source: str, dtype: torch.dtype) -> list[str]:
    """The cases of a source that take tensors of that dtype."""
    if source == "functions":
        return list(FUNCTIONS)
    if source == "operators":
        from benchmarks.gradcheck_operators import entries

        return list(entries(dtype))
    from handwritten.collection import PIECES

    return [piece.name for piece in PIECES]


def cases_of(source: str, name: str, dtype: torch.dtype, repeat: int) -> Iterator[Checked]:
    """What a name stands for: one case, or ``repeat`` of them with other numbers."""
    if source == "functions":
        function, shapes = FUNCTIONS[name]
        for seed in range(repeat):
            generator = torch.Generator().manual_seed(seed)
            inputs = [torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for shape in shapes]
            yield Checked(function, tuple(inputs))
    elif source == "operators":
        yield from _of_operator(name, dtype)
    else:
        yield from _of_piece(name, dtype)


def _of_operator(name: str, dtype: torch.dtype) -> Iterator[Checked]:
    """The first sample of an entry of torch's database that has a gradient."""
    from benchmarks.gradcheck_operators import calls_of, entries

    for function, inputs in calls_of(entries(dtype)[name], dtype, torch.device("cpu"), ""):
        yield Checked(function, inputs)
        return


def _of_piece(name: str, dtype: torch.dtype) -> Iterator[Checked]:
    """A hand-written backward whose first input is differentiated by, in a dtype that it takes."""
    from handwritten.collection import PIECES

    piece = next(piece for piece in PIECES if piece.name == name)
    inputs = tuple(_in_dtype(one, dtype) for one in piece.inputs())
    given = {"reference": piece.reference, "surrogate": piece.surrogate}
    options = {key: value for key, value in given.items() if value is not None}
    try:
        piece.function()(*inputs)
    except (RuntimeError, TypeError, ValueError):  # it is written for float64
        return
    yield Checked(piece.function(), inputs, options)


def _in_dtype(one: Any, dtype: torch.dtype) -> Any:
    if not isinstance(one, Tensor) or not one.is_floating_point():
        return one
    return one.detach().to(dtype).requires_grad_(one.requires_grad)
