"""Which samples are to blame: by the list of those that fail, or by halving the batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from diffexplore.checking.judge import FAIL, Judged
from diffexplore.checking.records import Cause
from diffexplore.verifying.diagnosis.evidence import is_wrong
from diffexplore.verifying.diagnosis.scene import Laboratory, Scene

#: Failing samples that are remembered; of more, only their number.
_KEPT = 20_000

_SHOWN = 3

_OTHERS = 16


@dataclass
class Failures:
    """The failing samples of one partial by data."""

    count: int = 0
    total: int = 0
    _parts: list[tuple[np.ndarray, ...]] = field(default_factory=list)

    def add(self, judged: Judged, first: int) -> None:
        self.total += int(np.count_nonzero(judged.truth.high))
        bad = np.flatnonzero(judged.verdict == FAIL)
        kept = bad[: max(0, _KEPT - self.count)]
        self.count += len(bad)
        self._parts.append((first + kept, judged.value[kept], judged.truth.high[kept], judged.bound[kept]))

    def join(self, later: Failures) -> None:
        """Adds those of later samples."""
        self.count += later.count
        self.total += later.total
        self._parts += later._parts

    def kept(self) -> tuple[np.ndarray, ...]:
        """Of those that are remembered the index, the value, the truth and the bound."""
        return tuple(np.concatenate(part) for part in zip(*self._parts, strict=True))


def of_samples(failures: Failures, name: str) -> Cause | None:
    """A cause that the failing samples of a partial by data show by themselves."""
    index, value, truth, bound = failures.kept()
    if failures.count == 1:
        i, got, right = int(index[0]), float(value[0]), float(truth[0])
        message = f"sample {i} alone is wrong: {both_numbers(got, right)}"
        return Cause("one_sample", message, {"sample": i, "value": got, "truth": right, "certain": True})
    of_all = f"at {failures.count:,} of {failures.total:,} samples (the first: {', '.join(map(str, index[:_SHOWN]))})"
    fields = {"count": failures.count, "first": index[:5].tolist(), "certain": True}
    if (value == 0).all() and failures.count < failures.total:
        return Cause("zero_samples", f"0 {of_all}", fields)
    if failures.count <= _KEPT and (abs(np.sort(value) - np.sort(truth)) <= 4 * bound.max()).all():
        message = f"{failures.count:,} entries by {name} are the right numbers in another order: samples are permuted"
        return Cause("permuted", message, {"count": failures.count, "certain": True})
    if failures.count < failures.total // 2:
        return Cause("some_samples", f"wrong {of_all}", fields)
    return None


def both_numbers(value: float, truth: float) -> str:
    """Two numbers in as many digits as it takes to see that they differ."""
    digits = next((digits for digits in (6, 9, 12) if f"{value:.{digits}g}" != f"{truth:.{digits}g}"), 17)
    return f"{value:.{digits}g} where {truth:.{digits}g} is right"


def by_halving(laboratory: Laboratory, wrong: Callable[[Scene], bool]) -> Scene | None:
    """A single sample on which the candidate is wrong by itself, found in about 2 log₂ N calls."""
    index = np.arange(laboratory.n)
    while len(index) > 1:
        halves = (index[: len(index) // 2], index[len(index) // 2 :])
        index = next((half for half in halves if _wrong_on(laboratory, half, wrong)), np.array([], np.int64))
    return laboratory.call(laboratory.point, index) if len(index) else None


def _wrong_on(laboratory: Laboratory, index: np.ndarray, wrong: Callable[[Scene], bool]) -> bool:
    scene = laboratory.call(laboratory.point, index)
    return scene is not None and wrong(scene)


def others_are_wrong(laboratory: Laboratory, place: int, wrong: Callable[[Scene], bool]) -> bool:
    """Whether some other sample, of a few drawn at random, is wrong by itself as well."""
    draw = np.random.default_rng([laboratory.seed, 0x0745])
    index = [int(i) for i in draw.permutation(laboratory.n)[:_OTHERS] if i != place]
    return any(_wrong_on(laboratory, np.array([i]), wrong) for i in index)


def worst_singles(singles: Sequence[Scene], name: str) -> str:
    """The three samples whose own gradient is most wrong, in words; nothing of those that are right."""
    found = []
    for scene in singles:
        if is_wrong(scene, name):
            value, truth = scene.values(name)[0], float(scene.truth(name)[0].mid())
            found.append((abs(value - truth), scene.index[0], value, truth))
    worst = {i: (value, truth) for _, i, value, truth in sorted(found)}  # of one sample, its worst
    shown = list(worst.items())[::-1][:_SHOWN]
    return "; ".join(f"sample {i} alone: {both_numbers(value, truth)}" for i, (value, truth) in shown)
