"""What a torch function takes: the names and shapes of its arguments, and the symbols of their entries."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sympy

from diffexplore.arguments import as_list, shape_of
from diffexplore.errors import UsageError
from diffexplore.formula.names import check_name, shown

#: What :func:`declare` reads: ``"a, w[3]"``, ``["W[3,2]", "b"]`` or ``{"W": (3, 2), "b": ()}``.
Spec = str | Sequence[str] | Mapping[str, int | Sequence[int]]

MOST_ENTRIES = 400

DTYPE = "float64"
"""Of the tensors with which programs are traced, and run to hold the trace against them."""

_PART = re.compile(r"[^\s,\[\]]+\s*(?:\[[^\]]*\])?")
_DECLARED = re.compile(r"\s*([^\s\[\],]+)\s*(?:\[([^\[\]]*)\])?\s*")


@dataclass(frozen=True)
class Array:
    """An argument: its name, its shape (of one sample, where it is data) and a real symbol for each entry, row by row.

    The entries of a vector w are w1, w2, …; those of a matrix W are W1_1, W1_2, …; a scalar has its own name.
    """

    name: str
    shape: tuple[int, ...]
    symbols: tuple[sympy.Symbol, ...]

    @property
    def text(self) -> str:
        """The array as it is declared, such as ``W[3,2]``."""
        return f"{self.name}[{','.join(map(str, self.shape))}]" if self.shape else self.name


def declare(spec: Spec | Sequence[Array]) -> tuple[Array, ...]:
    """The arrays that a text, a sequence of texts or a mapping from names to shapes declares.

    Raises UsageError for unusable names and shapes, and for symbols that two entries would share.
    """
    if isinstance(spec, Mapping):
        sizes = {name: shape_of(shape, f"the shape of {shown(str(name))}") for name, shape in spec.items()}
        arrays = [_array(name, shape) for name, shape in sizes.items()]
    elif isinstance(spec, str):
        arrays = [_read(part) for part in _split(spec)]
    else:
        parts = as_list(spec, "arguments", "declared as in 'w[3], b', ['w[3]', 'b'] or {'w': (3,), 'b': ()}")
        arrays = [part if isinstance(part, Array) else _read(part) for part in parts]
    check_distinct(arrays)
    return tuple(arrays)


def named_shapes(text: str) -> dict[str, tuple[int, ...]]:
    """The shapes in a text such as "x[8,16], w[16], s", of any size; raises UsageError for a name that comes twice."""
    found: dict[str, tuple[int, ...]] = {}
    for name, shape in map(_parsed, _split(text)):
        if name in found:
            raise UsageError(f"the name {name!r} is declared twice: give one of the arguments another name")
        found[name] = shape
    return found


def _split(text: str) -> list[str]:
    """The parts between commas and spaces that stand outside brackets; raises UsageError for a bracket alone."""
    if re.search(r"[\[\]]", _PART.sub("", text)):
        raise UsageError(f"a bracket in {shown(text)} belongs to no shape: write the arguments as in 'x[8,16], w[16]'")
    return _PART.findall(text)


def check_distinct(arrays: Iterable[Array]) -> None:
    """Raises UsageError where a name or a symbol comes twice."""
    arrays = list(arrays)
    for kind, names in (
        ("name", [array.name for array in arrays]),
        ("symbol", [symbol.name for symbol in symbols_of(arrays)]),
    ):
        for position, name in enumerate(names):
            if name in names[:position]:
                raise UsageError(f"the {kind} {name!r} is declared twice: give one of the arguments another name")


def of_samples(array: Array, samples: int) -> tuple[sympy.Symbol, ...]:
    """The symbols of a data array in each of some samples, one sample after the other: x_1, x_2, …"""
    return tuple(of_sample(symbol, number) for number in range(1, samples + 1) for symbol in array.symbols)


def of_sample(symbol: sympy.Symbol, number: int) -> sympy.Symbol:
    """The symbol of a data entry in the sample with this number, from 1 on."""
    return real(f"{symbol.name}_{number}")


def symbols_of(arrays: Iterable[Array]) -> list[sympy.Symbol]:
    """The symbols of all entries of some arguments."""
    return [symbol for array in arrays for symbol in array.symbols]


def real(name: str) -> sympy.Symbol:
    """The real symbol of this name."""
    return sympy.Symbol(name, real=True)


def _read(text: str) -> Array:
    return _array(*_parsed(text))


def _parsed(text: str) -> tuple[str, tuple[int, ...]]:
    """The name and the shape that a text declares."""
    match = _DECLARED.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise UsageError(f"{shown(str(text))} declares no argument: write a name, or a name and its shape as in 'w[3]'")
    name, shape = match[1], match[2]
    if shape is None:
        return name, ()
    sizes = [size.strip() for size in shape.split(",")]
    if not all(size.isdecimal() for size in sizes):
        raise UsageError(f"the shape of {shown(text)} is not made of numbers: write it as in 'w[3]' or 'W[3,2]'")
    return name, tuple(int(size) for size in sizes)


def _array(name: str, shape: tuple[int, ...]) -> Array:
    name = check_name(name)
    if any(size < 1 for size in shape):
        raise UsageError(f"the shape of {name!r} has an axis without entries")
    if math.prod(shape) > MOST_ENTRIES:
        raise UsageError(f"{name!r} has {math.prod(shape)} entries: at most {MOST_ENTRIES} can be read")
    places = itertools.product(*(range(1, size + 1) for size in shape))
    symbols = tuple(real(check_name(name + "_".join(map(str, place)))) for place in places)
    return Array(name, shape, symbols)
