"""A function of tensors as an autograd Function; its backward is autograd's own gradient, right or with one mistake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import torch

Tensor = torch.Tensor
Gradients = list[Tensor | None]

#: Changes the upstream gradients before they are used, or the gradients afterwards.
Change = Callable[[Gradients], Gradients]

#: A function of tensors with several results.
TensorProgram = Callable[..., tuple[Tensor, ...]]


def written_by_hand(
    program: TensorProgram, differentiated: TensorProgram, *, before: Change | None = None, after: Change | None = None
) -> Any:
    """``apply`` of a Function: ``program`` is its forward, the gradient of ``differentiated`` its backward."""

    class Written(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
            ctx.save_for_backward(*inputs)
            found = program(*inputs)
            ctx.mark_non_differentiable(*(one for one in found if not _is_float(one)))
            return found

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
            copies = [
                one.detach().requires_grad_(_is_float(one) and needed)
                for one, needed in zip(ctx.saved_tensors, ctx.needs_input_grad, strict=True)
            ]
            given: Gradients = list(upstream) if before is None else before(list(upstream))
            with torch.enable_grad():
                outputs = differentiated(*copies)
            by = [one for one in copies if one.requires_grad]
            pairs = [(one, weight) for one, weight in zip(outputs, given, strict=True) if one.requires_grad]
            found: Sequence[Tensor | None] = [None] * len(by)
            if pairs:
                found = torch.autograd.grad([one for one, _ in pairs], by, [w for _, w in pairs], allow_unused=True)
            changed = iter(found if after is None else after(list(found)))
            return tuple(next(changed) if one.requires_grad else None for one in copies)

    return Written.apply


def _is_float(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


#: The relative sizes of planted factors.
SIZES = (1e-1, 1e-3, 1e-6, 1e-9)


def _one(draw: Random, change: Callable[[Tensor], Tensor]) -> Change:
    """Changes one of the gradients."""

    def after(found: Gradients) -> Gradients:
        there = [place for place, one in enumerate(found) if one is not None and one.numel()]
        if not there:
            return found
        place = there[seed % len(there)]
        return [change(one.clone()) if i == place and one is not None else one for i, one in enumerate(found)]

    seed = draw.randrange(1000)
    return after


def _entry(draw: Random, change: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Changes one entry."""
    seed = draw.randrange(1000)

    def changed(gradient: Tensor) -> Tensor:
        flat = gradient.reshape(-1).clone()
        place = seed % len(flat)
        flat[place] = change(flat[place])
        return flat.reshape(gradient.shape)

    return changed


def _swapped(found: Gradients) -> Gradients:
    """The gradients of two inputs of one shape exchanged."""
    for i, one in enumerate(found):
        for j in range(i):
            other = found[j]
            if one is not None and other is not None and one.shape == other.shape and one.dtype == other.dtype:
                exchanged = list(found)
                exchanged[i], exchanged[j] = other, one
                return exchanged
    return found


def _turned(gradient: Tensor) -> Tensor:
    square = gradient.dim() > 1 and gradient.shape[-1] == gradient.shape[-2]
    return gradient.mT.clone() if square else gradient.flip(0) if gradient.dim() else -gradient


def _half_zero(gradient: Tensor) -> Tensor:
    if not gradient.dim():
        return torch.zeros_like(gradient)
    gradient[len(gradient) // 2 :] = 0
    return gradient


def _narrow(tensor: Tensor) -> Tensor:
    narrower = {torch.float64: torch.float32, torch.float32: torch.bfloat16, torch.complex128: torch.complex64}
    return tensor.to(narrower.get(tensor.dtype, tensor.dtype)).to(tensor.dtype)


def _each(change: Callable[[Tensor], Tensor]) -> Change:
    return lambda found: [None if one is None else change(one) for one in found]


def mistakes(draw: Random) -> dict[str, tuple[Change | None, Change | None]]:
    """What may go wrong, by name: a change of the upstream gradients, or one of the gradients."""
    size = draw.choice(SIZES)
    after: dict[str, Change] = {
        f"factor 1 + {size:g}": _one(draw, lambda g: g * (1 + size)),
        f"factor 1 + {size:g} in one entry": _one(draw, _entry(draw, lambda g: g * (1 + size))),
        "sign": _one(draw, torch.neg),
        "sign of one entry": _one(draw, _entry(draw, torch.neg)),
        "doubled": _one(draw, lambda g: g * 2),
        "zero": _one(draw, torch.zeros_like),
        "half of it zero": _one(draw, _half_zero),
        "one entry zero": _one(draw, _entry(draw, torch.zeros_like)),
        "one entry NaN": _one(draw, _entry(draw, lambda g: g * torch.nan)),
        "transposed": _one(draw, _turned),
        "rolled": _one(draw, lambda g: g.roll(1, -1) if g.dim() else g + 1),
        "mean over an axis": _one(draw, lambda g: g.mean(0, keepdim=True).expand(g.shape).clone() if g.dim() else g),
        "a constant added": _one(draw, lambda g: g + size),
        "narrower at the end": _one(draw, _narrow),
        "swapped": _swapped,
        "absent": lambda found: [None, *found[1:]],
    }
    before: dict[str, Change] = {
        "upstream ignored": _each(torch.ones_like),
        "upstream summed": _each(lambda g: g.sum().expand(g.shape).clone()),
        "upstream narrower": _each(_narrow),
        "upstream's sign": _each(torch.sgn),
    }
    return {name: (None, one) for name, one in after.items()} | {name: (one, None) for name, one in before.items()}
