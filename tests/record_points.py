"""Points at which the records of functions are tried, and the values there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy
import torch
from flint import arb

from diffexplore.arithmetic.balls import BALLS
from diffexplore.functions import ALL, OPERATIONS, Function, Operation
from diffexplore.functions.records import NO_CLASS
from diffexplore.functions.tables import node_of
from diffexplore.program.program import lower

OF_TWO = ("add", "sub", "mul", "div", "pow", "atan2", "max", "min")
OF_AN_ORDER = tuple(one.computed.name for one in ALL if one.of_order_0 is not None)
WITH_CLASS = [one for one in ALL if one.node is not NO_CLASS]
X, Y = sympy.symbols("x y", real=True)

Point = tuple[float, ...]


def drawn(name: str, count: int = 40) -> list[Point]:
    """Points of the domain, the same each time: of all sizes, and of both signs."""
    rng = np.random.default_rng(len(name) * 1000 + sum(map(ord, name)))
    numbers = np.concatenate(
        [rng.uniform(-4, 4, 6 * count), rng.choice([-1, 1], 4 * count) * 2.0 ** rng.uniform(-12, 3, 4 * count)]
    )
    numbers = rng.permutation(numbers)
    domain = OPERATIONS[name].facts.domain
    if name in OF_TWO:
        points = list(zip(numbers.tolist(), rng.permutation(numbers).tolist(), strict=True))
        if name == "pow":
            points = [(x, y if x > 0 else float(round(y))) for x, y in points]
    elif name in OF_AN_ORDER:
        points = [(float(1 + i % 3), x) for i, x in enumerate(numbers.tolist())]
    else:
        points = [(x,) for x in numbers.tolist()]
    inside = [point for point in points if domain.holds(*map(arb, point))]
    assert len(inside) >= count, "a domain of which the points are a part"
    return inside[:count]


def columns(name: str, points: list[Point]) -> Iterator[list[Any]]:
    """Operands for one call: whole columns, or a number for an order, which has a call of its own."""
    if name not in OF_AN_ORDER:
        yield [torch.tensor(column, dtype=torch.float64) for column in zip(*points, strict=True)]
        return
    for order in (1, 2, 3):
        yield [order, torch.tensor([x for n, x in points if n == order], dtype=torch.float64)]


def true(name: str, point: Point) -> arb:
    return BALLS.operations[name](*map(arb, point))


def inside(function: Function) -> list[Point]:
    """Points at which a function with a class of its own is defined."""
    name = function.computed.name if isinstance(function.computed, Operation) else "add"
    points = [point[: function.least] for point in drawn(name)] if name == "add" else drawn(name)
    return [point for point in points if function.facts.domain.holds(*map(arb, point))]


def program_of(function: Function, expr: Any = lambda node: node) -> Any:
    symbols = (X, Y)[: 2 if function.least == 2 else 1]
    if function.name in OF_AN_ORDER:
        symbols = (sympy.Integer(2), X)
    names = [one.name for one in symbols if one.is_Symbol]
    return lower([expr(node_of(function)(*symbols))], names), names


def run(program: Any, names: list[str], numbers: Any, arithmetic: Any = BALLS) -> Any:
    return program.run(arithmetic, dict(zip(names, numbers, strict=True)))[0]
