"""Fourier transforms, held against sums of products with roots of unity in float64.

A library computes them by one of many algorithms (Cooley and Tukey's in several radices, Bluestein's, Rader's), of
whose constants nothing is claimed here. Along an axis of n = n₁·n₂ elements the sums are those of Cooley and Tukey: n₁
terms, a factor, n₂ terms. Since the roots lie on the unit circle, a stage of p terms adds no more than 4 (p + 2) u Σ|x|
to the error, Σ over all elements that a result depends on, and passes on what there was: N. J. Higham, "Accuracy and
Stability of Numerical Algorithms", 2nd ed., 2002, §3.6 and 24.1. What the kernel is off these sums is part of the
bound.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from diffexplore.arithmetic.roots_of_unity import roots_of_unity
from diffexplore.bounds.claims import QUANTUM, UNIT_ROUNDOFF, UPWARD
from diffexplore.bounds.handling import real_numbers, unwatched

if TYPE_CHECKING:
    from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor

#: The most terms of a stage: its matrix has as many entries squared.
_MOST_TERMS = 2048


def transform(watch: Watch, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """_fft_c2c, _fft_r2c and _fft_c2r, of a tensor, axes, a normalization, and what tells the three apart."""
    source, axes, normalization, last = args
    kind = func.overloadpacket.__name__
    axes = [axis % source.dim() for axis in axes]
    lengths = [source.shape[axis] for axis in axes]
    if kind == "_fft_c2r":
        lengths[-1] = last
    stages = [terms for length in lengths for terms in _factors(length)]
    if max(stages, default=0) > _MOST_TERMS or 0 in source.shape:
        return unwatched(watch, func, args, kwargs)
    radius, size = _lengths_of(watch, source)
    x = source.detach().to(torch.complex128)
    forward = bool(last) if kind == "_fft_c2c" else kind == "_fft_r2c"
    for axis in axes[:-1]:
        x = _along(x, axis, forward=forward)
    if kind == "_fft_c2r":  # the other half is that of real numbers once the other axes are done
        x, radius, size = (_whole_line(one, axes[-1], last) for one in (x, radius, size))
    for axis in axes[-1:]:
        x = _along(x, axis, forward=forward)
    if kind == "_fft_r2c" and last:
        x = x.narrow(axes[-1], 0, lengths[-1] // 2 + 1)
    out = func(*args, **kwargs)
    count = math.prod(lengths)
    scale = (1.0, 1 / math.sqrt(count), 1 / count)[normalization]
    sums = torch.view_as_real(x * scale)
    value = real_numbers(out)
    assert value is not None
    if kind == "_fft_c2r":
        sums = sums[..., 0]
    watch.rounds_in(value.dtype)
    strays = (value.detach().to(torch.float64) - sums).abs()
    growth = math.expm1(4 * sum(terms + 2 for terms in [*stages, 1]) * UNIT_ROUNDOFF[torch.float64])
    moved, reach = (one.sum(axes, keepdim=True) for one in (radius, radius + size))
    if out.is_complex():
        moved, reach = moved.unsqueeze(-1), reach.unsqueeze(-1)
    own = scale * (1 + 4 * count * UNIT_ROUNDOFF[torch.float64])
    lost = count * QUANTUM[torch.float64]
    watch.set(value, (strays + own * (moved + reach * growth) + lost) * UPWARD)
    return out


def _lengths_of(watch: Watch, source: Tensor) -> tuple[Tensor, Tensor]:
    """No less than the modulus of each number's error, and than its own."""
    value = real_numbers(source)
    assert value is not None
    both = watch.radius(value), value.detach().to(torch.float64).abs()
    return (both[0].sum(-1), both[1].sum(-1)) if source.is_complex() else both


def _factors(n: int) -> tuple[int, ...]:
    """n as a product of two numbers near to each other, with the stage between them; n alone where it is prime."""
    first = next(divisor for divisor in range(math.isqrt(n), 0, -1) if n % divisor == 0) if n else 1
    return (n,) if first == 1 else (first, 1, n // first)


def _whole_line(x: Tensor, axis: int, n: int) -> Tensor:
    """All n elements along an axis of which one half is given, as those of a transform of real numbers."""
    rest = x.narrow(axis, 1, n - x.shape[axis]).flip(axis)
    return torch.cat([x, rest.conj().resolve_conj()], axis)


def _along(x: Tensor, axis: int, *, forward: bool) -> Tensor:
    """Σ x exp(∓2πi·jk/n) along an axis."""
    n, lines = x.shape[axis], x.movedim(axis, -1)
    first, second = _factors(n)[0], _factors(n)[-1]
    if first == n:
        found = lines @ _matrix(n, n, n, forward, x.device)
    else:  # j = j₁·n₂ + j₂, and k = k₁ + n₁·k₂
        columns = _matrix(first, first, first, forward, x.device) @ lines.reshape(*lines.shape[:-1], first, second)
        turned = columns * _matrix(n, first, second, forward, x.device)
        found = (turned @ _matrix(second, second, second, forward, x.device)).mT.reshape(lines.shape)
    return found.movedim(-1, axis)


def _matrix(n: int, rows: int, columns: int, forward: bool, device: torch.device) -> Tensor:
    """exp(∓2πi·jk/n) for each row j and column k."""
    cosine, sine = (torch.from_numpy(ball.high) for ball in roots_of_unity(n))
    roots = torch.complex(cosine, -sine if forward else sine)
    return roots[torch.outer(torch.arange(rows, device="cpu"), torch.arange(columns, device="cpu")) % n].to(device)
