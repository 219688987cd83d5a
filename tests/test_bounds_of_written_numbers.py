"""However a Python number comes into a tensor, its rounding is in the bound, and the truth is that of the number itself."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from representatives import one_in

import diffexplore as dx
from diffexplore.bounds.watch import Watch
from diffexplore.tensors.tape import Tape
from diffexplore.torch_code.escapes import Escapes
from diffexplore.torch_code.leaving_torch import CandidateWatch

Tensor = torch.Tensor

#: No fraction, root or decimal of few digits, by which a constant could be recognised.
C = 0.7234567891234


def _set(index: object, number: float = C) -> Callable[[Tensor], Tensor]:
    def assign(y: Tensor) -> Tensor:
        y = y.clone()
        y[index] = number
        return y

    return assign


FIRST = torch.tensor([0])

#: From a tensor of zeros they make one whose first element is C.
WAYS: dict[str, Callable[[Tensor], Tensor]] = {
    "element": _set(0), "slice": _set(slice(2)), "mask": _set(torch.tensor([True, False, True])), "list": _set([0, 1]),
    "fill_": lambda y: y.clone().fill_(C), "masked_fill": lambda y: y.masked_fill(y == 0, C),
    "masked_fill_": lambda y: y.clone().masked_fill_(y == 0, C), "index_fill": lambda y: y.index_fill(0, FIRST, C),
    "index_fill_": lambda y: y.clone().index_fill_(0, FIRST, C), "where": lambda y: torch.where(y == 0, C, y),
    "clamp": lambda y: y.clamp(min=C), "clamp_": lambda y: y.clone().clamp_(min=C),
    "alpha": lambda y: y.add(torch.ones_like(y), alpha=C), "full": lambda y: torch.full((3,), C, dtype=y.dtype),
    "new_full": lambda y: y.new_full((3,), C), "full_like": lambda y: torch.full_like(y, C),
    "tensor": lambda y: torch.tensor([C, 1.0, 2.0], dtype=y.dtype), "new_tensor": lambda y: y.new_tensor([C, C, C]),
    "scatter": lambda y: y.scatter(0, FIRST, C), "scatter_": lambda y: y.clone().scatter_(0, FIRST, C),
    "index_put_": lambda y: y.clone().index_put_((FIRST,), torch.tensor(C, dtype=y.dtype)),
    "put_": lambda y: y.clone().put_(FIRST, torch.tensor([C], dtype=y.dtype)),
    "index_add": lambda y: y.index_add(0, FIRST, torch.ones(1, dtype=y.dtype), alpha=C),
    "index_copy_": lambda y: y.clone().index_copy_(0, FIRST, torch.tensor([C], dtype=y.dtype)),
    "pad": lambda y: torch.nn.functional.pad(y[1:], (1, 0), value=C), "fill_diagonal_": lambda y: y.reshape(1, 3).clone().fill_diagonal_(C)[0],
    "threshold": lambda y: torch.threshold(y, 0.1, C), "copy_": lambda y: y.clone().copy_(torch.tensor(C, dtype=torch.float64)),
    "masked_scatter": lambda y: y.masked_scatter(y == 0, torch.tensor([C] * 3, dtype=y.dtype)),
    "element of NumPy's": lambda y: _set(0, np.float64(C))(y), "list of NumPy's": lambda y: torch.tensor([np.float64(C), True, 2], dtype=y.dtype),
    "asarray": lambda y: torch.asarray(obj=[C], dtype=y.dtype),
    "index_fill by a tensor": lambda y: y.index_fill(0, FIRST, torch.tensor(C, dtype=torch.float64)),
    "addcmul": lambda y: torch.addcmul(y, y + 1, y + 1, value=C),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("way", WAYS)
def test_a_number_is_as_far_off_as_it_is_rounded(way: str, dtype: torch.dtype) -> None:
    zeros = torch.zeros(3, dtype=dtype)
    with CandidateWatch(inputs=[zeros]) as watch, Escapes() as escapes:
        made = WAYS[way](zeros)
    off = abs(float(made[0]) - C)
    assert float(made[0]) == float(torch.tensor(C, dtype=dtype))
    assert off <= float(watch.radius(made)[0]) <= 16 * torch.finfo(dtype).eps
    assert not escapes.seen and not watch.unwatched and not watch.leaving


@pytest.mark.parametrize("way", one_in(3, WAYS))
def test_right_backwards_write_their_constants_in_any_way(way: str) -> None:
    """Forward with a Python number, backward with what is stored of it, and the other way round."""

    def product(number: Callable[[Tensor], Tensor], slope: Callable[[Tensor], Tensor]) -> type:
        class Scaled(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):  # torch calls it
                return x * number(x)

            @staticmethod
            def backward(ctx, upstream):  # torch calls it
                return upstream * slope(upstream)

        return Scaled

    def written(like: Tensor) -> Tensor:
        return WAYS[way](torch.zeros(3, dtype=like.dtype))[:1]

    x = torch.arange(1.0, 65).requires_grad_()
    for function in (product(lambda x: C, written), product(written, lambda x: C), product(written, written)):
        report = dx.gradcheck(function, x, battery="none", raise_exception=False)
        assert report.verdict == "pass", str(report)


def test_a_wrong_constant_fails_however_it_is_written() -> None:
    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):  # torch calls it
            return x * C

        @staticmethod
        def backward(ctx, upstream):  # torch calls it
            slope = torch.zeros_like(upstream)
            slope[...] = C * (1 + 1e-6)
            return upstream * slope

    assert dx.gradcheck(Scaled, torch.ones(5).requires_grad_(), battery="none", raise_exception=False).verdict == "fail"


@pytest.mark.filterwarnings("ignore:The reduce argument")
@pytest.mark.parametrize("reduce", ["add", "multiply"])
@pytest.mark.parametrize("value", [C, torch.full((1,), C)], ids=["number", "tensor"])
def test_what_is_added_or_multiplied_at_some_places_is_no_exact_number(reduce: str, value: Any) -> None:
    with Watch() as watch:
        made = torch.full((3,), 0.1).scatter(0, FIRST, value, reduce=reduce)
    assert float(watch.radius(made)[0]) > 0 or watch.unwatched


def test_complex_numbers_at_equal_distances_are_not_taken_for_exact() -> None:
    with Watch() as watch:
        made = torch.linspace(0, 1j, 4)
    assert float(watch.radius(torch.view_as_real(made)).max()) > 0


# ------------------------------------------------------------------------------------------------------- sequences
def _cosines(*weights: float) -> Callable[[int, int], list[mpmath.mpf]]:
    return lambda n, ends: [
        mpmath.fsum(w * mpmath.cos(2 * mpmath.pi * k * i / (ends - 1)) for k, w in enumerate(weights)) for i in range(n)
    ]


def _kaiser(n: int, ends: int) -> list[mpmath.mpf]:
    places = (mpmath.mpf(2 * i) / (ends - 1) - 1 for i in range(n))
    return [mpmath.besseli(0, 7.5 * mpmath.sqrt(1 - t * t)) / mpmath.besseli(0, 7.5) for t in places]


def _at(start: float, step: Fraction | float, places: list[int]) -> list[mpmath.mpf]:
    step = mpmath.mpf(step.numerator) / step.denominator if isinstance(step, Fraction) else mpmath.mpf(step)
    return [mpmath.mpf(start) + i * step for i in places]


_WINDOWS: dict[str, tuple[Callable[..., Tensor], Callable[[int, int], list[mpmath.mpf]]]] = {
    "hann": (torch.hann_window, _cosines(0.5, -0.5)), "hamming": (torch.hamming_window, _cosines(0.54, -0.46)),
    "blackman": (torch.blackman_window, _cosines(0.42, -0.5, 0.08)),
    "bartlett": (torch.bartlett_window, lambda n, ends: [1 - abs(mpmath.mpf(2 * i) / (ends - 1) - 1) for i in range(n)]),
    "kaiser": (lambda n, periodic, dtype: torch.kaiser_window(n, periodic, 7.5, dtype=dtype), _kaiser),
}  # fmt: skip

SEQUENCES: dict[str, tuple[Callable[[torch.dtype], Tensor], Callable[[], list[mpmath.mpf]]]] = {
    "linspace": (lambda dtype: torch.linspace(-1.3, 2.7, 7, dtype=dtype), lambda: _at(-1.3, (Fraction(2.7) + Fraction(1.3)) / 6, [*range(7)])),
    "linspace of one": (lambda dtype: torch.linspace(0.3, 5, 1, dtype=dtype), lambda: _at(0.3, 0, [0])),
    "linspace of none": (lambda dtype: torch.linspace(0.3, 5, 0, dtype=dtype), lambda: []),
    "linspace of thirds": (lambda dtype: torch.linspace(0, 3, 10, dtype=dtype), lambda: _at(0, Fraction(1, 3), [*range(10)])),
    "linspace of thirds from an eighth": (lambda dtype: torch.linspace(0.125, 1.125, 4, dtype=dtype), lambda: _at(0.125, Fraction(1, 3), [*range(4)])),
    "logspace": (lambda dtype: torch.logspace(-0.7, 3, 6, dtype=dtype), lambda: [mpmath.mpf(10) ** x for x in _at(-0.7, (3 + Fraction(0.7)) / 5, [*range(6)])]),
    "logspace of halves": (lambda dtype: torch.logspace(-2, 4, 7, 0.5, dtype=dtype), lambda: [mpmath.mpf(2) ** -x for x in range(-2, 5)]),
    "range": (lambda dtype: torch.range(0.1, 2, 0.3, dtype=dtype), lambda: _at(0.1, 0.3, [*range(7)])),
    "fftfreq": (lambda dtype: torch.fft.fftfreq(5, 0.3, dtype=dtype), lambda: _at(0, 1 / (5 * Fraction(0.3)), [0, 1, 2, -2, -1])),
    "rfftfreq": (lambda dtype: torch.fft.rfftfreq(4, 0.3, dtype=dtype), lambda: _at(0, 1 / (4 * Fraction(0.3)), [0, 1, 2])),
    **{
        f"{name} of {n}, {'periodic' if periodic else 'whole'}": (
            lambda dtype, n=n, periodic=periodic, made=made: made(n, periodic, dtype=dtype),
            lambda n=n, periodic=periodic, exact=exact: [mpmath.mpf(1)] if n == 1 else exact(n, n + periodic),
        )
        for name, (made, exact) in _WINDOWS.items()
        for n, periodic in ((1, True), (8, True), (9, False))
    },
}  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences_are_within_their_radius_of_what_they_stand_for(name: str, dtype: torch.dtype) -> None:
    make, exactly = SEQUENCES[name]
    tape = Tape([torch.ones(1, requires_grad=True)])
    with Watch() as watch, tape:
        made = make(dtype)
    ball = tape.ball(made)
    with mpmath.workprec(400):
        exact = exactly()
        for place, (value, number) in enumerate(zip(made.tolist(), exact, strict=True)):
            radius = float(watch.radius(made)[place])
            assert (
                abs(mpmath.mpf(value) - number) <= radius <= 64 * torch.finfo(dtype).eps * float(max(map(abs, exact)))
            )
            high, low, reach = (mpmath.mpf(float(field[place])) for field in ball)
            assert abs(high + low - number) <= reach + mpmath.mpf(2) ** -390
            assert reach <= 2.0**-80 * max(1, abs(number))


def test_numbers_of_a_sequence_that_are_doubles_are_exact() -> None:
    """Whole numbers among them stay on the jumps of floor."""
    tape = Tape([torch.ones(1, requires_grad=True)])
    with tape:
        made = torch.linspace(0, 3, 10, dtype=torch.float64)
    assert (tape.ball(made).radius == 0).tolist() == [i % 3 == 0 for i in range(10)]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_a_backward_that_makes_a_sequence_in_another_way_passes(dtype: torch.dtype) -> None:
    class Weighted(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):  # torch calls it
            return x * torch.linspace(0, 1, 64, dtype=x.dtype)

        @staticmethod
        def backward(ctx, upstream):  # torch calls it
            return upstream * (torch.arange(64, dtype=upstream.dtype) / 63)

    report = dx.gradcheck(Weighted, torch.ones(64, dtype=dtype).requires_grad_(), battery="none", raise_exception=False)
    assert report.verdict == "pass", str(report)


# -------------------------------------------------------------------------------------------------- rounded to decimals
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("decimals", [-2, 1, 3])
def test_rounding_to_decimals(decimals: int, dtype: torch.dtype) -> None:
    generator = np.random.default_rng(5)
    x = torch.tensor([0.0, 0.05, 0.25, 149.99, -150.0, 1e-7, *generator.normal(0, 300, 40).tolist()], dtype=dtype)
    reach = torch.tensor([0.0, 1e-3, 0.06, 0.02, 0.0, 1e-9, *([0.0, 1e-4] * 20)], dtype=torch.float64)
    for in_place in (False, True):
        with Watch() as watch:
            given = x.clone()
            watch.set(given, reach)
            out = given.round_(decimals=decimals) if in_place else given.round(decimals=decimals)
        assert not watch.unwatched
        radius = watch.radius(out)
        unit = Fraction(10) ** -decimals
        for at, around, value, allowed in zip(x.tolist(), reach.tolist(), out.tolist(), radius.tolist(), strict=True):
            ends = [unit * round((Fraction(at) + side * Fraction(around)) / unit) for side in (-1, 0, 1)]
            assert max(abs(end - Fraction(value)) for end in ends) <= allowed
            assert allowed <= unit + 2 * max(abs(end - Fraction(value)) for end in ends) + unit / 10**9
