"""What a watch does at each ATen operation: run it, then say how far its result may be from the exact one."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from diffexplore.bounds import products, propagation
from diffexplore.bounds.claims import (
    COMPUTE,
    QUANTUM,
    UNIT_ROUNDOFF,
    UPWARD,
    rounding,
    rounding_parts,
    summation_rounding,
)
from diffexplore.bounds.propagation import RULES, Ball

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor
Handler = Callable[["Watch", Any, tuple[Any, ...], dict[str, Any]], Any]

#: Operations that rearrange elements: what they do to values, they do to radii.
REARRANGE = frozenset(
    "alias detach clone view _unsafe_view reshape expand permute transpose t select slice unsqueeze "
    "squeeze as_strided unbind split index_select flip roll contiguous diagonal _reshape_alias lift_fresh "
    "movedim narrow swapaxes slice_backward select_backward index gather constant_pad_nd repeat tril triu".split()
)

#: Operations that make tensors of constants, or that only ask for shapes.
CREATE = frozenset(
    "ones_like zeros_like empty_like ones zeros empty new_zeros new_ones new_empty arange scalar_tensor "
    "full full_like new_full _efficientzerotensor new_empty_strided empty_strided is_same_size "
    "_has_same_storage_numel rand randn".split()
)

COMPARE = frozenset(["lt", "le", "gt", "ge", "eq", "ne"])

#: Kernels that round Python numbers to the dtype of the tensor beside them.
_NARROWING = frozenset("pow add sub rsub clamp clamp_min clamp_max".split())

#: Exponents for which the kernel of a narrow dtype multiplies, and rounds each product.
_MULTIPLIED = (3, -2, -0.5)

#: Kernels that subtract nearly equal numbers inside: their operands count as rounded once more.
_CANCELLING = {"tanh_backward": (1,), "logaddexp": (0, 1)}


def finite_float(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point() and value.device.type != "meta"


def _first_tensor(args: tuple[Any, ...]) -> Tensor | None:
    return next((value for value in args if isinstance(value, torch.Tensor)), None)


# ------------------------------------------------------------------------------------------------------ handlers
def elementwise(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Operations with a rule in :mod:`~diffexplore.bounds.propagation`."""
    name, in_place = _plain_name(func)
    like = _first_tensor(args)
    if like is None or not any(finite_float(value) for value in args):
        return func(*args, **kwargs)
    if kwargs.get("rounding_mode"):
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
    if name == "pow" and not isinstance(operands[1], torch.Tensor) and operands[1] in _MULTIPLIED:
        name = "pow_multiplied"
    if name in _ZEROS and bool((value == 0).any()):
        _conclude(watch, name, out, value, spread, in_place, _ZEROS[name](*[_is_zero(ball) for ball in balls[:2]]))
        return out
    _conclude(watch, name, out, value, spread, in_place)
    return out


def _is_zero(ball: Ball) -> Tensor:
    return (ball.mid == 0) & (ball.rad == 0)


#: Where these operations give an exact 0 and lose nothing, not even a subnormal quantum: so an exact 0 stays one.
_ZEROS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mul": lambda x, y: x | y, "div": lambda x, y: x, "add": lambda x, y: x & y, "sub": lambda x, y: x & y,
    "rsub": lambda x, y: x & y, "tanh_backward": lambda g, y: g, "sigmoid_backward": lambda g, y: g,
}  # fmt: skip


def _conclude(
    watch: Watch, name: str, out: Tensor, value: Tensor, spread: Tensor, in_place: bool = False,
    exact_zero: Tensor | None = None,
) -> None:  # fmt: skip
    if in_place:
        watch.forget(out)
    relative, absolute = rounding_parts(name, watch.rounds_in(out.dtype))
    if exact_zero is not None:
        spread = value.abs().mul_(relative).add_(spread, alpha=UPWARD).add_(torch.where(exact_zero, 0.0, absolute))
    elif relative:
        spread = value.abs().mul_(relative).add_(spread, alpha=UPWARD).add_(absolute)
    watch.set(out, spread)


