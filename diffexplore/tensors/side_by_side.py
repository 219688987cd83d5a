"""What rounding really did: the same operations in float64 beside those of a narrow dtype, on what float64 made before.

The worst case of an operation's rounding, carried on from operation to operation, grows with each layer of a network
by the sums of absolute values of its weights, until any number would lie within it. Here each operation of a program in
float32, say, runs in float64 as well, on the results of the float64 operations before it, under a watch. With s its
result, and r the radius that the watch derives for it, the exact value of the same operations at the same inputs lies
within r of s; so the number v that the program computed is within |v − s| + r of that exact value.

Nothing is claimed of the narrow dtype, and nothing of second order is left out. What an operation chooses (a branch,
an index, a pivot) is chosen anew in float64, so that it belongs to the numbers there. Where an operation cannot run so,
what it computed stands for s, and its worst case for r.

Source: F. Benz, A. Hildebrandt, S. Hack, "A dynamic program analysis to find floating-point accuracy problems", PLDI
2012, for the execution in two precisions; the radii are those of :mod:`diffexplore.bounds`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from diffexplore.bounds.handling import as_list, name_of
from diffexplore.bounds.out_arguments import written_arguments
from diffexplore.bounds.radii import FORGOTTEN, StorageRadii
from diffexplore.torch_code.leaving_torch import CandidateWatch
from diffexplore.torch_private.watching import StorageWeakRef, storage_key, tree_leaves, tree_map

Tensor = torch.Tensor

#: Their indices are certain where no two numbers of an operand may be in another order.
_ORDERED = frozenset(
    "max min argmax argmin sort argsort topk median kthvalue cummax cummin max_pool2d_with_indices "
    "max_pool3d_with_indices adaptive_max_pool2d adaptive_max_pool3d".split()
)


class NotFollowed(RuntimeError):
    """An operation or a piece of memory has no counterpart in float64."""


@dataclass(frozen=True, eq=False)
class _WideStorage:
    """The elements of a storage as float64 has them, in their order (``wide``); ``dtype`` is that of the storage."""

    reference: Any
    dtype: torch.dtype
    wide: Tensor


class WideStorages(StorageRadii):
    """What float64 makes of storages; their radii are distances to that, and the radii of its own rounding.

    ``watch`` carries the radii of the numbers in float64. To set the radius of a tensor makes what it holds, with that
    radius, the number from which float64 goes on.
    """

    def __init__(self, watch: CandidateWatch) -> None:
        super().__init__()
        self._watch = watch
        self._found: dict[int, _WideStorage] = {}

    def __contains__(self, tensor: Tensor) -> bool:
        known = self._found.get(storage_key(tensor))
        return known is not None and not known.reference.expired()

    def purge(self) -> None:
        """Drops storages that are gone."""
        self._found = {key: one for key, one in self._found.items() if not one.reference.expired()}

    def read(self, tensor: Tensor) -> Tensor | None:
        """How far the exact value of each element may be; which are undecided, of truth values and integers."""
        value = tensor.detach()
        try:
            wide = self.seen(tensor)
        except NotFollowed:
            return torch.full_like(value, math.inf, dtype=torch.float64)
        if wide is None:
            return None
        known = self._watch.undecided(wide)
        if not value.is_floating_point():
            return value != wide if known is None else (value != wide) | known.to(torch.bool)
        apart = value.to(torch.float64).sub_(wide).abs_()
        apart = torch.where((value == wide) | (value.isnan() & wide.isnan()), 0.0, apart)
        return apart if known is None else torch.where(known == FORGOTTEN, FORGOTTEN, apart + known)

    def write(self, tensor: Tensor, radius: Tensor) -> None:
        """Lets float64 go on from what the tensor holds, within ``radius``."""
        wide = self.made(tensor)
        wide.copy_(tensor.detach())
        self._watch.set(wide, radius)

    def seen(self, tensor: Tensor) -> Tensor | None:
        """A tensor as float64 has it, in memory that its views share; None of one that is what it is."""
        if tensor not in self:
            return None
        known = self._found[storage_key(tensor)]
        if known.dtype != tensor.dtype or len(known.wide) != _count(tensor):
            raise NotFollowed("memory is read as another dtype, or in another size")
        return known.wide.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())

    def made(self, tensor: Tensor) -> Tensor:
        """The same, also of a tensor that was not seen before."""
        try:
            known = self.seen(tensor)
        except NotFollowed:
            known = None
        if known is not None:
            return known
        everything = widened(tensor.detach().as_strided((_count(tensor),), (1,), 0), copy=True)
        return self._keep(tensor, everything)

    def linked(self, tensor: Tensor, wide: Tensor, shared: Iterable[int]) -> None:
        """Makes ``wide`` what float64 has of a new tensor; ``shared`` are storages that others use."""
        alike = (wide.shape, wide.stride(), wide.storage_offset()) == (tensor.shape, tensor.stride(), 0)
        if alike and _count(wide) == _count(tensor) and storage_key(wide) not in shared:
            self._keep(tensor, wide.as_strided((_count(wide),), (1,), 0))
            return
        target = self.made(tensor)
        radius = self._watch.undecided(wide)
        target.copy_(wide)
        if radius is not None:
            self._watch.set(target, radius)

    def _keep(self, tensor: Tensor, everything: Tensor) -> Tensor:
        reference = StorageWeakRef(tensor.untyped_storage())
        self._found[storage_key(tensor)] = _WideStorage(reference, tensor.dtype, everything)
        return everything.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())


class SideBySideWatch(CandidateWatch):
    """A watch of a program in a narrow dtype, whose radii are what its rounding really did."""

    def __init__(self, *, expected: torch.dtype | None = None, inputs: Iterable[Tensor] = ()) -> None:
        super().__init__(expected=expected, inputs=inputs)
        self._wide = CandidateWatch(expected=torch.float64)
        self._wide.leaving, self._wide.unwatched = self.leaving, self.unwatched
        self._storages = self._radii = WideStorages(self._wide)

    def run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs an operation as it is, and in float64; where that is not possible, its worst case counts."""
        if func.is_view:
            return func(*args, **kwargs)
        tensors = _tensors((args, kwargs))
        if not any(one.is_floating_point() or one in self._storages for one in tensors):
            return super().run(func, args, kwargs)  # of numbers that are new
        self._wide._purge()
        missing = set(self.unwatched)
        try:
            if _draws(func, args, kwargs):
                raise NotFollowed("random numbers are drawn once")
            found = self._in_float64(func, args, kwargs)
        except (RuntimeError, TypeError, ValueError, IndexError):  # float64 has no such kernel
            self.unwatched &= missing
            if any(not one.is_floating_point() and self._strays(one) for one in tensors):
                self.leaving.add(name_of(func))
            return super().run(func, args, kwargs)
        out = func(*args, **kwargs)
        shared = {storage_key(one) for one in tensors}
        for tensor, wide in zip(as_list(out), found, strict=True):
            if isinstance(tensor, torch.Tensor) and storage_key(tensor) not in shared:
                self._link(tensor, wide, shared)
        return out

    def _in_float64(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """The results of an operation on what float64 made of its operands, with their radii."""
        names = written_arguments(func, keywords=False)
        changed = [value for one, value in zip(func._schema.arguments, args, strict=False) if one.name in names]
        written = {id(tensor) for tensor in _tensors(changed)}

        def wide(leaf: Any) -> Any:
            if isinstance(leaf, torch.dtype):
                return torch.float64 if leaf.is_floating_point else leaf
            if not isinstance(leaf, torch.Tensor):
                return leaf
            found = self._storages.made(leaf) if id(leaf) in written else self._storages.seen(leaf)
            return widened(leaf.detach()) if found is None else found

        operands, options = tree_map(wide, (args, kwargs))
        floats = [one for one in _tensors((operands, options)) if one.is_floating_point()]
        undecided = any(self._wide._is_undecided(one) for one in _tensors((operands, options)))
        certain = name_of(func) in _ORDERED and not undecided and all(map(self._in_certain_order, floats))
        out = self._wide.run(func, operands, options)
        if not certain:
            self._wide._mark(name_of(func), out, undecided, floats)
        return as_list(out)

    def _in_certain_order(self, wide: Tensor) -> bool:
        """Whether no two of the numbers may lie the other way round: they are apart, or both exact."""
        value, order = wide.reshape(-1).sort()
        radius = self._wide.radius(wide).reshape(-1)[order]
        room, reach = value.diff(), radius[1:] + radius[:-1]
        return bool((room * (1 - 2.0**-50) > reach).logical_or_(reach == 0).all())

    def _link(self, tensor: Tensor, wide: Any, shared: set[int]) -> None:
        if isinstance(wide, torch.Tensor) and wide.shape == tensor.shape:
            shared_there = {storage_key(one.wide) for one in self._storages._found.values()}
            self._storages.linked(tensor, wide, shared_there)
        elif tensor.is_floating_point():
            self.set(tensor, torch.full((), math.inf, dtype=torch.float64, device=tensor.device))
        else:
            self.set(tensor, torch.ones((), dtype=torch.bool, device=tensor.device))

    def _strays(self, tensor: Tensor) -> bool:
        """Whether truth values or integers are others in float64."""
        wide = self._storages.seen(tensor)
        return wide is not None and not torch.equal(wide, tensor)

    def _is_undecided(self, operand: Tensor) -> bool:
        if operand.is_floating_point() or operand.is_complex():
            return False
        wide = self._storages.seen(operand)
        return wide is not None and self._wide._is_undecided(wide)

    def _leaves_torch(self, name: str, args: tuple[Any, ...], undecided: bool, rounded: list[Tensor]) -> bool:
        reads = name == "_local_scalar_dense" and not args[0].is_floating_point()
        return super()._leaves_torch(name, args, undecided, rounded) or (reads and self._strays(args[0]))


def widened(tensor: Tensor, *, copy: bool = False) -> Tensor:
    """A tensor with floats in float64; others as they are."""
    if tensor.is_complex():
        raise NotFollowed("complex numbers are not watched")
    return tensor.to(torch.float64 if tensor.is_floating_point() else tensor.dtype, copy=copy)


def _draws(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether an operator draws random numbers in this call; some do only with dropout."""
    if torch.Tag.nondeterministic_seeded not in func.tags:
        return False
    if func._schema.is_mutable or any(tensor.device.type != "cpu" for tensor in _tensors((args, kwargs))):
        return True
    before = torch.get_rng_state()
    func(*args, **kwargs)
    drawn = not torch.equal(before, torch.get_rng_state())
    torch.set_rng_state(before)
    return drawn or any(isinstance(leaf, torch.Generator) for leaf in tree_leaves((args, kwargs)))


def _tensors(value: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def _count(tensor: Tensor) -> int:
    return tensor.untyped_storage().nbytes() // tensor.element_size()
