"""How many terms a program adds up, or takes a mean of: where a factor as large as an axis may come from."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator

from diffexplore.tensors.diagnosis.scene import GradientScene
from diffexplore.tensors.sweep import TapeEntry

#: They make fewer numbers of many, and take no mean of them.
_NO_MEANS = frozenset("sum amax amin max min prod logsumexp nansum select slice index gather".split())

#: They multiply and add: along each axis of theirs there is a sum, in the forward or on the way back.
_PRODUCTS = frozenset("mm bmm addmm baddbmm mv addmv dot vdot convolution".split())


def adds_up(scene: GradientScene, length: int) -> bool:
    """Whether so many terms are added up in the forward pass, or on the way back."""
    return any(count % length == 0 for count in _summed(scene))


def takes_a_mean(scene: GradientScene, length: int) -> bool:
    """Whether the forward pass takes a mean of so many terms, or has that number as a factor or a divisor."""
    return any(count % length == 0 for count in _averaged(scene))


def _summed(scene: GradientScene) -> Iterator[int]:
    if scene.sweep is None:  # of what cannot be seen, the axes that the output has and the input has not
        left = Counter(scene.output)
        left.subtract(scene.shape)
        yield math.prod(length for length, count in left.items() for _ in range(count))
        return
    for entry, operator in zip(scene.sweep.tape.entries, scene.sweep.tape.operators, strict=False):
        for operand, result in itertools.product(*_sizes(entry)):
            yield max(operand, result) // max(1, min(operand, result))
        if operator in _PRODUCTS:
            for region in (*entry.operands, *entry.results):
                if region is not None:
                    yield math.prod(region.layout.shape)


def _averaged(scene: GradientScene) -> Iterator[int]:
    if scene.sweep is None:
        return
    for entry, operator in zip(scene.sweep.tape.entries, scene.sweep.tape.operators, strict=False):
        if operator not in _NO_MEANS:
            for operand, result in itertools.product(*_sizes(entry)):
                if operand > result > 0:
                    yield operand // result
    for scalar in scene.sweep.tape.scalars:
        for number in (abs(scalar.number), 1 / abs(scalar.number)):
            if number > 1 and abs(number - round(number)) <= 1e-12 * number:
                yield round(number)


def _sizes(entry: TapeEntry) -> tuple[list[int], list[int]]:
    return tuple(  # type: ignore[return-value]
        [math.prod(region.layout.shape) for region in several if region is not None]
        for several in (entry.operands, entry.results)
    )
