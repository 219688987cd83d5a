"""Which parameters of a loss are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from diffexplore.errors import UsageError, unknown

if TYPE_CHECKING:
    from diffexplore.loss import Loss


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
