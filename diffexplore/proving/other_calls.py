"""Other calls of a program than the one that was traced: a backward may go by layouts, or by who requires gradients.

A trace has contiguous arguments, of which those that are differentiated by require gradients, and a backward pass that
builds no graph. A hand-written backward can ask for all of that, and then computes something else where it is not so:
the proof is not of that call, and its headline says which calls it is of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from diffexplore.lists import listed
from diffexplore.proving.changed_calls import (
    by_channels,
    expanded,
    of,
    of_a_stack,
    repeated,
    rewritten,
    strided,
    used_twice,
    viewed,
    weighted,
)
from diffexplore.proving.formulas import differentiated
from diffexplore.proving.points_tried import DRAWS, Tensors, drawn, in_digits, in_words, meant, name_of_value
from diffexplore.proving.programs import TensorProgram
from diffexplore.proving.runs import Function, ProgramRun, WatchedRun, run, watched
from diffexplore.tracing.sizes import usual
from diffexplore.tracing.traced import OUTPUT, Traced

Tensor = torch.Tensor

_SAME = 2.0**-40  # relative; two calls of which no bound is known agree within this: sums may have another order

_CONTIGUOUS, _NOT_EXPANDED = "all arguments are contiguous", "no argument is expanded"

#: What need not be stated beside another condition.
_IMPLIED_BY = {_NOT_EXPANDED: _CONTIGUOUS}


@dataclass(frozen=True)
class OtherCall:
    """A way to call a program; ``condition`` is what is stated where it computes something else.

    ``words`` tell how it is called. ``than`` is the call that has the same numbers, and differs in this alone; the one
    that was traced where there is none.
    """

    words: str
    condition: str
    function: Function
    wrt: tuple[str, ...]
    create_graph: bool = False
    than: OtherCall | None = None


@dataclass(frozen=True)
class CallDifference:
    """What a proof has to leave out, as a condition in its headline, and with which numbers that was seen."""

    condition: str
    note: str


def differences(program: TensorProgram, traced: Traced, domain: Sequence[Any]) -> list[CallDifference]:
    """The ways to call a program in which it computes other numbers than in the one that was traced.

    One that raises in another call computes no wrong number.
    """
    found: dict[str, CallDifference] = {}
    size = traced.samples or next(iter(usual(traced.guards)), 1)
    for kind in ("inside", "signed"):
        tensors = drawn(traced, size, DRAWS[kind], seed=size)
        for weight in program.weights:
            tensors[weight.array.name].fill_(0.75)
        if not meant(traced, domain, tensors):
            continue
        wrt = tuple(name for name in differentiated(traced) if name not in {one.array.name for one in program.weights})
        as_traced = OtherCall("", "", program.function, wrt)
        try:
            base = run(program.function, tensors, wrt)
        except Exception:  # of the program itself: it has no value there
            continue
        runs = {as_traced: base}
        for call in _calls(program, wrt, tensors):
            stated = call.condition in found or _IMPLIED_BY.get(call.condition) in found
            note = None if stated else _difference(call, call.than or as_traced, runs, tensors)
            if note is not None:
                found[call.condition] = CallDifference(call.condition, f"{note}, at {in_words(traced, tensors)}")
    return list(found.values())


def _calls(program: TensorProgram, wrt: tuple[str, ...], tensors: Tensors) -> Iterator[OtherCall]:
    function = program.function
    yield from _other_arguments(function, wrt, tensors)
    with_graph, without = "with create_graph=True", "backward is called without create_graph"
    again = OtherCall(with_graph, without, function, wrt, create_graph=True)
    yield again
    text = "with an upstream gradient that requires a gradient"
    none = "upstream gradients require no gradient"
    yield OtherCall(text, none, weighted(function), wrt, create_graph=True, than=again)
    yield OtherCall("where outputs are used twice", "outputs are used once", used_twice(program), wrt)
    together = f"{listed(wrt)} require gradients"
    for name in wrt if len(wrt) > 1 else ():
        yield OtherCall(f"where {name} alone requires a gradient", together, function, (name,))
    for name in wrt if len(wrt) > 2 else ():
        rest = tuple(other for other in wrt if other != name)
        yield OtherCall(f"where {name} requires no gradient", together, function, rest)
    own = tuple(name for name in tensors if name not in {one.array.name for one in program.weights})
    others = [name for name in own if name not in wrt]
    if others:
        required = "requires a gradient" if len(others) == 1 else "require gradients"
        none = f"{listed(others)} {'requires' if len(others) == 1 else 'require'} no gradient"
        yield OtherCall(f"where {listed(others)} {required} as well", none, function, own)
    if any(tensors[weight.array.name].dim() for weight in program.weights):
        text = "with an expanded upstream gradient, as that of a sum"
        yield OtherCall(text, "upstream gradients are not expanded", expanded(program), wrt)
        text = "with an upstream gradient that is a view into others, as that of one of a stack"
        yield OtherCall(text, "upstream gradients are contiguous", of_a_stack(program), wrt)


def _other_arguments(function: Function, wrt: tuple[str, ...], tensors: Tensors) -> Iterator[OtherCall]:
    """Arguments of the same numbers that were made in other ways, or lie in memory in others."""

    def call(words: str, condition: str, change: Callable[[Tensor], Tensor], than: OtherCall | None) -> OtherCall:
        return OtherCall(words, condition, of(function, change), wrt, than=than)

    computed = call("with arguments that are computed", "all arguments are leaves", torch.clone, None)
    view = call("with arguments that are views", "no argument is a view", viewed, computed)
    yield computed
    yield call("with arguments that were written into", "no argument was written into", rewritten, computed)
    yield view
    for change in (strided, by_channels):
        yield call("with arguments that are not contiguous", _CONTIGUOUS, change, view)
    for axis in (0, -1) if any(tensor.dim() > 1 for tensor in tensors.values()) else (0,):
        same = call("with a copy of it", "", partial(repeated, axis=axis, shares_memory=False), None)
        change = partial(repeated, axis=axis, shares_memory=True)
        yield call("with an expanded argument", _NOT_EXPANDED, change, same)


def _difference(
    call: OtherCall, as_traced: OtherCall, runs: dict[OtherCall, ProgramRun], tensors: Tensors
) -> str | None:
    """What is another number in a call, with both; None where nothing is, to within rounding."""
    try:
        for each in (as_traced, call):
            if each not in runs:
                runs[each] = run(each.function, tensors, each.wrt, create_graph=each.create_graph)
    except Exception:  # of the program itself
        return None
    base, result = runs[as_traced], runs[call]
    common = [name for name in (OUTPUT, *as_traced.wrt) if name in result.values]
    apart = [name for name in common if not torch.equal(result.values[name], base.values[name])]
    if not apart:
        return None
    radii = [_radii(one, tensors) for one in (call, as_traced)]
    for name in apart:
        first, second = base.values[name], result.values[name]
        room = _room(name, first, radii)
        clear = first.isfinite() & ~((second - first).abs() <= room)
        if bool(clear.any()):
            one, other = (float(values[clear].reshape(-1)[0]) for values in (first, second))
            traced, found = in_digits(one, other)
            return (
                f"{call.words} {name_of_value(name)} is {found}, and {traced} {as_traced.words or 'as it was traced'}"
            )
    return None


def _radii(call: OtherCall, tensors: Tensors) -> WatchedRun | None:
    """The bounds of a call; None where it has none."""
    try:
        seen = watched(call.function, tensors, call.wrt)
    except Exception:  # of the watch: alone the program runs
        return None
    return None if seen.unbounded else seen


def _room(name: str, values: Tensor, seen: Sequence[WatchedRun | None]) -> Tensor:
    """How far two calls may be from each other by their rounding."""
    known = [one.radii[name].expand(values.shape) for one in seen if one is not None]
    if len(known) == len(seen):
        return sum(known, torch.zeros_like(values))
    finite = values[values.isfinite()].abs()
    return torch.full_like(values, _SAME * float(finite.max()) if finite.numel() else 0.0)
