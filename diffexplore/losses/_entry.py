"""What the catalogue says about a loss, in plain values, before any algebra is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from diffexplore.loss import Loss

#: Columns of data, one value a sample.
Columns = Mapping[str, list[float]]


@dataclass(frozen=True)
class Entry:
    """A loss of the catalogue, as text and numbers: reading it imports neither NumPy, SymPy nor torch.

    ``formula`` is the summand. ``domain`` lists the conditions under which it is defined and means what
    ``title`` says; it is empty where that is everywhere. ``default_points`` hold a value for every parameter;
    ``default_data`` returns a column for every name in ``data``, the same ones at every call.
    ``family`` makes the entry for another number of dimensions, where the loss comes in several.
    """

    name: str
    title: str
    formula: str
    parameters: tuple[str, ...]
    data: tuple[str, ...]
    source: str
    default_points: tuple[Mapping[str, float], ...]
    default_data: Callable[[], Columns]
    reduction: Literal["mean", "sum"] = "mean"
    domain: tuple[str, ...] = ()
    family: Callable[[int], Entry] | None = None

    def loss(self) -> Loss:
        """The :class:`~diffexplore.Loss` that the entry describes (imports SymPy)."""
        from diffexplore.loss import Loss

        return Loss(
            self.formula, parameters=self.parameters, data=self.data, reduction=self.reduction, name=self.name,
            domain=self.domain or None, source=self.source, default_data=self.default_data,
            default_points=self.default_points,
        )  # fmt: skip
