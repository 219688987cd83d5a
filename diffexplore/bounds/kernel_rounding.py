"""How a kernel rounds what it finds, as far as it is judged: by the dtype of a result, or by a wider one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from diffexplore.bounds.approximate_inverses import as_wide, real_dtype
from diffexplore.bounds.claims import UNIT_ROUNDOFF

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor


@dataclass(frozen=True)
class KernelRounding:
    """The unit roundoff by which a result is judged, and whether what it rounded this time counts.

    It does not where the dtype is narrower than expected: then a result is judged as if its kernel had computed in the
    wider one, and rounded once more at its end.
    """

    unit: float
    measured: bool

    @classmethod
    def of(cls, watch: Watch, out: Tensor) -> KernelRounding:
        """That of a result, real or complex."""
        dtype = real_dtype(out)
        judged = watch.rounds_in(dtype)
        return cls(UNIT_ROUNDOFF[judged], judged is dtype)

    def strays(self, out: Tensor, computed: Tensor) -> Tensor:
        """How far what a kernel found is from what it should have found from its own numbers: 0 where not measured."""
        off = (as_wide(out) - computed).abs()
        return off if self.measured else torch.zeros_like(off)

    def with_last(self, radius: Tensor, out: Tensor) -> Tensor:
        """``radius``, and the rounding at the end where that is one more."""
        return radius if self.measured else radius + as_wide(out).abs() * self.unit