def _arity(name: str) -> int:
    return 2 if name in ("add", "sub", "rsub") else 3


def _plain_name(func: Any) -> tuple[str, bool]:
    name = func.overloadpacket.__name__
    in_place = name.endswith("_") and not name.startswith("_")
    return (name.rstrip("_") if in_place else name), in_place


def _converted(balls: list[Ball], operands: list[Any], dtype: torch.dtype, kernel: torch.dtype) -> list[Ball]:
    """Operands that the kernel rounds to its own dtype first, such as Python numbers in float32 products."""
    unit = UNIT_ROUNDOFF[kernel]
    converted = []
    for ball, operand in zip(balls, operands, strict=True):
        narrower = isinstance(operand, torch.Tensor) and operand.dtype == dtype
        if narrower or unit == UNIT_ROUNDOFF[torch.float64]:
            converted.append(ball)
            continue
        inexact = ball.mid != ball.mid.to(kernel).to(torch.float64)
        converted.append(Ball(ball.mid, ball.rad + torch.where(inexact, unit * ball.mid.abs(), 0.0)))
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
    if name in ("floor", "clamp", "clamp_min", "clamp_max"):
        return ~(balls[0].rad <= 0)
    return torch.zeros((), dtype=torch.bool, device=balls[0].mid.device)


