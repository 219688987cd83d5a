"""What the canary tries beyond functions of one argument: powers, kernels of two operands, those of backward passes.

Each kernel is run under a watch, on operands that are exact, so that what is tried is the very bound that a method
would be given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from flint import arb
from torch import Tensor

from diffexplore.arithmetic.balls import OPERATIONS as EXACT
from diffexplore.arithmetic.torch_real import OPERATIONS as TORCH
from diffexplore.functions import OPERATIONS
from diffexplore.functions.lazy import resolved
from diffexplore.functions.rounding import Trials

Operands = tuple[Tensor | float, ...]

_POINTS = 32


@dataclass(frozen=True)
class Trial:
    """A kernel of torch, the same function of Arb numbers, and sets of operands: float64 tensors (n,), or numbers."""

    kernel: Callable[..., Tensor]
    exact: Callable[..., arb]
    operands: Callable[[], tuple[Operands, ...]]


def _between(low: float, high: float, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return low + (high - low) * torch.rand(_POINTS, generator=generator, dtype=torch.float64)


def _sizes(low: float, high: float, seed: int = 0) -> Tensor:
    """Positive numbers, as many in each binade."""
    return torch.exp2(_between(math.log2(low), math.log2(high), seed))


def _signed(numbers: Tensor) -> Tensor:
    """Every other one negative."""
    return numbers * (1 - 2 * (torch.arange(len(numbers)) % 2))


def _below_one() -> Tensor:
    """Numbers in (0, 1) that come close to either end."""
    small = _sizes(2.0**-30, 0.5)
    return torch.cat([small[::2], 1 - small[1::2]])


def between_poles() -> tuple[Operands, ...]:
    """Operands of a function with poles at 0, −1, −2, …"""
    return ((_any_between_poles(),),)


def _any_between_poles() -> Tensor:
    """Negative numbers, not very near to whole ones."""
    return _between(-0.7, -0.3) - torch.arange(_POINTS) % 8


def _upstream() -> Tensor:
    """Gradients that a backward kernel may be handed."""
    return _signed(_sizes(0.01, 100.0, seed=1))


def quadrants() -> tuple[Operands, ...]:
    """The ordinates and abscissas of points in all quadrants."""
    y, x = _sizes(0.01, 100.0), _sizes(0.01, 100.0, seed=1)
    return ((torch.cat([y, -y, y, -y, 0 * y]), torch.cat([x, x, -x, -x, x])),)


def waves() -> tuple[Operands, ...]:
    """Operands of a function that oscillates, on both sides of 0: near it, and where an argument is reduced."""
    numbers = torch.cat([_sizes(2.0**-20, 1.0), _between(1.0, 30.0), _sizes(30.0, 1e4)])
    return ((torch.cat([numbers, -numbers]),),)


def waves_right_of_zero() -> tuple[Operands, ...]:
    """The same, right of 0 alone."""
    return tuple((numbers.abs(),) for (numbers,) in waves())  # type: ignore[union-attr]


def _gamma_operands() -> tuple[Tensor, Tensor]:
    """Of small and large a, with x on either side of it."""
    a = _sizes(2.0**-6, 2.0**8)
    return a, a * _sizes(0.25, 4.0, seed=1)


def of_incomplete_gamma() -> tuple[Operands, ...]:
    """Operands of P(a, x) and 1 − P(a, x), and those where PyTorch expands them for a large a."""
    large = _between(20.0, 200.0)
    return (_gamma_operands(), (large, large * _between(0.8, 1.2, seed=1)))


def of_gamma_by_order() -> tuple[Operands, ...]:
    """The same with orders of derivatives in a."""
    return tuple((order, *(x[:8] for x in _gamma_operands())) for order in (1, 2, 3))


def _zeta_operands() -> tuple[Tensor, Tensor]:
    return 1 + _sizes(2.0**-4, 2.0**4), _sizes(2.0**-4, 2.0**6, seed=1)


def of_zeta() -> tuple[Operands, ...]:
    """Exponents above 1, and positive arguments."""
    return (_zeta_operands(),)


def of_zeta_by_order() -> tuple[Operands, ...]:
    """The same with orders of derivatives in the exponent."""
    return tuple((order, *(x[:8] for x in _zeta_operands())) for order in (1, 2, 3))


def _beta_operands() -> tuple[Tensor, Tensor, Tensor]:
    return _sizes(0.1, 20.0), _sizes(0.1, 20.0, seed=1), _below_one()


def of_incomplete_beta() -> tuple[Operands, ...]:
    """Operands of Iₓ(a, b)."""
    return (_beta_operands(),)


def of_beta_by_orders() -> tuple[Operands, ...]:
    """The same with orders of derivatives in a and b."""
    return tuple((m, n, *(x[:8] for x in _beta_operands())) for m, n in ((1, 0), (0, 1), (1, 1)))


#: Torch has kernels of its own for ±1/2, -1, -2, 2 and 3. All are short binary fractions, exact in whatever dtype.
_EXPONENTS = (0.5, -0.5, 1.5, 0.375, -1.25, 2, 3, 4, -1, -2, -3)


def powers() -> tuple[Operands, ...]:
    """Bases and exponents for every kernel that PyTorch has for powers."""
    positive = _sizes(0.05, 30.0)
    signed, whole = _signed(positive), _between(-3, 4, seed=1).round()
    to_numbers = [(signed if isinstance(p, int) else positive, p) for p in _EXPONENTS]
    of_numbers = [(base, _between(-9, 9)) for base in (2, 0.75)]
    return (*to_numbers, *of_numbers, (positive, _between(-3, 3, seed=1)), (signed, whole))


#: Trials of the kernels of ATen that are no operations of programs, or whose operation runs others as well.
_KERNELS: dict[str, Trial] = {
    "logaddexp": Trial(
        torch.logaddexp, lambda x, y: x + (y - x).exp().log1p(), lambda: ((_between(-9, 9), _between(-9, 9, seed=1)),)
    ),
    "exp2": Trial(torch.exp2, lambda x: arb(2) ** x, lambda: ((_between(-9, 9),),)),
    "reciprocal": Trial(torch.reciprocal, lambda x: 1 / x, lambda: ((_signed(_sizes(0.01, 1e3)),),)),
    "rsqrt": Trial(torch.rsqrt, lambda x: 1 / x.sqrt(), lambda: ((_sizes(1e-3, 1e3),),)),
    "polygamma": Trial(
        lambda order, x: torch.polygamma(int(order), x),
        lambda order, x: EXACT["polygamma"](order, x) if order != 0 else x.digamma(),
        lambda: tuple((order, x) for order in (0, 1, 2, 3) for x in (_sizes(0.1, 30.0), _any_between_poles())),
    ),
    "tanh_backward": Trial(
        torch.ops.aten.tanh_backward, lambda g, t: g * (1 - t * t), lambda: ((_upstream(), _signed(_below_one())),)
    ),
    "sigmoid_backward": Trial(
        torch.ops.aten.sigmoid_backward, lambda g, s: g * s * (1 - s), lambda: ((_upstream(), _below_one()),)
    ),
}

#: All trials by the name of the kernel.
TRIALS: dict[str, Trial] = _KERNELS | {
    name: Trial(TORCH[name], EXACT[name], resolved(way.operands))
    for name, record in OPERATIONS.items()
    if isinstance(record.tried, tuple)
    for way in record.tried
    if isinstance(way, Trials)
}
