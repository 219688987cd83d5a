"""Detached aliases of inputs that the forward of a Function finds in a closure, a list, an attribute or a global."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from representatives import each_value

import diffexplore as dx
from diffexplore.errors import CandidateError

Tensor = torch.Tensor

KEPT: list[Tensor] = []


def by_numpy(x: Tensor, alias: Tensor) -> Tensor:
    return torch.from_numpy(x.detach().numpy() * alias.numpy())


def product(
    alias: Callable[[], Tensor], multiply: Callable[[Tensor, Tensor], Tensor] = torch.mul, factor: float = 1.0
) -> Any:
    """x · w, whose forward finds w elsewhere; the gradient by it is off by a factor."""

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
            ctx.save_for_backward(x, w)
            return multiply(x, alias())

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
            x, w = ctx.saved_tensors
            return g * w, factor * (g * x).sum(0)

    return Product


def inputs(rows: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return tuple(
        torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in ((rows, 3), (3,))
    )  # type: ignore[return-value]


def places(w: Tensor) -> list[Callable[[], Tensor]]:
    """Where an alias may be: as it is, as ``.data``, in a list, as a view of it, as two pieces of it."""
    alias, data = w.detach(), w.data
    KEPT[:] = [w.detach()]
    by_columns = w.detach()[None]
    return [lambda: alias, lambda: data, lambda: KEPT[0], lambda: by_columns, lambda: torch.cat([alias[:1], alias[1:]])]


@pytest.mark.parametrize(("place", "outcome"), each_value(range(5), [(1.0, "pass"), (1.001, "fail")]))
def test_an_alias_of_an_argument_is_that_argument(place: int, outcome: tuple[float, str]) -> None:
    factor, verdict = outcome
    x, w = inputs()
    report = dx.gradcheck(product(places(w)[place], factor=factor), (x, w), raise_exception=False)
    assert (report.verdict, report.truth) == (verdict, "certified"), str(report)
    assert "a forward reads w past its arguments, as a detached alias: that counts as w" in report.notes


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (1.001, "fail")])
def test_an_estimate_moves_the_alias_as_well(factor: float, verdict: str) -> None:
    x, w = inputs(1)
    alias = w.detach()
    report = dx.gradcheck(product(lambda: alias, by_numpy, factor), (x, w), raise_exception=False)
    assert (report.verdict, report.truth) == (verdict, "estimated"), str(report)


def test_an_alias_of_a_parameter() -> None:
    class Scaled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = torch.nn.Parameter(torch.randn(3, dtype=torch.float64))
            self.found = {"w": self.w.detach()}
            self.function = product(lambda: self.found["w"])

        def forward(self, x: Tensor) -> Tensor:
            return self.function.apply(x, self.w)  # type: ignore[no-any-return]

    assert dx.gradcheck(Scaled(), inputs()[0]).truth == "certified"


def test_second_derivatives() -> None:
    x, w = inputs()
    alias = w.detach()
    assert dx.gradgradcheck(product(lambda: alias), (x, w)).truth == "certified"


class Times(torch.autograd.Function):
    """x · alias, which is given as a constant, or not at all."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, alias: Tensor) -> Tensor:
        ctx.save_for_backward(alias)
        return x * alias

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        return g * ctx.saved_tensors[0], None


def test_an_alias_that_autograd_takes_for_a_constant_stays_one() -> None:
    x, w = inputs()
    alias = w.detach()
    for function in (
        lambda x, w: Times.apply(x, alias) + w,
        lambda x, w: x * w + alias,
        lambda x, w: product(lambda: alias).apply(x, w * 1.0).detach() + x * w,
    ):
        report = dx.gradcheck(function, (x, w))
        assert not any("past its arguments" in note for note in report.notes), str(report)


def complex_product(alias: Tensor, by_x: Any, by_z: Any) -> Any:
    """x · alias with the gradients that are given."""

    class ComplexProduct(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, z: Tensor) -> Tensor:
            ctx.save_for_backward(x, z)
            return x * alias

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
            x, z = ctx.saved_tensors
            return g * by_x(z), by_z(g * x.conj())

    return ComplexProduct


