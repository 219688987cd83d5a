"""Sequences of constants that torch computes by a formula, as ``linspace`` or a window: their numbers, enclosed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from diffexplore.arithmetic import window_functions as windows
from diffexplore.arithmetic.double_balls import DoubleBall, exact, joined
from diffexplore.arithmetic.progressions import powers, progression

#: More than the growth of a slope within the rounding of an argument.
_NEARLY = 1 + 2.0**-20


@dataclass(frozen=True, eq=False)
class Sequence:
    """The numbers of a tensor of constants.

    Attributes:
        numbers: a flat ball of them, by the doubles that its arguments are.
        reaches: by how much each of them moves at most with an argument, by its name.
        own: arguments that the operator itself has, by the same names.
    """

    numbers: DoubleBall
    reaches: Mapping[str, np.ndarray | float] = field(default_factory=dict)
    own: Mapping[str, float] = field(default_factory=dict)


def arguments_of(func: Any, args: Iterable[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments of a call by their names, with defaults."""
    stated = func._schema.arguments
    defaults = {one.name: one.default_value for one in stated if one.has_default_value()}
    return {**defaults, **dict(zip([one.name for one in stated], args, strict=False)), **kwargs}


def sequence_of(func: Any, given: Mapping[str, Any], count: int) -> Sequence | None:
    """The ``count`` numbers that an operator stands for; None where they are not known."""
    make = _MADE.get(func.overloadpacket.__name__)
    numbers = [value for value in given.values() if isinstance(value, (int, float))]
    if make is None or not all(map(math.isfinite, numbers)):
        return None
    return make(given, count) if count else Sequence(exact(np.zeros(0)))


def _arange(given: Mapping[str, Any], count: int) -> Sequence:
    start, step = given.get("start", 0), given.get("step", 1)
    numbers = progression(Fraction(start), Fraction(step), count)
    return Sequence(numbers, {"start": 1.0, "step": np.arange(count)}, {"start": 0, "step": 1})


def _linspace(given: Mapping[str, Any], count: int) -> Sequence:
    start = Fraction(given["start"])
    step = (Fraction(given["end"]) - start) / max(1, count - 1)
    return Sequence(progression(start, step, count), {"start": 1.0, "end": 1.0})


def _logspace(given: Mapping[str, Any], count: int) -> Sequence | None:
    start, end, base = (Fraction(given[name]) for name in ("start", "end", "base"))
    if base <= 0:
        return None
    numbers = powers(base, start, (end - start) / max(1, count - 1), count)
    size = np.abs(numbers.high) * _NEARLY
    slope, far = size * abs(math.log(base)), float(max(abs(start), abs(end)))
    return Sequence(numbers, {"start": slope, "end": slope, "base": size * far / float(base)})


def _frequencies(below: Callable[[int], int], given: Mapping[str, Any], count: int) -> Sequence | None:
    """k / (n·d), of which some negative ones stand after the others."""
    if not given["d"]:
        return None
    negative, step = below(given["n"]), 1 / (given["n"] * Fraction(given["d"]))
    found = joined(progression(Fraction(0), step, count - negative), progression(-negative * step, step, negative))
    return Sequence(found, {"d": np.abs(found.high) / abs(given["d"]) * _NEARLY})


def _window(make: Callable[[Mapping[str, Any], int], Sequence]) -> Callable[[Mapping[str, Any], int], Sequence | None]:
    """A window, of which a periodic one lacks the last number."""

    def made(given: Mapping[str, Any], count: int) -> Sequence | None:
        if count == 1:
            return Sequence(exact(np.ones(1)))
        whole = count + bool(given.get("periodic", True))
        if whole > windows.MOST:
            return None
        found = make(given, whole)
        return Sequence(DoubleBall(*(part[:count] for part in found.numbers)), found.reaches, found.own)

    return made


def _of_cosines(**weights: float) -> Callable[[Mapping[str, Any], int], Sequence]:
    def make(given: Mapping[str, Any], count: int) -> Sequence:
        found = {name: given.get(name, weight) for name, weight in weights.items()}
        signed = [(-1) ** k * weight for k, weight in enumerate(found.values())]
        return Sequence(windows.of_cosines(signed, count), dict.fromkeys(found, 1.0), found)

    return make


def _triangular(given: Mapping[str, Any], count: int) -> Sequence:
    return Sequence(windows.triangular(count))


def _kaiser(given: Mapping[str, Any], count: int) -> Sequence:
    beta = given.get("beta", 12.0)
    return Sequence(windows.kaiser(beta, count), {"beta": 1.0}, {"beta": beta})


_MADE: dict[str, Callable[[Mapping[str, Any], int], Sequence | None]] = {
    "arange": _arange,
    "range": _arange,
    "linspace": _linspace,
    "logspace": _logspace,
    "fft_fftfreq": partial(_frequencies, lambda n: n // 2),
    "fft_rfftfreq": partial(_frequencies, lambda n: 0),
    "hann_window": _window(_of_cosines(first=0.5, second=0.5)),
    "hamming_window": _window(_of_cosines(alpha=0.54, beta=0.46)),
    "blackman_window": _window(_of_cosines(first=0.42, second=0.5, third=0.08)),
    "bartlett_window": _window(_triangular),
    "kaiser_window": _window(_kaiser),
}

#: The names of the operators that make sequences.
SEQUENCES = tuple(_MADE)
