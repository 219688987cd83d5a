"""What a watch does at each ATen operation: run it, then say how far its result may be from the exact one."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from diffexplore.bounds import branching, composites, movement, products, special
from diffexplore.bounds.ball import Ball
from diffexplore.bounds.claims import COMPUTE, UNIT_ROUNDOFF
from diffexplore.bounds.formulas import FORMULAS, PRIMITIVES
from diffexplore.bounds.handling import Handler, as_list, conclude, finite_float, first_tensor, name_of, plain_name
from diffexplore.bounds.propagation import RULES, STEPS
from diffexplore.bounds.stepwise import lost_in_steps
from diffexplore.bounds.zeros import are_exact, exact_zeros, whole_sums

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor

#: Kernels that round Python numbers to the dtype of the tensor beside them.
_NARROWING = frozenset("pow add sub rsub clamp clamp_min clamp_max".split())

#: Exponents for which the kernel of a narrow dtype multiplies, and rounds each product. For 0 and 1 all kernels copy,
#: and for 2 they multiply once (torch: aten/src/ATen/native/Pow.cpp and cpu/PowKernel.cpp).
_MULTIPLIED = (3, -2, -0.5)

#: Kernels that subtract nearly equal numbers inside: their operands count as rounded once more.
_CANCELLING = {"tanh_backward": (1,), "logaddexp": (0, 1)}


def elementwise(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Operations with a rule in :mod:`~diffexplore.bounds.propagation`."""
    name, in_place = plain_name(func)
    like = first_tensor(args)
    if like is None or not any(finite_float(value) for value in args):
        return func(*args, **kwargs)
    if kwargs.get("rounding_mode") or kwargs.get("decimals"):
        return unwatched(watch, func, args, kwargs)
    operands = [value for value in args[: _arity(name)] if isinstance(value, (torch.Tensor, int, float))]
    balls = [watch.ball(value, like) for value in operands]
    if in_place:  # the other operand may be the same tensor
        balls = [Ball(ball.mid.clone(), ball.rad) for ball in balls]
    if name == "pow" and not isinstance(operands[1], torch.Tensor) and balls[1].rad > 0:
        # Differentiating makes the exponent p - 1 of p, with the absolute error of p.
        balls[1] = Ball(balls[1].mid, balls[1].rad + 2.0**-52)
    out = func(*args, **kwargs)
    if not finite_float(out):
        return out
    dtype = watch.rounds_in(out.dtype)
    # Some kernels take numbers in the dtype of their tensor, the others in the one that they compute in.
    balls = _converted(balls, operands, dtype, dtype if name in _NARROWING else COMPUTE[dtype])
    if name in ("add", "sub", "rsub"):
        balls = _scaled(balls, dtype, name, args, kwargs)
    if name in _CANCELLING:
        unit = UNIT_ROUNDOFF[COMPUTE[dtype]]
        for i in _CANCELLING[name]:
            balls[i] = Ball(balls[i].mid, balls[i].rad + 2 * unit * balls[i].mid.abs())
    value = out.detach().to(torch.float64)
    spread = RULES[name](*balls, value)
    if watch.smooth:
        spread = torch.where(_holds_kink(name, balls), math.inf, spread)
    zeros = None if bool(value.all()) else exact_zeros(name, balls)
    if name in _SUMS and zeros is not None and _is_of_two_numbers(dtype, args, kwargs):
        zeros = torch.ones_like(zeros)  # a sum of two numbers of one dtype that is 0 lost nothing
    if name == "pow":
        name = _power_kernel(operands[1], dtype)
    lost = lost_in_steps(name, out, dtype, balls)
    if lost is not None:
        spread = spread + lost
    lossless = None if zeros is None else zeros & (value == 0)
    if name in _SUMS and are_exact(balls[:2]):
        whole = whole_sums(name, balls, value)
        lossless = whole if lossless is None else whole | lossless
    conclude(watch, name, out, value, spread, in_place, lossless)
    return out


