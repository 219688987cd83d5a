"""A batch in several blocks: in which of them a cause is to be sought, and the numbers of its samples in the batch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from diffexplore.checking.records import Cause, Row
from diffexplore.methods.base import Estimates
from diffexplore.verifying.diagnosis.evidence import is_wrong
from diffexplore.verifying.diagnosis.scene import Laboratory, Scene
from diffexplore.verifying.diagnosis.whole import SMALL, enclosed
from diffexplore.verifying.point import CandidateCheck

#: A sample of a block, in the words of a cause.
_SAMPLE = re.compile(r"\bsample (\d+)\b")


def by_block(check: CandidateCheck, names: Sequence[str]) -> dict[int, tuple[str, ...]]:
    """Failing partials by the first block in which they are wrong; by the first of all where no block shows it."""
    repeatable = check.observed.candidate.repeatable

    def wrong(block: int, among: Iterable[str]) -> tuple[str, ...]:
        scenes = block_scenes(check.laboratory(block), check.of_block(block))
        return tuple(name for name in among if any(is_wrong(scene, name) for scene in scenes))

    found: dict[int, tuple[str, ...]] = {}
    for name in names:
        failures = check.failures.get(name)
        if failures is not None and failures.count:
            block = int(failures.kept()[0][0]) // check.blocks.size
        else:
            block = _first(check, lambda number, name=name: bool(wrong(number, (name,)))) if repeatable else 0  # type: ignore[misc]
        found[block] = (*found.get(block, ()), name)
    return found


def _first(check: CandidateCheck, shows: Callable[[int], bool]) -> int:
    """The first block that shows something, or the first of all."""
    if not check.divided or shows(0):
        return 0
    found = check.blocks.each(lambda first, _: shows(first // check.blocks.size))
    return found.index(True) if True in found else 0


def block_scenes(laboratory: Laboratory, estimates: Estimates) -> list[Scene]:
    """A block as a scene, of what the candidate gave there; none where nothing is certain of it."""
    index = np.arange(laboratory.n)
    if laboratory.n <= SMALL:
        scene = laboratory.scene_of(laboratory.point, index, estimates)
        return [scene] if scene.is_decided() else []
    found = enclosed(laboratory, laboratory.point, index, estimates)
    return [] if found is None else [found]


def block_of(check: CandidateCheck, row: Row) -> int:
    """The block of the sample of a row; of a reduced partial the first one in which it is not finite."""
    if row.sample is not None:
        return row.sample // check.blocks.size

    def shows(block: int) -> bool:
        estimate = check.of_block(block).get(row.parameter)
        return estimate is not None and not bool((estimate.value.isfinite() & estimate.bound.isfinite()).all())

    return _first(check, shows)


def numbered(cause: Cause, first: int) -> Cause:
    """A cause that names samples of a block which begins at ``first``, with their numbers in the batch."""
    if not first or cause.fields.get("by_place"):
        return cause
    message = _SAMPLE.sub(lambda found: f"sample {int(found[1]) + first}", cause.message)
    fields = dict(cause.fields)
    if fields.get("sample") is not None:
        fields["sample"] += first
    return replace(cause, message=message, fields=fields)
