"""Fourier transforms of a few elements: sums with the cosines and sines of 2π·jk/n, on pairs along the last axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import sympy

from diffexplore.torch_ops.readers.arrays import Cells, Grid, Mixes

if TYPE_CHECKING:
    from diffexplore.tracing.interpret import Reading

Parts = tuple[Cells, Cells]


def complex_to_complex(reading: Reading, x: Grid, dims: Sequence[int], normalization: int, forward: bool) -> Grid:
    axes = _axes(x, dims, x.ndim - 1)
    found = _transformed((x.cells[..., 0], x.cells[..., 1]), axes, forward=forward)
    return _scaled(found, [x.cells.shape[axis] for axis in axes], normalization, x.axis)


def real_to_complex(reading: Reading, x: Grid, dims: Sequence[int], normalization: int, onesided: bool) -> Grid:
    """Of the last axis perhaps one half only, which tells the other."""
    axes = _axes(x, dims, x.ndim)
    x = reading.number(x)
    zeros = np.zeros_like(x.cells)
    zeros.fill(sympy.S.Zero)
    real, imaginary = _transformed((x.cells, zeros), axes[-1:], forward=True)
    size = x.cells.shape[axes[-1]]
    half = (slice(None),) * axes[-1] + (slice(size // 2 + 1 if onesided else size),)
    found = _transformed((real[half], imaginary[half]), axes[:-1], forward=True)
    return _scaled(found, [x.cells.shape[axis] for axis in axes], normalization, x.axis)


def complex_to_real(reading: Reading, x: Grid, dims: Sequence[int], normalization: int, size: int) -> Grid:
    """Of the last axis one half is given; the other is its conjugate."""
    axes = _axes(x, dims, x.ndim - 1)
    real, imaginary = _transformed((x.cells[..., 0], x.cells[..., 1]), axes[:-1], forward=False)
    last = axes[-1]
    given = [np.moveaxis(part, last, -1) for part in (real, imaginary)]
    count = given[0].shape[-1]
    twice = [1 if k == 0 or 2 * k == size else 2 for k in range(count)]
    weights = np.array(twice, dtype=object)
    cosine, sine = (matrix[:count] for matrix in _roots(size))
    whole = (given[0] * weights).dot(cosine) - (given[1] * weights).dot(sine)
    sizes = [*(x.cells.shape[axis] for axis in axes[:-1]), size]
    factor = _factor(sizes, normalization)
    return Grid(np.moveaxis(whole * factor, -1, last), x.axis)


def _axes(x: Grid, dims: Sequence[int], ndim: int) -> list[int]:
    axes = [axis % ndim for axis in dims]
    if x.axis in axes:
        raise Mixes
    return axes


def _roots(n: int) -> Parts:
    """cos and sin of 2π·jk/n, for all j and k."""
    angles = [2 * sympy.pi * sympy.Rational(k, n) for k in range(n)]
    places = np.outer(np.arange(n), np.arange(n)) % n
    cosine, sine = (
        np.array([function(angle) for angle in angles], dtype=object) for function in (sympy.cos, sympy.sin)
    )
    return cosine[places], sine[places]


def _transformed(x: Parts, axes: Sequence[int], *, forward: bool) -> Parts:
    """Σ x exp(∓ 2πi·jk/n) along each axis, one after the other."""
    for axis in axes:
        real, imaginary = (np.moveaxis(part, axis, -1) for part in x)
        cosine, sine = _roots(real.shape[-1])
        sine = -sine if forward else sine
        x = (
            np.moveaxis(real.dot(cosine) - imaginary.dot(sine), -1, axis),
            np.moveaxis(imaginary.dot(cosine) + real.dot(sine), -1, axis),
        )
    return x


def _factor(sizes: Sequence[int], normalization: int) -> sympy.Expr:
    """1, or the reciprocal of the number of elements' square root, or of itself."""
    count = sympy.Integer(math.prod(sizes))
    return (sympy.S.One, 1 / sympy.sqrt(count), 1 / count)[normalization]


def _scaled(x: Parts, sizes: Sequence[int], normalization: int, axis: int | None) -> Grid:
    factor = _factor(sizes, normalization)
    return Grid(np.stack([part * factor for part in x], -1), axis)
