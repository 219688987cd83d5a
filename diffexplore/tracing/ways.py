"""The ways in which one graph can be read: of its floats, and of where torch departs from mathematics on purpose."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WayOfReading:
    """How a graph is read.

    Attributes:
        exact: every float is the number that it is, and not one that it may be the rounding of.
        as_meant: functions of torch are those of mathematics, also where they depart from these on purpose: softplus
            above its threshold, say.
    """

    exact: bool = False
    as_meant: bool = False


USUAL = WayOfReading()
"""Floats for the numbers that they stand for, functions as torch computes them."""
