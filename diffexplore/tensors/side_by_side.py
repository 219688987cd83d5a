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
from typing import Any

import torch

from diffexplore.bounds.handling import as_list, name_of, real_numbers, written_arguments
from diffexplore.tensors.wide_storages import NotFollowed, WideStorages, wide_dtype, widened
from diffexplore.torch_code.leaving_torch import CandidateWatch
from diffexplore.torch_ops.creation import CREATED
from diffexplore.torch_ops.registry import named
from diffexplore.torch_private.watching import storage_key, tree_leaves, tree_map

Tensor = torch.Tensor

#: They choose signs, which they may choose otherwise in float64.
_FREE_SIGNS = frozenset("_linalg_eigh _linalg_svd linalg_qr linalg_eig geqrf".split())


class SideBySideWatch(CandidateWatch):
    """A watch of a program in a narrow dtype, whose radii are what its rounding really did."""

    def __init__(
        self, *, expected: torch.dtype | None = None, inputs: Iterable[Tensor] = (), takes_decisions: bool = False
    ) -> None:
        super().__init__(expected=expected, inputs=inputs, takes_decisions=takes_decisions)
        self._wide = CandidateWatch(expected=torch.float64, takes_decisions=takes_decisions)
        self._wide.leaving, self._wide.unwatched = self.leaving, self.unwatched
        self._wide.formulas_stand_in = True
        self._storages = self._radii = WideStorages(self._wide)

    def go_on_from(self, tensor: Tensor, wide: Tensor) -> None:
        """Makes the numbers ``wide``, in float64, those from which float64 goes on in the place of a tensor's."""
        self._storages.made(tensor).copy_(wide)

    def wide_ball(self, tensor: Tensor) -> tuple[Tensor, Tensor]:
        """What float64 made of a tensor of floats, and its radii; of one that was not seen, itself."""
        wide = self._storages.seen(tensor)
        wide = widened(tensor.detach()) if wide is None else wide
        return wide, self._wide.radius(wide)

    def run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs an operation as it is, and in float64; where that is not possible, its worst case counts."""
        if func.is_view:
            return func(*args, **kwargs)
        tensors = _tensors((args, kwargs))
        if _is_made(func) or not any(real_numbers(one) is not None or one in self._storages for one in tensors):
            return super().run(func, args, kwargs)  # of numbers that are new
        self._wide._purge()
        missing = set(self.unwatched)
        try:
            if _draws(func, args, kwargs):
                raise NotFollowed("random numbers are drawn once")
            found = self._in_float64(func, args, kwargs)
        except (RuntimeError, TypeError, ValueError, LookupError):  # float64 has no such kernel
            self.unwatched &= missing
            if any(real_numbers(one) is None and self._strays(one) for one in tensors):
                self.leaving.add(name_of(func))
            return super().run(func, args, kwargs)
        out = func(*args, **kwargs)
        if name_of(func) in _FREE_SIGNS and not all(map(_near, as_list(out), found)):
            return super().run(func, args, kwargs)
        shared = {storage_key(one) for one in tensors}
        for tensor, wide in zip(as_list(out), found, strict=True):
            if isinstance(tensor, torch.Tensor) and storage_key(tensor) not in shared:
                self._link(tensor, wide)
        return out

    def _in_float64(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """The results of an operation on what float64 made of its operands, with their radii."""
        names = written_arguments(func, keywords=False)
        changed = [value for one, value in zip(func._schema.arguments, args, strict=False) if one.name in names]
        written = {id(tensor) for tensor in _tensors(changed)}

        def wide(leaf: Any) -> Any:
            if isinstance(leaf, torch.dtype):
                return wide_dtype(leaf)
            if not isinstance(leaf, torch.Tensor):
                return leaf
            found = self._storages.made(leaf) if id(leaf) in written else self._storages.seen(leaf)
            return widened(leaf.detach()) if found is None else found

        operands, options = tree_map(wide, (args, kwargs))
        undecided = any(self._wide._is_undecided(one) for one in _tensors((operands, options)))
        out = self._wide.run(func, operands, options)
        self._wide._mark(func, operands, options, out, undecided)
        return as_list(out)

    def _link(self, tensor: Tensor, wide: Any) -> None:
        numbers = real_numbers(tensor)
        if isinstance(wide, torch.Tensor) and wide.shape == tensor.shape:
            self._storages.link(tensor, wide)
        elif numbers is not None:
            self.set(numbers, torch.full((), math.inf, dtype=torch.float64, device=tensor.device))
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
        reads = name == "_local_scalar_dense" and real_numbers(args[0]) is None
        return super()._leaves_torch(name, args, undecided, rounded) or (reads and self._strays(args[0]))


def _near(tensor: Tensor, wide: Tensor) -> bool:
    most = float(wide.abs().max()) if wide.numel() else 0.0
    return torch.allclose(tensor.detach().to(wide.dtype), wide, rtol=2.0**-6, atol=2.0**-6 * most)


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


def _is_made(func: Any) -> bool:
    """Whether an operation makes numbers of Python's, which are those of the program's own dtype."""
    known = named(name_of(func))
    return known is not None and known.bound is CREATED


def _tensors(value: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]
