"""Inverses, equations, determinants and factors: those of 1,000 bits never leave the radii, however ill-conditioned."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import flint
import pytest
import torch
from flint import acb, acb_mat, arb
from representatives import each_value

import diffexplore as dx
from diffexplore.bounds.watch import Watch

Tensor = torch.Tensor
L = torch.linalg
BITS = 1000


def exactly(a: Tensor) -> acb_mat:
    """The numbers of a matrix (m, n)."""
    rows = a.to(torch.complex128).resolve_conj().tolist()
    return acb_mat([[acb(arb(x.real), arb(x.imag)) for x in row] for row in rows])


def _adjoint(a: acb_mat) -> acb_mat:
    return a.conjugate().transpose()


def _number(x: Any) -> acb_mat:
    return acb_mat([[x]])


def _triangle(a: acb_mat, *, upper: bool, unit: bool = False) -> acb_mat:
    n = a.nrows()
    kept = [[a[i, j] if (j > i if upper else j < i) else acb(0) for j in range(n)] for i in range(n)]
    for i in range(n):
        kept[i][i] = acb(1) if unit else a[i, i]
    return acb_mat(kept)


def _permutation(pivots: Tensor) -> acb_mat:
    empty = torch.zeros(pivots.shape[-1], pivots.shape[-1], dtype=torch.float64)
    return exactly(torch.lu_unpack(empty, pivots, unpack_data=False)[0])


def _eliminated(a: acb_mat) -> acb_mat:
    """L and U in one matrix, in the order of the rows as they are."""
    rows, n = [list(row) for row in a.tolist()], a.nrows()
    for k in range(n):
        for i in range(k + 1, n):
            rows[i][k] /= rows[k][k]
            for j in range(k + 1, n):
                rows[i][j] -= rows[i][k] * rows[k][j]
    return acb_mat(rows)


def _cholesky(a: acb_mat) -> acb_mat:
    """L of the Hermitian matrix whose lower triangle is read."""
    n = a.nrows()
    found = acb_mat(n, n)
    for k in range(n):
        diagonal = a[k, k].real - sum((abs(found[k, j]) ** 2 for j in range(k)), arb(0))
        found[k, k] = acb(diagonal.sqrt())
        for i in range(k + 1, n):
            rest = a[i, k] - sum((found[i, j] * found[k, j].conjugate() for j in range(k)), acb(0))
            found[i, k] = rest / found[k, k]
    return found


def _columns(a: acb_mat, stop: int) -> acb_mat:
    return acb_mat([row[:stop] for row in a.tolist()])


def _pseudo_inverse(a: acb_mat) -> acb_mat:
    """Of a tall matrix."""
    return (_adjoint(a) * a).inv() * _adjoint(a)


def _least_squares(a: acb_mat, b: acb_mat) -> list[acb_mat]:
    found = _pseudo_inverse(a) * b
    rest = (b - a * found).transpose().tolist()
    return [found, acb_mat([[sum((abs(x) ** 2 for x in column), arb(0)) for column in rest]])]


Exact = Callable[..., Sequence[acb_mat]]


@dataclass(frozen=True)
class Case:
    """What torch computes of two matrices, and the exact results of such matrices and of what torch computed."""

    run: Callable[[Tensor, Tensor], Sequence[Tensor]]
    exact: Exact
    prepared: str = "any"


def _given_factors(a: Tensor, b: Tensor) -> list[Tensor]:
    """The exchanges that make the last row the first one."""
    n = a.shape[-1]
    return [L.lu_solve(a, torch.full((n,), n, dtype=torch.int32), b)]


def _by_given_factors(a: acb_mat, b: acb_mat, found: Any) -> list[acb_mat]:
    n = a.nrows()
    order = _permutation(torch.full((n,), n, dtype=torch.int32))
    product = _triangle(a, upper=False, unit=True) * _triangle(a, upper=True)
    return [(order * product).inv() * b]


CASES: dict[str, Case] = {
    "inverse": Case(lambda a, b: [L.inv(a)], lambda a, b, found: [a.inv()]),
    "solve": Case(lambda a, b: [L.solve(a, b)], lambda a, b, found: [a.inv() * b]),
    "solve from the right": Case(
        lambda a, b: [L.solve(a, b.mT, left=False)], lambda a, b, found: [b.transpose() * a.inv()]
    ),
    "solve a vector": Case(
        lambda a, b: [L.solve(a, b[:, 0]).unsqueeze(-1)],
        lambda a, b, found: [a.inv() * acb_mat([[b[i, 0]] for i in range(b.nrows())])],
    ),
    "by factors": Case(lambda a, b: [L.lu_solve(*L.lu_factor(a), b)], lambda a, b, found: [a.inv() * b]),
    "by factors, adjoint": Case(
        lambda a, b: [L.lu_solve(*L.lu_factor(a), b, adjoint=True)], lambda a, b, found: [_adjoint(a).inv() * b]
    ),
    "by factors, from the right": Case(
        lambda a, b: [L.lu_solve(*L.lu_factor(a), b.mT, left=False, adjoint=True)],
        lambda a, b, found: [b.transpose() * _adjoint(a).inv()],
    ),
    "by given factors": Case(_given_factors, _by_given_factors, "triangles"),
    "determinant": Case(lambda a, b: [L.det(a).reshape(1, 1)], lambda a, b, found: [_number(a.det())]),
    "its sign and logarithm": Case(
        lambda a, b: [one.reshape(1, 1) for one in L.slogdet(a)],
        lambda a, b, found: [_number(a.det() / abs(a.det())), _number(abs(a.det()).log())],
    ),
    "L and U": Case(
        lambda a, b: list(L.lu_factor(a)), lambda a, b, found: [_eliminated(_permutation(found[1]).transpose() * a)]
    ),
    "L and U by themselves": Case(
        lambda a, b: list(L.lu(a)),
        lambda a, b, found: [
            exactly(found[0]),
            _triangle(both := _eliminated(exactly(found[0]).transpose() * a), upper=False, unit=True),
            _triangle(both, upper=True),
        ],
    ),
    "pseudo-inverse": Case(lambda a, b: [L.pinv(a[:, :2])], lambda a, b, found: [_pseudo_inverse(_columns(a, 2))]),
    "pseudo-inverse of a wide one": Case(
        lambda a, b: [L.pinv(a[:, :2].mH)], lambda a, b, found: [_adjoint(_pseudo_inverse(_columns(a, 2)))]
    ),
    "least squares": Case(
        lambda a, b: [one.reshape(-1, 2) for one in L.lstsq(a[:, :2], b, driver="gels")[:2] if one.numel()],
        lambda a, b, found: _least_squares(_columns(a, 2), b),
    ),
    "least squares of a wide one": Case(
        lambda a, b: [L.lstsq(a[:, :2].mH, b[:2])[0]],
        lambda a, b, found: [_adjoint(_pseudo_inverse(_columns(a, 2))) * acb_mat(b.tolist()[:2])],
    ),
    "Cholesky": Case(lambda a, b: [L.cholesky(a)], lambda a, b, found: [_cholesky(a)], "positive"),
    "Cholesky, upper": Case(
        lambda a, b: [L.cholesky(a, upper=True)], lambda a, b, found: [_adjoint(_cholesky(_adjoint(a)))], "positive"
    ),
    "Cholesky, as it was called": Case(
        lambda a, b: [torch.cholesky(a, upper=True)],
        lambda a, b, found: [_adjoint(_cholesky(_adjoint(a)))],
        "positive",
    ),
    "by Cholesky": Case(
        lambda a, b: [torch.cholesky_solve(b, L.cholesky(a))],
        lambda a, b, found: [(_cholesky(a) * _adjoint(_cholesky(a))).inv() * b],
        "positive",
    ),
    "by a given triangle": Case(
        lambda a, b: [torch.cholesky_solve(b, a, upper=True)],
        lambda a, b, found: [(_adjoint(_triangle(a, upper=True)) * _triangle(a, upper=True)).inv() * b],
        "triangles",
    ),
    "triangular": Case(
        lambda a, b: [L.solve_triangular(a, b, upper=True)],
        lambda a, b, found: [_triangle(a, upper=True).inv() * b],
        "triangles",
    ),
    "triangular, from the right": Case(
        lambda a, b: [L.solve_triangular(a, b.mT, upper=False, left=False, unitriangular=True)],
        lambda a, b, found: [b.transpose() * _triangle(a, upper=False, unit=True).inv()],
        "triangles",
    ),
}
DTYPES = (torch.float64, torch.float32, torch.complex128, torch.complex64)


def _matrix(n: int, kind: int, prepared: str, dtype: torch.dtype) -> Tensor:
    """Of a condition that digits allow for: well-conditioned, nearly singular, or with rows of different sizes."""
    wide = torch.complex128 if dtype.is_complex else torch.float64
    small = 1e-9 if torch.finfo(dtype).bits == 64 else 1e-3
    first, second = (L.qr(torch.randn(n, n, dtype=wide))[0] for _ in range(2))
    sizes = torch.logspace(0, math.log10(small), n, dtype=torch.float64) if kind == 1 else torch.rand(n).double() + 0.5
    if prepared == "positive":
        second = first.mH
    a = (first * sizes) @ second
    if prepared == "triangles":
        a = a + 2 * torch.eye(n)
    if kind == 2:
        scale = torch.logspace(0, -8, n, dtype=torch.float64)
        a = scale[:, None] * a * scale if prepared == "positive" else scale[:, None] * a
    return a.to(dtype)


def _moved(a: Tensor, radius: Tensor) -> acb_mat:
    """A matrix at the ends of the balls, each chosen at random; of a Hermitian one only one triangle is read."""
    ways = torch.randint(-1, 2, a.shape).double()
    if not a.is_complex():
        return exactly(a.double() + 0) + exactly(radius * ways)
    others = torch.randint(-1, 2, a.shape).double()
    return exactly(a) + exactly(torch.complex(radius * ways, radius * others))


def _within(found: Sequence[Tensor], exact: Sequence[acb_mat], radii: Sequence[Tensor]) -> None:
    for computed, right, allowed in zip(found, exact, radii, strict=False):
        pairs = allowed if computed.is_complex() else torch.stack([allowed, torch.zeros_like(allowed)], -1)
        rest = right - exactly(computed)
        for i, row in enumerate(pairs.tolist()):
            for j, (real, imaginary) in enumerate(row):
                assert math.isinf(real) or (abs(rest[i, j].real) <= arb(real) + arb(2) ** -900)
                assert math.isinf(real) or (abs(rest[i, j].imag) <= arb(imaginary) + arb(2) ** -900)


@pytest.mark.filterwarnings("ignore:torch.cholesky is deprecated")
@pytest.mark.parametrize(("name", "dtype"), each_value(list(CASES), DTYPES, rounds=2), ids=str)
def test_the_exact_results_are_within_the_radii(name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(sum(map(ord, name)))
    case, finite, bits = CASES[name], 0, flint.ctx.prec
    flint.ctx.prec = BITS
    try:
        for n, kind, spread in [(1, 0, 0.0), (3, 0, 0.0), (4, 1, 0.0), (4, 2, 0.0), (3, 0, 1e-5), (3, 1, 1e-13)]:
            a = _matrix(n, kind, case.prepared, dtype)
            b = torch.randn(n, 2, dtype=dtype)
            radii = [one.abs().double() * spread for one in (a, b)]
            with Watch() as watch:
                for one, radius in zip((a, b), radii, strict=True):
                    watch.set(
                        _parts(one), radius.unsqueeze(-1).expand(_parts(one).shape) if one.is_complex() else radius
                    )
                found = case.run(a, b)
            allowed = [watch.radius(_parts(one)) for one in found if one.is_floating_point() or one.is_complex()]
            finite += all(bool(one.isfinite().all()) for one in allowed)
            for _ in range(2 if spread else 1):
                exact = case.exact(*map(_moved, (a, b), radii), found)
                _within(found, exact, allowed)
    finally:
        flint.ctx.prec = bits
    assert finite >= 5


def _parts(tensor: Tensor) -> Tensor:
    """The real and imaginary parts; those of a lazy conjugate are as far off as those in its memory."""
    return torch.view_as_real(tensor.conj() if tensor.is_conj() else tensor) if tensor.is_complex() else tensor


def _well_conditioned(rows: int, columns: int) -> Tensor:
    torch.manual_seed(rows + columns)
    return torch.randn(rows, columns, dtype=torch.float64)


def _hilbert(n: int) -> Tensor:
    numbers = torch.arange(n, dtype=torch.float64)
    return 1 / (1 + numbers[:, None] + numbers)


#: The share of itself by which half of the entries of a gradient may be wrong, unseen, in float64.
POWER: dict[str, tuple[Callable[..., Any], Tensor, float]] = {
    "inverse": (L.inv, _well_conditioned(32, 32), 1e-9),
    "solve": (lambda a: L.solve(a, torch.ones(32, 3, dtype=a.dtype)), _well_conditioned(32, 32), 1e-10),
    "solve for rounded numbers": (
        lambda a: L.solve(a, torch.arange(96, dtype=a.dtype).reshape(32, 3).cos()),
        _well_conditioned(32, 32),
        1e-9,
    ),
    "determinant": (L.det, _well_conditioned(32, 32), 1e-9),
    "its logarithm": (lambda a: L.slogdet(a)[1], _well_conditioned(32, 32), 1e-10),
    "Cholesky": (lambda a: L.cholesky(a @ a.mT), _well_conditioned(16, 17), 1e-7),
    "L and U": (lambda a: L.lu(a)[1:], _well_conditioned(16, 16), 1e-9),
    "least squares": (lambda a: L.lstsq(a, torch.ones(34, 2, dtype=a.dtype))[0], _well_conditioned(34, 32), 1e-6),
    "pseudo-inverse": (L.pinv, _well_conditioned(34, 32), 1e-6),
    "determinant of an ill-conditioned one": (L.det, _hilbert(8), 1e-4),
    "inverse of an ill-conditioned one": (L.inv, _hilbert(6), 1e-6),
}


@pytest.mark.parametrize("name", POWER)
def test_errors_that_digits_allow_to_be_seen_are_seen(name: str) -> None:
    function, a, power = POWER[name]
    report = dx.gradcheck(function, a.clone().requires_grad_(), battery="none")
    for row in report.rows:
        assert row.entries.inconclusive == 0
        assert row.smallest_detectable_median is not None
        assert row.smallest_detectable_median < power


@pytest.mark.parametrize("shapes", [((3, 4, 2), (1, 4, 1)), ((3, 2, 4), (1, 2, 1)), ((2, 1, 4, 2), (1, 3, 4, 2))])
def test_least_squares_of_batches_that_are_broadcast(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    torch.manual_seed(0)
    a, b = (torch.randn(shape, dtype=torch.float64) for shape in shapes)
    batch = torch.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    with Watch() as watch:
        found = L.lstsq(a, b)[0]
        one_by_one = L.lstsq(*(x.expand(*batch, *x.shape[-2:]).contiguous() for x in (a, b)))[0]
    assert bool(((found - one_by_one).abs() <= watch.radius(found) + watch.radius(one_by_one)).all())
    assert bool((watch.radius(found) < 1e-12).all())
