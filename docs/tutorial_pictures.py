"""Draws the pictures of the tutorial: ``python docs/tutorial_pictures.py``; it needs matplotlib.

Both are of what ``diffexplore fit`` runs without arguments: its loss curve, and the fitted line over the points.
"""

from __future__ import annotations

from collections.abc import Iterator

from gallery import write

import diffexplore as dx
from diffexplore.figures.records import Figure

DOTS_PER_INCH = 100


def main() -> None:
    """Runs the descent and writes the pictures."""
    write(pictures(), DOTS_PER_INCH)


def pictures() -> Iterator[tuple[str, Figure]]:
    """The name of each picture, and its figure."""
    fit = dx.fit("perpendicular", dtype="float32,float64")
    yield "loss-curve", fit.figure()
    yield "fitted-line", fit.explore().figures()[-1]


if __name__ == "__main__":
    main()
