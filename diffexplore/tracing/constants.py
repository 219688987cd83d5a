"""What is known while a graph is captured: masks and indices made of constants, and operators that torch composes."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from diffexplore.torch_ops import registry
from diffexplore.torch_private.watching import disable_current_modes, tree_leaves
from diffexplore.tracing.cases import Decisions

Tensor = torch.Tensor


def folded(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The whole numbers or truth values that an operator makes of tensors from elsewhere; None for anything else.

    How many places a mask holds, and which, is then known. A constant that holds floats stays in the graph: its numbers
    are read as what they are roundings of.
    """
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    plain = tensors and all(type(one) is Tensor and not one.requires_grad for one in tensors)
    if not plain or func._schema.is_mutable or torch.Tag.nondeterministic_seeded in func.tags or _is_view(func):
        return None
    if not _makes_tensors(func):
        return None
    if all(one.is_floating_point() for one in tensors) and not _makes_truth(func):
        return None
    with disable_current_modes():
        found = func(*args, **kwargs)
    results = [leaf for leaf in tree_leaves(found) if isinstance(leaf, Tensor)]
    return None if any(one.is_floating_point() or one.is_complex() for one in results) else found


def with_places(func: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments of an index, where a constant mask in it is written as the places where it holds."""
    if func not in _INDEXED or not any(is_mask(index) for index in args[1]):
        return args
    with disable_current_modes():
        found = [index.nonzero(as_tuple=True) if is_mask(index) else (index,) for index in args[1]]
    return (args[0], [index for indices in found for index in indices], *args[2:])


def selected(x: Tensor, mask: Tensor) -> Tensor:
    """masked_select by a constant mask."""
    with disable_current_modes():
        shape = torch.broadcast_shapes(x.shape, mask.shape) or (1,)
        places = mask.expand(shape).nonzero(as_tuple=True)
    found: Tensor = torch.ops.aten.index.Tensor(x.expand(shape), list(places))
    return found


def with_decided(func: Any, args: tuple[Any, ...], decisions: Decisions, place: object) -> tuple[Any, ...]:
    """The arguments of an operator whose shapes depend on a mask, where that depends on inputs: as it is decided.

    ``place`` is that of the operator in the source.
    """
    if func in _INDEXED:
        if _fills(func, args) or not any(map(_open, args[1])):
            return args
        return args[0], [decisions.constant(index, place) if _open(index) else index for index in args[1]], *args[2:]
    if func in _MASKED and _open(args[1]):
        return args[0], decisions.constant(args[1], place), *args[2:]
    if func is torch.ops.aten.nonzero.default and type(args[0]) is not Tensor:
        return (decisions.constant(args[0] if args[0].dtype == torch.bool else args[0] != 0, place),)
    return args


def _open(index: Any) -> bool:
    """Whether a mask depends on inputs, for a number of entries that is known."""
    is_truth = isinstance(index, Tensor) and type(index) is not Tensor and index.dtype == torch.bool
    return is_truth and all(isinstance(size, int) for size in index.shape)


def _fills(func: Any, args: tuple[Any, ...]) -> bool:
    """Whether a number is put where a single mask of the whole tensor holds, which is a choice for each element."""
    return len(args) > 2 and len(args[1]) == 1 and args[2].ndim == 0 and args[1][0].shape == args[0].shape


def is_mask(index: Any) -> bool:
    return type(index) is Tensor and index.dtype == torch.bool


_INDEXED = frozenset(
    getattr(getattr(torch.ops.aten, name), overload)
    for name, overload in (
        ("index", "Tensor"), ("_unsafe_index", "Tensor"), ("index_put", "default"), ("index_put_", "default"),
        ("_unsafe_index_put", "default"), ("_index_put_impl_", "default"),
    )
)  # fmt: skip


#: Operators with a mask as their second operand, which has to be constant.
_MASKED = frozenset(
    getattr(torch.ops.aten, name).default
    for name in ("masked_select", "masked_scatter", "masked_scatter_", "masked_scatter_backward")
)


def _makes_tensors(func: Any) -> bool:
    kinds = [str(one.type) for one in func._schema.returns]
    return bool(kinds) and all(kind in ("Tensor", "Tensor[]") for kind in kinds)


def _is_view(func: Any) -> bool:
    return any(one.alias_info is not None for one in func._schema.returns)


@cache
def _makes_truth(func: Any) -> bool:
    return func._schema.name.rpartition("::")[2] in _TRUTHS


#: Operators that make truth values, or places, of floats.
_TRUTHS = frozenset("lt gt le ge eq ne isnan isinf isfinite signbit logical_not nonzero argmax argmin argsort".split())


@cache
def is_composite(func: Any) -> bool:
    """Whether torch composes an operator of others, and nothing else says what it computes.

    What makes no tensor is none: torch asks for sizes where it words an error.
    """
    known = registry.of(func)
    if func.namespace != "aten" or (known is not None and known.reader is not None) or not _makes_tensors(func):
        return False
    return func not in registry.decompositions() and bool(func._can_decompose())
