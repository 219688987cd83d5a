"""Of which matrices the factors are that one watch has seen.

Each factor is off the exact one by more than what it does to solutions: the errors of L and U belong together, as their
product is the matrix to within a few roundings. So equations are solved for that matrix, not for any two factors within
the radii.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from diffexplore.bounds.approximate_inverses import MatrixBall
from diffexplore.bounds.known_numbers import KnownNumbers

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor


@dataclass(frozen=True, eq=False)
class _Factorisation:
    """Factors in one tensor, how they are to be read (exchanges of rows, or which triangle), and their product."""

    numbers: KnownNumbers
    reading: Tensor | bool
    matrix: MatrixBall


class Factorisations:
    """The factors that one watch has seen."""

    def __init__(self) -> None:
        self._found: dict[int, _Factorisation] = {}

    def take_over(self, other: Factorisations) -> None:
        """Has seen what another watch has."""
        self._found |= other._found

    def keep(self, watch: Watch, factors: Tensor, reading: Tensor | bool, matrix: MatrixBall) -> None:
        """Notes that ``factors`` are the exact ones of ``matrix`` within their radii."""
        numbers = KnownNumbers.of(watch, factors)
        if numbers is not None:
            reading = reading.clone() if isinstance(reading, torch.Tensor) else reading
            self._found[numbers.memory] = _Factorisation(numbers, reading, matrix)

    def matrix_of(self, watch: Watch, factors: Tensor, reading: Tensor | bool) -> MatrixBall | None:
        """The matrix whose factors these are; None where that is not known."""
        known = self._of(watch, factors)
        if known is None:
            return None
        one, other = known.reading, reading
        same = (
            torch.equal(one, other)
            if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor)
            else one is other
        )
        return known.matrix if same else None

    def _of(self, watch: Watch, factors: Tensor) -> _Factorisation | None:
        numbers = KnownNumbers.of(watch, factors) if self._found else None
        known = None if numbers is None else self._found.get(numbers.memory)
        return known if known is not None and known.numbers.are(numbers) else None

    def note(self, watch: Watch, name: str, args: tuple[Any, ...], out: Any) -> None:
        """Keeps what a sum is of factors and zeros: so autograd keeps singular ones away from its solutions."""
        if name != "add" or not self._found or not all(isinstance(one, torch.Tensor) for one in (*args[:2], out)):
            return
        known = self._of(watch, args[0])
        if known is None or out.shape != args[0].shape or bool(args[1].any()) or bool(watch.radius(args[1]).any()):
            return
        self.keep(watch, out, known.reading, known.matrix)
