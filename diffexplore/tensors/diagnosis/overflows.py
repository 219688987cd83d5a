"""Why no derivative is known: numbers that overflow, where there is no kink and no singularity."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch

from diffexplore.bounds.handling import finite_float
from diffexplore.checking.records import Cause
from diffexplore.errors import CandidateError
from diffexplore.numerals import short
from diffexplore.tensors.candidate import TensorCandidate
from diffexplore.tensors.diagnosis.nonfinite import FirstNotFinite
from diffexplore.torch_private.watching import tree_leaves

Tensor = torch.Tensor

#: A product of a larger number with a slope is not the exact sum of two doubles: no truth is certified.
_RANGE = 2.0**900

#: They make infinities where they have none to approach by size, but a pole.
_WITH_POLES = (
    "log", "log1p", "log2", "log10", "lgamma", "digamma", "polygamma", "special_zeta", "atanh", "tan", "erfinv",
    "logit", "special_ndtri", "rsqrt",
)  # fmt: skip

#: They have a pole where an operand is 0.
_WITH_POLE_AT_0 = ("div", "reciprocal", "pow")


class _Overflows(FirstNotFinite):
    """Notes the first operation that makes an infinity, and the largest number that is computed or given."""

    largest = 0.0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = super().__torch_dispatch__(func, types, args, kwargs)
        for leaf in tree_leaves((args, kwargs, out)):
            if finite_float(leaf) and leaf.layout == torch.strided:
                sizes = leaf.detach().to(torch.float64).abs().nan_to_num(0.0, 0.0)
                self.largest = max(self.largest, float(sizes.max()) if sizes.numel() else 0.0)
        return out

    @property
    def overflowed(self) -> bool:
        """Whether that operation had operands at which it has a value."""
        if self.value != "an infinity" or self.operation in _WITH_POLES:
            return False
        return self.operation not in _WITH_POLE_AT_0 or not any(bool((one == 0).any()) for one in self.operands)


def overflow(candidate: TensorCandidate) -> Cause | None:
    """That numbers overflow in a forward, and where: then nothing is known of the entries that they reach.

    None where none do, so that there is a kink, a tie or a singularity.
    """
    seen = _Overflows()
    with suppress(CandidateError), seen:
        candidate.replaced().returned()
    fields = {"operation": seen.operation, "line": seen.place.line, "index": list(seen.index)}
    if seen.overflowed:
        where = f" at [{', '.join(map(str, seen.index))}]" if seen.index else ""
        made = f"{seen.operation} overflows{where}, in {seen.place}"
        return Cause("overflow", f"{made}: no derivative is known where that has a part in it", fields)
    if seen.operation is None and seen.largest > _RANGE:
        size = short(seen.largest, 2)
        message = f"numbers as large as {size} overflow in the arithmetic of the truth: no derivative is known there"
        return Cause("overflow", message)
    return None
