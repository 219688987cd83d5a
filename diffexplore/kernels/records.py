"""What a kernel returns, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

#: A number, or for what is differentiated by data an array or tensor of shape (n,).
Output = Any


@dataclass(frozen=True)
class ErrorBounds:
    """How far each number of an :class:`Evaluation` may be from the exact one: the same keys and shapes.

    Infinite where no bound is known.
    """

    value: float
    gradient: Mapping[str, Output]
    hessian: Mapping[tuple[str, str], Output] | None = None

    def times(self, factor: float) -> ErrorBounds:
        """Larger bounds."""
        second = None if self.hessian is None else {key: factor * one for key, one in self.hessian.items()}
        return ErrorBounds(factor * self.value, {name: factor * one for name, one in self.gradient.items()}, second)


@dataclass(frozen=True)
class Evaluation:
    """The reduced loss over a batch, and its derivatives.

    Attributes:
        value: L(θ).
        gradient: ∂L/∂s by the name of s: a number for a parameter; for data ∂L/∂z_i, an array or tensor of shape (n,).
        hessian: ∂²L/∂s∂t by (s, t), in both orders; None where it was left out. With data among them an array of shape
            (n,): ∂²L/∂s∂z_i, or ∂²L/∂z_i∂w_i of the same sample; those of two samples are 0.
    """

    value: float
    gradient: Mapping[str, Output]
    hessian: Mapping[tuple[str, str], Output] | None = None
    bounded: Callable[[], ErrorBounds] = field(kw_only=True, repr=False, compare=False)

    @cached_property
    def bounds(self) -> ErrorBounds:
        """Certified bounds on the errors of these numbers. Of blocks, they are computed here, by a second pass."""
        return self.bounded()


@dataclass(frozen=True)
class Explanation:
    """How a kernel computes.

    Attributes:
        backend: which backend was chosen.
        reason: why.
        others: why not each of the others that were tried before it, by name.
        statistics: what is added up over the data, as formulas; empty for backends that read all data at each call.
        operations: vector operations for each sample at a call, and for sums that are kept, at the one reading.
        bytes: bytes of data that are read for each sample at a call, and for sums that are kept, at the one reading.
        per_call: operations of a call that do not depend on the number of samples.
        bound: what is certified about the errors.
    """

    backend: str
    reason: str
    others: Mapping[str, str]
    statistics: tuple[str, ...]
    operations: int
    bytes: int
    per_call: int
    bound: str

    def __str__(self) -> str:
        lines = [f"{self.backend}: {self.reason}"]
        lines += [f"  not {name}: {why}" for name, why in self.others.items()]
        if self.statistics:
            lines.append(f"  sums kept: {', '.join(self.statistics)}")
        when = "once" if self.statistics else "at each call"
        lines.append(f"  {when}: {self.operations} operations and {self.bytes} bytes a sample")
        lines.append(f"  at each call: {self.per_call} operations whatever the number of samples")
        return "\n".join([*lines, f"  error: {self.bound}"])
