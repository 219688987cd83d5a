"""Draws the pictures of the gallery: ``python docs/gallery.py``; it needs matplotlib.

Each is a figure that the commands and the pages show as well, written as PNG to docs/images.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import diffexplore as dx
from diffexplore.checking.batch import make_batch
from diffexplore.figures.matplotlib import draw
from diffexplore.figures.records import Figure
from diffexplore.scanning import report_figures, scan
from diffexplore.scanning.error_map import error_maps, plane_of
from diffexplore.scanning.setting import setting_of

IMAGES = Path(__file__).parent / "images"
DOTS_PER_INCH = 110

#: A kink along the line a = 1, and a singularity at the origin; the partial by a is 0 on half a circle.
BROKEN = "log(a**2 + b**2) + abs(a - 1)"


def main() -> None:
    """Computes the figures and writes the pictures."""
    write(pictures(), DOTS_PER_INCH)


def write(named: Iterable[tuple[str, Figure]], dots_per_inch: int) -> None:
    """Draws each figure as a picture of that name, and says how large it is."""
    IMAGES.mkdir(exist_ok=True)
    for name, figure in named:
        path = IMAGES / f"{name}.png"
        draw(figure).savefig(path, dpi=dots_per_inch, bbox_inches="tight", metadata={"Software": None})
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def pictures() -> Iterator[tuple[str, Figure]]:
    """The name of each picture, and its figure."""
    loss = dx.losses.get("perpendicular")
    point = {"a": 2.5, "b": 1.0}
    found = report_figures(loss, make_batch(loss), (point,), dx.check(loss, at=point, device="cpu"))
    yield "steps", found["steps"][0]
    yield "step_central", next(figure for figure in found["steps"] if "by the central difference" in figure.title)
    yield "map_cancels", next(figure for figure in found["maps"] if "∂b by reverse" in figure.title)
    yield "samples", found["samples"][0]
    yield "map_kink", broken("reverse")
    yield "map_kink_difference", broken("central_difference")
    yield "scan", scan(loss, "a=-3:3", at=point).figures()[0]


def broken(method: str) -> Figure:
    """The map of a loss with a kink and a singularity, of its partial by a."""
    loss, point = dx.Loss(BROKEN, parameters="a, b"), {"a": 0.5, "b": 0.5}
    setting = setting_of(loss, make_batch(loss), methods=method)
    return error_maps(setting, point, plane_of(("a", "b"), [point]))[0]


if __name__ == "__main__":
    main()
