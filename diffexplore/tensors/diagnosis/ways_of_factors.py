"""Another tensor stands for a factor or a divisor, or the right one reversed, shifted, squared or taken from 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np

from diffexplore.tensors.diagnosis.edges import PathEdge, added_up, makers
from diffexplore.tensors.diagnosis.moves import changes, moves
from diffexplore.tensors.diagnosis.other_factors import PRODUCTS, name_of_region, values_of, with_factor
from diffexplore.tensors.diagnosis.other_ways import OtherWay, named_tensors
from diffexplore.tensors.diagnosis.recording import RecordedSweep
from diffexplore.tensors.memory import StorageRegion

_Change = Callable[[np.ndarray], np.ndarray]

#: How the factor itself may be changed.
_OWN: Mapping[str, _Change] = {
    "1 − {}": lambda x: 1 - x,
    "1 + {}": lambda x: 1 + x,
    "the square of {}": np.square,
    "the root of {}": np.sqrt,
    "the inverse of {}": lambda x: 1 / x,
    "the absolute value of {}": np.abs,
    "the sign of {}": np.sign,
    "the exponential of {}": np.exp,
}

#: How another tensor may stand for it.
_OTHERS: Mapping[str, _Change] = {"{}": lambda x: x, "1 − {}": lambda x: 1 - x}


def of_products(sweep: RecordedSweep, edge: PathEdge) -> Iterator[OtherWay]:
    """What comes back to a factor where the other one is another tensor."""
    operands, operator = sweep.tape.entries[edge.number].operands, sweep.tape.operators[edge.number]
    other = operands[1 - edge.index] if len(operands) == 2 and edge.index < 2 else None
    if operator not in PRODUCTS or other is None or other.state is edge.operand.state:
        return
    for words, label, values in _instead(sweep, other):
        key = "transposed" if label[0] == "moved" else "wrong_operand"
        yield OtherWay(key, words, label, partial(_of_product, edge, operator, values))


def _of_product(edge: PathEdge, operator: str, values: Callable[[], np.ndarray]) -> np.ndarray | None:
    return with_factor(edge, operator, values())


def of_quotients(sweep: RecordedSweep, edge: PathEdge) -> Iterator[OtherWay]:
    """What comes back to a dividend or a divisor where one of both is another tensor in the derivative."""
    operands, given = sweep.tape.entries[edge.number].operands, edge.given[0]
    if sweep.tape.operators[edge.number] != "div" or len(operands) != 2 or given is None or edge.index > 1:
        return
    above, below = operands
    if above is None or below is None or above.state is below.state:
        return
    a, b = values_of(above), values_of(below)
    shape = edge.operand.layout.shape
    for words, label, values in _instead(sweep, below):
        if edge.index == 0:
            yield OtherWay("wrong_operand", words, label, partial(_lined, given.high, 1, values, shape))
        else:
            square = f"{words}, once"
            back = partial(_lined, -given.high * a, b, values, shape)
            yield OtherWay("wrong_operand", square, ("once", label), back)
            yield OtherWay("wrong_operand", words, label, partial(_lined, -given.high * a, None, values, shape))
    if edge.index == 1:
        for words, label, values in _instead(sweep, above):
            yield OtherWay("wrong_operand", words, ("above", label), partial(_times, -given.high / b**2, values, shape))


def _lined(
    above: np.ndarray, beside: np.ndarray | int | None, below: Callable[[], np.ndarray], shape: tuple[int, ...]
) -> np.ndarray | None:
    divisor = below()
    return added_up(above / (divisor * (divisor if beside is None else beside)), shape)


def _times(factor: np.ndarray, values: Callable[[], np.ndarray], shape: tuple[int, ...]) -> np.ndarray | None:
    return added_up(factor * values(), shape)


def _instead(
    sweep: RecordedSweep, factor: StorageRegion
) -> Iterator[tuple[str, tuple[object, ...], Callable[[], np.ndarray]]]:
    """What may stand for a factor, in its shape: words, a label, and its numbers."""
    name, right = name_of_region(sweep, factor, makers(sweep)), values_of(factor)
    for text, change in _OWN.items():
        yield f"{text.format(name)} is used for it", ("own", text), partial(change, right)
    for words, move in moves(right.shape):
        yield f"{name} is used {words}", ("moved", words), partial(move, right)
    for place, (called, values) in enumerate(_made_of(sweep, factor)):
        for words, change in changes(values.shape):
            yield f"{called}, {words}, is used for {name}", ("operand", place, words), partial(change, values)
    for one in named_tensors(sweep):
        if one.values.shape == right.shape:
            for text, change in _OTHERS.items():
                yield f"{text.format(one.name)} is used for {name}", (one.number, text), partial(change, one.values)


def _made_of(sweep: RecordedSweep, factor: StorageRegion) -> Iterator[tuple[str, np.ndarray]]:
    """What a factor was made of, or may have been, of its shape: with names."""
    made_by, shape = makers(sweep), factor.layout.shape
    maker = made_by.get(id(factor.state))
    for x in () if maker is None else sweep.tape.entries[maker].operands:
        if x is not None and x.layout.shape == shape:
            yield name_of_region(sweep, x, made_by), values_of(x)
    for constant in sweep.constants if maker is None else ():
        if constant.values.shape == shape:
            yield constant.name, constant.values
