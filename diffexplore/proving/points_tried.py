"""The numbers at which a program is run again, of all kinds and those of a proof, and how they are worded."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import sympy
import torch

from diffexplore.decide.records import Counterexample
from diffexplore.numerals import distinct
from diffexplore.tracing.declarations import DTYPE, Array, of_samples
from diffexplore.tracing.traced import OUTPUT, Traced

Tensor = torch.Tensor
Tensors = dict[str, Tensor]

#: Draws a parameter's entry, or that of data.
Draw = Callable[[random.Random, bool], float]

_UNUSED = 0.5  # what stands for an entry that no formula holds


#: Each way to draw numbers. All have few binary places, so that sums and products of a few of them are exact: equal
#: terms then are equal in floats, too. One number for all entries of an argument makes ties.
DRAWS: Mapping[str, Draw] = {
    "inside": lambda generator, data: generator.randint(1, 31) / 32,
    "signed": lambda generator, data: generator.choice((-1, 1)) * generator.randint(1, 63) / 16,
    "whole": lambda generator, data: float(generator.randint(-3, 3)),
    "labels": lambda generator, data: float(generator.randint(0, 1)) if data else generator.randint(1, 31) / 16,
}

_EQUAL = (0.5, -2.0, 1.0, 0.0)


def drawn(traced: Traced, samples: int, draw: Draw, seed: int) -> Tensors:
    """Arguments with numbers of one kind."""
    generator = random.Random(seed)
    shapes = _shapes(traced, samples)
    data = {array.name for array in traced.data}
    return {name: _tensor(shape, lambda name=name: draw(generator, name in data)) for name, shape in shapes.items()}  # type: ignore[misc]


def equal(traced: Traced, samples: int, number: float) -> Tensors:
    """Arguments of which all entries are one number."""
    return {name: _tensor(shape, lambda: number) for name, shape in _shapes(traced, samples).items()}


def definite(traced: Traced, samples: int) -> Tensors:
    """Arguments whose square matrices are symmetric with positive eigenvalues, as their diagonals are dominant."""
    found = drawn(traced, samples, DRAWS["inside"], seed=samples)
    for name, tensor in found.items():
        if tensor.dim() > 1 and tensor.shape[-1] == tensor.shape[-2]:
            found[name] = (tensor + tensor.mT) / 2 + tensor.shape[-1] * torch.eye(tensor.shape[-1], dtype=tensor.dtype)
    return found


def points(traced: Traced, sizes: Sequence[int]) -> Iterator[Tensors]:
    """Arguments of all kinds: every kind for the first number of samples, some for the others."""
    for place, samples in enumerate(sizes):
        kinds = list(DRAWS) if place == 0 else ["signed", ("inside", "labels", "whole")[place % 3]]
        for kind in kinds:
            yield drawn(traced, samples, DRAWS[kind], seed=samples)
        for number in _EQUAL if place == 0 else ():
            yield equal(traced, samples, number)


def at(traced: Traced, found: Counterexample, sizes: Sequence[int]) -> Tensors:
    """The arguments of a proof's own point, each number as the nearest double; other entries are ½.

    Where the point has no samples, the data are those of a batch of the first size.
    """
    rows: Sequence[Mapping[str, Fraction]] = found.samples or [found.point] * (traced.samples or sizes[0])
    tensors: Tensors = {}
    for array in traced.parameters:
        tensors[array.name] = _filled(array, [float(found.point.get(s.name, _UNUSED)) for s in array.symbols])
    for array in traced.data:
        if traced.samples is None:
            numbers = [float(row.get(symbol.name, _UNUSED)) for row in rows for symbol in array.symbols]
        else:
            numbers = [float(found.point.get(s.name, _UNUSED)) for s in of_samples(array, traced.samples)]
        tensors[array.name] = _filled(array, numbers, len(rows))
    return tensors


def meant(traced: Traced, domain: Sequence[Any], tensors: Tensors) -> bool:
    """Whether no condition certainly fails for the arguments, with any of the samples."""
    if not domain:
        return True
    own = _numbers(traced.parameters, tensors)
    count = max((tensors[array.name].shape[0] for array in traced.data), default=0)
    rows = [_numbers(traced.data, {array.name: tensors[array.name][i] for array in traced.data}) for i in range(count)]
    return all(_may_hold(condition, {**own, **row}) for condition in domain for row in rows or [{}])


def _numbers(arrays: Sequence[Array], tensors: Tensors) -> dict[str, sympy.Rational]:
    """The value of each symbol, exactly."""
    return {
        symbol.name: sympy.Rational(number)
        for array in arrays
        for symbol, number in zip(array.symbols, tensors[array.name].reshape(-1).tolist(), strict=True)
    }


def _may_hold(condition: Any, numbers: Mapping[str, sympy.Rational]) -> bool:
    used = {symbol: numbers[symbol.name] for symbol in condition.free_symbols if symbol.name in numbers}
    try:
        return bool(condition.subs(used) != False)  # noqa: E712 (SymPy's false)
    except TypeError:  # what is compared has no real value there
        return False


def _shapes(traced: Traced, samples: int) -> dict[str, tuple[int, ...]]:
    shapes = {array.name: array.shape for array in traced.parameters}
    return shapes | {array.name: (samples, *array.shape) for array in traced.data}


def _tensor(shape: tuple[int, ...], number: Callable[[], float]) -> Tensor:
    flat = [number() for _ in range(int(torch.Size(shape).numel()))]
    return torch.tensor(flat, dtype=getattr(torch, DTYPE), device="cpu").reshape(shape)


def _filled(array: Array, numbers: list[float], samples: int | None = None) -> Tensor:
    shape = array.shape if samples is None else (samples, *array.shape)
    return torch.tensor(numbers, dtype=getattr(torch, DTYPE), device="cpu").reshape(shape)


def samples_of(traced: Traced, tensors: Tensors) -> int:
    """The number of samples of some arguments; 1 where there are no data."""
    return max((tensors[array.name].shape[0] for array in traced.data), default=1)


def name_of_value(name: str) -> str:
    """The value of a formula, as readers know it."""
    return f"∂L/∂{name}" if name != OUTPUT else "L"


def in_digits(*values: float) -> list[str]:
    """Numbers in as many digits as tell those apart that differ, six at least."""
    different = list(dict.fromkeys(values))
    texts = distinct(different, range(6, 18), lambda value, digits: f"{value:.{digits}g}")
    return [texts[different.index(value)] for value in values]


def what_differs(where: str, name: str, value: float, repeated: Sequence[float], ball: Any) -> str:
    """What differs: two calls, or a call and the formula."""
    if len(repeated) == 1 and math.isfinite(repeated[0]) and repeated[0] != value:
        first, second = in_digits(value, repeated[0])
        return f"at {where} its {name_of_value(name)} is {first} in one call and {second} in the next"
    computed, formula = in_digits(value, float(ball.mid()))
    return (
        f"at {where} it computes {name_of_value(name)} = {computed}, and what was traced "
        f"gives {formula}: it does something else where it is traced, by its number of samples, or in a "
        "later call"
    )


def in_words(traced: Traced, tensors: Mapping[str, Tensor]) -> str:
    """The arguments in words, short ones in full."""
    parts = [f"{array.name} = {_text(tensors[array.name])}" for array in (*traced.parameters, *traced.data)]
    count = f"N = {samples_of(traced, dict(tensors))}" if traced.data else ""
    return ", ".join([*parts[:6], *(["…"] if len(parts) > 6 else []), *([count] if count else [])])


def _text(tensor: Tensor) -> str:
    flat = [f"{value:.6g}" for value in tensor.reshape(-1).tolist()]
    if not tensor.dim():
        return flat[0]
    return f"({', '.join([*flat[:4], *(['…'] if len(flat) > 4 else [])])})"
