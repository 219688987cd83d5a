"""Running a program as its user would: forward and ``.backward()``, outside of any trace."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from diffexplore.bounds.handling import finite_float
from diffexplore.bounds.watch import CONSTANT_ERROR
from diffexplore.torch_code.calling import exits_refused
from diffexplore.torch_code.escapes import Escapes
from diffexplore.torch_code.leaving_torch import CandidateWatch
from diffexplore.tracing.traced import OUTPUT

Tensor = torch.Tensor
Function = Callable[..., Tensor]


@dataclass(frozen=True)
class ProgramRun:
    """What a program computed: its output, and the gradient by each argument that has one (0 where torch has None)."""

    values: Mapping[str, Tensor]


@dataclass(frozen=True)
class WatchedRun(ProgramRun):
    """With a bound for each value; ``unbounded`` names the operations for which there is none."""

    radii: Mapping[str, Tensor]
    unbounded: tuple[str, ...]


def run(
    function: Function, tensors: Mapping[str, Tensor], wrt: Collection[str], *, second: bool = False,
    create_graph: bool = False,
) -> ProgramRun:  # fmt: skip
    """One call on copies of the arguments, with the user's settings; raises what the program raises.

    ``second``: the gradients are those of a second backward call on the same graph; ``create_graph``: of one that
    builds a graph of its own.
    """
    leaves = {name: tensor.clone().requires_grad_(name in wrt) for name, tensor in tensors.items()}
    with _quiet():
        return ProgramRun(_called(function, leaves, wrt, second=second, create_graph=create_graph))


def watched(function: Function, tensors: Mapping[str, Tensor], wrt: Collection[str]) -> WatchedRun:
    """The same call under a watch of its rounding."""
    leaves = {name: tensor.clone() for name, tensor in tensors.items()}
    watch = _ProgramWatch()
    for name, leaf in leaves.items():
        watch.set(leaf, torch.zeros((), dtype=torch.float64, device="cpu"))
        leaf.requires_grad_(name in wrt)
    with _quiet(), Escapes() as escapes, watch:
        values = _called(function, leaves, wrt)
    radii = {name: watch.radius(value).to(torch.float64) for name, value in values.items()}
    return WatchedRun(values, radii, tuple(sorted(watch.unwatched | escapes.seen | watch.leaving)))


def _called(
    function: Function, leaves: dict[str, Tensor], wrt: Collection[str], *, second: bool = False,
    create_graph: bool = False,
) -> dict[str, Tensor]:  # fmt: skip
    arguments = dict(leaves)
    with exits_refused():
        output = function(**arguments)
        if output.requires_grad:
            output.backward(retain_graph=second or create_graph, create_graph=create_graph)
            if second:
                for leaf in leaves.values():
                    leaf.grad = None
                output.backward()
    values = {OUTPUT: output.detach()}
    for name in wrt:
        gradient = leaves[name].grad
        if gradient is None or gradient._is_zerotensor():  # zeros that torch does not keep in memory
            gradient = torch.zeros_like(leaves[name])
        values[name] = gradient.detach()
    return values


@contextmanager
def _quiet() -> Iterator[None]:
    """Leaves torch's random numbers as they were, and keeps warnings to itself: the user is not running anything."""
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), torch.enable_grad():
        warnings.simplefilter("ignore")
        yield


class _ProgramWatch(CandidateWatch):
    """A watch for which a constant that the program holds may stand for the number that rounds to it, as in a trace."""

    def _find(self, tensor: Tensor) -> Tensor | None:
        known = super()._find(tensor)
        if known is not None or not finite_float(tensor) or not tensor.numel():
            return known
        value = tensor.detach().to(torch.float64)
        short = (value * 2.0**20 == (value * 2.0**20).round()) & (value.abs() < 2.0**53)
        return None if bool(short.all()) else torch.where(short, 0.0, value.abs() * CONSTANT_ERROR)
