"""Complex numbers and Fourier transforms under a watch: no exact part is beyond its radius, and the radius is small."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
import torch
from flint import acb, acb_mat, ctx
from representatives import each_value
from torch import Tensor

from diffexplore.bounds.claims import UNIT_ROUNDOFF
from diffexplore.bounds.watch import Watch

_DTYPES = (torch.complex128, torch.complex64)
_SEEDS = range(4)

#: Of torch and of Arb: functions of one number.
FUNCTIONS: dict[str, tuple[Callable[..., Tensor], Callable[..., acb]]] = {
    **{
        name: (getattr(torch, name), operator.methodcaller(name))
        for name in "exp log sqrt rsqrt sin cos tan sinh cosh tanh asin acos atan asinh acosh atanh expm1 log1p".split()
    },
    "abs": (torch.abs, abs),
    "angle": (torch.angle, lambda z: z.arg()),
    "sgn": (torch.sgn, lambda z: z / abs(z)),
    "reciprocal": (torch.reciprocal, lambda z: 1 / z),
    "log2": (torch.log2, lambda z: z.log() / acb(2).log()),
    "log10": (torch.log10, lambda z: z.log() / acb(10).log()),
    "exp2": (torch.exp2, lambda z: (z * acb(2).log()).exp()),
    "sigmoid": (torch.sigmoid, lambda z: 1 / (1 + (-z).exp())),
    "cube": (lambda z: z**3, lambda z: z**3),
    "power": (lambda z: z ** (0.75 - 0.5j), lambda z: ((0.75 - 0.5j) * z.log()).exp()),
    "inverse square": (lambda z: z**-2, lambda z: 1 / (z * z)),
    "conjugate": (lambda z: z.conj() * 3.5, lambda z: acb(z.real, -z.imag) * 3.5),
    "times i": (lambda z: z * 1j + (2 - 1j), lambda z: z * acb(0, 1) + acb(2, -1)),
    "in place": (lambda z: z.clone().mul_(z).sub_(2), lambda z: z * z - 2),
    "written to": (lambda z: torch.zeros_like(z).copy_(z.exp()), lambda z: z.exp()),
    "parts": (lambda z: torch.complex(z.imag.exp(), z.real), lambda z: acb(z.imag.exp(), z.real)),
}

#: Functions of two numbers.
PAIRS: dict[str, tuple[Callable[..., Tensor], Callable[..., acb]]] = {
    "sum": (torch.add, operator.add),
    "product": (torch.mul, operator.mul),
    "quotient": (torch.div, operator.truediv),
    "weighted": (lambda x, y: torch.sub(x, y, alpha=2.5), lambda x, y: x - 2.5 * y),
    "joined": (lambda x, y: torch.where(x.real > 0, x * y, y), lambda x, y: x * y if x.real > 0 else y),
}


def _drawn(dtype: torch.dtype, seed: int, *shape: int) -> Tensor:
    """Numbers of sizes from 1/8 to 8 in all directions."""
    generator = torch.Generator().manual_seed(seed)
    size = 2.0 ** (6 * torch.rand(shape, generator=generator, dtype=torch.float64) - 3)
    return torch.polar(size, 6.4 * torch.rand(shape, generator=generator, dtype=torch.float64)).to(dtype)


def _exact(z: Tensor) -> list[acb]:
    """The numbers of a tensor, as they are."""
    return [acb(number.real, number.imag) for number in z.to(torch.complex128).reshape(-1).tolist()]


def _held(function: Callable[..., Tensor], operands: list[Tensor], exact: list[Any], most: float) -> None:
    """Each part is within its radius, and half of the radii are below ``most`` units of the largest number."""
    with Watch() as watch:
        out = function(*operands)
    assert not watch.unwatched
    pairs = torch.view_as_real(out) if out.is_complex() else torch.stack([out, torch.zeros_like(out)], -1)
    radius = (
        watch.radius(torch.view_as_real(out)) if out.is_complex() else watch.radius(out)[..., None].expand(pairs.shape)
    )
    for found, bounds, number in zip(pairs.reshape(-1, 2).tolist(), radius.reshape(-1, 2).tolist(), exact, strict=True):
        number = acb(number)
        for value, bound, part in zip(found, bounds, (number.real, number.imag), strict=True):
            assert not abs(part - value) > bound
    unit = UNIT_ROUNDOFF[out.dtype.to_real()]
    assert float(radius.median()) <= most * unit * float(out.abs().max())


@pytest.fixture(autouse=True)
def precise() -> Any:
    """Arb's precision, well beyond that of doubles."""
    before, ctx.prec = ctx.prec, 160
    yield
    ctx.prec = before


@pytest.mark.parametrize(("name", "dtype"), each_value(list(FUNCTIONS), _DTYPES))
def test_functions_of_a_complex_number(name: str, dtype: torch.dtype) -> None:
    function, exact = FUNCTIONS[name]
    for seed in _SEEDS:
        z = _drawn(dtype, seed, 64)
        _held(function, [z], list(map(exact, _exact(z))), 200)


