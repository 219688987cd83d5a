"""Operators that read one triangle of a matrix and give gradients to both: a check and a proof say the same of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from representatives import each_value, these

import diffexplore as dx

Tensor = torch.Tensor
L = torch.linalg

SYMMETRIC = [[4.0, 1.0], [1.0, 3.0]]

#: They take the triangle that they do not read for the same as the other one.
OF_SYMMETRIC: dict[str, Callable[[Tensor], Tensor]] = {
    "cholesky": L.cholesky,
    "upper cholesky": lambda a: L.cholesky(a, upper=True),
    "old cholesky": torch.cholesky,
    "eigvalsh": L.eigvalsh,
    "eigh": lambda a: L.eigh(a).eigenvectors ** 2,
    "eigh of the upper triangle": lambda a: L.eigh(a, UPLO="U").eigenvectors ** 2,
    "pinv": lambda a: L.pinv(a, hermitian=True),
}


@pytest.mark.parametrize("name", OF_SYMMETRIC)
@pytest.mark.filterwarnings("ignore:torch.cholesky is deprecated")
def test_gradients_by_both_triangles_are_right_of_a_symmetric_matrix_and_of_no_other(name: str) -> None:
    matrix = torch.tensor(SYMMETRIC, dtype=torch.float64, requires_grad=True)
    assert dx.gradcheck(OF_SYMMETRIC[name], matrix, battery="none").truth == "certified"
    other = (matrix.detach() + torch.tensor([[0.0, 1.0], [0.0, 0.0]])).requires_grad_()
    report = dx.gradcheck(OF_SYMMETRIC[name], other, battery="none", raise_exception=False)
    assert report.verdict == "inconclusive"
    assert "one triangle of it is not read" in str(report.rows[0].cause)


@pytest.mark.parametrize(
    ("name", "dtype", "off"),
    each_value(
        ["cholesky", "upper cholesky", "eigvalsh"], [torch.float64, torch.float32, torch.complex128], [1e-12, 1e-6, 1e-4],
        rounds=2,
    ),
)  # fmt: skip
def test_a_matrix_that_its_program_made_symmetric_up_to_rounding_counts_as_symmetric(
    name: str, dtype: torch.dtype, off: float
) -> None:
    matrix = torch.tensor(SYMMETRIC, dtype=torch.float64) + torch.tensor([[0.0, off], [0.0, 0.0]])
    report = dx.gradcheck(OF_SYMMETRIC[name], matrix.to(dtype).requires_grad_(), battery="none")
    assert (report.verdict, report.truth) == ("pass", "certified")


@pytest.mark.filterwarnings("ignore:torch.cholesky is deprecated")
@pytest.mark.parametrize("name", these(["cholesky"], ["cholesky", "old cholesky"]))
def test_a_proof_takes_a_matrix_that_is_symmetric_whatever_its_entries_are(name: str) -> None:
    function = OF_SYMMETRIC[name]
    with pytest.raises(dx.UsageError, match=r"half of the gradient to each, .* write \(A \+ A\.mT\) / 2"):
        dx.prove(lambda A: function(A)[0, 0], parameters="A[2,2]", data=[])
    assert dx.prove(lambda A: function((A + A.mT) / 2)[1, 0], parameters="A[2,2]", data=[]).status == "proved"


def test_the_triangle_that_a_factor_has_no_use_for_has_no_gradient() -> None:
    factor = torch.tensor([[2.0, 0.0], [1.0, 3.0]], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(torch.cholesky_inverse, factor, battery="none", raise_exception=False)
    assert report.verdict == "fail"


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.slow
def test_a_proof_says_the_same_of_that_triangle() -> None:
    assert dx.prove(lambda A: torch.cholesky_inverse(A).sum(), parameters="A[2,2]", data=[]).status == "refuted"


@pytest.mark.slow
def test_a_program_of_definite_matrices_is_run_at_one() -> None:
    """None of the usual points is one of four rows: it was said that the program raises when it is run."""
    proof = dx.prove(lambda A: L.cholesky(A + A.mT)[0, 0], parameters="A[4,4]", data=[])
    assert proof.status in ("proved", "unknown")
