"""Sparse tensors that are differentiated by, by all of their elements and by those that are specified."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from representatives import each_value, these
from torch.autograd.gradcheck import GradcheckError

import diffexplore as dx

Tensor = torch.Tensor

DENSE = torch.tensor([[0.0, 2.0, 0.0, -1.5], [1.0, 0.0, 3.0, 0.0]], dtype=torch.float64)
OTHER = torch.tensor([[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5], [1.0, -2.0]], dtype=torch.float64)

COO, CSR, CSC, BSR, BSC = (
    torch.sparse_coo, torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _beta() -> Iterator[None]:
    """Torch tells of each layout that it may change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def sparse(layout: torch.layout, dense: Tensor = DENSE, *, dense_dim: int | None = None) -> Tensor:
    blocks = (1, 2) if layout in (BSR, BSC) else None
    return dense.to_sparse(layout=layout, blocksize=blocks, dense_dim=dense_dim).requires_grad_()


class Product(torch.autograd.Function):
    """x B for a sparse x; the gradient by x is g Bᵀ, dense, or where an element of x is specified, sparse."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, other: Tensor) -> Tensor:
        ctx.x, ctx.other = x, other
        return x.to_dense() @ other

    @classmethod
    def backward(cls, ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        return g @ ctx.other.mT, None


class OfSpecified(Product):
    @classmethod
    def backward(cls, ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        mask = ctx.x.to_sparse_coo() if ctx.x.layout is not COO else ctx.x
        return (g @ ctx.other.mT).sparse_mask(mask.coalesce()), None


def _changed(function: Any, change: Callable[[Tensor], Tensor]) -> Any:
    return type(
        "Wrong",
        (function,),
        {"backward": classmethod(lambda cls, ctx, g: (change(function.backward(ctx, g)[0]), None))},
    )


def _first_zeroed(gradient: Tensor) -> Tensor:
    values = gradient.coalesce().values().clone()
    values[0] = 0
    return torch.sparse_coo_tensor(gradient.coalesce().indices(), values, gradient.shape)


@pytest.mark.parametrize("layout", these([COO, BSC], [COO, CSR, CSC, BSR, BSC]), ids=str)
def test_a_dense_gradient_of_all_elements_is_right_with_and_without_a_mask(layout: torch.layout) -> None:
    for masked, entries in ((False, 8), (True, 4 if layout in (COO, CSR, CSC) else 8)):
        report = dx.gradcheck(Product, (sparse(layout), OTHER), masked=masked)
        assert (report.verdict, report.truth) == ("pass", "certified")
        assert report.rows[0].entries.passed == entries
        assert any("spars" in note for note in report.notes)


@pytest.mark.parametrize("layout", [COO, CSR, CSC], ids=str)
def test_a_gradient_of_specified_elements_is_right_with_a_mask_alone(layout: torch.layout) -> None:
    assert dx.gradcheck(OfSpecified, (sparse(layout), OTHER), masked=True).truth == "certified"
    report = dx.gradcheck(OfSpecified, (sparse(layout), OTHER), raise_exception=False)
    cause = report.rows[0].cause
    assert (report.verdict, cause and cause.key) == ("fail", "unspecified")
    assert "masked=True" in str(report)


#: Mistakes in a gradient.
CHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "too large": lambda g: (1 + 1e-6) * g,
    "negated": lambda g: -g,
    "sizes": lambda g: g.abs(),
}


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(
    ("layout", "masked", "change"), each_value([COO, CSR, CSC, BSR, BSC], [False, True], list(CHANGES))
)
def test_planted_mistakes_fail(layout: torch.layout, masked: bool, change: str) -> None:
    wrong = _changed(Product, CHANGES[change])
    report = dx.gradcheck(wrong, (sparse(layout), OTHER), masked=masked, battery="none", raise_exception=False)
    assert report.verdict == "fail"


def test_one_specified_element_that_is_wrong_is_named_by_its_place() -> None:
    wrong = _changed(OfSpecified, _first_zeroed)
    report = dx.gradcheck(wrong, (sparse(COO), OTHER), masked=True, battery="none", raise_exception=False)
    row = report.rows[0]
    assert (report.verdict, row.input, row.entry, row.entries.failed) == ("fail", "x.values()", (0,), 1)


#: Functions of torch, and whether their gradients are of all elements, or of those that are specified.
FUNCTIONS: dict[str, tuple[Callable[[Tensor], Tensor], bool]] = {
    "dense": (lambda x: x.to_dense(masked_grad=False), True),
    "dense, with a mask": (lambda x: x.to_dense(), False),
    "product": (lambda x: x @ OTHER, True),
    "masked product": (lambda x: torch.sparse.mm(x, OTHER), False),
    "added product": (lambda x: torch.sparse.addmm(OTHER[:2], x, OTHER), False),
    "sum": (lambda x: x.sum() * 3, True),
    "square": (lambda x: (x * x).to_dense(masked_grad=False), True),
    "transposed": (lambda x: x.t().to_dense(masked_grad=False), True),
}


@pytest.mark.parametrize(("name", "layout"), each_value(list(FUNCTIONS), [COO, CSR]))
def test_functions_of_torch_are_right_as_torch_has_it(name: str, layout: torch.layout) -> None:
    """What torch.autograd.gradcheck says without a mask; with one, gradients elsewhere are ignored."""
    function, of_all = FUNCTIONS[name]
    x = sparse(layout)
    try:
        theirs = torch.autograd.gradcheck(function, (x,), masked=False)
    except GradcheckError:
        theirs = False
    ours = dx.gradcheck(function, (x,), raise_exception=False)
    assert (bool(ours), ours.truth) == (theirs, "certified")
    assert theirs == (of_all or name == "square")
    assert dx.gradcheck(function, (x,), masked=True).truth == "certified"


@pytest.mark.parametrize("function", [lambda x: torch.sparse.softmax(x, 1).to_dense(), lambda x: x.coalesce().values()])
def test_what_depends_on_the_specified_elements_needs_a_mask(function: Any) -> None:
    assert dx.gradcheck(function, sparse(COO), masked=True).truth == "certified"
    with pytest.raises(dx.UsageError, match="masked=True"):
        dx.gradcheck(function, sparse(COO))


class Exponentials(torch.autograd.Function):
    """exp of every element, 1 where none is specified."""

    factor = 1.0

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.result = x.to_dense().exp()
        return ctx.result

    @classmethod
    def backward(cls, ctx: Any, g: Tensor) -> Tensor:
        return cls.factor * g * ctx.result.conj()


class Larger(Exponentials):
    factor = 1 + 1e-6


BATCH = torch.stack([DENSE, 2 * DENSE])
HYBRID = torch.stack([DENSE, DENSE - 1 * (DENSE != 0)], -1)

SHAPES = {
    "COO of three axes": (COO, BATCH, None), "COO of vectors": (COO, HYBRID, 1), "CSR in a batch": (CSR, BATCH, None),
    "CSC in a batch": (CSC, BATCH, None), "BSR in a batch": (BSR, BATCH, None), "CSR of vectors": (CSR, HYBRID, 1),
    "complex": (COO, DENSE * (1 + 0.5j), None), "float32": (COO, DENSE.float(), None), "of one axis": (COO, DENSE[0], None),
}  # fmt: skip


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(("name", "masked"), each_value(list(SHAPES), [False, True]))
def test_batches_hybrids_and_other_numbers(name: str, masked: bool) -> None:
    layout, dense, dense_dim = SHAPES[name]
    x = sparse(layout, dense, dense_dim=dense_dim)
    assert dx.gradcheck(Exponentials, x, masked=masked, battery="none").truth == "certified"
    report = dx.gradcheck(Larger, x, masked=masked, battery="none", raise_exception=False)
    assert (report.verdict == "fail") == (dense.dtype is not torch.float32)  # 1e-6 are 8 units of its last place


def test_where_nothing_is_specified_all_elements_are_compared() -> None:
    x = sparse(COO, 0 * DENSE)
    assert dx.gradcheck(Exponentials, x).truth == "certified"
    assert dx.gradcheck(Larger, x, battery="none", raise_exception=False).verdict == "fail"


def test_the_same_index_twice_is_added_up() -> None:
    x = torch.sparse_coo_tensor([[0, 1, 1], [2, 0, 0]], torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64), (2, 4))
    report = dx.gradcheck(Product, (x.requires_grad_(), OTHER), masked=True)
    assert report.rows[0].entries.passed == 2


def test_a_reference_is_given_the_sparse_tensor() -> None:
    def plain(x: Tensor, other: Tensor) -> Tensor:
        return torch.sparse.mm(x, other)

    assert dx.gradcheck(Product, (sparse(COO), OTHER), reference=plain).truth == "certified"


def test_beside_dense_inputs_and_in_containers() -> None:
    def function(pair: tuple[Tensor, Tensor], y: Tensor) -> Tensor:
        return pair[0] @ pair[1] + y

    dense = OTHER.clone().requires_grad_()
    report = dx.gradcheck(function, ((sparse(CSR), dense), torch.ones(2, 2, dtype=torch.float64).requires_grad_()))
    assert [row.input for row in report.rows] == ["pair 0", "pair 1", "y"]


def test_what_is_refused() -> None:
    x = sparse(COO)
    with pytest.raises(dx.UsageError, match="masked"):
        dx.gradgradcheck(Product, (x, OTHER), masked="some")
    with pytest.raises(dx.UsageError, match="not a leaf"):
        dx.gradcheck(Product, (x * 2, OTHER))
    with pytest.raises(dx.UsageError, match="masked"):
        dx.gradcheck(Product, (x, OTHER), masked="some")


def test_zeros_that_are_right_hide_nothing() -> None:
    """Of elements that are 0 beside the others no bound is known to the last subnormal number."""
    report = dx.gradcheck(lambda x: x.to_dense() ** 2, torch.eye(4, dtype=torch.float64).to_sparse().requires_grad_())
    assert report.verdict == "pass"


class _Product(torch.autograd.Function):
    """A sparse matrix times a dense one, which saves both."""

    @staticmethod
    def forward(ctx: Any, s: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(s, w)
        return torch.sparse.mm(s, w)

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> Any:
        s, w = ctx.saved_tensors
        return (upstream @ w.t()).sparse_mask(s), s.t().to_dense() @ upstream


def test_sparse_tensors_that_a_function_saved_are_compared() -> None:
    s = torch.tensor([[0.0, 2.0], [1.0, 0.0]]).to_sparse().requires_grad_()
    w = torch.tensor([[1.0, 3.0], [0.5, -1.0]], requires_grad=True)
    assert dx.gradcheck(_Product, (s, w), masked=True)
    assert dx.gradcheck(_Product, (s, w), raise_exception=False).failed[0].cause.key == "unspecified"


def test_second_derivatives_by_specified_elements() -> None:
    w = OTHER.clone().requires_grad_()
    for layout in (COO, CSR):
        report = dx.gradgradcheck(lambda s, w: (s @ w) ** 2, (sparse(layout), w), masked=True)
        assert report.truth == "certified" and report.order == 2
        assert {row.input for row in report.rows} == {"s.values()", "w", "grad_outputs"}


class WrongAgain(torch.autograd.Function):
    """The square of the elements of a sparse tensor, times a dense one; its second derivative is half of what it is."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, other: Tensor) -> Tensor:
        ctx.save_for_backward(x, other)
        return x.to_dense() ** 2 @ other

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        x, other = ctx.saved_tensors
        dense = x.to_dense()
        return (dense + dense.detach()) * (g @ other.mT), None


def test_a_wrong_second_derivative_by_a_sparse_tensor_fails() -> None:
    report = dx.gradgradcheck(WrongAgain, (sparse(COO), OTHER), masked=True, raise_exception=False)
    assert report.verdict == "fail" and report.order == 2
