"""What a proof leaves out where a program computes in a narrower dtype: its rounding, and what is beyond its range."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from diffexplore.documents import Plain
from diffexplore.lists import grouped, listed
from diffexplore.tracing.lines import SourcePlace
from diffexplore.tracing.narrow import NarrowStep


@dataclass(frozen=True)
class NarrowDtype(Plain):
    """A dtype narrower than that of the arguments, in which a program computes what is read as exact.

    Attributes:
        dtype: its name.
        relative: the largest relative error of one rounding to it.
        largest: its largest number; what is beyond is infinite.
        lines: of the source, where its operations are.
    """

    dtype: str
    relative: float
    largest: float
    lines: tuple[str, ...]

    @property
    def note(self) -> str:
        """That it is read as exact, for the reader."""
        return f"computed in {self.dtype} at {listed(self.lines)}, read as exact"


def narrow_dtypes(steps: Iterable[NarrowStep]) -> tuple[NarrowDtype, ...]:
    """One record for each dtype, in the order in which the program comes to them."""
    found = grouped(dict.fromkeys(steps), lambda step: step.dtype)
    return tuple(_of(dtype, [step.line for step in of_dtype]) for dtype, of_dtype in found.items())


def _of(dtype: str, lines: Sequence[str]) -> NarrowDtype:
    """The product of an output with its upstream gradient is ours: no line, and named only where there is no other."""
    info = torch.finfo(getattr(torch, dtype))
    own = [line for line in lines if line != SourcePlace.line]
    return NarrowDtype(dtype, info.eps / 2, info.max, tuple(own or lines))
