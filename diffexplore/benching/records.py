"""What a bench says: plain values, frozen, that every output is drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diffexplore.checking.tallies import Skipped
from diffexplore.documents import Displayed, Plain
from diffexplore.formula.descriptions import LossSummary

if TYPE_CHECKING:
    from diffexplore.figures.records import Figure


@dataclass(frozen=True)
class Measurement(Plain):
    """One method on one loss and one number of samples.

    Attributes:
        first: seconds of the first call with this size, which may trace or compile.
        median, low, high: seconds of the ``repeats`` later calls: the median and both quartiles.
        memory: the most bytes that one later call held beyond what was held before; None where that is not known.
        errors: for each differentiated symbol |value − truth| in units in the last place of the dtype, the worst of
            the samples of a partial by data; None where the truth is 0 or the value not finite.
        error_ulp, error_rel: the largest of them, and the largest relative error.
    """

    loss: str
    method: str
    n: int
    first: float
    median: float
    low: float
    high: float
    repeats: int
    memory: int | None
    errors: Mapping[str, float | None]
    error_ulp: float | None
    error_rel: float | None


@dataclass(frozen=True)
class BenchedLoss(Plain):
    """A loss, the point at which its gradient is taken, and what could not be timed on it."""

    name: str
    loss: LossSummary
    point: Mapping[str, float]
    sizes: tuple[int, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True)
class Pair(Plain):
    """A library's eager method beside its compiled one, on one loss and size.

    ``ratio`` is how many times as fast a later call of the compiled one is; ``repaid`` after how many of them its
    first call is won back, None where it is not.
    """

    library: str
    eager: str
    compiled: str
    loss: str
    n: int
    ratio: float
    repaid: int | None


@dataclass(frozen=True, repr=False)
class Bench(Displayed):
    """All measurements of a run. ``threads`` are torch's; the other libraries have as many as they choose."""

    dtype: str
    device: str
    threads: int
    seed: int
    methods: tuple[str, ...]
    subjects: tuple[BenchedLoss, ...]
    measurements: tuple[Measurement, ...]
    pairs: tuple[Pair, ...]
    environment: Mapping[str, Any]

    def of(self, loss: str, n: int | None = None) -> tuple[Measurement, ...]:
        """The measurements of one loss, at one size where it is given."""
        return tuple(one for one in self.measurements if one.loss == loss and n in (None, one.n))

    def figures(self) -> tuple[Figure, ...]:
        """For each loss its work-precision diagram at the largest size, and time against size where there are two."""
        from diffexplore.benching.figures import time_by_size, work_precision

        found = []
        for subject in self.subjects:
            if self.of(subject.name):
                found.append(work_precision(self, subject))
                found += [time_by_size(self, subject)] if len(subject.sizes) > 1 else []
        return tuple(found)
