"""Eigenvalues and eigenvectors of matrices that are not symmetric, against closed forms and with planted mistakes."""

from __future__ import annotations

import cmath
from typing import Any

import pytest
import torch

import diffexplore as dx

Tensor = torch.Tensor

#: Of [[a, b], [c, d]] the eigenvalues are (a + d ± s)/2 with s² = (a − d)² + 4bc: a real pair, and a complex one.
MATRICES = {"real": [[2.0, 1.0], [3.0, -1.0]], "complex": [[1.0, 2.0], [-3.0, 0.5]]}


def _slope(a: float, b: float, c: float, d: float, sign: int) -> list[list[complex]]:
    """The derivative of an eigenvalue by each entry."""
    s = sign * cmath.sqrt((a - d) ** 2 + 4 * b * c)
    return [[(1 + (a - d) / s) / 2, c / s], [b / s, (1 - (a - d) / s) / 2]]


class Eigenvalues(torch.autograd.Function):
    """Both eigenvalues, real and imaginary parts, by the closed form of their derivatives."""

    factor = 1.0

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        values = torch.linalg.eigvals(matrix)
        ctx.save_for_backward(matrix, values)
        return torch.view_as_real(values)

    @classmethod
    def slopes(cls, matrix: Tensor, values: Tensor) -> Tensor:
        (a, b), (c, d) = matrix.tolist()
        signs = [
            1 if abs(2 * v - (a + d) - cmath.sqrt((a - d) ** 2 + 4 * b * c)) < 1e-9 else -1 for v in values.tolist()
        ]
        return torch.tensor([_slope(a, b, c, d, sign) for sign in signs], dtype=torch.complex128)

    @classmethod
    def backward(cls, ctx: Any, upstream: Tensor) -> Tensor:
        matrix, values = ctx.saved_tensors
        slopes = cls.slopes(matrix, values)
        return cls.factor * torch.einsum("kp,kpij->ij", upstream, torch.stack([slopes.real, slopes.imag], 1))


class Wrong(Eigenvalues):
    factor = 1 + 1e-6


@pytest.mark.parametrize("name", MATRICES)
def test_the_closed_form_of_two_eigenvalues_passes_and_a_millionth_more_fails(name: str) -> None:
    matrix = torch.tensor(MATRICES[name], dtype=torch.float64, requires_grad=True)
    assert dx.gradcheck(Eigenvalues, matrix, battery="none").truth == "certified"
    report = dx.gradcheck(Wrong, matrix, battery="none", raise_exception=False)
    assert (report.verdict, report.rows[0].cause.key) == ("fail", "factor")  # type: ignore[union-attr]


@pytest.mark.parametrize("dtype", [torch.complex128, torch.float64])
def test_what_torch_gives_for_eigenvectors_passes(dtype: torch.dtype) -> None:
    """Of complex numbers the gradient is by real and imaginary parts; the phase of an eigenvector must not matter."""
    generator = torch.Generator().manual_seed(3)
    matrix = torch.randn(4, 4, generator=generator, dtype=dtype).requires_grad_()
    report = dx.gradcheck(lambda a: torch.linalg.eig(a)[1].abs().square(), matrix)
    assert report.truth == "certified"


def test_equal_eigenvalues_are_named() -> None:
    matrix = torch.eye(3, dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(torch.linalg.eigvals, matrix, raise_exception=False)
    assert report.verdict == "inconclusive"
    assert "the eigenvalues are not certainly apart" in " ".join(str(report).split())
