"""Which parameters a picture shows, and which part of them: start, path and minimum, or what lies close to that."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from diffexplore.documents import Plain
from diffexplore.errors import UsageError, unknown

if TYPE_CHECKING:
    from diffexplore.loss import Loss


#: The room on either side, as a part of what is to be seen.
_ROOM = 0.18

#: A side is never shorter than this part of the size of what it shows: floats would not tell its points apart.
_LEAST = 1e-9


@dataclass(frozen=True)
class Window(Plain):
    """A range for each axis that is drawn, from ``low`` to ``high``; ``name`` says what is in it."""

    name: str
    low: tuple[float, ...]
    high: tuple[float, ...]

    def holds(self, place: Sequence[float]) -> bool:
        """Whether a place lies in it."""
        return all(a <= x <= b for a, x, b in zip(self.low, place, self.high, strict=True))

    def twice(self) -> Window:
        """The window of the same middle, twice as wide and high."""
        rooms = [(b - a) / 2 for a, b in zip(self.low, self.high, strict=True)]
        low = tuple(a - room for a, room in zip(self.low, rooms, strict=True))
        return Window(self.name, low, tuple(b + room for b, room in zip(self.high, rooms, strict=True)))


def around(name: str, places: Iterable[Sequence[float]], widths: Sequence[float]) -> Window:
    """The window of all ``places``; an axis along which they do not differ has ``widths`` on each side."""
    columns = np.array([place for place in places if all(map(math.isfinite, place))], dtype=float)
    low, high = columns.min(axis=0), columns.max(axis=0)
    size = np.maximum(np.abs(low), np.abs(high))
    room = np.where(high - low > _LEAST * size, _ROOM * (high - low), np.array(widths))
    return Window(name, tuple(map(float, low - room)), tuple(map(float, high + room)))


def close_to(name: str, minimum: Sequence[float], hessian: np.ndarray, rise: float) -> Window | None:
    """The box of the ellipse on which the quadratic part of the loss is ``rise`` above its minimum, twice as large.

    Along axis i that ellipse reaches √(2·rise·(H⁻¹)ᵢᵢ). None where the Hessian is not positive definite.
    """
    values = np.linalg.eigvalsh(hessian) if np.isfinite(hessian).all() else np.zeros(1)
    if not rise > 0 or values[0] <= 1e-14 * abs(values[-1]):
        return None
    reach = 2 * np.sqrt(2 * rise * np.diag(np.linalg.inv(hessian)))
    size = np.abs(np.array(minimum))
    if not np.isfinite(reach).all() or (reach <= _LEAST * size).any():
        return None
    return Window(name, tuple(map(float, minimum - reach)), tuple(map(float, minimum + reach)))


def chosen_axes(loss: Loss, axes: Sequence[str] | str | None) -> tuple[str, ...]:
    """The parameters that are drawn: two of several, by default the first; or the only one.

    Raises UsageError for other names and other numbers of them.
    """
    if axes is None:
        return loss.parameters[:2]
    names = [name.strip() for name in axes.split(",")] if isinstance(axes, str) else list(axes)
    for name in names:
        if name not in loss.parameters:
            raise unknown("parameter", name, loss.parameters)
    if len(set(names)) != len(names) or len(names) not in (1, 2):
        raise UsageError(f"the axes are one or two different parameters of {', '.join(loss.parameters)}")
    return tuple(names)
