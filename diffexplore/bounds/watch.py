"""Watching torch: every ATen operation of a forward and backward pass, with an error bound beside each tensor.

A :class:`Watch` is a dispatch mode. It lets every operation run unchanged, and carries for each floating point
tensor a float64 tensor of radii: the exact value (of the same formula, at the exact inputs) lies within the radius of
the computed one. For a condition it carries which elements are undecided.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import torch
from torch import Tensor

from diffexplore.bounds.ball import Ball
from diffexplore.bounds.claims import QUANTUM, UNIT_ROUNDOFF
from diffexplore.bounds.conversion import WHOLE, as_doubles
from diffexplore.bounds.elements import all_finite
from diffexplore.bounds.extremes import Extremes
from diffexplore.bounds.factorisations import Factorisations
from diffexplore.bounds.handling import Handler, holds_complex, name_of, written_arguments
from diffexplore.bounds.out_arguments import run_into
from diffexplore.bounds.radii import StorageRadii
from diffexplore.torch_private.watching import DispatchMode

#: The relative error that is allowed for a double which stands for a constant: twice its rounding.
CONSTANT_ERROR = 2.0**-52

#: The largest numbers of dtypes, as of masks, are what they are.
_LARGEST = frozenset(torch.finfo(dtype).max for dtype in UNIT_ROUNDOFF)

#: Radii of tensors that are gone are dropped after so many operations, or so many bytes of radii.
_PURGE_OPERATIONS = 64
_PURGE_BYTES = 2**20


class Observer:
    """What looks on while operations run under a watch."""

    def saw(self, watch: Watch, name: str, args: tuple[Any, ...], out: Any) -> None:
        """``name``, in ATen's words, made ``out`` of ``args``; the watch knows the radius of each tensor."""

    def name(self, name: str, tensor: Tensor) -> None:
        """The call is given ``tensor`` for the symbol ``name``."""


_OBSERVER: ContextVar[Observer | None] = ContextVar("observer", default=None)


@contextmanager
def observing(observer: Observer | None) -> Iterator[None]:
    """Every watch that is made inside the block shows its operations to ``observer``, or to nobody."""
    token = _OBSERVER.set(observer)
    try:
        yield
    finally:
        _OBSERVER.reset(token)


def is_observed() -> bool:
    """Whether an observer looks on at the watches that are made here."""
    return _OBSERVER.get() is not None


