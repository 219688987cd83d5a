"""Whether the comparisons that a function of tensors makes hold at inputs close by as well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from diffexplore.errors import CandidateError
from diffexplore.torch_code.nearby import moved, stays_inside
from diffexplore.torch_private.watching import DisableTorchFunction, DispatchMode, tree_leaves

Tensor = torch.Tensor

#: By this share of their size inputs are moved: as far as the smallest steps of differences go.
_CLOSE = 2.0**-13


class DecisionsTaken(DispatchMode):
    """Notes each tensor of truth values that an operation makes of numbers; nothing is computed beside."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves its dispatch modes untyped
        self.taken: list[Tensor] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        with DisableTorchFunction():
            out = func(*args, **(kwargs or {}))
            made = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
            self.taken += [leaf.clone() for leaf in made if leaf.dtype == torch.bool]
            return out


def decides_otherwise(call: Callable[[dict[str, Tensor]], Iterable[Any]], inputs: Mapping[str, Tensor]) -> bool:
    """Whether any comparison of a program has another result at inputs close to ``inputs``.

    ``call`` calls it at copies of these. What differs from call to call at the same inputs is no decision of theirs.
    """
    here = _decisions(call, inputs)
    if here is None or not _same(here, _decisions(call, inputs)):
        return False
    shares = (-_CLOSE,) if any(stays_inside(one.device) for one in inputs.values()) else (-_CLOSE, _CLOSE)
    others = ({name: _moved(one, share) for name, one in inputs.items()} for share in shares)
    return not all(_same(here, _decisions(call, other)) for other in others)


def _moved(tensor: Tensor, share: float) -> Tensor:
    return moved(tensor, share) if tensor.is_floating_point() or tensor.is_complex() else tensor


def _decisions(call: Callable[[dict[str, Tensor]], Iterable[Any]], inputs: Mapping[str, Tensor]) -> list[Tensor] | None:
    """What is decided in one call; None where it raises."""
    copies = {name: one.detach().clone().requires_grad_(one.requires_grad) for name, one in inputs.items()}
    mode = DecisionsTaken()
    try:
        with mode:
            list(call(copies))
    except CandidateError:
        return None
    return mode.taken


def _same(here: list[Tensor], there: list[Tensor] | None) -> bool:
    if there is None:
        return True  # nothing is known of where it raises
    return len(here) == len(there) and all(torch.equal(one, other) for one, other in zip(here, there, strict=True))
