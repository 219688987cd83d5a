"""Figures that hold every kind of layer, with values that are known, for the tests of all media."""

from __future__ import annotations

from typing import get_args

from diffexplore.figures.records import Arrows, Axis, Band, Bars, Figure, Layer, Role, Rule, Series, ValueGrid

ROLES: tuple[Role, ...] = get_args(Role)

#: A value for each of 3 columns and 2 rows; one has none, and one has a note.
GRID = ValueGrid(
    "loss", (0.0, 1.0, 2.0), (0.0, 10.0), ((1.0, 2.0, 3.0), (4.0, None, 400.0)), unit="ulp", scale="log",
    notes=((2, 1, "kink"),),
)  # fmt: skip

LAYERS: dict[str, Layer] = {
    "series": Series("path", (0.0, 1.0, 2.0), (1.0, 4.0, 9.0), role="measured"),
    "points": Series("data", (0.0, 1.0, 2.0), (9.0, 4.0, 1.0), joined=False, role="data", notes=("p", "q", "r")),
    "band": Band("spread", (0.0, 1.0, 2.0), (1.0, 2.0, 3.0), (2.0, 4.0, 6.0), role="bound"),
    "cells": GRID,
    "contours": ValueGrid(
        "height", (0.0, 1.0, 2.0), (0.0, 10.0), ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)), levels=(1.5, 2.5, 4.5)
    ),
    "arrows": Arrows("field", (0.0, 2.0), (2.0, 8.0), (0.5, -0.5), (0.0, 0.0), role="predicted"),
    "rule over x": Rule("chosen", "x", 1.5, role="chosen"),
    "rule over y": Rule("limit", "y", 3.0, role="bad"),
    "bars": Bars("errors", (0.0, 1.0, 2.0), (3, 8), role="measured"),
}


def figure(*layers: Layer, x: Axis | None = None, y: Axis | None = None, **more: object) -> Figure:
    """A figure of these layers, with labels that are easily found."""
    title, caption = "The title", "What is to be seen."
    return Figure(title, caption, x or Axis("across", "m"), y or Axis("up"), layers, **more)  # type: ignore[arg-type]


EVERYTHING = figure(*LAYERS.values())
