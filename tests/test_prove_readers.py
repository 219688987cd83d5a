"""Operators that a proof reads by cases, by windows, by minors or as data: right ways back, and each with a mistake."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from representatives import slow, these
from torch.utils.checkpoint import checkpoint

import diffexplore as dx
from diffexplore.errors import UsageError

Tensor = torch.Tensor

MASK = torch.tensor([[True, False], [True, True]])
ROWS = torch.tensor([2, 0, 2])

ANGLES = torch.ones(2).double(), torch.tensor([0.1, 0.25]).double()


def _complex_in_place(x: Tensor, y: Tensor) -> Tensor:
    """What is written into views of complex numbers is in the whole."""
    z = torch.complex(x, y)
    z[1:].mul_(2j)
    z.real.mul_(3)
    z[0] = 2 + 1j
    return z * z


#: A function of torch, and the shapes of its arguments.
READ: dict[str, tuple[Callable[..., Any], str]] = {
    "conv1d": (lambda x, w, b: F.conv1d(x, w, b, stride=2, groups=2), "x[1,2,2] w[2,1,1] b[2]"),
    "conv2d": (lambda x, w: F.conv2d(x, w, dilation=2), "x[1,1,3,3] w[1,1,2,2]"),
    "conv_transpose1d": (lambda x, w: F.conv_transpose1d(x, w, stride=2, padding=1, output_padding=1), "x[1,1,3] w[1,1,3]"),
    "attention": (F.scaled_dot_product_attention, "query[1,1,1,1] key[1,1,2,1] value[1,1,2,1]"),
    "causal": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), "q[1,1,2,1] k[1,1,2,1] v[1,1,2,1]"
    ),
    "avg_pool": (lambda x: F.avg_pool1d(x, 3, 2, 1, count_include_pad=False), "x[1,1,4]"),
    "adaptive_avg_pool": (lambda x: F.adaptive_avg_pool1d(x, 3), "x[1,1,4]"),
    "max_pool": (lambda x: F.max_pool2d(x, (1, 2), 1), "x[1,1,1,3]"),
    "adaptive_max_pool": (lambda x: F.adaptive_max_pool1d(x, 2), "x[1,3]"),
    "dropout": (lambda x: F.dropout(x, 0.25), "x[3]"),
    "sort": (lambda x: x.sort(descending=True).values, "x[2]"),
    "topk": (lambda x: x.topk(1).values, "x[2]"),
    "median": (lambda x: x.median(), "x[2]"),
    "sort of four": (lambda x: x.sort().values, "x[4]"),
    "msort of four": (torch.msort, "x[4]"),
    "median of four": (lambda x: x.median(), "x[4]"),
    "kthvalue of four": (lambda x: x.kthvalue(2).values, "x[4]"),
    "topk of four": (lambda x: x.topk(2).values, "x[4]"),
    "kthvalue": (lambda x: x.kthvalue(2, 0).values, "x[2,1]"),
    "cumprod": (lambda x: x.cumprod(0), "x[3]"),
    "cummax": (lambda x: x.cummax(0).values, "x[3]"),
    "logcumsumexp": (lambda x: x.logcumsumexp(0), "x[3]"),
    "logcumsumexp of rows": (lambda x: x.logcumsumexp(1), "x[2,2]"),
    "mask": (lambda x: x[MASK] * 2 + x.masked_select(MASK), "x[2,2]"),
    "own mask": (lambda x: (x[x > 0.5] ** 2).sum(), "x[3]"),
    "mean by own mask": (lambda x: x[x > 0].mean(), "x[2]"),
    "own masked_select": (lambda x, y: y.masked_select(x * y > 0).sin().sum(), "x[2] y[2]"),
    "put by own mask": (lambda x: (x * 2).index_put((x < 0,), x[x < 0] / 3), "x[2]"),
    "own places": (lambda x: x[(x > 0).nonzero().squeeze(-1)].exp().sum(), "x[2]"),
    "own masked_scatter": (lambda x, y: x.masked_scatter(x > 0, y), "x[2] y[2]"),
    "embedding_bag": (lambda w: F.embedding_bag(ROWS, w, torch.tensor([0, 2]), mode="mean"), "w[3,2]"),
    "embedding_bag max": (lambda w: F.embedding_bag(ROWS, w, torch.tensor([0, 2]), mode="max"), "w[3,1]"),
    "bilinear": (lambda x: F.interpolate(x, 3, mode="linear"), "x[1,1,2]"),
    "nearest": (lambda x: F.interpolate(x, 3), "x[1,1,2]"),
    "as_strided": (lambda x: x.as_strided((2, 2), (1, 1)), "x[3]"),
    "unfold": (lambda x: x.unfold(0, 2, 1), "x[3]"),
    "scatter_reduce": (lambda x, y: x.scatter_reduce(0, ROWS, y, "prod"), "x[3] y[3]"),
    "slogdet": (lambda x: torch.slogdet(x).logabsdet, "A[1,1]"),
    "inv": (torch.linalg.inv, "A[2,2]"),
    "solve": (torch.linalg.solve, "A[2,2] B[2]"),
    "cholesky": (lambda x: torch.linalg.cholesky(x @ x.mT + 2), "x[1,1]"),
    "polygamma in place": (lambda x: x.clone().polygamma_(1), "x"),
    "cdist": (torch.cdist, "x1[1,2] x2[1,2]"),
    "pdist": (F.pdist, "x[3,1]"),
    "complex product": (lambda x, y: torch.view_as_real(torch.complex(x, y) * torch.complex(y, x)), "x[2] y[2]"),
    "complex output": (lambda x, y: torch.complex(x, y) ** 2, "x y"),
    "complex functions": (lambda x, y: torch.complex(x, y).exp() / torch.complex(y, x), "x y"),
    "complex size": (lambda x: torch.view_as_complex(x).abs(), "x[2,2]"),
    "complex constant": (lambda x: (x * torch.tensor([1 + 2j, 3 - 1j])).sum().abs(), "x[2]"),
    "complex views": (
        lambda x, y: (torch.complex(x, y).reshape(2, 1).permute(1, 0).expand(2, 2).transpose(-1, -2) ** 2).diagonal(),
        "x[2] y[2]",
    ),
    "complex in place": (_complex_in_place, "x[2] y[2]"),
    "rotation": (lambda x: torch.view_as_real(torch.view_as_complex(x) * torch.polar(*ANGLES)), "x[2,2]"),
    "fft": (lambda x, y: torch.fft.fft(torch.complex(x, y)), "x[3] y[3]"),
    "rfft": (lambda x: torch.fft.rfft(x, norm="ortho"), "x[4]"),
    "irfft": (lambda x: torch.fft.irfft(torch.fft.rfft(x) * 2j, n=5), "x[5]"),
    "fft2": (lambda x: torch.fft.fft2(x).abs().square(), "x[2,2]"),
    "checkpoint": (lambda x: checkpoint(lambda y: y.sin() * y, x, use_reentrant=False), "x[2]"),
    "reentrant": (lambda x: checkpoint(lambda y: y.sin() * y, x, use_reentrant=True), "x[2]"),
}  # fmt: skip


#: One of each kind of operator: of windows, by order, by masks, by indices, of matrices, of complex numbers.
EACH_TIME = (
    "conv1d", "attention", "dropout", "median", "nearest", "scatter_reduce", "solve", "complex product", "fft",
)  # fmt: skip


@pytest.mark.parametrize("name", these(EACH_TIME, READ))
def test_the_way_back_of_torch_is_proved(name: str) -> None:
    function, shapes = READ[name]
    assert dx.prove(function, parameters=shapes, data=[]).status == "proved"


class Planted(torch.autograd.Function):
    """A function, whose own way back has a wrong last entry of the gradient by the argument at ``place``."""

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Any], place: int, *arguments: Tensor) -> Tensor:
        ctx.function, ctx.place = function, place
        ctx.save_for_backward(*arguments)
        out: Tensor = function(*arguments)
        return out

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        leaves = [one.detach().requires_grad_() for one in ctx.saved_tensors]
        with torch.enable_grad():
            out = ctx.function(*leaves)
        found = list(torch.autograd.grad(out, leaves, upstream))
        wrong = found[ctx.place]
        last = torch.tensor([0.0] * (wrong.numel() - 1) + [1.0]).double().reshape(wrong.shape)
        found[ctx.place] = wrong + last * upstream.real.reshape(-1)[0]
        return None, None, *found


def entries(shapes: str) -> list[int]:
    """How many entries each argument has, of ``x[2,3] y``."""
    return [math.prod(map(int, re.findall(r"\d+", one.partition("[")[2]))) for one in shapes.split()]


PLANTED = [
    (name, place)
    for name, (_, shapes) in READ.items()
    for place in range(len(entries(shapes)))
    if name not in ("dropout", "checkpoint", "reentrant")
]


#: A mistake is found in the same way wherever it is: by windows, by order, by a mask.
PLANTED_EACH_TIME = [("nearest", 0), ("median", 0), ("mean by own mask", 0)]


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(("name", "place"), these(PLANTED_EACH_TIME, PLANTED))
def test_a_wrong_entry_is_refuted(name: str, place: int) -> None:
    function, shapes = READ[name]
    proof = dx.prove(lambda **given: Planted.apply(function, place, *given.values()), parameters=shapes, data=[])
    assert proof.status == "refuted"
    assert [one.name for one in proof.refuted] == [list(proof.parameters)[sum(entries(shapes)[: place + 1]) - 1]]


class Positive(torch.autograd.Function):
    """The sum of the squares of what is positive, with a backward that takes its mask at ``edge``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, edge: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.edge = edge
        return (x[x > 0] ** 2).sum()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        mask, gradient = x > ctx.edge, torch.zeros_like(x)
        gradient[mask] = 2 * x[mask] * upstream
        return gradient, None


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(
    ("edge", "shape", "status"),
    [slow(0.0, "x[2]", "proved"), (0.0, "x[1]", "proved"), slow(-1.0, "x[1]", "refuted"), (0.25, "x[1]", "refuted")],
)
def test_a_mask_of_the_backward_is_read_as_well(edge: float, shape: str, status: str) -> None:
    assert dx.prove(lambda x: Positive.apply(x, edge), parameters=shape, data=[]).status == status