def rearrange(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    out = func(*args, **kwargs)
    source = args[0]
    known = watch._find(source)
    if known is None:
        return out
    moved = func(known, *args[1:], **kwargs)
    for tensor, radius in zip(_as_list(out), _as_list(moved), strict=True):
        watch.set(tensor, radius)
    return out


def join(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """cat and stack."""
    out = func(*args, **kwargs)
    watch.set(out, func([watch.radius(tensor) for tensor in args[0]], *args[1:], **kwargs))
    return out


def create(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    out = func(*args, **kwargs)
    if finite_float(out) and func.overloadpacket.__name__ in ("full", "full_like", "new_full", "scalar_tensor"):
        value = kwargs.get("fill_value", next((a for a in reversed(args) if isinstance(a, (int, float))), 0))
        watch.set(out, fill_error(value, out))
    return out


def fill_error(value: float, out: Tensor) -> Tensor:
    from diffexplore.bounds.watch import number_error

    stored = torch.tensor(float(value), dtype=torch.float64).to(out.dtype).to(torch.float64)
    error = abs(float(value) - float(stored)) + abs(float(value)) * number_error(value)
    return torch.full((), error, dtype=torch.float64, device=out.device)


def convert(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    out = func(*args, **kwargs)
    source = args[0]
    if not finite_float(out) or not isinstance(source, torch.Tensor):
        return out
    if not source.is_floating_point():
        if source.dtype == torch.bool and watch.undecided(source) is not None:
            watch.set(out, watch.undecided(source).to(torch.float64))  # type: ignore[union-attr]
        return out
    value = out.detach().to(torch.float64)
    rounded = rounding("convert", value, watch.rounds_in(out.dtype))
    lost = torch.where(value == source.detach().to(torch.float64), 0.0, rounded)
    watch.set(out, watch.radius(source).to(value.device) + lost)
    return out


def copy_into(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """copy_: the target takes the source's values."""
    radius = watch.radius(args[1])
    out = func(*args, **kwargs)
    if finite_float(out):
        value = out.detach().to(torch.float64)
        watch.forget(out)
        lost = rounding("convert", value, watch.rounds_in(out.dtype)) if args[1].dtype != out.dtype else 0
        watch.set(out, radius.to(value.device) + lost)
    return out


def fill(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    out = func(*args, **kwargs)
    if finite_float(out):
        watch.forget(out)
        value = args[1] if len(args) > 1 else 0.0
        watch.set(out, watch.radius(value) if isinstance(value, torch.Tensor) else fill_error(value, out))
    return out


def compare(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    out = func(*args, **kwargs)
    like = _first_tensor(args)
    if like is None or like.device.type == "meta" or not any(finite_float(value) for value in args):
        return out
    x, y = watch.ball(args[0], like), watch.ball(args[1], like)
    reach = x.rad + y.rad
    watch.set(out, ~((x.mid - y.mid).abs() > reach) & ~(reach <= 0))
    return out


def logical(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    out = func(*args, **kwargs)
    unknown = [watch.undecided(value) for value in args if isinstance(value, torch.Tensor)]
    for mask in unknown:
        if mask is not None:
            known = watch.undecided(out)
            watch.set(out, mask if known is None else mask | known)
    return out


def choose(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """where: on an undecided condition the union of both branches."""
    out = func(*args, **kwargs)
    if not finite_float(out) or len(args) < 3:
        return out
    condition = args[0]
    taken, other = watch.ball(args[1], condition), watch.ball(args[2], condition)
    _choose(watch, out, condition, taken, other, "where")
    return out


def mask_fill(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    _, in_place = _plain_name(func)
    source = Ball(args[0].detach().to(torch.float64, copy=True), watch.radius(args[0]))
    out = func(*args, **kwargs)
    if finite_float(out):
        if in_place:
            watch.forget(out)
        _choose(watch, out, args[1], watch.ball(args[2], args[0]), source, "where")
    return out


def _choose(watch: Watch, out: Tensor, condition: Tensor, taken: Ball, other: Ball, name: str) -> None:
    value = out.detach().to(torch.float64)
    # A branch may have been rounded on its way into the result, as a Python number is.
    if_taken, if_not = (taken.mid - value).abs() + taken.rad, (other.mid - value).abs() + other.rad
    spread = torch.where(condition, if_taken, if_not)
    undecided = watch.undecided(condition)
    if undecided is not None:
        either = torch.maximum(if_taken, if_not)
        spread = torch.where(undecided.to(torch.bool), math.inf if watch.smooth else either, spread)
    _conclude(watch, name, out, value, spread * UPWARD)


def step(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """sign, sgn and heaviside: constant away from 0; at an undecided 0 the union of both sides."""
    x = watch.ball(args[0], args[0])
    out = func(*args, **kwargs)
    value = out.detach().to(torch.float64)
    undecided = ~(x.mid.abs() > x.rad) & ~(x.rad <= 0)
    low = 0.0 if _plain_name(func)[0] == "heaviside" else -1.0
    union = math.inf if watch.smooth else torch.maximum(value - low, 1 - value)
    watch.set(out, torch.where(undecided, union, 0.0))
    return out


def remainder(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Exact on exact operands (IEEE 754); nothing is known otherwise."""
    x = watch.ball(args[0], args[0])
    out = func(*args, **kwargs)
    watch.set(out, torch.where(x.rad <= 0, 0.0, math.inf))
    return out


#: Where the same overload of sum has another name than that of mean.
_SUM_OVERLOADS = {"dim": "dim_IntList"}


def reduce(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """sum and mean, over all or some dimensions."""
    source = args[0]
    out = func(*args, **kwargs)
    if not finite_float(out):
        return out
    name = func.overloadpacket.__name__
    plain = {key: value for key, value in kwargs.items() if key != "dtype"}
    total = getattr(torch.ops.aten.sum, _SUM_OVERLOADS.get(func._overloadname, func._overloadname))
    x = watch.ball(source, source)
    n = max(1, source.numel() // max(1, out.numel()))
    radius, magnitude = total(x.rad, *args[1:], **plain), total(x.farthest_from_zero, *args[1:], **plain)
    value = out.detach().to(torch.float64)
    if name == "mean":
        radius, magnitude = radius / n, magnitude / n
    spread = radius * (1 + n * 2.0**-52) * UPWARD
    dtype = watch.rounds_in(out.dtype)
    twice = rounding("div", value, dtype) * 2 if name == "mean" else 0.0
    rounded = summation_rounding(magnitude, value, n, dtype) + twice
    watch.set(out, spread + torch.where(magnitude == 0, 0.0, rounded))  # zeros add up to 0
    return out


def polygamma(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    out = func(*args, **kwargs)
    value = out.detach().to(torch.float64)
    order, x = (args[0], args[1]) if isinstance(args[0], int) else (args[1], args[0])
    spread = propagation.polygamma(int(order), watch.ball(x, x), value)
    if order > 1:
        spread = spread + _product_rounding(int(order), value, watch.rounds_in(out.dtype))
    spread = spread + _lost_zeta(int(order), x.detach().to(torch.float64), out.dtype)
    claim = {0: "digamma", 1: "trigamma" if out.dtype == torch.float64 else "polygamma"}.get(int(order), "polygamma")
    _conclude(watch, claim, out, value, spread)
    return out


def _product_rounding(order: int, value: Tensor, dtype: torch.dtype) -> Tensor:
    """Of exp(lgamma(n + 1)) · zeta(n + 1, x), where each of the four results is rounded to the dtype.

    Source: torch's calc_polygamma (aten/src/ATen/native/Math.h). A relative error δ of lgamma is one of δ·lgamma in its
    exponential; 1/(1 - u) is at most exp(u(1 + u)). What underflows in zeta is multiplied by n!.
    """
    unit, log_factorial = UNIT_ROUNDOFF[dtype], math.lgamma(order + 1)
    relative = math.expm1((log_factorial + 3) * unit * (1 + unit)) * UPWARD
    return value.abs() * relative + math.exp(log_factorial) * UPWARD * QUANTUM[dtype]


def _lost_zeta(order: int, x: Tensor, dtype: torch.dtype) -> Tensor:
    """What polygamma may lose at a large x, because its zeta forms x⁻ⁿ⁻¹, which underflows before the result does.

    All of it: |ψ⁽ⁿ⁾(x)| ≤ (n − 1)!/xⁿ + n!/xⁿ⁺¹ ≤ 2 (n − 1)!/xⁿ for x ≥ n (NIST DLMF 5.15.8 and 5.9.12).
    """
    if order == 0:
        return torch.zeros_like(x)
    underflows = (order + 1) * x.clamp(min=1).log() > -math.log(torch.finfo(dtype).tiny) - 1
    return torch.where(underflows, 2 * math.factorial(order - 1) * x.abs() ** -order, 0.0)


def unwatched(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An operation without a rule: its results have no bound, and its name is kept."""
    out = func(*args, **kwargs)
    floats = [tensor for tensor in _as_list(out) if finite_float(tensor)]
    if floats:
        watch.unwatched.add(func.overloadpacket.__name__)
    for tensor in floats:
        watch.forget(tensor)
        watch.set(tensor, torch.full((), math.inf, dtype=torch.float64, device=tensor.device))
    return out


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) else [value]


_HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(REARRANGE, rearrange),
    **dict.fromkeys(CREATE, create),
    **dict.fromkeys(COMPARE, compare),
    **dict.fromkeys(("logical_and", "logical_or", "logical_not", "bitwise_and", "bitwise_or", "bitwise_not"), logical),
    **dict.fromkeys(("sign", "sgn", "heaviside"), step),
    **dict.fromkeys(RULES, elementwise),
    **dict.fromkeys(products.NAMES, products.product),
    "cat": join, "stack": join, "_to_copy": convert, "to": convert, "copy_": copy_into,
    "fill": fill, "fill_": fill, "zero_": fill,
    "where": choose, "masked_fill": mask_fill, "masked_fill_": mask_fill,
    "sum": reduce, "mean": reduce, "polygamma": polygamma, "remainder": remainder,
}  # fmt: skip


@cache
def handler(name: str) -> Handler:
    """The handler of an ATen operation by its name, in-place variants included."""
    if name in _HANDLERS:
        return _HANDLERS[name]
    if name.endswith("_") and _HANDLERS.get(name.rstrip("_")) is elementwise:
        return elementwise
    return unwatched
