"""The outputs of a program, and their upstream gradients: a symbol for each entry, for which a proof holds."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

import torch

from diffexplore.errors import UsageError
from diffexplore.torch_code.calling import exits_refused
from diffexplore.torch_private.tracing import FakeTensorMode, fakes_unlogged
from diffexplore.torch_private.watching import tree_leaves
from diffexplore.tracing.declarations import Array, declare
from diffexplore.tracing.pairs import as_real
from diffexplore.tracing.traced import FEW

Tensor = torch.Tensor

#: What the upstream gradient of an output is called.
UPSTREAM = "upstream"

TRIED = (5, 7)  # two sizes of a batch, which show which axis of an output is that of the samples


@dataclass(frozen=True)
class Output:
    """A tensor that a program returns: its place among all of them, its shape for one sample, the axis of samples."""

    place: int
    shape: tuple[int, ...]
    axis: int | None

    @property
    def text(self) -> str:
        """Its whole shape, with N for the samples."""
        sizes = [str(size) for size in self.shape]
        if self.axis is not None:
            sizes.insert(self.axis, "N")
        return f"({', '.join(sizes)})"


@dataclass(frozen=True)
class ProgramOutputs:
    """All outputs that are differentiated; ``samples`` is the number for which their shapes hold, None for any.

    ``mixing`` says which shape is the reason for a fixed number, ``notes`` which outputs are left out.
    """

    every: tuple[Output, ...]
    samples: int | None = None
    mixing: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Weight:
    """The upstream gradient of one output, as an argument of the contracted program."""

    array: Array
    output: Output

    def of(self, returned: Any) -> Tensor:
        """The output among all that the program returned."""
        leaves = list(map(as_real, tree_leaves(returned)))
        if self.output.place >= len(leaves):
            raise UsageError(f"the function returns {len(leaves)} outputs here, and more of them when it was tried")
        found: Tensor = leaves[self.output.place]
        return found

    def contract(self, returned: Any, upstream: Tensor) -> Tensor:
        """Σ upstream · output."""
        axis, tensor = self.output.axis, self.of(returned)
        return (upstream * (tensor if axis in (None, 0) else tensor.movedim(axis, 0))).sum()


def outputs_of(
    function: Callable[..., Any], parameters: Sequence[Array], data: Sequence[Array], name: str
) -> ProgramOutputs | None:
    """What a program returns for small numbers; None where it raises, or returns no floats: tracing says why.

    Raises UsageError where it returns several tensors of which none is made of floats.
    """
    try:
        first, second = (_floats(function, parameters, data, n) for n in TRIED)
    except Exception:  # at numbers that are none of its domain, say: it has shapes there as well
        first, second = (_shapes_alone(function, parameters, data, n) for n in TRIED)
    if not first or len(first) != len(second):
        return None
    kept = [place for place, tensor in first if tensor.requires_grad] or [place for place, _ in first]
    left = [str(place + 1) for place, _ in first if place not in kept]
    notes = (f"output {', '.join(left)} of {name} has no gradient, and is left out",) if left else ()
    pairs = [(p, one.shape, two.shape) for (p, one), (_, two) in zip(first, second, strict=True) if p in kept]
    found = [by_samples(place, one, two) for place, one, two in pairs]
    if all(output is not None for output in found):
        return ProgramOutputs(tuple(output for output in found if output is not None), notes=notes)
    strange = next((one, two) for (_, one, two), output in zip(pairs, found, strict=True) if output is None)
    try:
        few = dict(_floats(function, parameters, data, FEW))
    except Exception:
        return None
    every = tuple(Output(place, tuple(few[place].shape), None) for place, _, _ in pairs if place in few)
    return ProgramOutputs(every, FEW, f"the output of shape ({', '.join(_sizes(*strange))})", notes)


def _shapes_alone(
    function: Callable[..., Any], parameters: Sequence[Array], data: Sequence[Array], n: int
) -> list[tuple[int, Tensor]]:
    """The same without numbers; none where it raises: tracing will say what is wrong, and where."""
    with suppress(Exception), fakes_unlogged(), FakeTensorMode(allow_non_fake_inputs=True):
        return _floats(function, parameters, data, n)
    return []


def _floats(
    function: Callable[..., Any], parameters: Sequence[Array], data: Sequence[Array], n: int
) -> list[tuple[int, Tensor]]:
    """The tensors of floats among what the function returns for N = n, with their places."""
    tensors = tried_numbers(parameters, data, n)
    with exits_refused(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the trace are reported
        leaves = enumerate(map(as_real, tree_leaves(function(**tensors))))
    return [
        (place, leaf)
        for place, leaf in leaves
        if isinstance(leaf, Tensor) and leaf.is_floating_point() and leaf.numel()
    ]


def tried_numbers(parameters: Sequence[Array], data: Sequence[Array], n: int) -> dict[str, Tensor]:
    """Arguments for n samples."""
    shapes = {array.name: array.shape for array in parameters} | {array.name: (n, *array.shape) for array in data}
    return {name: _numbers(shape, place) for place, (name, shape) in enumerate(shapes.items())}


def _numbers(shape: tuple[int, ...], place: int) -> Tensor:
    """Distinct numbers between ½ and 1; no leaf, so that a program may write into them."""
    count = max(1, torch.Size(shape).numel())
    values = 0.5 + 0.4 * torch.arange(count, dtype=torch.float64, device="cpu") / count + 0.01 * place
    return values.reshape(shape).requires_grad_().clone()


def by_samples(place: int, one: torch.Size, two: torch.Size) -> Output | None:
    """An output with at most one axis of the samples, whose size is N; None for any other."""
    if len(one) != len(two):
        return None
    varying = [axis for axis, sizes in enumerate(zip(one, two, strict=True)) if sizes[0] != sizes[1]]
    if not varying:
        return Output(place, tuple(one), None)
    (axis, *others) = varying
    if others or (one[axis], two[axis]) != TRIED:
        return None
    return Output(place, tuple(size for at, size in enumerate(one) if at != axis), axis)


def _sizes(one: torch.Size, two: torch.Size) -> Iterator[str]:
    """The sizes of an output in N."""
    if len(one) != len(two):
        yield "of as many axes as N says"
        return
    for first, second in zip(one, two, strict=True):
        slope, rest = divmod(second - first, TRIED[1] - TRIED[0])
        start = first - slope * TRIED[0]
        known = not rest and slope > 0
        factor = "N" if slope == 1 else f"{slope}·N"
        shift = "" if start == 0 else f" {'+' if start > 0 else '−'} {abs(start)}"
        yield str(first) if first == second else f"{factor}{shift}" if known else "a size in N"


def weights_of(outputs: ProgramOutputs, taken: set[str]) -> tuple[Weight, ...]:
    """An upstream gradient for each output, with symbols that no argument has."""
    count, most = len(outputs.every), len(ascii_lowercase)
    if count > most:
        raise UsageError(f"the program returns {count} tensors: at most {most} can be read")
    names = [UPSTREAM] if count == 1 else [f"{UPSTREAM}_{letter}" for letter in ascii_lowercase[:count]]
    found = []
    for name, output in zip(names, outputs.every, strict=True):
        while any(symbol.startswith(name) for symbol in taken):
            name += "_"
        (array,) = declare({name: output.shape})
        found.append(Weight(array, output))
    return tuple(found)


def contracted(function: Callable[..., Any], weights: Sequence[Weight], name: str) -> Callable[..., Tensor]:
    """The function that returns Σ upstream · output over all outputs; it takes the upstream gradients by name."""

    def weighted(**tensors: Tensor) -> Tensor:
        upstream = [tensors.pop(weight.array.name) for weight in weights]
        returned = function(**tensors)
        parts = (weight.contract(returned, given) for weight, given in zip(weights, upstream, strict=True))
        total = next(parts)
        for part in parts:
            total = total + part
        return total

    weighted.__name__ = name
    return weighted