@pytest.mark.parametrize("right", [True, slow(False)])
def test_what_is_written_between_two_masks_counts(right: bool) -> None:
    """A mask of numbers that were overwritten is another mask."""

    def program(x: Tensor) -> Tensor:
        y = x * 1
        first = y[y > 0].sum()
        y.mul_(-1)
        return first + 3 * y[y > 0].sum() + (0 if right else x[x > 0].sum() - x[x > 0].detach().sum())

    assert dx.prove(program, parameters="x[1]", data=[]).status == ("proved" if right else "refuted")


def _any_by_two_axes(x: Tensor) -> Tensor:
    mask = torch.cat([x > 0, torch.ones(1).bool()]).reshape(1, 2)
    kept, all_axes = torch.any(mask, dim=[0], keepdim=True), torch.any(mask, dim=[0, 1])
    pair = x.expand(1, 2)
    return (torch.masked_select(pair, kept) ** 2).sum() + (torch.masked_select(pair, all_axes) ** 3).sum()


def _in_and_not_in(x: Tensor) -> Tensor:
    one = torch.ones(1).double()
    return (x[torch.isin(x, one, assume_unique=True)] ** 2).sum() + (x[torch.isin(x, one, invert=True)] ** 2).sum()


@pytest.mark.parametrize("function", [_any_by_two_axes, _in_and_not_in])
def test_masks_that_differ_by_an_option_alone_are_two(function: Callable[[Tensor], Tensor]) -> None:
    assert dx.prove(function, parameters="x[1]", data="").status == "proved"


