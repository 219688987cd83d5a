"""How the sentences name numbers, directions and points."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from diffexplore.fitting.records import Fit
from diffexplore.fitting.terrain import Direction
from diffexplore.lists import listed
from diffexplore.numerals import ABSENT, short

#: A loss within so many units in the last place of the minimum has arrived: its own rounding is as large.
ROUNDING = 16

#: A direction is called by a parameter that has at least this part of its length.
_MOSTLY = 0.9


def number(value: float | None, digits: int = 3) -> str:
    """A number in few digits: ``4.2``, ``1e-5``, ``−0.397``."""
    if value is None or not math.isfinite(value):
        return ABSENT
    written = short(abs(value), digits)
    mantissa, e, exponent = written.partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{'−' if value < 0 else ''}{mantissa}{e}{exponent}"


def many(count: float) -> str:
    """A number of steps: ``1,097``, ``15,000``, ``1.5 million``."""
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if count >= size:
            return f"{number(count / size, 2)} {word}" if count < 1e3 * size else f"{number(count, 2)}"
    rounded = count if count < 1e4 else float(f"{count:.2g}")
    return number(count, 2) if count < 10 else f"{round(rounded):,}"


def whole(value: float) -> str:
    """A large ratio to its last whole digit: ``13,351``."""
    return f"{round(value):,}" if 10 <= value < 1e6 else number(value)


def each(point: Mapping[str, float]) -> str:
    """``2.4e-7 (a) and 1.9e-9 (b)``."""
    return listed([f"{number(value, 2)} ({name})" for name, value in point.items()])


def place(point: Mapping[str, float], digits: int = 4) -> str:
    """``(−0.397, 145.6)``, or ``a = 2`` where there is one parameter."""
    values = [number(value, digits) for value in point.values()]
    return f"({', '.join(values)})" if len(values) > 1 else f"{next(iter(point))} = {values[0]}"


def direction(one: Direction) -> str:
    """``b``, or ``0.71 a − 0.7 b``: what moves along it."""
    if one.along is None:
        return "some direction"
    name, part = max(one.along.items(), key=lambda entry: abs(entry[1]))
    if abs(part) >= _MOSTLY:
        return name
    return combination(one.along)


def combination(along: Mapping[str, float]) -> str:
    """``0.71 a − 0.7 b``."""
    text = ""
    for name, part in along.items():
        if abs(part) >= 0.01:
            sign = " − " if part < 0 else " + "
            size = number(abs(part), 2)
            text += (sign if text else sign.strip().replace("+", "")) + (name if size == "1" else f"{size} {name}")
    return text


def about_minimum(fit: Fit) -> str:
    """``the minimum`` where there is certainly no other, ``the lowest minimum``, or ``a local minimum``."""
    if fit.terrain.status != "minimum":
        return "a local minimum"
    several = sum(point.kind == "minimum" for point in fit.terrain.stationary) > 1
    return "the lowest minimum" if several else "the minimum"


def same(words: Iterable[tuple[str, str]]) -> str:
    """``a and c have arrived, b has not``: names with one verb are stated together; a word comes as ``has …``."""
    grouped: dict[str, list[str]] = {}
    for name, word in words:
        grouped.setdefault(word, []).append(name)
    parts = (f"{listed(names)} {_plural(word) if len(names) > 1 else word}" for word, names in grouped.items())
    return ", ".join(parts)


def _plural(word: str) -> str:
    return word.replace("has ", "have ", 1).replace("is ", "are ", 1).replace(" its ", " their ", 1)
