"""The two readings of a program with floats: as the numbers that they are, and as those that they are roundings of.

A statement that is proved of the floats as they are is proved without reserve. Otherwise floats are read as the numbers
that they are roundings of (1.1283791670955126 as 2/√π), each wherever it stands; what is proved then is proved up to
these roundings, and says so. Only what is wrong in both readings is refuted: no rounding of a constant explains it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from diffexplore.formula.recognise import Recognised
from diffexplore.proving.records import ReadConstant, Statement, status_of
from diffexplore.tracing.traced import Traced


@dataclass(frozen=True)
class ConstantReading:
    """A program as formulas, what is known of its statements, and how its constants were read for that.

    ``rounded``: the statements hold up to the rounding of the constants only.
    """

    traced: Traced
    statements: tuple[Statement, ...]
    constants: tuple[ReadConstant, ...] = ()
    rounded: bool = False


def settled(recognised: ConstantReading, as_they_are: Callable[[], ConstantReading | None]) -> ConstantReading:
    """The reading that decides; ``as_they_are`` reads floats as what they are, None where these have no formula."""
    constants = tuple(_as_record(one) for one in recognised.traced.constants if one.relative)
    if not constants:
        return recognised
    status = status_of(recognised.statements)
    exact = as_they_are()
    found = None if exact is None else status_of(exact.statements)
    if exact is not None and status != "proved" and (found == "proved" or (status, found) == ("refuted", "unknown")):
        return exact
    rounded = status == "proved" and found != "proved"  # where both prove it, the simple numbers are shown
    return ConstantReading(recognised.traced, recognised.statements, constants, rounded)


def _as_record(constant: Recognised) -> ReadConstant:
    others = tuple(map(str, constant.others))
    return ReadConstant(constant.value, constant.text, constant.relative, constant.dtype, others)
