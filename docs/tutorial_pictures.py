"""Draws the pictures of the tutorial: ``python docs/tutorial_pictures.py``; it needs matplotlib.

Both are of what ``diffexplore fit`` runs without arguments: its loss curve, and the fitted line over the points.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import diffexplore as dx
from diffexplore.figures.matplotlib import draw
from diffexplore.figures.records import Figure

IMAGES = Path(__file__).parent / "images"
DOTS_PER_INCH = 100


def main() -> None:
    """Runs the descent and writes the pictures."""
    IMAGES.mkdir(exist_ok=True)
    for name, figure in pictures():
        path = IMAGES / f"{name}.png"
        draw(figure).savefig(path, dpi=DOTS_PER_INCH, bbox_inches="tight", metadata={"Software": None})
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def pictures() -> Iterator[tuple[str, Figure]]:
    """The name of each picture, and its figure."""
    fit = dx.fit("perpendicular", dtype="float32,float64")
    yield "loss-curve", fit.figure()
    yield "fitted-line", fit.explore().figures()[-1]


if __name__ == "__main__":
    main()
