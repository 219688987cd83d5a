"""Kernels of many steps: in float32 the bound is near what rounding does, and no right gradient is beyond it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from representatives import these
from torch import Tensor, nn
from torch.nn import functional as F

import diffexplore as dx
from diffexplore.torch_ops.tensor_rules.grids import sampled

_INDEX = torch.tensor([0, 2, 1, 1])
_LABELS, _LENGTHS, _SIZES = torch.tensor([[1, 2], [2, 1]]), torch.tensor([5, 4]), torch.tensor([2, 2])


def _bags(**options: Any) -> Callable[..., Tensor]:
    return lambda table, *weights: F.embedding_bag(
        _INDEX, table, torch.tensor([0, 1]), per_sample_weights=weights[0] if weights else None, **options
    )


def _scattered(reduce: str) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda x, source: x.scatter_reduce(0, torch.tensor([0, 1, 0, 2]), source.exp(), reduce)


def _segments(reduce: str) -> Callable[[Tensor], Tensor]:
    lengths = torch.tensor([[2, 3], [1, 4]])
    return lambda x: torch.segment_reduce(x.exp(), reduce, lengths=lengths, axis=1, initial=0.5)


def _sampled(**options: Any) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda x, grid: F.grid_sample(x, 0.9 * grid.tanh(), **{"align_corners": False, **options})


def _projected(a: Tensor) -> Tensor:
    """The projection on the space of two singular vectors: no sign is free in it."""
    u, _, vh = torch.linalg.svd(a, full_matrices=False)
    return u[:, :2] * torch.arange(1.0, 3.0) @ vh[:2]


def _of_symmetric(a: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(a @ a.mT)
    return torch.cat([values, vectors[:, :1] @ vectors[:, :1].mT @ torch.ones(4, dtype=a.dtype)])


CASES: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "lstm": (nn.LSTM(4, 3), [(5, 2, 4)]),
    "lstm both ways": (nn.LSTM(4, 3, 2, bidirectional=True, batch_first=True), [(2, 3, 4)]),
    "lstm without biases": (nn.LSTM(4, 3, bias=False), [(3, 2, 4)]),
    "gru": (nn.GRU(4, 3), [(5, 2, 4)]),
    "ctc": (lambda x: F.ctc_loss(x.log_softmax(-1), _LABELS, _LENGTHS, _SIZES), [(5, 2, 4)]),
    "bags, means": (_bags(mode="mean"), [(4, 3)]),
    "bags, weighted": (_bags(mode="sum"), [(4, 3), (4,)]),
    "grid 2-D": (_sampled(), [(1, 2, 4, 4), (1, 3, 3, 2)]),
    "grid 2-D, border": (
        lambda x, grid: F.grid_sample(x, grid, padding_mode="border", align_corners=False),
        [(1, 2, 4, 4), (1, 3, 3, 2)],
    ),
    "grid 2-D, reflected": (_sampled(padding_mode="reflection", align_corners=True), [(1, 2, 4, 4), (1, 3, 3, 2)]),
    "grid 2-D, nearest": (
        lambda x, grid: F.grid_sample(x.exp(), grid, mode="nearest", align_corners=False),
        [(1, 2, 4, 4), (1, 3, 3, 2)],
    ),
    "grid 2-D, bicubic": (_sampled(mode="bicubic"), [(1, 2, 4, 4), (1, 3, 3, 2)]),
    "grid 3-D": (_sampled(), [(1, 2, 3, 4, 4), (1, 2, 3, 3, 3)]),
    "grid 3-D, reflected": (_sampled(padding_mode="reflection"), [(1, 2, 3, 4, 4), (1, 2, 3, 3, 3)]),
    "scatter, products": (_scattered("prod"), [(4,), (4,)]),
    "scatter, means": (_scattered("mean"), [(4,), (4,)]),
    "distances": (torch.cdist, [(4, 3), (5, 3)]),
    "distances, p = 3": (lambda x, y: torch.cdist(x, y, p=3.0), [(4, 3), (5, 3)]),
    "distances among rows": (F.pdist, [(4, 3)]),
    "margins": (lambda x: F.multi_margin_loss(x.exp(), torch.tensor([1, 0])), [(2, 4)]),
    "singular values": (torch.linalg.svdvals, [(4, 3)]),
    "eigenvalues": (lambda a: torch.linalg.eigvalsh(a @ a.mT), [(4, 4)]),
    "Q and R": (torch.linalg.qr, [(4, 3)]),
    "pseudo-inverse": (torch.linalg.pinv, [(4, 3)]),
    "least squares": (lambda a, b: torch.linalg.lstsq(a, b).solution, [(4, 3), (4, 2)]),
    "nuclear norm": (lambda a: torch.linalg.matrix_norm(a, "nuc"), [(4, 3)]),
    "inverse": (torch.linalg.inv, [(4, 4)]),
    "cholesky": (lambda a: torch.linalg.cholesky(a @ a.mT + torch.eye(4, dtype=a.dtype)), [(4, 4)]),
    "segments, means": (_segments("mean"), [(2, 5)]),
    "segments, products": (_segments("prod"), [(2, 5)]),
    "segments, largest": (_segments("max"), [(2, 5)]),
    "means of a negative divisor": (lambda x: F.avg_pool2d(x.exp(), 2, divisor_override=-3), [(1, 2, 4, 4)]),
    "matrix exponential": (lambda a: torch.matrix_exp(2 * a), [(2, 4, 4)]),
    "running log of sums": (lambda x: torch.logcumsumexp(8 * x, 0), [(6, 2)]),
    "resized, bicubic": (lambda x: F.interpolate(x, scale_factor=1.7, mode="bicubic"), [(1, 2, 4, 5)]),
    "spectrum": (lambda x: torch.fft.rfft(x).abs(), [(2, 12)]),
    "spectrum in 2-D": (lambda x: torch.fft.irfft2(torch.fft.rfft2(x) * (2 - 1j)), [(6, 8)]),
    "complex functions": (lambda x, y: (torch.complex(x, y).sqrt().tanh() / torch.complex(y, x)).real, [(3,), (3,)]),
    "complex products": (lambda x, y: torch.view_as_real(torch.polar(x.exp(), y) @ torch.complex(y, x)), [(4,), (4,)]),
    "householder": (torch.linalg.householder_product, [(4, 3), (3,)]),
}


def _checked(name: str, dtype: torch.dtype, seed: int) -> Any:
    function, shapes = CASES[name]
    torch.manual_seed(seed)
    inputs = tuple(torch.randn(shape, dtype=torch.float64).to(dtype).requires_grad_() for shape in shapes)
    return dx.gradcheck(function.to(dtype) if isinstance(function, nn.Module) else function, inputs, battery="none")


#: Of the operators that are alike one: by indices, by places between cells, of matrices, of transforms.
EACH_TIME = ("bags, weighted", "distances", "eigenvalues", "segments, means")


@pytest.mark.parametrize("name", these(EACH_TIME, CASES))
def test_a_bound_in_float32_is_what_rounding_does(name: str) -> None:
    """The worst error is within its bound, and beyond a tenth of it."""
    reports = [_checked(name, torch.float32, seed) for seed in range(2)]
    assert all(report.truth == "certified" and report.verdict == "pass" for report in reports)
    assert {row.dtype for report in reports for row in report.rows} == {"float32"}
    rows = [row for report in reports for row in report.rows if row.bound]
    assert max(row.error_abs / row.bound for row in rows) > 0.1
    powers = [row.smallest_detectable_median for row in rows if row.smallest_detectable_median is not None]
    assert max(powers) < 1e-3


OTHERS_EACH_TIME = (
    "gru", "ctc", "grid 2-D, border", "scatter, products", "margins", "inverse", "running log of sums", "spectrum",
)  # fmt: skip


@pytest.mark.parametrize("name", these(OTHERS_EACH_TIME, CASES))
def test_a_bound_in_float64_says_something(name: str) -> None:
    report = _checked(name, torch.float64, 0)
    assert report.truth == "certified" and report.verdict == "pass"
    powers = [row.smallest_detectable_median for row in report.rows if row.smallest_detectable_median is not None]
    assert max(powers, default=0.0) < 1e-8


_SAMPLINGS = [
    (mode, padding, align, axes)
    for mode in ("bilinear", "nearest", "bicubic")
    for padding in ("zeros", "border", "reflection")
    for align in (False, True)
    for axes in ((2, 3) if mode != "bicubic" else (2,))
]


def _sampling(options: tuple[str, str, bool, int], dtype: torch.dtype, seed: int, factor: float = 1.0) -> Any:
    """Points near and beyond the borders of wide images, whose places a narrow dtype rounds into other cells."""
    mode, padding, align, axes = options
    torch.manual_seed(seed)
    x = torch.randn((1, 1, 3, 20) if axes == 2 else (1, 1, 2, 3, 20), dtype=torch.float64)
    grid = 0.8 * torch.randn((1, 2, 3, 2) if axes == 2 else (1, 1, 1, 3, 3), dtype=torch.float64)
    given = tuple(one.to(dtype).requires_grad_() for one in (x, grid))

    def function(x: Tensor, grid: Tensor) -> Tensor:
        out = F.grid_sample(x, grid, mode=mode, padding_mode=padding, align_corners=align)
        if factor != 1.0:
            out.register_hook(lambda upstream: factor * upstream)
        return out

    return dx.gradcheck(function, given, battery="none", raise_exception=False)


@pytest.mark.parametrize("options", _SAMPLINGS)
def test_the_steps_of_a_sampling_are_what_torch_computes(options: tuple[str, str, bool, int]) -> None:
    """Beside the borders, at pixels and between them: what they miss would be part of every bound, and cost its power."""
    mode, padding, align, axes = options
    torch.manual_seed(0)
    sizes = (2, 3, 5)[3 - axes :]
    x = torch.randn(2, 3, *sizes, dtype=torch.float64)
    grid = 1.5 * torch.randn(2, *sizes, axes, dtype=torch.float64)
    grid.view(-1)[:: axes + 4] = 0.2
    codes = (("bilinear", "nearest", "bicubic").index(mode), ("zeros", "border", "reflection").index(padding))
    exact = F.grid_sample(x, grid, mode=mode, padding_mode=padding, align_corners=align)
    assert torch.allclose(sampled(x, grid, *codes, align), exact, rtol=0, atol=1e-13)


#: Each mode, padding and alignment occurs, and once an image in three dimensions.
_SAMPLED_EACH_TIME = [
    ("bilinear", "zeros", False, 3),
    ("nearest", "border", True, 2),
    ("bicubic", "reflection", False, 2),
]


@pytest.mark.parametrize("options", these([(one,) for one in _SAMPLED_EACH_TIME], [(one,) for one in _SAMPLINGS]))
def test_a_point_that_rounding_moves_into_another_cell_is_no_error(options: Any) -> None:
    assert _sampling(options, torch.bfloat16, 0).verdict == "pass"


@pytest.mark.parametrize("options", these([(one,) for one in _SAMPLED_EACH_TIME[:1]], [(one,) for one in _SAMPLINGS]))
def test_a_factor_of_a_sampled_gradient_is_found(options: Any) -> None:
    assert _sampling(options, torch.float32, 0, 1.5).verdict == "fail"


@pytest.mark.parametrize("driver", ["gels", "gelsy", "gelsd", "gelss"])
def test_least_squares_has_results_beside_its_residuals(driver: str) -> None:
    """Ranks and singular values, of other shapes than the residuals."""
    torch.manual_seed(0)
    given = tuple(torch.randn(4, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    report = dx.gradcheck(lambda a, b: torch.linalg.lstsq(a, b, driver=driver), given, battery="none")
    assert report.verdict == "pass" and report.truth == "certified" and len(report.rows) == 4


def test_a_constant_in_place_of_a_tiny_correction_is_the_nearest_number() -> None:
    """Below eps torch gives 1/2 for the derivative of i1, which is exact for no x but 0, and nearer than any other."""
    x = torch.tensor([1e-7], requires_grad=True)
    assert dx.gradcheck(torch.special.i1, x, battery="none").verdict == "pass"
