"""Deep networks in narrow dtypes: the bound is what rounding did, by the same operations in float64 beside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from handwritten.collection import PIECES
from representatives import each_value, these
from torch import Tensor, nn

import diffexplore as dx

NARROW = [torch.float32, torch.bfloat16, torch.float16]


class _Scaled(torch.autograd.Function):
    """The identity, whose backward multiplies by ``factor``; in ``dtype`` alone, where one is given."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float, dtype: torch.dtype | None) -> Tensor:
        ctx.factor, ctx.dtype = factor, dtype
        return x.clone()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        wrong = ctx.dtype is None or upstream.dtype == ctx.dtype
        return upstream * (ctx.factor if wrong else 1.0), None, None


class _Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.into = nn.LayerNorm(width), nn.Linear(width, 3 * width)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.into(self.norm(x)).unflatten(-1, (3, 2, -1)).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + mixed.transpose(1, 2).flatten(-2)
        return x + self.mlp(x)


class _Then(nn.Module):
    """The layers, then the identity with a mistake in its backward."""

    def __init__(self, layers: nn.Module, factor: float = 1.0, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.layers, self.factor, self.dtype = layers, factor, dtype

    def forward(self, x: Tensor) -> Tensor:
        return _Scaled.apply(self.layers(_Scaled.apply(x, 1.0, None)), self.factor, self.dtype)


def _perceptron() -> tuple[nn.Module, tuple[int, ...]]:
    return nn.Sequential(*[layer for _ in range(6) for layer in (nn.Linear(16, 16), nn.Tanh())]), (4, 16)


def _convolutions() -> tuple[nn.Module, tuple[int, ...]]:
    layers = [
        nn.Conv2d(2, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 6, 3),
        nn.ReLU(),
    ]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(24, 3)), (2, 2, 8, 8)


def _attention() -> tuple[nn.Module, tuple[int, ...]]:
    return nn.Sequential(_Attention(4), _Attention(4)), (2, 4, 4)


def _built(
    build: Callable[[], tuple[nn.Module, tuple[int, ...]]], dtype: torch.dtype, *mistake: Any
) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    layers, shape = build()
    return _Then(layers, *mistake).to(dtype), torch.randn(shape).to(dtype).requires_grad_()


BUILDS = (_perceptron, _convolutions, _attention)


@pytest.mark.parametrize(("build", "dtype"), each_value(BUILDS, NARROW))
def test_deep_networks_are_decided_in_their_dtype(build: Any, dtype: torch.dtype) -> None:
    report = dx.gradcheck(*_built(build, dtype), battery="none")
    assert {row.dtype for row in report.rows} == {str(dtype).removeprefix("torch.")}
    decided = sum(row.entries.passed for row in report.rows) / sum(row.entries.total for row in report.rows)
    assert decided > (0.999 if dtype == torch.float32 else 0.97)
    sharpness = 64 * torch.finfo(dtype).eps
    assert all(row.smallest_detectable_median < sharpness for row in report.rows if row.smallest_detectable_median)


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(
    ("build", "dtype"),
    these(
        [(_perceptron, torch.float32), (_convolutions, torch.bfloat16)],
        [(build, dtype) for build in BUILDS for dtype in NARROW],
    ),
)
def test_a_small_mistake_fails_in_their_dtype(build: Any, dtype: torch.dtype) -> None:
    layer, x = _built(build, dtype, 1 + 64 * torch.finfo(dtype).eps)
    report = dx.gradcheck(layer, x, battery="none", raise_exception=False)
    assert report.verdict == "fail"
    assert {row.dtype for row in report.rows} == {str(dtype).removeprefix("torch.")}


@pytest.mark.usefixtures("causes_unsought")
def test_a_mistake_in_the_narrow_dtype_alone_is_seen() -> None:
    """The operations of the program in float32 are followed, not those that it would run in float64."""
    layer, x = _built(_perceptron, torch.float32, 1.0001, torch.float32)
    assert dx.gradcheck(layer, x, battery="none", raise_exception=False).verdict == "fail"


def _stirred(x: Tensor) -> Tensor:
    """Views, writes in place, choices, masks, indices and sums."""
    y = torch.sin(x).clone()
    y[1:3] *= 2
    y[:, 0] = x[:, 1].exp()
    y.t()[2].add_(x.sum(1), alpha=0.3)
    z = torch.where(y > 0.1, y, 0.1 * y).masked_fill(x < -1, 0.7)
    z = z + y.max(1, keepdim=True).values + torch.cat([y[2:], y[:2]]).cumsum(1)
    return z[torch.tensor([0, 0, 3])].sort(1).values.softmax(1) @ torch.full((5, 2), 0.1, dtype=x.dtype).cumsum(0)


