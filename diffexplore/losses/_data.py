"""Default data of the catalogue, in pure Python.

All but the embedded points are drawn by :class:`random.Random` with a fixed seed, and so are the same at every
call. They stay within a few units of 0, so that every loss is in range in float16 and bfloat16 as well.
"""

from __future__ import annotations

import math
import random
from functools import cache

from diffexplore.losses._entry import Columns

N = 100


@cache
def _embedded_rows() -> tuple[tuple[float, float], ...]:
    import csv
    from importlib.resources import files

    text = files("diffexplore.losses").joinpath("data", "line.csv").read_text(encoding="utf-8")
    return tuple((float(row["x"]), float(row["y"])) for row in csv.DictReader(text.splitlines()))


def embedded_line() -> Columns:
    """The 100 points that ship as ``line.csv``: the line y = 2.5 x + 1 on [0, 100], noise σ = 2 on both coordinates.

    The file was written once, so that the points never change, by ::

        draw = random.Random(0)
        for i in range(100):
            t = 100 * i / 99
            x, y = t + draw.gauss(0, 2), 2.5 * t + 1 + draw.gauss(0, 2)
            print(x, y, sep=",")

    Their perpendicular least-squares line is y = 2.52097 x − 0.49526.
    """
    rows = _embedded_rows()
    return {"x": [x for x, _ in rows], "y": [y for _, y in rows]}


def line_with_outliers() -> Columns:
    """The line y = 1.5 x + 0.5 on [−2, 2], noise σ = 0.4 on y, and every tenth y thrown 2 to 4 off to either side."""
    draw = random.Random(22)
    x = [draw.uniform(-2, 2) for _ in range(N)]
    y = [1.5 * value + 0.5 + draw.gauss(0, 0.4) for value in x]
    for sample in range(0, N, 10):
        y[sample] += draw.choice((-1, 1)) * draw.uniform(2, 4)
    return {"x": x, "y": y}


def cloud(names: tuple[str, ...], n: int = N) -> Columns:
    """``n`` points spread evenly over the cube [−1, 3]ᵈ, a coordinate for each of ``names``."""
    draw = random.Random(27)
    return {name: [draw.uniform(-1, 3) for _ in range(n)] for name in names}


def labelled(labels: tuple[float, float]) -> Columns:
    """x on [−3, 3] with a label y: the second of ``labels`` with probability σ(1.5 x − 0.5), else the first."""
    draw = random.Random(19)
    x = [draw.uniform(-3, 3) for _ in range(N)]
    y = [labels[draw.random() < 1 / (1 + math.exp(0.5 - 1.5 * value))] for value in x]
    return {"x": x, "y": y}


def counts() -> Columns:
    """x on [−1.5, 1.5] with a count y, Poisson distributed with rate exp(0.8 x + 0.3)."""
    draw = random.Random(22)
    x = [draw.uniform(-1.5, 1.5) for _ in range(N)]
    y = [float(_poisson(draw, math.exp(0.8 * value + 0.3))) for value in x]
    return {"x": x, "y": y}


def _poisson(draw: random.Random, rate: float) -> int:
    """A Poisson variate: how many uniform factors keep the product above exp(−rate) (Knuth's method)."""
    count, product = 0, draw.random()
    while product > math.exp(-rate):
        count += 1
        product *= draw.random()
    return count
