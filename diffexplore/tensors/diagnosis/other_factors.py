"""Factors of a product that others stand for: the argument of a function for its value, or another input."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from diffexplore.tensors.diagnosis.edges import PathEdge, added_up
from diffexplore.tensors.diagnosis.recording import RecordedSweep
from diffexplore.tensors.memory import StorageRegion

#: What a tensor is called that is neither made on the way nor differentiated by.
UNNAMED = "a constant"

#: Products of two operands.
PRODUCTS = ("mul", "mm", "bmm", "mv")


def other_factors(
    sweep: RecordedSweep, edge: PathEdge, made_by: dict[int, int]
) -> Iterator[tuple[str, str, np.ndarray]]:
    """What comes back to a factor of a product where X stands for the other one: for f(X), or for another input."""
    tape, given = sweep.tape, edge.given[0]
    operands, operator = tape.entries[edge.number].operands, tape.operators[edge.number]
    if operator not in PRODUCTS or len(operands) != 2 or given is None:
        return
    other = operands[1 - edge.index]
    if other is None or other.state is edge.operand.state:
        return
    factor = values_of(other)
    for key, x, values in (*_made_of(sweep, other, made_by), *_in_place_of(sweep, other)):
        if np.array_equal(values, factor):
            continue
        passed = with_factor(edge, operator, values)
        if passed is not None:
            yield (
                key,
                f"the value of {name_of_region(sweep, x, made_by)} is used for {name_of_region(sweep, other, made_by)}",
                passed,
            )


def with_factor(edge: PathEdge, operator: str, values: np.ndarray) -> np.ndarray | None:
    """What comes back to a factor of a product where the other one has these values."""
    given = edge.given[0]
    if given is None or operator not in PRODUCTS:
        return None
    if operator == "mv":
        return np.multiply.outer(given.high, values) if edge.index == 0 else np.asarray(values.T @ given.high)
    back = given.high * values if operator == "mul" else _beside(given.high, values.mT, edge.index)
    return added_up(back, edge.operand.layout.shape)


_Factor = tuple[str, StorageRegion, np.ndarray]


def _made_of(sweep: RecordedSweep, other: StorageRegion, made_by: dict[int, int]) -> Iterator[_Factor]:
    """The operands of what made a factor, in its shape."""
    maker = made_by.get(id(other.state))
    for x in () if maker is None else sweep.tape.entries[maker].operands:
        if x is None:
            continue
        values = values_of(x)
        if values.shape == other.layout.shape:
            yield "operand_for_result", x, values
        elif values.size == math.prod(other.layout.shape) and other.layout.is_whole(values.size):
            yield "operand_for_result", x, values.reshape(other.layout.shape)  # a view of it is the factor


def _in_place_of(sweep: RecordedSweep, other: StorageRegion) -> Iterator[_Factor]:
    """Other inputs of the shape of that one of which a factor is a view, seen in the same way."""
    sources = sweep.tape.sources
    own = next((source for source in sources if source.state is other.state), None)
    for x in () if own is None else sources:
        if own is not None and x.state is not own.state and x.layout == own.layout:
            yield "wrong_operand", x, np.asarray(other.layout.read(x.state.ball).high)


def _beside(cotangent: np.ndarray, factor: np.ndarray, place: int) -> np.ndarray:
    product: np.ndarray = cotangent @ factor if place == 0 else factor @ cotangent
    return product


def values_of(region: StorageRegion | None) -> np.ndarray:
    assert region is not None
    return np.asarray(region.layout.read(region.state.ball).high)


def name_of_region(sweep: RecordedSweep, region: StorageRegion, made_by: dict[int, int]) -> str:
    """The expression that made it, or the name of the input that it is part of."""
    number = made_by.get(id(region.state))
    if number is not None:
        place = sweep.tape.places[number]
        last = max(other for other, same in enumerate(sweep.tape.places) if same == place)
        return str(place) if number == last else f"{sweep.tape.operators[number]} in {place}"
    found = [n for n, source in zip(sweep.names, sweep.tape.sources, strict=True) if source.state is region.state]
    values = None if found or not sweep.constants else values_of(region)
    found += [one.name for one in sweep.constants if values is not None and np.array_equal(one.values, values)]
    return found[0] if found else UNNAMED
