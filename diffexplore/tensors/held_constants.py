"""What autograd takes for constants, held at the numbers of one call while the inputs are moved.

A difference of outputs would follow a number that was detached, computed under ``no_grad``, or read by ``item``; a
gradient does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from diffexplore.errors import CandidateError
from diffexplore.tensors.candidate import TensorCandidate, TensorOutput
from diffexplore.torch_code.calling import line_that_runs
from diffexplore.torch_private.compiling import as_written
from diffexplore.torch_private.functions import checkpoints_recorded, outputs_changed
from diffexplore.torch_private.watching import is_in_a_forward, is_transformed, storage_key, tree_leaves, tree_map

Tensor = torch.Tensor

#: They take the dtype, the device or the shape of what comes second, and no numbers of it.
_OF_THE_FIRST = ("to", "type_as", "expand_as", "view_as", "reshape_as")


class HeldConstants:
    """The constants of one call of a candidate, in their order."""

    def __init__(self, candidate: TensorCandidate) -> None:
        """Calls the candidate. Nothing is held where that changes what it returns, as by writing into ``.data``."""
        plain = candidate.replaced().returned()
        self._kept, self._views = [], True
        for views in (True, False):  # what is written into a view that is held is lost
            kept = _kept_of(candidate, plain, views)
            if kept is not None:
                self._kept, self._views = kept, views
                return

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside the block each constant of a call is the kept one. Where it has others, it raises."""
        if not self._kept:
            yield
            return
        mode = _Holding(self._kept, views=self._views)
        with as_written(), mode, outputs_changed(mode.of_function), checkpoints_recorded():
            yield


class ConstantsSeen(TorchFunctionMode):
    """Looks for floats that need no gradient, made of tensors that need one.

    Not in the forwards of Functions, and within transforms of ``torch.func``, where no tensor says that it needs one.
    With ``_views`` also for views under ``no_grad``, which are leaves of their own that say they need one.
    """

    _views = True

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        needed = any(one.requires_grad for one in given)  # before detach_ says that none does
        return self._held(_name(func), given, needed, func(*args, **(kwargs or {})))

    def of_function(self, args: tuple[Any, ...], out: Any) -> Any:
        """What an autograd Function returns: constants under ``no_grad``, and what it marks as not differentiable."""
        given = [leaf for leaf in tree_leaves(args) if isinstance(leaf, Tensor)]
        return self._held("apply", given, any(one.requires_grad for one in given), out)

    def _held(self, name: str, given: list[Tensor], needed: bool, out: Any) -> Any:
        left_alone = is_in_a_forward() or is_transformed()
        if left_alone or not needed or not any(self._is_constant(leaf, given) for leaf in tree_leaves(out)):
            return out

        def constant(leaf: Any) -> Any:
            if not self._is_constant(leaf, given):
                return leaf
            found = self._constant(name, leaf)
            written = isinstance(leaf, Tensor) and any(leaf is one for one in given)
            if written and found is not leaf:
                with torch.no_grad():
                    return leaf.copy_(found)
            return found

        return tree_map(constant, out)

    def _is_constant(self, leaf: Any, given: Sequence[Tensor]) -> bool:
        if not isinstance(leaf, Tensor):
            return isinstance(leaf, (float, complex))
        if not (leaf.is_floating_point() or leaf.is_complex()):
            return False
        if not leaf.requires_grad or torch.is_grad_enabled() or any(leaf is one for one in given):
            return not leaf.requires_grad
        return self._views and _is_leaf(leaf)

    def _constant(self, name: str, leaf: Any) -> Any:
        """What stands for a constant that ``name`` made."""
        raise NotImplementedError


class FirstConstant(ConstantsSeen):
    """Notes the ``place`` of the first: what makes it, and the line of the user; empty where there is none."""

    place = ""
    _given: Sequence[Tensor] = ()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if self.place:
            return func(*args, **(kwargs or {}))
        return super().__torch_function__(func, types, args, kwargs)

    def _held(self, name: str, given: list[Tensor], needed: bool, out: Any) -> Any:
        of_no_numbers = name.endswith("_like") or name.startswith("new_")  # these take a shape
        if not needed or of_no_numbers or (name in _OF_THE_FIRST and not given[0].requires_grad):
            return out
        self._given = given
        return super()._held(name, given, needed, out)

    def _constant(self, name: str, leaf: Any) -> Any:
        if not self._is_view_of_another(leaf):
            under = "" if torch.is_grad_enabled() else " under no_grad"
            self.place = self.place or f"{name.strip('_')}{under}{line_that_runs()}"
        return leaf

    def _is_view_of_another(self, leaf: Any) -> bool:
        """Whether it shows a constant that was given, as ``broadcast_tensors`` does, and was not written into it."""
        if not isinstance(leaf, Tensor) or leaf.layout != torch.strided or any(leaf is one for one in self._given):
            return False
        constants = [one for one in self._given if not one.requires_grad and one.layout == torch.strided]
        return storage_key(leaf) in map(storage_key, constants)


class _Keeping(ConstantsSeen):
    def __init__(self, *, views: bool) -> None:
        super().__init__()
        self._views = views
        self.kept: list[tuple[str, Any]] = []

    def _constant(self, name: str, leaf: Any) -> Any:
        self.kept.append((name, _copied(leaf)))
        return _copied(leaf)


class _Holding(ConstantsSeen):
    def __init__(self, kept: list[tuple[str, Any]], *, views: bool) -> None:
        super().__init__()
        self._views = views
        self._left = iter(kept)

    def _constant(self, name: str, leaf: Any) -> Any:
        before, found = next(self._left, ("", None))
        if name != before or getattr(leaf, "shape", ()) != getattr(found, "shape", ()):
            raise RuntimeError("it takes another way so far from its inputs")
        return _copied(found)


def _name(func: Any) -> str:
    """That of a function, or of the attribute that is read."""
    name = getattr(func, "__name__", "")
    return getattr(getattr(func, "__self__", None), "__name__", name) if name == "__get__" else name


def _kept_of(
    candidate: TensorCandidate, plain: Sequence[TensorOutput], views: bool
) -> list[tuple[str, Any]] | None:  # fmt: skip
    """The constants of a call; None where holding them changes what it returns."""
    mode, call = _Keeping(views=views), candidate.replaced()
    try:
        with as_written(), mode, outputs_changed(mode.of_function), checkpoints_recorded():
            kept = call.returned()
    except CandidateError:
        return None
    alike = [one.name for one in plain] == [one.name for one in kept] and all(
        _same(one.tensor, other.tensor) for one, other in zip(plain, kept, strict=True)
    )
    return mode.kept if alike else None


def _is_leaf(tensor: Tensor) -> bool:
    try:
        return tensor.is_leaf
    except RuntimeError:  # torch cannot tell of a view under no_grad once it is written into
        return False


def _copied(leaf: Any) -> Any:
    return leaf.clone() if isinstance(leaf, Tensor) else leaf


def _same(one: Tensor, other: Tensor) -> bool:
    one, other = one.detach(), other.detach()
    return one.shape == other.shape and bool(((one == other) | (one.isnan() & other.isnan())).all())
