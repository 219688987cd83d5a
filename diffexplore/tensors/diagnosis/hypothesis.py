"""Hypotheses: what a named mistake would give in every entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from diffexplore.tensors.diagnosis.scene import GradientScene

#: What a hypothesis says of a scene: each entry of the gradient; None where it cannot be computed.
Prediction = Callable[[GradientScene], "np.ndarray | None"]


@dataclass(frozen=True)
class Mistake:
    """A named cause, and the numbers that it predicts.

    ``fitted`` counts the numbers in it that were taken from the gradient itself: so many entries are no evidence.
    ``of_forward`` says that it is of one place of the forward, whatever input is differentiated by.
    """

    key: str
    message: str
    predict: Prediction
    fields: Mapping[str, Any] = field(default_factory=dict)
    fitted: int = 0
    of_forward: bool = False

    def holds(self, scenes: Sequence[GradientScene]) -> bool:
        """Whether it explains every entry of every scene, and more than it was fitted to."""
        evidence = 0
        for scene in scenes:
            predicted = self.predict(scene)
            if predicted is None or predicted.shape != scene.shape or not scene.explains(predicted):
                return False
            evidence += scene.telling(predicted)
        return evidence > self.fitted


#: Yields hypotheses about the gradient of the scenes, the first of which may be looked at to find numbers.
Family = Callable[[Sequence[GradientScene]], Iterator[Mistake]]
