"""What all handlers of ATen operations share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from diffexplore.bounds.ball import Ball
from diffexplore.bounds.claims import BELOW_NORMAL, COMPUTE, UPWARD, rounding_parts
from diffexplore.bounds.elements import add_number
from diffexplore.torch_private.watching import OpOverload

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

#: Runs an operation, and says how far its result may be from the exact one.
Handler = Callable[["Watch", Any, tuple[Any, ...], dict[str, Any]], Any]

#: Where the operands' balls hold a kink of an elementwise function, or a point beside which it is not smooth.
Kinks = Callable[[Sequence[Ball]], Tensor]


class Bound(Protocol):
    """How the error of an operator is bounded."""

    @property
    def in_place(self) -> bool:
        """Whether it holds of the form in place as well."""

    def run(self, kinks: Kinks, watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs an operation, and says how far its result may be from the exact one."""


@dataclass(frozen=True)
class Handled:
    """The bound that a handler sets, which looks for kinks itself."""

    handler: Handler
    in_place: bool = False

    def run(self, kinks: Kinks, watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs the handler."""
        return self.handler(watch, func, args, kwargs)


def finite_float(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and not value.is_meta


def real_numbers(value: Any) -> Tensor | None:
    """A tensor of floats; of a complex one the parts, in pairs along a last axis of the same memory. None of others."""
    if not isinstance(value, Tensor) or not value.is_complex():
        return value if finite_float(value) else None
    if value.device.type == "meta":
        return None
    return torch.view_as_real(value.conj() if value.is_conj() else value)  # a conjugate's parts are as far off


def holds_complex(value: Any) -> bool:
    """Whether an argument is a complex tensor, number or dtype, or a list that holds one."""
    if isinstance(value, Tensor):
        return value.is_complex()
    if isinstance(value, (tuple, list)):
        return any(map(holds_complex, value))
    return isinstance(value, complex) or (isinstance(value, torch.dtype) and value.is_complex)


def first_tensor(args: tuple[Any, ...]) -> Tensor | None:
    return next((value for value in args if isinstance(value, Tensor)), None)


def name_of(func: Any) -> str:
    """The name of an operation of torch; of another library's with its namespace, since names say what rules hold."""
    return _named(func) if isinstance(func, OpOverload) else _name(func)


def _name(func: Any) -> str:
    name = str(func.overloadpacket.__name__)
    namespace = getattr(func, "namespace", "aten")
    return name if namespace in _TORCH else f"{namespace}::{name}"


_named = cache(_name)  # of torch's operators, which stay

#: The namespaces of torch's own operations.
_TORCH = ("aten", "prim", "prims")


def plain_name(func: Any) -> tuple[str, bool]:
    """The name of an operation without namespace, as not in place, and whether it is in place."""
    return _plainly_named(func) if isinstance(func, OpOverload) else _plain_name(func)


def _plain_name(func: Any) -> tuple[str, bool]:
    name = func.overloadpacket.__name__
    in_place = name.endswith("_") and not name.startswith("_")
    return (name.rstrip("_") if in_place else name), in_place


_plainly_named = cache(_plain_name)


def as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) else [value]


@cache
def written_arguments(function: Any, keywords: bool = True) -> tuple[str, ...]:
    """The names of the arguments that an operator writes into: of those with keywords only, or of the others."""
    schema = getattr(function, "_schema", None)  # functions of other libraries have none
    return tuple(
        argument.name
        for argument in (() if schema is None else schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write and argument.kwarg_only == keywords
    )


def unwatched(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An operation without a bound: nothing is known of its results, and of what it writes into; its name is kept."""
    return unknown(watch, func, args, kwargs, func(*args, **kwargs))


def unknown(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Any:
    """The same of an operation that has run, and returned ``out``."""
    results = [*as_list(out), *_written(func, args, kwargs)]
    floats = [parts for parts in map(real_numbers, results) if parts is not None]
    if floats:
        watch.unwatched.add(name_of(func))
    for tensor in floats:
        watch.forget(tensor)
        watch.set(tensor, torch.full((), math.inf, dtype=torch.float64, device=tensor.device))
    return out


def _written(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """What the arguments are that an operator writes into."""
    if not func._schema.is_mutable:
        return []
    names = written_arguments(func, keywords=False)
    by_place = [value for one, value in zip(func._schema.arguments, args, strict=False) if one.name in names]
    by_name = [kwargs[name] for name in (*names, *written_arguments(func)) if name in kwargs]
    return [tensor for value in (*by_place, *by_name) for tensor in as_list(value)]


def conclude(watch: Watch, claim: str, out: Tensor, size: Tensor, spread: Tensor) -> None:
    """Set the radius of a result, as :func:`concluded` says."""
    watch.set(out, concluded(claim, watch.rounds_in(out.dtype), size, spread))


def concluded(
    claim: str, dtype: torch.dtype, size: Tensor, spread: Tensor, lossless: Tensor | None = None, least: float = 0.0
) -> Tensor:
    """The radius of a result: what the operands spread, and the rounding except where it is ``lossless``.

    ``size`` is its absolute value (float64), which is overwritten, and ``least`` at most the smallest of its elements.
    """
    relative, absolute = rounding_parts(claim, dtype)
    absolute += BELOW_NORMAL
    if lossless is not None:
        rounded = add_number(size.mul_(relative), absolute)
        return torch.where(lossless, 0.0, rounded).add_(spread, alpha=UPWARD)
    if relative:
        return add_number(size.mul_(relative).add_(spread, alpha=UPWARD), absolute, least * relative)
    return spread


def converted(balls: list[Ball], operands: list[Any], dtype: torch.dtype, wide_numbers: bool) -> list[Ball]:
    """Operands that the kernel rounds to its own dtype first, such as Python numbers in float32 products.

    With ``wide_numbers`` Python's are rounded to the dtype in which it computes; tensors are to that of its result.
    The midpoints are what it computes with, to which rules compare its result. What is lost is exact, so that a
    number that overflows or underflows there loses all of itself.
    """
    converted = []
    for ball, operand in zip(balls, operands, strict=True):
        kernel = COMPUTE[dtype] if wide_numbers and not isinstance(operand, Tensor) else dtype
        if kernel == torch.float64 or (isinstance(operand, Tensor) and operand.dtype == dtype):
            converted.append(ball)
            continue
        stored = ball.mid.to(kernel).to(torch.float64)
        lost = torch.where(stored == ball.mid, 0.0, (stored - ball.mid).abs())
        converted.append(Ball(torch.where(stored.isfinite(), stored, ball.mid), ball.rad + lost))
    return converted
