"""A backward called again: on the same graph, and with another upstream gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from diffexplore.errors import CandidateError
from diffexplore.methods.base import Estimates
from diffexplore.tracing.backward import is_overwritten
from diffexplore.verifying.calling import call, copies_of
from diffexplore.verifying.candidates.base import Candidate, RecordedForward
from diffexplore.verifying.packs import Packed

#: A backward computes a multiple of its upstream gradient. These scale without rounding; the one turns the sign, the
#: other is as large as those by which losses are scaled.
FACTORS = (-2.0, 2.0**16)


@runtime_checkable
class HasBackward(Protocol):
    """A candidate with a backward that somebody wrote."""

    def graph(self, wrt: tuple[str, ...], values: Mapping[str, Tensor]) -> RecordedForward | None:
        """The graph at some tensors; None where no part of the backward is written by hand."""


@dataclass(frozen=True)
class BackwardBehaviour:
    """How a backward behaves when it is called again.

    ``another`` are the partials of which a second call on the same graph gives another value, ``ignoring`` those that
    stay as they are under another upstream gradient, ``disproportionate`` those that change otherwise than by its
    ``factor``, ``unwatched`` those that are others where nothing watches. ``modifying`` names the functions that write
    into theirs. ``raises`` says what a second call raises; ``overwritten`` that it is torch, because a saved tensor
    was written into.
    """

    another: tuple[str, ...] = ()
    ignoring: tuple[str, ...] = ()
    disproportionate: tuple[str, ...] = ()
    factor: float = FACTORS[0]
    unwatched: tuple[str, ...] = ()
    modifying: tuple[str, ...] = ()
    raises: str | None = None
    overwritten: bool = False


def behaviour_of(
    candidate: Candidate, wrt: tuple[str, ...], values: Mapping[str, Tensor], seed: int, first: Estimates
) -> BackwardBehaviour:
    """How the candidate's backward behaves at these tensors; ``first`` is what it gave there, with its bounds."""
    room = {name: 2 * first[name].bound for name in wrt}
    plain = call(lambda: candidate.answer(wrt, copies_of(values)), candidate.name, seed).gradients
    unwatched = [name for name in wrt if _apart(first[name].value, plain[name].detach(), room[name])]
    if unwatched:
        return BackwardBehaviour(unwatched=tuple(unwatched))
    backward = _WrittenBackward(candidate, wrt, values, seed)
    graph = backward.graph()
    if graph is None:
        return BackwardBehaviour()
    once = backward.gradients(graph, 1.0)
    modifying = tuple(graph.modified())
    if modifying:
        return BackwardBehaviour(modifying=modifying)
    try:
        scaled, large, again = (backward.gradients(graph, factor) for factor in (*FACTORS, 1.0))
    except CandidateError as error:
        cause = error.__cause__
        return BackwardBehaviour(raises=str(error), overwritten=isinstance(cause, Exception) and is_overwritten(cause))

    def off(found: Mapping[str, Tensor], factor: float, expected: float) -> list[str]:
        """The partials that are not ``expected`` times those of the first call, at ``factor`` times its upstream."""
        return [name for name in wrt if _apart(expected * once[name].double(), found[name], abs(factor) * room[name])]

    turned, wide = FACTORS
    another = off(again, 1.0, 1.0)
    wrong = off(scaled, turned, turned)
    if wrong and not another:  # by itself, or because of the call before?
        unused = backward.graph()
        still = wrong if unused is None else off(backward.gradients(unused, turned), turned, turned)
        another = [name for name in wrong if name not in still]
    if another:
        return BackwardBehaviour(another=tuple(another))
    if not wrong:
        return BackwardBehaviour(disproportionate=tuple(off(large, wide, wide)), factor=wide)
    changed = off(scaled, turned, 1.0)
    ignoring = tuple(name for name in wrong if name not in changed)
    return BackwardBehaviour(ignoring=ignoring, disproportionate=tuple(name for name in wrong if name in changed))


class _WrittenBackward:
    """A candidate's backward at some tensors, by the symbols of the loss whatever its own arguments are."""

    def __init__(self, candidate: Candidate, wrt: tuple[str, ...], values: Mapping[str, Tensor], seed: int) -> None:
        self._name, self._seed = candidate.name, seed
        self._values, self._wrt = values, wrt
        self._unpack: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] = dict
        self._inner = candidate
        if isinstance(candidate, Packed):
            symbols = candidate.symbols
            self._values, self._wrt, self._unpack = symbols.pack(values), symbols.requested(wrt), symbols.unpack
            self._inner = candidate.inner

    def graph(self) -> RecordedForward | None:
        """The graph of a new forward pass; None where no part of the backward is written by hand."""
        inner = self._inner
        if not isinstance(inner, HasBackward):
            return None
        return call(lambda: inner.graph(self._wrt, self._values), self._name, self._seed)

    def gradients(self, graph: RecordedForward, factor: float) -> Mapping[str, Tensor]:
        """What the backward gives on a graph for ``factor`` times the upstream gradient."""
        found = call(lambda: graph.backward(factor), self._name, self._seed)
        return {name: tensor.detach().clone() for name, tensor in self._unpack(found).items()}


def _apart(expected: Tensor, found: Tensor, room: Tensor) -> bool:
    """Whether two gradients certainly differ by more than their rounding; what is not finite says nothing."""
    expected, found = expected.double().reshape(-1), found.double().reshape(-1)
    known = expected.isfinite() & found.isfinite()
    room = room.to(found.device).double().reshape(-1).nan_to_num(nan=float("inf"))
    return bool((known & ((found - expected).abs() > room)).any())
