"""A reduced gradient made ready to be computed again and again, by nothing but what its library does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Prepared:
    """``call`` computes the gradient and returns when it is there, in whatever the library computes on.

    ``numbers`` makes of what it returned a float for each parameter of the problem.
    """

    call: Callable[[], Sequence[Any]]
    numbers: Callable[[Sequence[Any]], tuple[float, ...]]