def _ties(x: Tensor) -> Tensor:
    """In bfloat16 some numbers are equal, and others in the wrong order, which are not in float64."""
    y = x @ torch.linspace(-1, 1, 320, dtype=torch.float64).reshape(5, 64).to(x.dtype)
    return torch.cat([y.max(1).values, y.topk(3, 1).values.flatten(), torch.relu(y).amax(1)])


def _counted(x: Tensor) -> Tensor:
    """A mean over those that a condition on rounded numbers selects."""
    y = x.sin() * x.cos()
    chosen = y > y.detach().mean()
    return (y * chosen).sum() / chosen.sum()


@pytest.mark.parametrize(("function", "dtype"), each_value((_stirred, _ties, _counted), NARROW))
def test_no_right_gradient_fails(function: Any, dtype: torch.dtype) -> None:
    for seed in range(2):
        x = torch.randn(4, 5, generator=torch.Generator().manual_seed(seed)).to(dtype).requires_grad_()
        assert dx.gradcheck(function, x, battery="none", raise_exception=False).verdict != "fail"


def test_dropout_draws_once() -> None:
    torch.manual_seed(0)
    layer = nn.Sequential(nn.Linear(16, 16), nn.Dropout(0.5), nn.Tanh(), nn.Linear(16, 16), nn.Tanh()).float()
    report = dx.gradcheck(layer, torch.randn(4, 16, requires_grad=True), battery="none")
    powers = [row.smallest_detectable_median for row in report.rows if row.smallest_detectable_median]
    assert report.verdict == "pass" and max(powers) < 1e-3


def test_factors_of_an_empty_matrix() -> None:
    x = torch.zeros(0, 3, requires_grad=True)
    report = dx.gradcheck(lambda x: torch.linalg.svd(x, full_matrices=False)[1], x, raise_exception=False)
    assert report.verdict != "fail"


@pytest.mark.parametrize(
    "function", [torch.fft.fft, lambda x: torch.complex(x, x.sin()), lambda x: torch.fft.rfft(x).abs()]
)
def test_complex_numbers_inside_a_function_of_float32_are_no_error(function: Callable[[Tensor], Tensor]) -> None:
    x = (
        torch.randn(5, 2, 1, generator=torch.Generator().manual_seed(0))
        .as_strided((5, 2, 1), (2, 1, 1))
        .requires_grad_()
    )
    report = dx.gradcheck(lambda x: function(x.expand(2, 5, 2, 3)), x, raise_exception=False, battery="none")
    assert report.verdict in ("pass", "inconclusive")  # of transforms no bound is known


_SOFT_DTW = next(one for one in PIECES if one.name == "SoftDTW")
#: Without a mistake, and with one that the entries hide in float32.
_EACH_TIME = [(None, 2), (1, 2)]


@pytest.mark.usefixtures("causes_unsought")
@pytest.mark.parametrize(
    ("mistake", "rows"),
    these(
        _EACH_TIME,
        [(mistake, rows) for rows in (2, 5) for mistake in (None, *range(len(_SOFT_DTW.mistakes)))],
    ),
)
@pytest.mark.usefixtures("causes_unsought")
def test_numpy_inside_a_recursion_is_decided_in_float32(mistake: int | None, rows: int) -> None:
    """By 16 times the rounding of a reference, whose logarithms are those of balls as wide as float32 rounds."""
    distances, gamma = _SOFT_DTW.inputs()
    narrow = distances.detach()[:rows, : rows + 1].float().contiguous().requires_grad_()
    candidate = _SOFT_DTW.function(None if mistake is None else _SOFT_DTW.mistakes[mistake])
    report = dx.gradcheck(
        candidate, (narrow, gamma), battery="none", reference=_SOFT_DTW.reference, raise_exception=False
    )
    assert report.verdict == ("pass" if mistake is None else "fail")
    if mistake is None:
        (row,) = report.rows
        assert row.entries.passed == narrow.numel() and row.dtype == "float32"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    "target", [lambda x: torch.full_like(x, 0.3), lambda x: x.new_full(x.shape, 0.3)], ids=["full_like", "new_full"]
)
def test_a_constant_is_that_of_the_narrow_dtype(target: Callable[[Tensor], Tensor], dtype: torch.dtype) -> None:
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(0)).to(dtype).requires_grad_()
    report = dx.gradcheck(
        lambda x: nn.functional.binary_cross_entropy_with_logits(x, target(x)), x, raise_exception=False, battery="none"
    )
    assert (report.verdict, report.truth) == ("pass", "certified"), report
