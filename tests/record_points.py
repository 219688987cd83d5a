"""Points at which the records of functions are tried, and the values there."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
import sympy
import torch
from flint import arb

from diffexplore.arithmetic.balls import BALLS
from diffexplore.functions import ALL, OPERATIONS, Function, Operation
from diffexplore.functions.records import NO_CLASS, Defined
from diffexplore.functions.tables import node_of
from diffexplore.program.program import lower

OF_TWO = ("add", "sub", "mul", "div", "pow", "atan2", "max", "min")
WITH_CLASS = [one for one in ALL if one.node is not NO_CLASS]
X, Y, Z = sympy.symbols("x y z", real=True)

Point = tuple[float, ...]


def orders_of(name: str) -> int:
    """How many orders an operation takes."""
    return next((one.orders for one in ALL if isinstance(one.computed, Operation) and one.computed.name == name), 0)


def numbers_of(name: str) -> int:
    """How many numbers an operation takes, beside its orders."""
    if name in OF_TWO:
        return 2
    entry = next((one for one in ALL if isinstance(one.computed, Operation) and one.computed.name == name), None)
    return 1 if entry is None else arguments_of(entry) - entry.orders


def arguments_of(function: Function) -> int:
    return len(function.node.slopes) if isinstance(function.node, Defined) else function.least


def symbols_of(function: Function) -> tuple[sympy.Expr, ...]:
    """Arguments for a call: 2 for an order, and symbols."""
    moving = (X, Y, Z)[: arguments_of(function) - function.orders]
    return (*[sympy.Integer(2)] * function.orders, *moving)


@cache
def drawn(name: str, count: int = 40) -> list[Point]:
    """Points of the domain, the same each time: of all sizes, and of both signs."""
    rng = np.random.default_rng(len(name) * 1000 + sum(map(ord, name)))
    each = 4 * count * (4 if numbers_of(name) > 2 else 1)
    numbers = np.concatenate(
        [rng.uniform(-4, 4, 3 * each // 2), rng.choice([-1, 1], each) * 2.0 ** rng.uniform(-12, 3, each)]
    )
    numbers = rng.permutation(numbers)
    domain = OPERATIONS[name].facts.domain
    others = [rng.permutation(numbers).tolist() for _ in range(numbers_of(name) - 1)]
    points = list(zip(numbers.tolist(), *others, strict=True))
    if name == "pow":
        points = [(x, y if x > 0 else float(round(y))) for x, y in points]
    orders = orders_of(name)
    points = [(*[float(1 + i % 3)] * orders, *point) for i, point in enumerate(points)]
    inside = list(islice((point for point in points if domain.holds(*map(arb, point))), count))
    assert len(inside) == count, "a domain of which the points are a part"
    return inside


def columns(name: str, points: list[Point]) -> Iterator[tuple[list[Point], list[Any]]]:
    """Points and operands for one call: whole columns, or numbers for orders, each with a call of its own."""
    count = orders_of(name)
    for orders in sorted({point[:count] for point in points}):
        own = [point for point in points if point[:count] == orders]
        numbers = [torch.tensor(column, dtype=torch.float64) for column in list(zip(*own, strict=True))[count:]]
        yield own, [*map(int, orders), *numbers]


def true(name: str, point: Point) -> arb:
    return BALLS.operations[name](*map(arb, point))


def inside(function: Function) -> list[Point]:
    """Points at which a function with a class of its own is defined."""
    name = function.computed.name if isinstance(function.computed, Operation) else "add"
    points = [point[: function.least] for point in drawn(name)] if name == "add" else drawn(name)
    points = points[: 40 if arguments_of(function) < 3 else 6]
    return [point for point in points if function.facts.domain.holds(*map(arb, point))]


def program_of(function: Function, expr: Any = lambda node: node) -> Any:
    symbols = symbols_of(function)
    names = [one.name for one in symbols if one.is_Symbol]
    return lower([expr(node_of(function)(*symbols))], names), names


def run(program: Any, names: list[str], numbers: Any, arithmetic: Any = BALLS) -> Any:
    return program.run(arithmetic, dict(zip(names, numbers, strict=True)))[0]
