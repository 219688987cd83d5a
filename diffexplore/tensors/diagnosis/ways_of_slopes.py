"""The derivative of a function of entries is computed with another tensor in the place of its argument or its value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np

from diffexplore.tensors.diagnosis.edges import PathEdge
from diffexplore.tensors.diagnosis.other_ways import NamedTensor, OtherWay, named_tensors
from diffexplore.tensors.diagnosis.recording import RecordedSweep

#: Derivatives in words, of one tensor and another.
_OF_TWO: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "{a} · (1 − {b})": lambda a, b: a * (1 - b),
    "{a} · {b}": lambda a, b: a * b,
    "{a} / {b}": lambda a, b: a / b,
    "1 − {a} · {b}": lambda a, b: 1 - a * b,
}
_OF_ONE: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "{a}": lambda a: a,
    "1 − {a}": lambda a: 1 - a,
    "1 − the square of {a}": lambda a: 1 - a**2,
    "the square of {a}": lambda a: a**2,
    "1 / {a}": lambda a: 1 / a,
    "1 / the square of {a}": lambda a: 1 / a**2,
    "{a} · (1 − {a})": lambda a: a * (1 - a),
    "the exponential of {a}": np.exp,
    "the cosine of {a}": np.cos,
    "the sine of {a}": np.sin,
    "the sign of {a}": np.sign,
}

#: Of so many tensors pairs are looked at.
_MOST_IN_PAIRS = 16


def of_slopes(sweep: RecordedSweep, edge: PathEdge) -> Iterator[OtherWay]:
    """What comes back where each entry is multiplied by an expression of other tensors of its shape."""
    result, given = sweep.tape.entries[edge.number].results[0], edge.given[0]
    if result is None or given is None or len(edge.given) != 1 or edge.several:
        return
    if not edge.operand.layout.shape == result.layout.shape == given.high.shape:
        return
    like = [one for one in named_tensors(sweep) if one.values.shape == given.high.shape]
    for a in like:
        for text, slope in _OF_ONE.items():
            words = f"its derivative counts as {text.format(a=a.name)}"
            yield OtherWay("wrong_slope", words, (a.number, text), partial(_one, given.high, slope, a))
    for a in like[:_MOST_IN_PAIRS]:
        for b in like[:_MOST_IN_PAIRS]:
            for both, of_two in _OF_TWO.items() if a is not b else ():
                words = f"its derivative counts as {both.format(a=a.name, b=b.name)}"
                yield OtherWay(
                    "wrong_slope", words, (a.number, b.number, both), partial(_two, given.high, of_two, a, b)
                )  # fmt: skip


def _one(given: np.ndarray, slope: Callable[[np.ndarray], np.ndarray], a: NamedTensor) -> np.ndarray:
    return np.where(given == 0, 0.0, given * slope(a.values))


def _two(
    given: np.ndarray, slope: Callable[[np.ndarray, np.ndarray], np.ndarray], a: NamedTensor, b: NamedTensor
) -> np.ndarray:
    return np.where(given == 0, 0.0, given * slope(a.values, b.values))