def _is_of_two_numbers(dtype: torch.dtype, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return COMPUTE[dtype] is dtype and len(args) == 2 and kwargs.get("alpha", 1) == 1


def _power_kernel(exponent: Any, dtype: torch.dtype) -> str:
    """The operation by which torch computes a power, whose rounding is known."""
    if isinstance(exponent, torch.Tensor):
        return "pow"
    if exponent in (0, 1):
        return "clone"
    if exponent == 2:
        return "mul"
    stored = float(torch.tensor(float(exponent), dtype=torch.float64).to(dtype))  # what a kernel may compare
    return "pow_multiplied" if stored in _MULTIPLIED else "pow"


_SUMS = frozenset({"add", "sub", "rsub"})


def _arity(name: str) -> int:
    return 2 if name in ("add", "sub", "rsub") else 3


def _converted(balls: list[Ball], operands: list[Any], dtype: torch.dtype, kernel: torch.dtype) -> list[Ball]:
    """Operands that the kernel rounds to its own dtype first, such as Python numbers in float32 products.

    What is lost is exact, so that a number that overflows or underflows there loses all of itself.
    """
    converted = []
    for ball, operand in zip(balls, operands, strict=True):
        if kernel == torch.float64 or (isinstance(operand, torch.Tensor) and operand.dtype == dtype):
            converted.append(ball)
            continue
        stored = ball.mid.to(kernel).to(torch.float64)
        lost = torch.where(stored == ball.mid, 0.0, (stored - ball.mid).abs())
        converted.append(Ball(ball.mid, ball.rad + lost))
    return converted


def _scaled(
    balls: list[Ball], dtype: torch.dtype, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[Ball]:
    """The factor alpha of torch's add and sub; it is rounded as a product of its own."""
    alpha = kwargs.get("alpha", args[2] if len(args) > 2 else 1)
    if alpha == 1:
        return balls
    which = 0 if name == "rsub" else 1
    scale = abs(float(alpha))
    product = balls[which].mid * scale
    balls[which] = Ball(product, balls[which].rad * scale + product.abs() * 2 * UNIT_ROUNDOFF[dtype])
    return balls


def _holds_kink(name: str, balls: list[Ball]) -> Tensor:
    if name in ("abs", "relu"):
        return ~(balls[0].mid.abs() > balls[0].rad)
    if name in ("maximum", "minimum"):
        return ~((balls[0].mid - balls[1].mid).abs() > balls[0].rad + balls[1].rad)
    if name in STEPS or name in ("clamp", "clamp_min", "clamp_max"):
        return ~(balls[0].rad <= 0)
    return torch.zeros((), dtype=torch.bool, device=balls[0].mid.device)


def unwatched(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An operation without a rule: its results have no bound, and its name is kept."""
    out = func(*args, **kwargs)
    floats = [tensor for tensor in as_list(out) if finite_float(tensor)]
    if floats:
        watch.unwatched.add(name_of(func))
    for tensor in floats:
        watch.forget(tensor)
        watch.set(tensor, torch.full((), math.inf, dtype=torch.float64, device=tensor.device))
    return out


def taken_apart(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An operation that torch itself composes of others, such as true_divide: these are watched."""
    with watch:
        return func.decompose(*args, **kwargs)


_HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(movement.REARRANGE, movement.rearrange),
    **dict.fromkeys(movement.CREATE, movement.create),
    **dict.fromkeys(branching.COMPARE, branching.compare),
    **dict.fromkeys(branching.LOGICAL, branching.logical),
    **dict.fromkeys(("sign", "sgn", "heaviside"), branching.step),
    **dict.fromkeys(RULES, elementwise),
    **dict.fromkeys(products.NAMES, products.product),
    "convolution": products.convolution, "convolution_backward": products.convolution,
    "cat": movement.join, "stack": movement.join, "copy_": movement.copy_into,
    "_to_copy": movement.convert, "to": movement.convert,
    "fill": movement.fill, "fill_": movement.fill, "zero_": movement.fill,
    "where": branching.choose, "masked_fill": branching.mask_fill, "masked_fill_": branching.mask_fill,
    **dict.fromkeys(composites.BY_TORCH | FORMULAS.keys(), composites.composite),
    "amax": special.extreme, "amin": special.extreme, "cumsum": special.running_sum, "isnan": branching.plain,
    "scatter": movement.scatter,
    "sum": special.reduce, "mean": special.reduce, "polygamma": special.polygamma, "remainder": branching.remainder,
}  # fmt: skip


@cache
def handler_of(func: Any) -> Handler:
    """The handler of an operator. One of another library may compute anything, whatever it is called."""
    known = handler(func.overloadpacket.__name__)
    if func.namespace == "prims":
        own = func.overloadpacket.__name__ in PRIMITIVES
        return composites.composite if own else known
    if func.namespace != "aten":
        return unwatched
    return taken_apart if known is unwatched and func._can_decompose() else known


@cache
def handler(name: str) -> Handler:
    """The handler of an ATen operation by its name, in-place variants included."""
    if name in _HANDLERS:
        return _HANDLERS[name]
    functional = _HANDLERS.get(name.rstrip("_")) if name.endswith("_") else None
    if functional in (elementwise, composites.composite):
        return functional
    return unwatched
