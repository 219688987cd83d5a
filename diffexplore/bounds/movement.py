"""Operations that move, copy, convert or make elements."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from diffexplore.bounds.claims import UNIT_ROUNDOFF, rounding
from diffexplore.bounds.conversion import lost, open_integers
from diffexplore.bounds.created import fill_error, fill_with
from diffexplore.bounds.handling import as_list, finite_float, name_of, real_numbers, unknown
from diffexplore.torch_private.watching import storage_key

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch


#: Other readings of the same elements, in the same memory but on devices that copy.
_SAME_ELEMENTS = frozenset({"_conj", "_neg_view"})


def rearrange(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What moves elements of a tensor, or changes its strides in place."""
    known = watch._find(args[0]) if isinstance(args[0], Tensor) else None  # the conjugate of a number, say
    out = func(*args, **kwargs)
    if known is None or _shares_memory(out, args[0]):
        return out
    moved = known if name_of(func) in _SAME_ELEMENTS else func(known, *args[1:], **kwargs)
    for tensor, radius in zip(as_list(out), as_list(moved), strict=True):
        watch.set(tensor, radius)
    return out


def _shares_memory(out: Any, source: Tensor) -> bool:
    return isinstance(source, torch.Tensor) and all(storage_key(one) == storage_key(source) for one in as_list(out))


def join(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """cat and stack, which convert to the widest dtype of all: floats lose nothing by that, and integers may."""
    out = func(*args, **kwargs)
    radii = [watch.radius(tensor) for tensor in args[0]]
    if finite_float(out):
        several = zip(args[0], radii, strict=True)
        radii = [one if finite_float(x) else one + lost(x, x.to(out.dtype)) for x, one in several]
    watch.set(out, func(radii, *args[1:], **kwargs))
    return out


def pad(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Elements of a constant around those of a tensor."""
    if not finite_float(args[0]):
        return rearrange(watch, func, args, kwargs)
    out = func(*args, **kwargs)
    value = args[2] if len(args) > 2 else kwargs.get("value", 0)
    watch.set(out, func(watch.radius(args[0]), args[1], float(fill_error(watch, value, out))))
    return out


def scatter(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Some elements are replaced by those of another tensor, or by a number."""
    out = func(*args, **kwargs)
    target, dim, index, source, *_ = args if len(args) > 3 else (*args, kwargs.get("src", kwargs.get("value")))
    if not finite_float(out):
        return out
    if kwargs.get("reduce"):  # they are added, or multiplied
        return unknown(watch, func, args, kwargs, out)
    radii = watch.radius(target).clone()
    if isinstance(source, Tensor):
        watch.set(out, torch.scatter(radii, dim, index, watch.radius(source).to(radii.dtype)))
    else:
        watch.set(out, torch.scatter(radii, dim, index, float(fill_error(watch, source, out))))
    return out


def index_fill(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Some elements are replaced by a number, of Python's or in a tensor."""
    out = func(*args, **kwargs)
    target, dim, index, value = args
    if finite_float(out):
        if isinstance(value, Tensor):
            radius = watch.radius(value) + lost(value, value.to(out.dtype))
        else:
            radius = fill_error(watch, value, out)
        watch.set(out, torch.index_fill(watch.radius(target), dim, index, float(radius)))
    return out


def drawn(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Random numbers are data."""
    out = func(*args, **kwargs)
    numbers = real_numbers(out)
    if numbers is not None:
        watch.forget(numbers)
        watch.set(numbers, torch.zeros((), dtype=torch.float64, device=out.device))
    return out


def convert(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    out = func(*args, **kwargs)
    source = args[0]
    if not isinstance(source, Tensor) and isinstance(out, Tensor) and not out.is_meta:
        fill_with(watch, out, source)  # where torch maps over samples, a Python number becomes a tensor
        return out
    if not isinstance(source, Tensor) or not isinstance(out, Tensor) or out.is_complex() or out.is_meta:
        return out
    if not finite_float(out):
        if finite_float(source):
            radius = watch.radius(source).to(out.device)
            watch.set(out, open_integers(source.to(out.device), radius, out))
        return out
    if storage_key(out) == storage_key(source):  # nothing to convert: the same elements
        return out
    undecided = None if finite_float(source) else watch.undecided(source)
    if undecided is not None:  # a truth value is 0 or 1, and an integer any other
        watch.set(out, torch.where(undecided.to(out.device), 1.0 if source.dtype == torch.bool else math.inf, 0.0))
        return out
    if out.dtype == source.dtype:  # a copy
        watch.converted_to.add(out.dtype)
        watch.set(out, watch.radius(source).to(out.device))
        return out
    off = _lost(watch, source, out)
    watch.set(out, watch.radius(source).to(out.device) + off if finite_float(source) else off)
    return out


def _lost(watch: Watch, source: Tensor, out: Tensor) -> Tensor:
    """What a conversion may lose of each number: nothing where it lost nothing, else what its dtype rounds.

    Of integers, and in dtypes in which nothing is computed, such as those of 8 bits, it is what the conversion did.
    """
    watch.converted_to.add(out.dtype)
    did = lost(source, out)
    if not finite_float(source) or out.dtype not in UNIT_ROUNDOFF:
        return did
    rounded = rounding("convert", out.detach().to(torch.float64), watch.rounds_in(out.dtype))
    return torch.where(did == 0, 0.0, rounded)


def copy_into(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """copy_: the target takes the source's values."""
    radius = watch.radius(args[1])
    out = func(*args, **kwargs)
    if finite_float(out):
        watch.forget(out)
        off = _lost(watch, args[1].expand(out.shape), out) if args[1].dtype != out.dtype else 0.0
        watch.set(out, radius.to(out.device) + off)
    return out


def fill(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """fill_ and zero_, with a number or a tensor of one."""
    out = func(*args, **kwargs)
    numbers = real_numbers(out)
    if numbers is not None:
        watch.forget(numbers)
        value = args[1] if len(args) > 1 else 0.0
        if isinstance(value, Tensor):
            off = lost(value.expand(out.shape), out) if value.dtype != out.dtype and not out.is_complex() else 0.0
            watch.set(out, watch.radius(value) + off)
        else:
            fill_with(watch, out, value)
    return out
