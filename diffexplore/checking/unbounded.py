"""At which operation a method's result loses its bound, and why: an underflow, an overflow, or a singularity."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy
import torch
from torch import Tensor

from diffexplore.bounds.watch import Observer, Watch
from diffexplore.checking.judge import UNBOUNDED
from diffexplore.checking.provenance import UNKNOWN, Provenance, is_number
from diffexplore.checking.records import Cause
from diffexplore.checking.stable_forms import shown
from diffexplore.floating_point import dtype_name

#: How a sentence calls an operation of its operand; by their names the others are.
_TAKEN = {"div": "division by it", "reciprocal": "division by it", "pow": "the power of it", "rsqrt": "1/sqrt of it"}


@dataclass(frozen=True)
class Culprit:
    """An operation whose result has no bound though its operands have one.

    ``formula`` is the operand to blame, or the result where that overflows; ``how`` is "underflows", "overflows" or
    "singular"; ``value`` ± ``radius`` is the number.
    """

    operation: str
    formula: sympy.Expr
    how: str
    value: float
    radius: float
    dtype: str

    def __str__(self) -> str:
        subject = f"an operand of {self.operation}" if self.formula == UNKNOWN else shown(self.formula)
        taken = _TAKEN.get(self.operation, f"{self.operation} of it")
        if self.how == "singular":
            return f"within its rounding error {subject} reaches a singularity or a kink of {self.operation}"
        after = "" if self.how == "overflows" else f", and {taken} has no bound there"
        return f"{subject} {self.how} in {self.dtype}{after}"


@dataclass
class Unbounded(Observer):
    """Looks on at a call whose tensors hold one number each, and keeps the first operation that has no bound."""

    provenance: Provenance
    found: Culprit | None = field(default=None, init=False)

    def name(self, name: str, tensor: Tensor) -> None:
        """Says that a tensor holds the value of a symbol."""
        self.provenance.name(name, tensor)

    def saw(self, watch: Watch, name: str, args: tuple[Any, ...], out: Any) -> None:
        """One operation, which ran under a watch."""
        self.provenance.saw(watch, name, args, out)
        if self.found is None and is_number(out) and not _bounded(watch, out):
            operands = [value for value in _tensors(args) if value is not out]
            if all(_bounded(watch, value) and bool(value.isfinite().all()) for value in operands):
                self.found = self._culprit(watch, name.strip("_"), operands, out)

    def _culprit(self, watch: Watch, name: str, operands: list[Tensor], out: Tensor) -> Culprit:
        dtype = dtype_name(out.dtype)
        if not bool(out.detach().isfinite().all()) and not any(_holds_zero(watch, value) for value in operands):
            return Culprit(name, self.provenance.of(out), "overflows", float(out.detach()), math.inf, dtype)
        blamed = next((value for value in reversed(operands) if _holds_zero(watch, value)), None)
        if blamed is None:
            blamed = max(operands, key=lambda value: _radius(watch, value), default=out)
        number, radius = float(blamed.detach()), _radius(watch, blamed)
        tiny = abs(number) + radius < torch.finfo(blamed.dtype).smallest_normal
        how = "underflows" if tiny and radius > 0 else "singular"
        return Culprit(name, self.provenance.of(blamed), how, number, radius, dtype)


def is_unexplained(cause: Cause | None) -> bool:
    """Whether a row has no bound, and the cause names no operation yet."""
    return cause is not None and cause.key == "no_bound" and cause.message.endswith(UNBOUNDED)


def explained(cause: Cause, culprit: Culprit | None, sample: int | None, data: Mapping[str, float]) -> Cause:
    """The cause with the operation that is to blame, in its words and in its fields; as it is where none is known."""
    if culprit is None:
        return cause
    fields = {
        **cause.fields, "sample": sample, "data": dict(data), "operation": culprit.operation,
        "subexpression": shown(culprit.formula), "how": culprit.how, "value": culprit.value, "radius": culprit.radius,
    }  # fmt: skip
    return Cause(cause.key, cause.message.removesuffix(UNBOUNDED) + str(culprit), fields)


def _tensors(values: tuple[Any, ...]) -> Iterator[Tensor]:
    for value in values:
        if is_number(value):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _tensors(tuple(value))


def _radius(watch: Watch, value: Tensor) -> float:
    return float(watch.radius(value).reshape(-1)[0])


def _bounded(watch: Watch, value: Tensor) -> bool:
    return math.isfinite(_radius(watch, value))


def _holds_zero(watch: Watch, value: Tensor) -> bool:
    return abs(float(value.detach())) <= _radius(watch, value)
