"""Where a watch of a candidate loses what it knows of rounding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch

from diffexplore.bounds import handling
from diffexplore.bounds.composites import StepByStep
from diffexplore.bounds.elementwise import Elementwise
from diffexplore.bounds.extremes import orders_for_certain
from diffexplore.bounds.handling import Bound
from diffexplore.bounds.radii import FORGOTTEN
from diffexplore.bounds.watch import Watch
from diffexplore.torch_code.constants import Constants, distance
from diffexplore.torch_code.escapes import Escapes
from diffexplore.torch_ops.creation import CREATED
from diffexplore.torch_ops.movement import REARRANGED
from diffexplore.torch_ops.records import OPAQUE
from diffexplore.torch_ops.registry import OPERATORS, is_in_place, named
from diffexplore.torch_private.watching import DisableTorchFunction

Tensor = torch.Tensor

#: Bounds that know what an undecided condition does to their result; elementwise ones do, too.
_AWARE = tuple(OPERATORS[name].bound for name in "lt ones logical_and where masked_fill _to_copy copy".split())


class CandidateWatch(Watch):
    """A watch that also notes where what it knows is lost: ``leaving`` names the operations.

    A Python number made of a tensor of floats is one; so is a choice, an index or a branch of Python that hangs on a
    comparison which rounding leaves undecided, because the code may then have taken the other way. ``inputs`` are the
    tensors that the candidate is given; any other that it did not compute is a constant of its own. With
    ``takes_decisions`` comparisons count as the program made them.
    """

    def __init__(
        self, *, expected: torch.dtype | None = None, inputs: Iterable[Tensor] = (), takes_decisions: bool = False
    ) -> None:
        super().__init__(expected=expected)
        self.takes_decisions = takes_decisions
        self.leaving: set[str] = set()
        self._constants = Constants()
        self._constants.know(inputs)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        with DisableTorchFunction():  # our own operations are no escapes of the candidate
            name = handling.name_of(func)
            operands = list(_tensors((*args, *(kwargs or {}).values())))
            if "sparse" in name or any(operand.layout != torch.strided for operand in operands):
                self.leaving.add(name)  # no storage to which a radius could be tied
                return func(*args, **(kwargs or {}))
            if name in ("eq", "ne") and args[0] is args[1]:  # asks for NaN, which no rounding changes
                return func(*args, **(kwargs or {}))
            undecided = any(self._is_undecided(operand) for operand in operands)
            rounded = _numbers(operands)
            self.meet(rounded)
            if self._leaves_torch(name, args, undecided, rounded):
                self.leaving.add(name)
            out = super().__torch_dispatch__(func, types, args, kwargs)
            self._mark(func, args, kwargs or {}, out, undecided)
            self._constants.know(_tensors((out,)))
            return out

    @property
    def met_constants(self) -> bool:
        """Whether a tensor of floats came in that is no input, and that no operation made."""
        return self._constants.met

    def meet(self, operands: Iterable[Tensor]) -> None:
        """Constants among the operands get the distance to the numbers that they are roundings of."""
        for operand in operands:
            if operand not in self._radii:
                radius = self._constants.radius(operand)
                if radius is not None:
                    self.set(operand, radius)

    def operand_radius(self, value: float | int) -> float:
        """How far a Python number may be from the constant that it stands for: two units, where it looks rounded."""
        found = super().operand_radius(value)
        return max(found, distance(value, "float64")) if found and isinstance(value, float) else found

    def _leaves_torch(self, name: str, args: tuple[Any, ...], undecided: bool, rounded: list[Tensor]) -> bool:
        if name == "_local_scalar_dense":  # even an exact number: what Python makes of it is not seen
            return undecided or bool(rounded)
        if name == "equal":
            return any(self._is_rounded(operand) for operand in rounded)
        return undecided and name not in _REFUSES and not self._follows(name, args)

    def _is_undecided(self, operand: Tensor) -> bool:
        if operand.is_floating_point() or operand.is_complex() or operand.device.type == "meta":
            return False
        known = self._find(operand)
        return known is not None and bool(known.any())

    def _is_rounded(self, operand: Tensor) -> bool:
        return bool((self.radius(operand) > 0).any())

    def _find(self, tensor: Tensor) -> Tensor | None:
        """What is read although nothing is known of it was written by other code than torch's."""
        known = super()._find(tensor)
        if known is None or known.dtype == torch.bool or not self.has_forgotten:
            return known
        if bool((known == FORGOTTEN).any()):
            self.leaving.add("a view written to")
        return known

    def _follows(self, name: str, args: tuple[Any, ...]) -> bool:
        """Whether the watch itself knows what the undecided operands do to the result."""
        bound = _bound(name)
        if bound == REARRANGED:  # moving them about is known, choosing by them is not
            return not any(self._is_undecided(operand) for operand in _tensors(args[1:]))
        if isinstance(bound, StepByStep):  # each of its steps is looked at by itself
            return True
        return isinstance(bound, Elementwise) or bound in _AWARE or name in _REDUCE_CONDITIONS

    def _mark(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, undecided: bool) -> None:
        """Conditions and indices made of what is undecided or rounded are undecided, unless they are known already."""
        name = handling.name_of(func)
        if name in UNWRITTEN and handling.real_numbers(out) is not None:
            self.set(out, torch.zeros((), dtype=torch.float64, device=out.device))
            self.forget(out)  # what is read before torch writes to it was written by other code
        if name in _FINITENESS or _bound(name) in (OPERATORS["lt"].bound, CREATED):
            return
        chosen = [one for one in _tensors((out,)) if handling.real_numbers(one) is None and self.undecided(one) is None]
        if not chosen or (not undecided and orders_for_certain(self, func, args, kwargs)):
            return
        if undecided or any(map(self._is_rounded, _numbers((*args, *kwargs.values())))):
            for tensor in chosen:
                self.set(tensor, torch.ones((), dtype=torch.bool, device=tensor.device))


class ProgramWatch(CandidateWatch):
    """The watch of a whole program: it sees by what numbers leave torch, and where it loses sight of them."""

    def __init__(self, inputs: Iterable[Tensor]) -> None:
        super().__init__(inputs=inputs)
        self._escapes = Escapes()

    def __enter__(self) -> ProgramWatch:
        self._escapes.__enter__()  # type: ignore[no-untyped-call]  # torch leaves its modes untyped
        super().__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        self._escapes.__exit__(*raised)  # type: ignore[no-untyped-call]  # as above

    @property
    def lost(self) -> frozenset[str]:
        """What else than an operation without a bound leaves the rounding unknown."""
        return frozenset(self._escapes.seen | self.leaving)


_FINITENESS = frozenset("isnan isinf isposinf isneginf".split())  # what they ask does not hang on rounding

#: They raise an exception, or do nothing.
_REFUSES = frozenset(["_linalg_check_errors"])

#: Their results hold nothing yet.
UNWRITTEN = frozenset("empty empty_like new_empty empty_strided new_empty_strided".split())


#: Their results are conditions or counts again, which are marked.
_REDUCE_CONDITIONS = frozenset(["any", "all", "sum", "count_nonzero", "cumsum", "prod"])


def _bound(name: str) -> Bound:
    """The bound of an operation by its name; none holds of a form in place that has none."""
    known = named(name)
    return OPAQUE if known is None or (is_in_place(name) and not known.bound.in_place) else known.bound


def _tensors(values: tuple[Any, ...]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _tensors(tuple(value))


def _numbers(values: Iterable[Any]) -> list[Tensor]:
    return [one for one in _tensors(tuple(values)) if handling.real_numbers(one) is not None]
