"""Complex numbers in a trace: each operator on them in steps on pairs of real numbers, which is all that a graph holds.

A complex tensor is read as a real one with pairs along a last axis; ``view_as_real`` and its inverse change nothing.
Fourier transforms are read on such pairs. What other operators do is said once, for the tensor rules as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from diffexplore.errors import UsageError
from diffexplore.torch_ops import registry
from diffexplore.torch_private.watching import disable_current_modes, storage_key, tree_leaves, tree_map
from diffexplore.tracing.nodes import RESHAPES

Tensor = torch.Tensor

#: Operators that a graph may hold: their readers take pairs.
_READ = frozenset(("view_as_real", "view_as_complex", "_fft_c2c", "_fft_r2c", "_fft_c2r"))

#: Operators that make complex numbers of real ones.
_MAKING = frozenset(("complex", "polar"))

#: Operators that make a tensor of a number, whose imaginary part is 0 for a real one.
_CREATING = frozenset(
    "zeros ones empty full zeros_like ones_like empty_like full_like new_zeros new_ones new_empty new_full".split()
)


#: Views that are the same of the real tensor of the pairs, where its last axis is left alone.
_VIEWS = frozenset(
    "select slice narrow transpose permute unsqueeze squeeze expand view _unsafe_view unbind split split_with_sizes "
    "alias detach".split()
)


class Pairs:
    """The operators on complex numbers of one trace, and in which memory a view of them was read as a copy."""

    def __init__(self) -> None:
        self._copied: set[int] = set()
        self._alive: list[Tensor] = []
        self._running: list[Any] = []

    def steps(self, func: Any, args: Any, kwargs: Mapping[str, Any], place: object) -> Callable[[], Any] | None:
        """What an operator does, in steps on real numbers; None for one on real numbers, and where it is read itself.

        Raises UsageError for an operator that nobody says it of, and for what writes where a view was copied.
        """
        name, leaves = registry.base_name(func), tree_leaves((args, kwargs))
        if func._schema.is_mutable and any(map(self._is_copied, tree_leaves(args[:1]))):
            raise UsageError(f"{name} at {place} writes where a view of complex numbers is: write it without in-place")
        made = [leaf for leaf in leaves if isinstance(leaf, torch.dtype) and leaf.is_complex]
        complex_ = [
            leaf for leaf in leaves if isinstance(leaf, complex) or (isinstance(leaf, Tensor) and leaf.is_complex())
        ]
        if name in _READ or not (complex_ or made or name in _MAKING):
            return None
        if name in RESHAPES and not any(isinstance(leaf, int) and leaf < 0 for leaf in leaves):
            return None  # the axis of the pairs is behind all that it names
        if name in _CREATING:
            return lambda: _created(func, args, kwargs)
        if name in ("empty_strided", "new_empty_strided"):
            return lambda: torch.view_as_complex(
                torch.empty_strided(*_laid_out(*args[-2:]), dtype=_part_of(made, args))
            )
        if name in _VIEWS:
            return lambda: _viewed(name, func, *args, **kwargs)
        if name == "as_strided":
            return lambda: _strided(*args, **kwargs)
        if func._schema.is_mutable:
            return lambda: self._written(func, args, kwargs, place)
        return lambda: self._taken(func, args, kwargs, place)

    def _is_copied(self, target: Any) -> bool:
        return isinstance(target, Tensor) and storage_key(target) in self._copied

    def _taken(self, func: Any, args: Any, kwargs: Mapping[str, Any], place: object) -> Any:
        if func in self._running:  # its steps come back to it
            raise _unknown(func, place)
        self._running.append(func)
        found = _steps_of(func, place)(*args, **kwargs)
        self._running.pop()
        if any(one.alias_info is not None for one in func._schema.returns):
            views = [leaf for leaf in tree_leaves((args[0], found)) if isinstance(leaf, Tensor)]
            self._alive += views
            self._copied |= set(map(storage_key, views))
        return found

    def _written(self, func: Any, args: Any, kwargs: Mapping[str, Any], place: object) -> Tensor:
        """An operator in place: its result is copied into the pairs of its first operand."""
        from diffexplore.torch_ops.tensor_rules.lookup import functional

        other, (target, *_) = functional(func), args
        if other is func or not isinstance(target, Tensor) or not target.is_complex():
            raise _unknown(func, place)
        found = _steps_of(other, place)(*args, **kwargs)
        torch.view_as_real(target).copy_(torch.view_as_real(found))
        return target


def _steps_of(func: Any, place: object) -> Callable[..., Any]:
    from diffexplore.torch_ops.tensor_rules import complex_numbers, lookup

    name = registry.base_name(func)
    if name in ("_conj", "_conj_physical"):
        return lambda x: complex_numbers.conjugate(x) if isinstance(x, Tensor) else _constant(x.conjugate())
    if name in ("resolve_conj", "resolve_neg", "lift_fresh"):
        return lambda x: torch.view_as_complex(torch.view_as_real(x))
    steps = lookup.steps_of(lookup.functional(func), True)
    if steps is None:
        raise _unknown(func, place)
    return steps


def _constant(number: complex) -> Tensor:
    """A number, as torch has it where it stands beside tensors."""
    with disable_current_modes():
        return torch.tensor(number, dtype=torch.complex128, device="cpu")


def _unknown(func: Any, place: object) -> UsageError:
    name = registry.base_name(func)
    return UsageError(f"{name} at {place} cannot be read: its formula is not known for complex numbers")


def _viewed(name: str, func: Any, x: Tensor, *args: Any) -> Any:
    """A view by the same view of the pairs: places of axes are counted from the front, and sizes end in 2."""
    ndim = x.dim() + (name == "unsqueeze")
    given = []
    for argument, value in zip(func._schema.arguments[1:], args, strict=False):
        if argument.name in ("dim", "dim0", "dim1"):
            value = value % max(ndim, 1) if isinstance(value, int) else [place % max(ndim, 1) for place in value]
        elif argument.name == "dims":
            value = [*(place % ndim for place in value), ndim]
        elif argument.name == "size" and name in ("expand", "view", "_unsafe_view"):
            value = [*value, 2]
        given.append(value)
    return tree_map(torch.view_as_complex, func(torch.view_as_real(x), *given))


def _laid_out(size: Sequence[int], stride: Sequence[int]) -> tuple[list[int], list[int]]:
    """Size and strides of the pairs."""
    return [*size, 2], [*(2 * step for step in stride), 1]


def _strided(x: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None) -> Tensor:
    start = x.storage_offset() if storage_offset is None else storage_offset
    return torch.view_as_complex(torch.as_strided(torch.view_as_real(x), *_laid_out(size, stride), 2 * start))


def _part_of(made: Sequence[torch.dtype], args: Any) -> torch.dtype:
    """The dtype of the real parts of a new tensor."""
    return (made[0] if made else args[0].dtype).to_real()


def _created(func: Any, args: Any, kwargs: Mapping[str, Any]) -> Tensor:
    """A new tensor of one number: what is made of its real part, and of its imaginary part."""

    def part(place: int) -> Callable[[Any], Any]:
        def of(value: Any) -> Any:
            if isinstance(value, Tensor) and value.is_complex():
                return torch.view_as_real(value).select(-1, place)
            if isinstance(value, torch.dtype) and value.is_complex:
                return value.to_real()
            return (
                value.imag
                if isinstance(value, complex) and place
                else value.real
                if isinstance(value, complex)
                else value
            )

        return of

    real = func(*tree_map(part(0), tuple(args)), **tree_map(part(0), dict(kwargs)))
    numbers = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, complex)]
    imaginary = torch.full_like(real, numbers[0].imag if numbers else 0.0)
    return torch.view_as_complex(torch.stack((real, imaginary), -1))


def as_real(value: Any) -> Any:
    """A complex tensor as a real one of pairs; anything else as it is."""
    if isinstance(value, Tensor) and value.is_complex():
        return torch.view_as_real(value.resolve_conj())
    return value


def real_shape(tensor: Tensor) -> Sequence[Any]:
    """The shape of a tensor, as pairs where it is complex."""
    return (*tensor.shape, 2) if tensor.is_complex() else tuple(tensor.shape)
