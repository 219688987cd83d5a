"""The whole batch as a scene, of which the truth is known and the samples are too many to be gone through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import sympy
from flint import arb

from diffexplore.verify.diagnosis.scene import Scene, Unavailable


@dataclass
class WholeBatch(Scene):
    """``truths`` holds the enclosures that the check has found."""

    truths: Mapping[str, arb] = field(default_factory=dict)
    size: int = 0

    @property
    def n(self) -> int:
        return self.size

    def truth(self, name: str) -> list[arb]:
        if name not in self.truths:
            raise Unavailable
        return [self.truths[name]]

    def at_samples(self, expression: sympy.Expr) -> list[arb]:
        """The expression, if it is the same for all samples."""
        if any(symbol.name in self.problem.loss.data for symbol in expression.free_symbols):
            raise Unavailable
        return super().at_samples(expression)