class Watch(DispatchMode):
    """Carries radii beside tensors while torch code runs inside the ``with`` block.

    ``smooth`` makes enclosures that hold a kink infinite: Taylor's theorem needs that, where a bound
    on a value only needs the union of both branches. ``expected`` is the dtype that the code should compute in:
    roundings to a narrower one, which ``narrowed`` then names, are allowed for no more than if they were to it.
    """

    def __init__(self, *, smooth: bool = False, expected: torch.dtype | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves its dispatch modes untyped
        self.smooth = smooth
        self.unwatched: set[str] = set()
        self.narrowed: set[torch.dtype] = set()
        self.converted_to: set[torch.dtype] = set()
        self.formulas_stand_in = False  # for kernels that its dtype lacks
        self.takes_decisions = False  # of comparisons, as the program made them, where rounding may turn them
        self._expected = expected
        self._known_errors: dict[float, float] = {}
        self._observer = _OBSERVER.get()
        self._radii = StorageRadii()
        self.extremes = Extremes()
        self.factorisations = Factorisations()
        self._operations = 0
        self._bytes = 0

    @property
    def lost(self) -> frozenset[str]:
        """By what else than operations without a bound the rounding is unknown: nothing, where only ATen is called."""
        return frozenset()

    def rounds_in(self, dtype: torch.dtype) -> torch.dtype:
        """The dtype by which the rounding of a result in ``dtype`` is measured."""
        if self._expected is None or UNIT_ROUNDOFF[dtype] <= UNIT_ROUNDOFF[self._expected]:
            return dtype
        self.narrowed.add(dtype)
        return self._expected

    def follow(self, other: Watch, tensors: Iterable[Tensor]) -> None:
        """Takes over what another watch knows of some tensors, so that operations on them may go on here."""
        self.unwatched |= other.unwatched
        self._radii.take_over(other._radii, tensors)
        self.extremes.take_over(other.extremes)
        self.factorisations.take_over(other.factorisations)

    # ------------------------------------------------------------------------------------------------- reading
    def radius(self, tensor: Tensor) -> Tensor:
        """The radius of each element: float64, the shape of ``tensor``; zero for a tensor never seen before.

        A radius that became NaN (as ∞ · 0 does) says nothing and is read as infinite. Rules are written so that a
        NaN stays one until then.
        """
        known = self._find(tensor)
        if known is None:
            return torch.zeros((), dtype=torch.float64, device=tensor.device).expand(tensor.shape)
        if known.dtype == torch.bool:
            return torch.where(known, math.inf, 0.0).to(torch.float64)
        if all_finite(known):
            return known
        return torch.nan_to_num(known, nan=math.inf, posinf=math.inf, neginf=math.inf)

    def undecided(self, condition: Tensor) -> Tensor | None:
        """Which elements of a boolean tensor the balls do not decide; None where all are decided."""
        return self._find(condition)

    def ball(self, value: Tensor | float | int, like: Tensor) -> Ball:
        """The ball of an operand: a tensor with its radius, or a Python number."""
        if isinstance(value, Tensor):
            known = self._find(value)
            exact = known is None
            if known is None or known.dtype == torch.bool:
                known = self.radius(value)
            mid, off = as_doubles(value)
            return Ball(mid, known, exact) if off is None else Ball(mid, known + off, False)
        mid, error = torch.tensor(float(value), dtype=torch.float64, device=like.device), self.operand_radius(value)
        return Ball(mid, torch.full_like(mid, error), error == 0)

    def number_radius(self, value: float | int) -> float:
        """How far a Python number may be from the exact constant that it stands for."""
        stated = self._known_errors.get(float(value), 0.0) if self._known_errors else 0.0
        return max(stated, number_radius(value))

    def operand_radius(self, value: float | int) -> float:
        """The same of a Python number that an operation is given."""
        return self.number_radius(value)

    def state(self, tensor: Tensor) -> object | None:
        """Another object after each time that something was set in a tensor's memory; None where nothing was."""
        return self._radii.state(tensor)

    @property
    def has_forgotten(self) -> bool:
        """Whether nothing is known any more of elements of some tensor."""
        return self._radii.has_forgotten

    def _find(self, tensor: Tensor) -> Tensor | None:
        return self._radii.read(tensor)

    # ------------------------------------------------------------------------------------------------- writing
    def state_constant(self, number: float, radius: float) -> None:
        """Says that ``number`` stands for a constant within ``radius`` of it, short as it may look."""
        self._known_errors[number] = max(radius, self._known_errors.get(number, 0.0))

    def set(self, tensor: Tensor, radius: Tensor) -> None:
        """Says that the exact value lies within ``radius`` (float64, or bool: undecided) of ``tensor``."""
        self._bytes += 8 * radius.numel()
        self._radii.write(tensor, radius)

    def forget(self, tensor: Tensor) -> None:
        """Says that nothing is known of a tensor's elements, before it is changed in place."""
        if tensor in self._radii:
            self._radii.forget(tensor)

    def _purge(self) -> None:
        self._operations += 1
        if self._operations > _PURGE_OPERATIONS or self._bytes > _PURGE_BYTES:
            self._operations = self._bytes = 0
            self._radii.purge()

    # ------------------------------------------------------------------------------------------------ watching
    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        self._purge()
        into = kwargs and any(name in kwargs for name in written_arguments(func))
        out = run_into(self, func, args, kwargs) if into else self.run(func, args, kwargs)
        if self._observer is not None:
            self.show(name_of(func), args, out)
        return out

    def run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs an operation that returns its results, and says how far they may be from the exact ones."""
        is_complex = any(map(holds_complex, args)) or (bool(kwargs) and any(map(holds_complex, kwargs.values())))
        handler, name = _looked_up(func, is_complex)
        out = handler(self, func, args, kwargs)
        self.extremes.note(self, name, args, kwargs, out)
        self.factorisations.note(self, name, args, out)
        return out

    def introduce(self, tensors: Mapping[str, Tensor]) -> None:
        """Lets the observer, if there is one, know which tensors a call is given for its symbols."""
        if self._observer is not None:
            for name, tensor in tensors.items():
                self._observer.name(name, tensor)

    def show(self, name: str, args: tuple[Any, ...], out: Any) -> None:
        """Lets the observer, if there is one, see an operation that has run."""
        if self._observer is not None:
            self._observer.saw(self, name, args, out)


@cache
def _looked_up(func: Any, is_complex: bool) -> tuple[Handler, str]:
    """The handler of an operation, which is kept for as long, and its name."""
    from diffexplore.torch_ops.registry import handler_of

    return handler_of(func, is_complex), name_of(func)


def number_radius(value: float | int) -> float:
    """How far a number that looks rounded may be from what it stands for: 0 for short binary fractions, ends of dtypes.

    An integer is off by what its double, which kernels compute with, is off.

    Constants of a formula that are rounded to a number that does not look so are set by :meth:`Watch.state_constant`.
    """
    if isinstance(value, int):
        return 0.0 if abs(value) <= WHOLE else float(abs(int(float(value)) - value))
    if not math.isfinite(value) or abs(value) in _LARGEST:
        return 0.0
    short = (value * 2.0**20).is_integer() and abs(value) < 2.0**53
    return 0.0 if short else abs(value) * CONSTANT_ERROR + QUANTUM[torch.float64]


def watched(function: Callable[[], tuple[Tensor, ...]], *, smooth: bool = False) -> list[Ball]:
    """Runs ``function`` under a watch and returns each of its tensors as a ball."""
    with Watch(smooth=smooth) as watch:
        outputs = function()
    return [Ball(output.detach().to(torch.float64), watch.radius(output)) for output in outputs]
