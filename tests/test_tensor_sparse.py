"""Sparse tensors within a function, and as its constants: their derivatives are certified, or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import diffexplore as dx

Tensor = torch.Tensor

PLACES = torch.tensor([[0, 1, 1], [2, 0, 2]])
ENDS, COLUMNS = torch.tensor([0, 2, 3]), torch.tensor([0, 2, 1])
MASK = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]], dtype=torch.float64)


def numbers(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def _coo(v: Tensor) -> Tensor:
    return torch.sparse_coo_tensor(PLACES, v, (2, 3))


def _csr(v: Tensor) -> Tensor:
    return torch.sparse_csr_tensor(ENDS, COLUMNS, v, (2, 3))


PROGRAMS: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]] = {
    "there and back": (lambda x: x.to_sparse().to_dense() * x.to_sparse_csr().to_dense(), (numbers(2, 3),)),
    "values of indices": (lambda v: _coo(v).coalesce().values() * _csr(v).values(), (numbers(3),)),
    "the same index twice": (lambda v: torch.sparse_coo_tensor(0 * PLACES, v, (2, 3)).to_dense().exp(), (numbers(3),)),
    "products": (lambda v, b: torch.sparse.mm(_coo(v), b) + _csr(v) @ b, (numbers(3), numbers(3, 2))),
    "a product of two": (lambda x, b: torch.sparse.mm(x.to_sparse(), b.to_sparse()).to_dense(), (numbers(2, 3), numbers(3, 2))),
    "added product": (lambda v, b: torch.sparse.addmm(b[:2], _coo(v), b), (numbers(3), numbers(3, 2))),
    "mean of products": (lambda x, b: torch.sparse.mm(x.to_sparse_csr(), b, "mean"), (numbers(2, 3), numbers(3, 2))),
    "largest product": (lambda x, b: torch.sparse.mm(x.to_sparse_csr(), b, "amax"), (numbers(2, 3), numbers(3, 2))),
    "sampled": (lambda x, b: torch.sparse.sampled_addmm(x.to_sparse_csr(), b.T, b @ b.T).to_dense(), (numbers(2, 3), numbers(3, 2))),
    "sums": (lambda x: torch.sparse.sum(x.to_sparse(), 0).to_dense() * x.to_sparse().sum(), (numbers(2, 3),)),
    "softmax": (lambda v: torch.sparse.softmax(_coo(v), 1).to_dense() + torch.sparse.log_softmax(_coo(v), 1).to_dense(), (numbers(3),)),
    "a mask": (lambda x: (x.sparse_mask(MASK.to_sparse()) * 2).t().to_dense(), (numbers(2, 3),)),
    "a constant": (lambda x, v: _coo(v).detach() @ x.T + (x @ x.T) * 2, (numbers(2, 3), numbers(3))),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_torch_gives_is_right_with_a_certificate(name: str) -> None:
    function, inputs = PROGRAMS[name]
    used = tuple(one for one in inputs if name != "a constant" or one.dim() == 2)
    report = dx.gradcheck(lambda *given: function(*given, *inputs[len(given) :]), used, battery="none")
    assert report.truth == "certified", report.notes


class Neighbours(torch.autograd.Function):
    """The sum over neighbours in a graph: its matrix is sparse, and a constant."""

    factor = 1.0

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, x: Tensor) -> Tensor:
        ctx.matrix = matrix
        return torch.sparse.mm(matrix, x)

    @classmethod
    def backward(cls, ctx: Any, g: Tensor) -> tuple[None, Tensor]:
        return None, cls.factor * torch.sparse.mm(ctx.matrix.t(), g)


class Larger(Neighbours):
    factor = 1.001


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
def test_a_sparse_constant_is_passed_on(layout: torch.layout) -> None:
    matrix, x = MASK.to_sparse(layout=layout), numbers(3, 2)
    assert dx.gradcheck(Neighbours, (matrix, x)).truth == "certified"
    report = dx.gradcheck(Larger, (matrix, x), raise_exception=False)
    assert (report.verdict, report.truth, report.rows[0].cause.key) == ("fail", "certified", "factor")  # type: ignore[union-attr]


def test_an_entry_that_is_0_may_be_held_beside() -> None:
    """Autograd gives it 0 or its derivative: neither is wrong."""
    x = (numbers(2, 3).detach() * MASK).requires_grad_()
    report = dx.gradcheck(lambda x: x.to_sparse().to_dense(), x)
    assert (report.rows[0].entries.passed, report.rows[0].entries.inconclusive) == (3, 3)


def test_a_trial_of_fewer_values_does_not_end_the_process() -> None:
    report = dx.gradcheck(lambda v: _csr(v).values(), numbers(3), battery="full", raise_exception=False)
    assert any("one sample" in skip.reason for skip in report.skipped)


def test_a_sparse_output_is_refused_by_name() -> None:
    with pytest.raises(dx.UsageError, match=r"is a sparse tensor: return it dense"):
        dx.gradcheck(lambda x: x.to_sparse(), numbers(2, 3))


def test_what_has_no_rule_is_named_and_estimated() -> None:
    report = dx.gradcheck(lambda x: x.to_sparse().rad2deg().to_dense(), numbers(2, 3))
    assert report.truth == "estimated"
    assert any("rad2deg of sparse tensors has no rule" in note for note in report.notes)


def _tripled(x: Tensor) -> Tensor:
    s = torch.sparse_coo_tensor(torch.arange(3)[None], x, (3,), is_coalesced=True)
    s.mul_(3)
    return s.to_dense()


def _two_dense_ones(x: Tensor) -> Tensor:
    s = torch.sparse_coo_tensor(torch.arange(3)[None], x, (3,), is_coalesced=True)
    first, second = s.to_dense(), s.to_dense()
    return first.mul_(2) + second


def _written_values(x: Tensor) -> Tensor:
    s = torch.sparse_coo_tensor(torch.arange(3)[None], torch.zeros_like(x), (3,), is_coalesced=True)
    s._values().add_(x)
    return s.to_dense()


def _absolute_by_bits(x: Tensor) -> Tensor:
    return ((x + 1).view(torch.int64) & 0x7FFFFFFFFFFFFFFF).view(torch.float64)


@pytest.mark.parametrize(
    ("forward", "factor"), [(_tripled, 1.0), (_two_dense_ones, 4.0), (_written_values, 0.0), (_absolute_by_bits, 0.0)]
)
def test_what_shares_memory_unseen_is_no_constant(forward: Callable[[Tensor], Tensor], factor: float) -> None:
    """At zeros the numbers are right whatever the derivative is."""

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return forward(x)

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Tensor:
            return factor * upstream

    zeros = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    assert dx.gradcheck(Wrong.apply, (zeros,), raise_exception=False).verdict == "fail"
