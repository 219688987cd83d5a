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
    inner = candidate.inner if isinstance(candidate, Packed) else candidate
    if not isinstance(inner, HasBackward):
        return BackwardBehaviour()
    packed, names, apart = _arguments(candidate, wrt, values)
    graph = call(lambda: inner.graph(names, packed), candidate.name, seed)
    if graph is None:
        return BackwardBehaviour()

    def backward(factor: float, graph: RecordedForward = graph) -> Mapping[str, Tensor]:
        found = call(lambda: graph.backward(factor), candidate.name, seed)
        return {name: tensor.detach().clone() for name, tensor in apart(found).items()}

    once = backward(1.0)
    modifying = tuple(graph.modified())
    if modifying:
        return BackwardBehaviour(modifying=modifying)
    try:
        scaled, large, again = (backward(factor) for factor in (*FACTORS, 1.0))
    except CandidateError as error:
        cause = error.__cause__
        return BackwardBehaviour(raises=str(error), overwritten=isinstance(cause, Exception) and is_overwritten(cause))

    def off(found: Mapping[str, Tensor], factor: float) -> list[str]:
        """The partials that are not ``factor`` times those of the first call."""
        return [name for name in wrt if _apart(factor * once[name].double(), found[name], abs(factor) * room[name])]

    another = [name for name in wrt if _apart(once[name], again[name], room[name])]
    wrong = off(scaled, FACTORS[0])
    if wrong and not another:  # by itself, or because of the call before?
        unused = call(lambda: inner.graph(names, packed), candidate.name, seed)
        still = wrong if unused is None else off(backward(FACTORS[0], unused), FACTORS[0])
        another = [name for name in wrong if name not in still]
    if another:
        return BackwardBehaviour(another=tuple(another))
    if not wrong:
        return BackwardBehaviour(disproportionate=tuple(off(large, FACTORS[1])), factor=FACTORS[1])
    ignoring = tuple(name for name in wrong if not _apart(once[name], scaled[name], abs(FACTORS[0]) * room[name]))
    return BackwardBehaviour(ignoring=ignoring, disproportionate=tuple(name for name in wrong if name not in ignoring))


def _arguments(
    candidate: Candidate, wrt: tuple[str, ...], values: Mapping[str, Tensor]
) -> tuple[Mapping[str, Tensor], tuple[str, ...], Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]]:
    """What the candidate itself takes, what it differentiates by, and how its gradients are split."""
    if not isinstance(candidate, Packed):
        return values, wrt, lambda found: found
    return candidate.symbols.pack(values), candidate.symbols.requested(wrt), candidate.symbols.unpack


def _apart(expected: Tensor, found: Tensor, room: Tensor) -> bool:
    """Whether two gradients certainly differ by more than their rounding; what is not finite says nothing."""
    expected, found = expected.double().reshape(-1), found.double().reshape(-1)
    known = expected.isfinite() & found.isfinite()
    room = room.to(found.device).double().reshape(-1).nan_to_num(nan=float("inf"))
    return bool((known & ((found - expected).abs() > room)).any())