@pytest.mark.parametrize(
    ("view", "by_x", "by_z"),
    [
        (torch.Tensor.conj, lambda z: z, torch.conj_physical),
        (torch.real, torch.real, lambda g: g.real + 0j),
        (torch.imag, torch.imag, lambda g: 1j * g.real),
        (lambda z: z.conj().imag, lambda z: -z.imag, lambda g: -1j * g.real),
        (lambda z: torch.view_as_real(z)[:, 1], torch.imag, lambda g: 1j * g.real),
        (torch._neg_view, lambda z: -z.conj(), torch.neg),
    ],
    ids=["conjugate", "real part", "imaginary part", "negated imaginary part", "pairs", "negative"],
)
def test_an_alias_that_reads_the_numbers_in_another_way(view: Any, by_x: Any, by_z: Any) -> None:
    x, z = (torch.randn(3, dtype=torch.complex128, generator=torch.Generator().manual_seed(s)) for s in (3, 4))
    report = dx.gradcheck(complex_product(view(z), by_x, by_z), (x.requires_grad_(), z.detach().requires_grad_()))
    assert report.truth == "certified"
    assert report.notes, "it counts as z"


def test_an_alias_of_an_input_whose_memory_holds_conjugates() -> None:
    x, z = (torch.randn(3, dtype=torch.complex128, generator=torch.Generator().manual_seed(s)) for s in (3, 4))
    function = complex_product(z, lambda z: z, torch.conj_physical)
    assert dx.gradcheck(function, (x.requires_grad_(), z.conj().requires_grad_())).notes


def test_aliases_of_inputs_that_lie_in_one_storage() -> None:
    """As the parameters of a module that keeps them in one flat tensor."""
    flat = torch.linspace(1, 2, 6, dtype=torch.float64)
    x, w = flat[:3].reshape(1, 3).requires_grad_(), flat[3:].detach().requires_grad_()
    both = flat.reshape(2, 3)
    report = dx.gradcheck(product(lambda: both[:1] * both[1], lambda x, y: y), (x, w))
    assert report.truth == "certified"
    assert "a forward reads w, x past its arguments, as a detached alias: that counts as w, x" in report.notes


def test_an_input_that_is_part_of_an_alias() -> None:
    """A copy holds the input alone, and not the memory around it."""
    whole = torch.randn(5, dtype=torch.float64)
    x, w = inputs()[0], whole[1:4].detach().requires_grad_()
    with pytest.raises(CandidateError, match="reads memory of w past its arguments, which a copy of it does not"):
        dx.gradcheck(product(lambda: (whole * 1.0)[1:4]), (x, w))
    assert dx.gradcheck(product(lambda: whole[1:4] + 0 * whole[0]), (x, w)).verdict == "pass"


def test_numbers_beside_an_alias_are_rounded_as_before() -> None:
    """The mode that follows aliases hides no operation from the watch."""
    x, w = inputs()
    alias = w.detach()
    seen = dx.gradcheck(product(lambda: alias), (x, w)).rows[0].bound
    plain = dx.gradcheck(product(lambda: alias.clone(), lambda x, w: x * w), (x, w)).rows[0].bound
    assert seen is not None and plain is not None and seen == plain < 1e-14
    assert np.isfinite(seen)


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (1.001, "fail")])
def test_an_alias_of_every_second_number(factor: float, verdict: str) -> None:
    """The copy has them side by side; what lies between them is no input."""
    whole = torch.linspace(1, 2, 6, dtype=torch.float64)
    x, w = inputs()[0], whole[::2].detach().requires_grad_()
    turned = whole[::2].detach()
    function = product(lambda: torch.cat([turned[1:], turned[:1]]).roll(1) * (whole[1::2] > 0), factor=factor)
    report = dx.gradcheck(function, (x, w), raise_exception=False)
    assert (report.verdict, report.truth) == (verdict, "certified"), str(report)
    assert any("that counts as w" in note for note in report.notes)
