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
from diffexplore.functions.kernels import KERNELS
from diffexplore.functions.lazy import resolved
from diffexplore.functions.rounding import OwnTrial, Trials

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
    return low + (high - low) * torch.rand(_POINTS, generator=generator, dtype=torch.float64, device="cpu")


def _sizes(low: float, high: float, seed: int = 0) -> Tensor:
    """Positive numbers, as many in each binade."""
    return torch.exp2(_between(math.log2(low), math.log2(high), seed))


def _signed(numbers: Tensor) -> Tensor:
    """Every other one negative."""
    return numbers * (1 - 2 * (torch.arange(len(numbers), device="cpu") % 2))


def _below_one() -> Tensor:
    """Numbers in (0, 1) that come close to either end."""
    small = _sizes(2.0**-30, 0.5)
    return torch.cat([small[::2], 1 - small[1::2]])


def between_poles() -> tuple[Operands, ...]:
    """Operands of a function with poles at 0, −1, −2, …"""
    return ((_any_between_poles(),),)


def _any_between_poles() -> Tensor:
    """Negative numbers, not very near to whole ones."""
    return _between(-0.7, -0.3) - torch.arange(_POINTS, device="cpu") % 8


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


def right_of_zero() -> tuple[Operands, ...]:
    return ((_sizes(1e-3, 1e3),),)


def off_zero() -> tuple[Operands, ...]:
    return ((_signed(_sizes(0.01, 1e3)),),)


def exponents() -> tuple[Operands, ...]:
    return ((_between(-9, 9),),)


def two_exponents() -> tuple[Operands, ...]:
    return ((_between(-9, 9), _between(-9, 9, seed=1)),)


def of_polygamma() -> tuple[Operands, ...]:
    """Orders, and operands on both sides of 0."""
    return tuple((order, x) for order in (0, 1, 2, 3) for x in (_sizes(0.1, 30.0), _any_between_poles()))


def slopes_of_tanh() -> tuple[Operands, ...]:
    """Upstream gradients, and values of tanh."""
    return ((_upstream(), _signed(_below_one())),)


def slopes_of_sigmoid() -> tuple[Operands, ...]:
    """Upstream gradients, and values of the sigmoid."""
    return ((_upstream(), _below_one()),)


def _trial(name: str, way: Trials | OwnTrial) -> Trial:
    if isinstance(way, Trials):
        return Trial(TORCH[name], EXACT[name], resolved(way.operands))
    return Trial(resolved(way.torch), resolved(way.arb), resolved(way.operands))


#: All trials by the name of the operation or of the kernel.
TRIALS: dict[str, Trial] = {
    one.name: _trial(one.name, one.tried) for one in KERNELS if isinstance(one.tried, OwnTrial)
} | {
    name: _trial(name, way)
    for name, record in OPERATIONS.items()
    if isinstance(record.tried, tuple)
    for way in record.tried
    if isinstance(way, Trials | OwnTrial)
}
