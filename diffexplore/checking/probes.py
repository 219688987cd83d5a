"""Where a reduced partial hides: same-sign sub-batches at the point, and probe points where all terms are visible.

At an optimum the positive and the negative partials of a batch cancel, and rounding hides what is left. A sub-batch
of one sign cannot cancel. Where even that says little, the point itself is moved
(:mod:`diffexplore.checking.probe_search`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

#: Samples of each sign that are remembered for sub-batches.
MOST_SAMPLES = 256


@dataclass(frozen=True)
class Probe:
    """A point, the samples to take there (indices), and how they were chosen.

    ``columns`` is None for samples of the batch itself; otherwise it holds the samples that are meant.
    """

    point: Mapping[str, float]
    samples: np.ndarray
    made: str
    several: bool
    columns: Mapping[str, Tensor] | None = None

    def rows(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The columns of the chosen samples."""
        index = torch.from_numpy(self.samples)
        source = batch if self.columns is None else self.columns
        return {key: column[index.to(column.device)] for key, column in source.items()}


class SignLedger:
    """Remembers, as chunks stream by, samples whose partial is certainly positive or certainly negative."""

    def __init__(self) -> None:
        self._positive: list[int] = []
        self._negative: list[int] = []
        self._best: tuple[float, int] = (math.inf, -1)

    def add(self, high: np.ndarray, usable: np.ndarray, power: np.ndarray, first: int) -> None:
        """``power`` is the smallest detectable relative error of each sample (NaN where there is none)."""
        for found, mask in ((self._positive, high > 0), (self._negative, high < 0)):
            room = MOST_SAMPLES - len(found)
            if room > 0:
                found.extend((first + np.flatnonzero(mask & usable)[:room]).tolist())
        if np.isfinite(power).any():
            i = int(np.nanargmin(power))
            self._best = min(self._best, (float(power[i]), first + i))

    def join(self, later: SignLedger) -> None:
        """Adds the samples that a later block remembers."""
        for found, others in ((self._positive, later._positive), (self._negative, later._negative)):
            found.extend(others[: MOST_SAMPLES - len(found)])
        self._best = min(self._best, later._best)

    def sub_batches(self, name: str, point: Mapping[str, float], *, both: bool = False) -> Iterator[Probe]:
        """Several samples of the more frequent sign (of either: ``both``), and the one that shows its partial best."""
        signs = sorted((("positive", self._positive), ("negative", self._negative)), key=lambda pair: -len(pair[1]))
        for sign, several in signs if both else signs[:1]:
            if len(several) < 2:
                continue
            made = f"sub-batch of {len(several)} samples whose partial in {name} is {sign}"
            yield Probe(point, np.array(several), made, several=True)
        if self._best[1] >= 0:
            yield Probe(point, np.array([self._best[1]]), f"sub-batch of sample {self._best[1]} alone", several=False)
