"""Candidates whose arguments are vectors and matrices, made of the scalar symbols of a loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from diffexplore.arguments import shown, wrong
from diffexplore.errors import CandidateError, UsageError, unknown
from diffexplore.loss import Loss
from diffexplore.verifying.candidates import Answer, Candidate, adapt, kind_of, name_of
from diffexplore.verifying.candidates.computes_loss import is_flat

#: The most axes of a packed argument.
_DEEPEST = 8

#: Where a symbol lies: the argument, and its index there.
Place = tuple[str, tuple[int, ...]]


@dataclass(frozen=True)
class PackedSymbols:
    """The symbols of a loss as a candidate takes them: the names of its arguments, packed or as they are.

    ``shapes`` has the shape of each packed argument (of one sample, where it is data), ``places`` where each packed
    symbol lies.
    """

    loss: Loss
    parameters: tuple[str, ...]
    data: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]
    places: Mapping[str, Place]

    def pack(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of the arguments: a parameter's has its shape, that of data (n, *shape)."""
        return {name: self._packed(name, values) if name in self.shapes else values[name] for name in self.names}

    def unpack(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of all symbols that lie in some arguments: of shape () for parameters, (n,) for data."""
        apart = {name: tensor for name, tensor in tensors.items() if name not in self.shapes}
        for symbol, (name, index) in self.places.items():
            if name in tensors:
                last: tuple[Any, ...] = (..., *index)
                apart[symbol] = tensors[name][last]
        return apart

    @property
    def names(self) -> tuple[str, ...]:
        """All arguments, those of parameters first."""
        return (*self.parameters, *self.data)

    def argument_of(self, symbol: str) -> str:
        """The argument in which a symbol lies."""
        return self.places[symbol][0] if symbol in self.places else symbol

    def is_flat(self, wrt: Sequence[str], values: Mapping[str, Tensor]) -> bool:
        """Whether the loss changes with none of the symbols in these arguments."""
        apart = self.unpack(values)
        return is_flat(self.loss, tuple(s for s in apart if self.argument_of(s) in wrt), apart)

    def requested(self, wrt: Sequence[str]) -> tuple[str, ...]:
        """The arguments in which some symbols lie."""
        found = {self.argument_of(symbol) for symbol in wrt}
        return tuple(name for name in self.names if name in found)

    def _packed(self, name: str, values: Mapping[str, Tensor]) -> Tensor:
        parts = [values[symbol] for symbol, (argument, _) in self.places.items() if argument == name]
        stacked = torch.stack(parts, dim=-1)
        return stacked.reshape(*stacked.shape[:-1], *self.shapes[name])


class Packed(Candidate):
    """A candidate of packed arguments behind the contract of one of scalar symbols."""

    def __init__(self, inner: Candidate, symbols: PackedSymbols) -> None:
        self.inner = inner
        self.name, self.kind = inner.name, inner.kind
        self.repeatable, self.torch = inner.repeatable, inner.torch
        self.symbols = symbols

    def answer(self, wrt: tuple[str, ...], values: Mapping[str, Tensor]) -> Answer:
        packed = self.symbols.pack(values)
        answer = self.inner.answer(self.symbols.requested(wrt), packed)
        with torch.no_grad():  # what the candidate did to its arguments in place, done to the symbols' own tensors too
            for symbol, tensor in self.symbols.unpack(packed).items():
                if tensor is not values[symbol]:
                    values[symbol].copy_(tensor)
        gradients = self.symbols.unpack(answer.gradients)
        return Answer({symbol: gradients[symbol] for symbol in wrt}, answer.value)


def adapt_packed(candidate: Any, loss: Loss, kind: str | None, pack: Mapping[str, Any]) -> Candidate:
    """A candidate whose arguments named in ``pack`` are tensors made of the loss's symbols.

    ``pack`` maps an argument to nested lists of symbols, all parameters or all data: ``{"W": [["w11", "w12"], ["w21",
    "w22"]], "X": ["x1", "x2"]}`` has W of shape (2, 2) and X of shape (n, 2). Raises UsageError for lists that are
    ragged, symbols that are unknown, mixed or come twice, and names that are taken.
    """
    if not kind_of(candidate, kind).packable:
        raise CandidateError(f"{name_of(candidate)} is made of formulas, which are of scalar symbols: nothing to pack")
    symbols = packed_symbols(loss, pack)
    return Packed(adapt(candidate, symbols, kind), symbols)


def packed_symbols(loss: Loss, pack: Mapping[str, Any]) -> PackedSymbols:
    """The arguments of a candidate, from nested lists of symbols; errors as of :func:`adapt_packed`."""
    if not isinstance(pack, Mapping):
        raise wrong("pack", "map arguments to lists of symbols", pack)
    places: dict[str, Place] = {}
    shapes = {}
    for name, layout in pack.items():
        shapes[name] = _shape(layout, name)
        _place(name, layout, loss, places)
    parameters, data = (
        tuple(dict.fromkeys(places[symbol][0] if symbol in places else symbol for symbol in symbols))
        for symbols in (loss.parameters, loss.data)
    )
    taken = [name for name in shapes if name in loss.symbols and name not in places]
    if taken:
        raise UsageError(f"{taken[0]!r} is a symbol of the loss: give the packed argument another name")
    return PackedSymbols(loss, parameters, data, shapes, places)


def _place(name: str, layout: Any, loss: Loss, places: dict[str, Place]) -> None:
    """Add to ``places`` where the symbols of an argument stand."""
    for index, symbol in _entries(layout):
        if symbol not in loss.symbols:
            raise unknown("symbol", str(symbol), loss.symbols)
        if symbol in places:
            raise UsageError(f"the symbol {symbol!r} is packed twice")
        places[symbol] = (name, index)
    if {symbol in loss.data for _, symbol in _entries(layout)} == {True, False}:
        raise UsageError(f"{name!r} mixes parameters and data: an argument is made of one or the other")


def by_symbol(candidate: Any, loss: Loss, pack: Mapping[str, Any]) -> Any:
    """A mapping of the user's tensors by symbol instead of by packed argument; anything else as it is."""
    if not isinstance(candidate, Mapping):
        return candidate
    symbols = packed_symbols(loss, pack)
    whole = {name: value for name, value in candidate.items() if isinstance(value, Tensor)}
    fitting = {name: value for name, value in whole.items() if value.shape == symbols.shapes.get(name, value.shape)}
    return symbols.unpack(fitting)


def _shape(layout: Any, name: str, depth: int = 1) -> tuple[int, ...]:
    """The shape of nested lists, which must all be of one length at each level."""
    if isinstance(layout, str):
        return ()
    if not isinstance(layout, (list, tuple)) or not layout:
        raise wrong(shown(name), "packed from a list of symbols, or lists of such", layout)
    if depth > _DEEPEST:
        raise UsageError(f"the lists of symbols of {shown(name)} are nested more than {_DEEPEST} deep")
    inner = {_shape(part, name, depth + 1) for part in layout}
    if len(inner) > 1:
        raise UsageError(f"the lists of symbols of {name!r} are not all of one length")
    return (len(layout), *inner.pop())


def _entries(layout: Any, index: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], str]]:
    if isinstance(layout, str):
        yield index, layout
    else:
        for i, part in enumerate(layout):
            yield from _entries(part, (*index, i))
