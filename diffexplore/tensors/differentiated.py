"""The gradients of one backward pass: what it returns, and what it leaves in the ``grad`` of leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from diffexplore.errors import CandidateError
from diffexplore.torch_private.watching import disable_current_modes
from diffexplore.tracing.left_gradients import SetAside, grads_set_aside

Tensor = torch.Tensor


class LeftElsewhere(CandidateError):
    """A backward pass leaves gradients in a tensor of other numbers than those at which it was called."""


def differentiated(
    outputs: Sequence[Tensor],
    upstreams: Sequence[Tensor],
    by: Sequence[Tensor],
    originals: Sequence[Tensor | None],
    **options: Any,
) -> tuple[Tensor | None, ...]:
    """What ``torch.autograd.grad`` gives by the tensors ``by``, and what the backward pass leaves in their ``grad``.

    A reversible block runs backward passes of its own, which leave there the gradients by its parameters. It may hold
    these itself: so what is left in ``originals``, of which ``by`` are copies, counts as well. ``options`` are those of
    ``torch.autograd.grad``. No ``grad`` is another one afterwards.
    """
    leaves = [one for one in (*by, *originals) if one is not None and one.is_leaf]
    with grads_set_aside(leaves) as aside:
        returned = _returned(outputs, upstreams, by, options, aside)
        found = []
        for gradient, one, original in zip(returned, by, originals, strict=True):
            parts = [gradient, one.grad if one.is_leaf else None, _left_in(original, one)]
            there = [part for part in parts if part is not None]
            found.append(sum(there[1:], start=there[0]) if there else None)
        return tuple(found)


def _left_in(original: Tensor | None, copy: Tensor) -> Tensor | None:
    """The gradient that a backward pass at a copy left in the original. Raises LeftElsewhere at other numbers."""
    if original is None or original is copy or original.grad is None:
        return None
    with disable_current_modes():
        same = (original.shape, original.dtype, original.layout) == (copy.shape, copy.dtype, copy.layout)
        if same and torch.equal(original.detach().nan_to_num(), copy.detach().nan_to_num()):
            return original.grad
    raise LeftElsewhere(
        "the backward leaves a gradient in a tensor that was given, and not in the one of other numbers, or of another "
        "dtype, that took its place"
    )


def _returned(
    outputs: Sequence[Tensor],
    upstreams: Sequence[Tensor],
    by: Sequence[Tensor],
    options: dict[str, Any],
    aside: SetAside,
) -> Sequence[Tensor | None]:
    """What ``torch.autograd.grad`` gives; nothing of a reentrant checkpoint, which refuses that."""
    try:
        return torch.autograd.grad(outputs, by, upstreams, **options)
    except RuntimeError as error:
        if "use_reentrant" not in str(error) or not all(one.is_leaf for one in by):
            raise
    aside.forget()
    torch.autograd.backward(outputs, upstreams, retain_graph=options.get("retain_graph"))
    return [None] * len(by)
