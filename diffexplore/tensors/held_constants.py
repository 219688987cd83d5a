"""What autograd takes for constants, held at the numbers of one call while the inputs are moved.

A difference of outputs would follow a number that was detached, computed under ``no_grad``, or read by ``item``; a
gradient does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from diffexplore.errors import CandidateError
from diffexplore.tensors.candidate import TensorCandidate
from diffexplore.torch_code.calling import line_that_runs
from diffexplore.torch_private.compiling import as_written
from diffexplore.torch_private.functions import checkpoints_recorded, outputs_changed
from diffexplore.torch_private.watching import is_in_a_forward, is_transformed, tree_leaves, tree_map

Tensor = torch.Tensor


class HeldConstants:
    """The constants of one call of a candidate, in their order."""

    def __init__(self, candidate: TensorCandidate) -> None:
        """Calls the candidate. Nothing is held where that changes what it returns, as by writing into ``.data``."""
        mode, call = _Keeping(), candidate.replaced()
        plain = candidate.replaced().returned()
        try:
            with as_written(), mode, outputs_changed(mode.of_function), checkpoints_recorded():
                kept = call.returned()
        except CandidateError:
            kept = ()
        alike = [one.name for one in plain] == [one.name for one in kept] and all(
            _same(one.tensor, other.tensor) for one, other in zip(plain, kept, strict=True)
        )
        self._kept = mode.kept if alike else []

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside the block each constant of a call is the kept one. Where it has others, it raises."""
        if not self._kept:
            yield
            return
        mode = _Holding(self._kept)
        with as_written(), mode, outputs_changed(mode.of_function), checkpoints_recorded():
            yield


class ConstantsSeen(TorchFunctionMode):
    """Looks for floats that need no gradient, made of tensors that need one.

    Not in the forwards of Functions, and within transforms of ``torch.func``, where no tensor says that it needs one.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        needed = any(one.requires_grad for one in given)  # before detach_ says that none does
        return self._held(getattr(func, "__name__", ""), given, needed, func(*args, **(kwargs or {})))

    def of_function(self, args: tuple[Any, ...], out: Any) -> Any:
        """What an autograd Function returns: constants under ``no_grad``, and what it marks as not differentiable."""
        given = [leaf for leaf in tree_leaves(args) if isinstance(leaf, Tensor)]
        return self._held("apply", given, any(one.requires_grad for one in given), out)

    def _held(self, name: str, given: list[Tensor], needed: bool, out: Any) -> Any:
        left_alone = is_in_a_forward() or is_transformed()
        if left_alone or not needed or not any(map(_is_constant, tree_leaves(out))):
            return out

        def constant(leaf: Any) -> Any:
            if not _is_constant(leaf):
                return leaf
            found = self._constant(name, leaf)
            written = isinstance(leaf, Tensor) and any(leaf is one for one in given)
            if written and found is not leaf:
                with torch.no_grad():
                    return leaf.copy_(found)
            return found

        return tree_map(constant, out)

    def _constant(self, name: str, leaf: Any) -> Any:
        """What stands for a constant that ``name`` made."""
        raise NotImplementedError


class FirstConstant(ConstantsSeen):
    """Notes the ``place`` of the first: what makes it, and the line of the user; empty where there is none."""

    place = ""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if self.place:
            return func(*args, **(kwargs or {}))
        return super().__torch_function__(func, types, args, kwargs)

    def _constant(self, name: str, leaf: Any) -> Any:
        if not name.endswith("_like") and not name.startswith("new_"):  # these take a shape, and no numbers
            makes = "data" if name == "__get__" else name.strip("_")
            self.place = f"{makes}{'' if torch.is_grad_enabled() else ' under no_grad'}{line_that_runs()}"
        return leaf


class _Keeping(ConstantsSeen):
    def __init__(self) -> None:
        super().__init__()
        self.kept: list[tuple[str, Any]] = []

    def _constant(self, name: str, leaf: Any) -> Any:
        self.kept.append((name, _copied(leaf)))
        return _copied(leaf)


class _Holding(ConstantsSeen):
    def __init__(self, kept: list[tuple[str, Any]]) -> None:
        super().__init__()
        self._left = iter(kept)

    def _constant(self, name: str, leaf: Any) -> Any:
        before, found = next(self._left, ("", None))
        if name != before or getattr(leaf, "shape", ()) != getattr(found, "shape", ()):
            raise RuntimeError("it takes another way so far from its inputs")
        return _copied(found)


def _is_constant(leaf: Any) -> bool:
    if isinstance(leaf, Tensor):
        return (leaf.is_floating_point() or leaf.is_complex()) and not leaf.requires_grad
    return isinstance(leaf, (float, complex))


def _copied(leaf: Any) -> Any:
    return leaf.clone() if isinstance(leaf, Tensor) else leaf


def _same(one: Tensor, other: Tensor) -> bool:
    one, other = one.detach(), other.detach()
    return one.shape == other.shape and bool(((one == other) | (one.isnan() & other.isnan())).all())
