"""QR, singular values, and eigenvalues of symmetric matrices: those of 1,000 bits never leave the radii."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath
import pytest
import torch
from representatives import each_value

import diffexplore as dx
from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor
mp = mpmath.mp.clone()
mp.prec = 1000


def _exactly(a: Tensor, radius: Tensor) -> mpmath.matrix:
    """A matrix at the ends of the balls, each chosen at random."""
    ends = torch.randint(-1, 2, a.shape).double()
    parts = [one.double().reshape(a.shape).tolist() for one in (a, radius, ends)]
    rows = (zip(*row, strict=True) for row in zip(*parts, strict=True))
    return mp.matrix([[mp.mpf(x) + mp.mpf(r) * int(e) for x, r, e in row] for row in rows])


def _qr(a: mpmath.matrix, computed: list[Tensor]) -> list[mpmath.matrix]:
    """Gram and Schmidt's, with the signs of the computed R."""
    rows, columns, size = a.rows, a.cols, min(a.rows, a.cols)
    q, r = mp.matrix(rows, size), mp.matrix(size, columns)
    for k in range(columns):
        left = a[:, k]
        for j in range(min(k, size)):
            r[j, k] = (q[:, j].T * left)[0]
            left -= q[:, j] * r[j, k]
        if k < size:
            r[k, k] = mp.norm(left) * (1 if computed[1][k, k] > 0 else -1)
            q[:, k] = left / r[k, k]
    return [q, r]


def _svd(a: mpmath.matrix, computed: list[Tensor]) -> list[mpmath.matrix]:
    u, values, vh = mp.svd_r(a)
    return [*_signed(u, vh.T, computed[0]), mp.diag(list(values))]


def _signed(vectors: mpmath.matrix, others: mpmath.matrix, like: Tensor) -> list[mpmath.matrix]:
    for k in range(vectors.cols):
        if sum(vectors[i, k] * mp.mpf(float(like[i, k])) for i in range(vectors.rows)) < 0:
            vectors[:, k], others[:, k] = -vectors[:, k], -others[:, k]
    return [vectors, others]


def _eigh(a: mpmath.matrix, computed: list[Tensor]) -> list[mpmath.matrix]:
    lower = mp.matrix([[a[max(i, k), min(i, k)] for k in range(a.cols)] for i in range(a.rows)])
    values, vectors = mp.eigsy(lower)
    return [_signed(vectors, vectors.copy(), computed[0])[0], mp.diag(list(values))]


def _run_svd(a: Tensor) -> list[Tensor]:
    u, values, vh = torch.linalg.svd(a, full_matrices=False)
    return [u, vh.mT, torch.diag(values)]


def _run_eigh(a: Tensor) -> list[Tensor]:
    values, vectors = torch.linalg.eigh(a)
    return [vectors, torch.diag(values)]


Run, Exact = Callable[[Tensor], list[Tensor]], Callable[..., list[mpmath.matrix]]

CASES: dict[str, tuple[Run, Exact, list[tuple[int, int]]]] = {
    "qr": (lambda a: list(torch.linalg.qr(a)), _qr, [(3, 3), (4, 2), (2, 4), (1, 1)]),
    "svd": (_run_svd, _svd, [(3, 3), (4, 2), (2, 4), (1, 1)]),
    "eigh": (_run_eigh, _eigh, [(3, 3), (1, 1), (4, 4)]),
}

SCALES = {torch.float64: (-1065, -1022, -560, 0, 500, 1015), torch.float32: (-140, -70, 0, 60, 120)}


@pytest.mark.parametrize(("name", "dtype"), each_value(list(CASES), list(SCALES)))
def test_the_exact_factors_are_within_the_radii(name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(3)
    run, exact, shapes = CASES[name]
    finite = 0
    for scale in SCALES[dtype]:
        for shape in shapes:
            for spread in (0.0, 1e-3):
                a = torch.randn(shape, dtype=torch.float64) * torch.logspace(0, -3, shape[1], dtype=torch.float64)
                a = (a + a.T if name == "eigh" else a).mul(2.0**scale).to(dtype)
                finite += _holds(run, exact, a, a.double().abs() * spread)
    assert finite > len(SCALES[dtype]) * len(shapes)


def _holds(run: Run, exact: Exact, a: Tensor, radius: Tensor) -> int:
    """Whether all radii are finite; the exact factors of two matrices in the balls are held against them."""
    with Watch() as watch:
        watch.set(a, radius)
        found = run(a)
    radii = [watch.radius(one) for one in found]
    if all(
        bool(radius[radius > 0].isinf().all()) for radius in radii
    ):  # it may be singular, and then has no such factors
        return 0
    for _ in range(2):
        for one, computed, allowed in zip(exact(_exactly(a, radius), found), found, radii, strict=True):
            for i, row in enumerate(allowed.tolist()):
                for k, most in enumerate(row):
                    assert math.isinf(most) or abs(one[i, k] - mp.mpf(float(computed[i, k]))) <= most
    return all(bool(radius.isfinite().all()) for radius in radii)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", CASES)
def test_the_condition_of_a_matrix_counts_once(name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(4)
    a = (torch.randn(5, 5, dtype=torch.float64) * torch.logspace(0, -3, 5, dtype=torch.float64)).to(dtype)
    a = a + a.T if name == "eigh" else a
    with Watch() as watch:
        found = CASES[name][0](a)
    worst = max(float(watch.radius(one).max()) for one in found)
    assert worst < 100 * torch.finfo(dtype).eps * float(torch.linalg.cond(a.double()))


@pytest.mark.parametrize("shape", [(4, 2), (5, 1), (2, 5), (3, 3)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_free_singular_vectors_complete_the_others_within_the_radii(shape: tuple[int, int], dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(1)
    for _ in range(10):
        a = torch.randn(shape, generator=generator, dtype=torch.float64) * torch.logspace(-1, 1, shape[0])[:, None]
        with Watch() as watch:
            u, _, vh = torch.linalg.svd(a.to(dtype), full_matrices=True)
            products = u.mT @ u, vh @ vh.mT
        for found in products:
            off = (found.double() - torch.eye(len(found), dtype=torch.float64)).abs()
            assert bool((off <= watch.radius(found)).all())
            assert float(watch.radius(found).median()) < 1e5 * torch.finfo(dtype).eps


def test_free_singular_vectors_have_no_slope() -> None:
    """Torch passes nothing back through the vectors that complete U, whatever is computed from them."""
    torch.manual_seed(0)
    a = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)

    def beside(a: Tensor) -> Tensor:
        free = torch.linalg.svd(a, full_matrices=True)[0][:, 2:]
        return free @ free.mT + a.sum()

    assert dx.gradcheck(beside, a, raise_exception=False).verdict == "inconclusive"
    weights = torch.randn(4, 1, dtype=torch.float64)
    for function, verdict in (
        (lambda a: torch.linalg.svd(a, full_matrices=True)[0] * weights, "inconclusive"),
        (lambda a: torch.linalg.svd(a, full_matrices=True)[0][:, :2] * weights, "pass"),
    ):
        assert dx.gradcheck(function, a, raise_exception=False).verdict == verdict
