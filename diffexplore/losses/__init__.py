"""The catalogue of losses.

A new loss is a new record in :mod:`diffexplore.losses._catalogue`. Names, titles and default data are
plain Python: nothing here imports NumPy, SymPy or torch until :func:`get` builds a loss.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from diffexplore.arguments import as_count, as_text, shown
from diffexplore.errors import UsageError, unknown
from diffexplore.losses._catalogue import ENTRIES
from diffexplore.losses._entry import Entry

if TYPE_CHECKING:
    from diffexplore.loss import Loss

__all__ = ["Entry", "entries", "get", "names"]


def entries() -> tuple[Entry, ...]:
    """Every loss of the catalogue as an :class:`Entry`, in the order in which it is listed."""
    return ENTRIES


def names() -> tuple[str, ...]:
    """The names that :func:`get` knows, in the order in which they are listed."""
    return tuple(entry.name for entry in ENTRIES)


def get(name: str, *, dimensions: int | None = None) -> Loss:
    """The :class:`~diffexplore.Loss` of that name, with its default data and points.

    Args:
        name: one of :func:`names`; of a family, dimensions may follow a colon, as in ``"hyperplane:5"``.
        dimensions: the member of a family, a whole number; None for its own default, and for any other loss.

    Raises:
        UsageError: for a name that is not in the catalogue (naming the nearest one), and for dimensions that the loss
            does not have.
    """
    name = as_text(name, "the name of a loss")
    if dimensions is not None:
        dimensions = as_count(dimensions, "dimensions", 1, 10**6)
    family, colon, suffix = name.partition(":")
    if not family.strip().isidentifier() and family.strip():
        raise UsageError(f"{shown(name)} is no name of a loss: of a formula make one, as in dx.Loss('a*x', "
                         "parameters='a', data='x')")  # fmt: skip
    if not colon:
        return _build(name, dimensions)
    if dimensions is not None:
        raise UsageError(f"the loss {name!r} says its dimensions already: leave out dimensions={dimensions!r}")
    return _build(family, _dimensions(name, suffix))


@cache  # losses are immutable, and keep the gradients that they have derived
def _build(name: str, dimensions: int | None) -> Loss:
    entry = next((entry for entry in ENTRIES if entry.name == name), None)
    if entry is None:
        raise unknown("loss", name, names())
    if dimensions is None:
        return entry.loss()
    if entry.family is None:
        raise UsageError(f"the loss {name!r} has no dimensions to choose")
    return entry.family(dimensions).loss()


def _dimensions(name: str, suffix: str) -> int:
    if not (suffix.isascii() and suffix.isdigit()):
        raise UsageError(f"{name!r} should end in a number of dimensions, such as hyperplane:5")
    return int(suffix[:6])  # far beyond every family, and short enough to print