#: What joins elements that were chosen, of which there may be none.
JOINS: dict[str, Callable[[Tensor], Tensor]] = {
    "cat": lambda x: torch.cat((x[x > 0], x[x > 0] ** 2), -1).sum(),
    "stack": lambda x: torch.stack((x[x > 0], x[x > 0] ** 2), -1).sum(),
    "hstack": lambda x: torch.hstack((x[x > 0], x[x > 0] ** 2)).sum(),
    "complex": lambda x: torch.complex(x, x * x)[x > 0].abs().sum(),
}


@pytest.mark.parametrize("name", these({"cat"}, JOINS))
def test_nothing_is_joined_to_nothing(name: str) -> None:
    assert dx.prove(JOINS[name], parameters="x[1]", data="").status == "proved"


def test_where_nothing_is_chosen_a_mean_has_no_value() -> None:
    proof = dx.prove(lambda x: x[x > 0].mean(), parameters="x[2]", data=[])
    assert proof.exclusions == ("not where x1 < 0, x2 < 0: there the left side has no value",)


def test_samples_are_chosen_by_a_mask_of_data() -> None:
    proof = dx.prove(lambda a, x, y: ((a * x)[y > 0] ** 2).mean(), parameters="a", data="x y")
    assert (proof.status, proof.samples) == ("proved", 4)