@pytest.mark.parametrize(("name", "dtype"), each_value(list(PAIRS), _DTYPES))
def test_functions_of_two_complex_numbers(name: str, dtype: torch.dtype) -> None:
    function, exact = PAIRS[name]
    for seed in _SEEDS:
        x, y = _drawn(dtype, seed, 64), _drawn(dtype, seed + 100, 64)
        _held(function, [x, y], list(map(exact, _exact(x), _exact(y))), 50)


@pytest.mark.parametrize("dtype", _DTYPES, ids=str)
@pytest.mark.parametrize("product", [torch.mm, lambda x, y: x @ y.conj()], ids=["plain", "conjugate"])
def test_products_of_complex_matrices(product: Callable[..., Tensor], dtype: torch.dtype) -> None:
    for seed in _SEEDS:
        x, y = _drawn(dtype, seed, 5, 9), _drawn(dtype, seed + 100, 9, 3)
        second = _exact(y if product is torch.mm else y.conj().resolve_conj())
        exact = acb_mat(5, 9, _exact(x)) * acb_mat(9, 3, second)
        _held(product, [x, y], exact.entries(), 100)


_ROWS = torch.tensor([2, 0])

#: Operators that move numbers, which rounds nothing.
MOVED: dict[str, Callable[[Tensor], Tensor]] = {
    "index": lambda z: z[_ROWS],
    "gather": lambda z: z.gather(0, torch.tensor([[1, 1, 0]])),
    "scatter": lambda z: z.scatter(0, torch.tensor([[1, 2, 0]]), z.flip(0)),
    "scatter a number": lambda z: z.scatter(0, torch.tensor([[1, 2, 0]]), 2 - 1j),
    "index_put": lambda z: z.index_put((_ROWS,), z[:2]),
    "index_fill": lambda z: z.index_fill(0, _ROWS, 2 - 1j),
    "index_fill, real": lambda z: z.index_fill(0, _ROWS, 1),
    "index_copy": lambda z: z.index_copy(0, _ROWS, z[:2]),
    "masked_fill": lambda z: z.masked_fill(z.real > 0, 3),
    "masked_scatter": lambda z: z.masked_scatter(z.real > 0, z.mT.contiguous()),
    "pad": lambda z: torch.nn.functional.pad(z, (1, 2), value=1.5),
    "reflect": lambda z: torch.nn.functional.pad(z[None], (1, 2), mode="reflect"),
    "roll": lambda z: z.roll(1, 0).mT.tril(),
    "cat": lambda z: torch.cat([z, z.real], 1),
    "where": lambda z: torch.where(z.real > 0, z, 0.5j),
    "select_scatter": lambda z: z.select_scatter(z[0], 1, 0),
    "conjugates": lambda z: torch.view_as_real(z.conj().resolve_conj()).flip(0),
    "wider": lambda z: z.to(torch.complex128),
    "full": lambda z: torch.full_like(z, 1 + 0.5j),
}


@pytest.mark.parametrize("dtype", _DTYPES, ids=str)
@pytest.mark.parametrize("name", MOVED)
def test_moved_complex_numbers(name: str, dtype: torch.dtype) -> None:
    z = _drawn(dtype, 0, 3, 3)
    with Watch() as watch:
        out = MOVED[name](z)
    assert not watch.unwatched
    assert float(watch.radius(torch.view_as_real(out) if out.is_complex() else out).max()) == 0


#: Composite, prime, and longer than a library's direct sums.
@pytest.mark.parametrize(("n", "dtype"), each_value([1, 2, 7, 30, 97, 128, 211, 1000], _DTYPES), ids=str)
def test_fourier_transforms(n: int, dtype: torch.dtype) -> None:
    for seed in range(2):
        z = _drawn(dtype, seed, n)
        line = _exact(z)
        most = 60 * n + 200
        _held(torch.fft.fft, [z], acb.dft(line), most)
        _held(torch.fft.ifft, [z], _inverse(line), most)
        real = z.real.contiguous()
        _held(torch.fft.rfft, [real], acb.dft(_exact(real))[: n // 2 + 1], most)
        half = z[: n // 2 + 1]
        given = _exact(half)
        mirrored = [acb(one.real, -one.imag) for one in given[1 : n - n // 2]][::-1]
        _held(lambda x: torch.fft.irfft(x, n), [half], [one.real for one in _inverse(given + mirrored)], most)


def test_a_transform_over_several_axes_to_real_numbers_is_that_of_the_sums() -> None:
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z = torch.fft.rfft2(x)
    with Watch() as watch:
        out = torch.fft.irfft2(z, s=(4, 6))
    assert float((out - x).abs().max()) <= float(watch.radius(out).max()) < 1e-12


def _inverse(line: list[acb]) -> list[acb]:
    """Σ x exp(2πi·jk/n)/n, by the conjugates of the transform of conjugates."""
    found = acb.dft([acb(one.real, -one.imag) for one in line])
    return [acb(one.real, -one.imag) / len(line) for one in found]