@pytest.mark.slow
def test_a_path_that_is_cut_behind_a_mask_of_data_is_refuted() -> None:
    proof = dx.prove(lambda a, x, y: (a * (a.detach() * x)[y > 0]).sum(), parameters="a", data="x y")
    assert proof.status == "refuted"


class ComplexSquare(torch.autograd.Function):
    """The square of a complex number, with a backward that may forget the conjugate."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, conjugate: bool) -> Tensor:
        ctx.save_for_backward(x, y)
        ctx.conjugate = conjugate
        return torch.view_as_real(torch.complex(x, y) ** 2)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        slope = 2 * torch.complex(*ctx.saved_tensors)
        found = torch.view_as_complex(upstream.contiguous()) * (slope.conj() if ctx.conjugate else slope)
        return found.real, found.imag, None


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(("conjugate", "status"), [(True, "proved"), (False, "refuted")])
def test_the_conjugate_that_a_backward_forgets_is_missed(conjugate: bool, status: str) -> None:
    proof = dx.prove(lambda x, y: ComplexSquare.apply(x, y, conjugate), parameters="x y", data=[])
    assert proof.status == status


def test_complex_numbers_of_any_number_of_samples() -> None:
    proof = dx.prove(lambda a, x: torch.complex(a * x, x).exp().mean().abs(), parameters="a", data="x")
    assert (proof.status, proof.samples) == ("proved", None)


@pytest.mark.usefixtures("causes_unsought")
def test_the_gradient_of_polar_is_wrong_for_a_negative_size() -> None:
    """The backward divides the result by its absolute value, which loses the sign: torch 2.13."""
    proof = dx.prove(lambda r, t: torch.view_as_real(torch.polar(r, t)), parameters="r t", data=[])
    (found,) = [one for one in proof.refuted if one.name == "r"]
    assert found.decision.counterexample is not None and found.decision.counterexample.point["r"] < 0
    size, angle = torch.tensor(-1.5, requires_grad=True), torch.tensor(0.5)
    torch.polar(size, angle).real.backward()
    assert size.grad is not None and torch.isclose(size.grad, -angle.cos())
    assert dx.prove(torch.polar, parameters="r t", data=[], domain="r > 0").status == "proved"


def test_a_compiled_function_is_read_as_it_is_written() -> None:
    assert dx.prove(torch.compile(lambda x: x.sin() * x), parameters="x[2]", data=[]).status == "proved"


def test_a_mask_is_data() -> None:
    proof = dx.prove(lambda a, x: F.dropout(a * x, 0.25).sum(), parameters="a", data="x")
    assert proof.status == "proved" and proof.samples is None
    assert "drawn" in proof.data and "the random numbers that it draws are data: drawn" in proof.notes


def test_a_way_back_that_draws_another_mask_is_refuted() -> None:
    class Forgets(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return F.dropout(x, 0.5)

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Tensor:
            return upstream

    assert dx.prove(Forgets, parameters="x", data=[]).status == "refuted"


def test_ties_that_torch_leaves_open_are_side_conditions() -> None:
    proof = dx.prove(lambda x: x.topk(1).values, parameters="x[2]", data=[])
    assert proof.conditions == ("x1 − x2 ≠ 0",)


class Ordered(torch.autograd.Function):
    """The values in order, with a backward that puts gradients where the values stood, or in the reverse order."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, reverse: bool) -> Tensor:
        values, places = x.sort()
        ctx.save_for_backward(places.flip(0) if reverse else places)
        return values

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        (places,) = ctx.saved_tensors
        return torch.zeros_like(upstream).scatter(0, places, upstream), None


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(("reverse", "status"), [(False, "proved"), (True, "refuted")])
def test_all_orders_of_four_values_are_looked_at(reverse: bool, status: str) -> None:
    proof = dx.prove(lambda x: Ordered.apply(x, reverse), parameters="x[4]", data=[])
    ties = [f"x{i} − x{j} ≠ 0" for i in range(1, 5) for j in range(i + 1, 5)]
    assert (proof.status, sorted(proof.conditions)) == (status, [] if reverse else ties)


def test_more_values_than_four_are_not_ordered() -> None:
    with pytest.raises(UsageError, match=r"^sort at .* orders 5 values, which are more cases than are read"):
        dx.prove(lambda x: x.sort().values, parameters="x[5]", data=[])


@pytest.mark.usefixtures("causes_unsought")
def test_the_determinant_of_a_singular_matrix_has_a_derivative_that_torch_misses() -> None:
    """The derivative is the transposed adjugate, also where the determinant is 0; torch multiplies by that."""
    proof = dx.prove(torch.det, parameters="A[2,2]", data=[])
    assert proof.status == "refuted"
    (found, *_) = proof.refuted
    assert found.name == "A1_1" and found.decision.counterexample is not None
    point = found.decision.counterexample.point
    matrix = torch.tensor([[float(point[f"A{i}_{j}"]) for j in (1, 2)] for i in (1, 2)]).double().requires_grad_()
    (gradient,) = torch.autograd.grad(torch.det(matrix), matrix)
    assert gradient[0, 0] == 0 != matrix[1, 1]


def test_factors_with_exchanged_rows_are_refused() -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        dx.prove(lambda A: torch.linalg.lu_factor(A).LU, parameters="A[2,2]", data=[])


def test_a_partial_needs_its_own_terms_alone() -> None:
    """Each entry has its own kink, and no other entry's."""
    proof = dx.prove(torch.abs, parameters="input[12]", data=[])
    assert proof.status == "proved" and len(proof.conditions) == 12


@pytest.mark.parametrize(
    ("program", "parameters", "expected"),
    [
        (lambda x: x.median(), "x[3]", ("x1 − x2 ≠ 0", "x1 − x3 ≠ 0", "x2 − x3 ≠ 0")),
        (lambda x, y: torch.stack([x, x, y]).amax(), "x y", ("x − y ≠ 0",)),
        slow(lambda x, y: torch.stack([x, x, y]).amin(), "x y", ("x − y ≠ 0",)),
    ],
    ids=["median", "amax", "amin"],
)
def test_how_many_are_the_chosen_one_is_known_where_the_order_is(
    program: Any, parameters: str, expected: tuple[str, ...]
) -> None:
    """Their backward divides by that number, which is written with branches."""
    proof = dx.prove(program, parameters=parameters, data=[])
    assert (proof.status, proof.conditions) == ("proved", expected)


def test_embedding_bags_are_read_where_no_gradient_is_taken() -> None:
    """Torch runs another operator then."""
    loss = dx.Loss.from_torch(lambda w: F.embedding_bag(ROWS, w, torch.tensor([0, 2])).sum(), parameters="w[3,1]")
    assert str(loss.formula) == "w1_1/2 + 3*w3_1/2"
