"""Complex linear algebra on tensors: truths against differences of mpmath's functions, and planted mistakes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from representatives import each_value, one_in, these

import diffexplore as dx
from diffexplore.tensors.tape import Tape

Tensor = torch.Tensor
L = torch.linalg

A: list[list[complex]] = [
    [1 + 2j, 0.5 - 1j, 0.25j],
    [-0.75 + 0.5j, 2 - 0.25j, 1.5 + 0j],
    [0.125 - 1j, 0.5 + 0.5j, -1 + 0.75j],
]
B = [[1 - 1j, 0.5j], [2 + 0j, -0.25 + 1j], [0.75 + 0.5j, 1j]]


def matrix(rows: Any = A, dtype: torch.dtype = torch.complex128) -> Tensor:
    return torch.tensor(rows, dtype=dtype).requires_grad_()


def _positive(a: Any) -> Any:
    return a * a.H + mpmath.eye(a.rows)


def _positive_tensor(a: Tensor) -> Tensor:
    return a @ a.mH + torch.eye(a.shape[-1], dtype=a.dtype)


def _first_projector(vectors: Any) -> Any:
    v = vectors[:, 0]
    return v * v.H


def _number(x: Any) -> Any:
    return mpmath.matrix([[x]])


def _unitary_triangle(a: Any) -> Any:
    """R of A = QR with a positive diagonal; beside it Q."""
    upper = mpmath.cholesky(a.H * a).H
    return upper, a * upper**-1


#: The function of torch, and that of mpmath.
FUNCTIONS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Any], Any]]] = {
    "inverse": (L.inv, lambda a: a**-1),
    "solve": (lambda a: L.solve(a, matrix(B).detach()), lambda a: a**-1 * mpmath.matrix(B)),
    "solve from the right": (
        lambda a: L.solve(a, matrix(B).detach().mT, left=False), lambda a: mpmath.matrix(B).T * a**-1,
    ),
    "triangular solve": (
        lambda a: L.solve_triangular(a.mH, matrix(B).detach(), upper=False),
        lambda a: mpmath.matrix([[a[i, j] if i <= j else 0 for j in range(3)] for i in range(3)]).H ** -1 * mpmath.matrix(B),
    ),
    "determinant": (lambda a: L.det(a).reshape(1, 1), lambda a: _number(mpmath.det(a))),
    "sign": (lambda a: L.slogdet(a)[0].reshape(1, 1), lambda a: _number(mpmath.sign(mpmath.det(a)))),
    "log of it": (lambda a: L.slogdet(a)[1].reshape(1, 1), lambda a: _number(mpmath.log(abs(mpmath.det(a))))),
    "Cholesky": (lambda a: L.cholesky(_positive_tensor(a)), lambda a: mpmath.cholesky(_positive(a))),
    "its inverse": (
        lambda a: torch.cholesky_inverse(L.cholesky(_positive_tensor(a), upper=True), upper=True),
        lambda a: _positive(a) ** -1,
    ),
    "R": (lambda a: _phased(*L.qr(a))[1], lambda a: _unitary_triangle(a)[0]),
    "Q": (lambda a: _phased(*L.qr(a))[0], lambda a: _unitary_triangle(a)[1]),
    "LU": (lambda a: L.lu_solve(*L.lu_factor(a), matrix(B).detach(), adjoint=True), lambda a: a.H**-1 * mpmath.matrix(B)),
    "pseudo-inverse": (lambda a: L.pinv(a[:, :2]), lambda a: (a[:, :2].H * a[:, :2]) ** -1 * a[:, :2].H),
    "least squares": (
        lambda a: L.lstsq(a[:, :2], matrix(B).detach())[0],
        lambda a: (a[:, :2].H * a[:, :2]) ** -1 * a[:, :2].H * mpmath.matrix(B),
    ),
    "exponential": (L.matrix_exp, mpmath.expm),
    "eigenvalues": (
        lambda a: L.eigvalsh(_positive_tensor(a)).reshape(1, 3),
        lambda a: mpmath.matrix([list(mpmath.eighe(_positive(a), eigvals_only=True))]),
    ),
    "projector": (
        lambda a: (v := L.eigh(_positive_tensor(a))[1][:, :1]) @ v.mH,
        lambda a: _first_projector(mpmath.eighe(_positive(a))[1]),
    ),
    "singular values": (
        lambda a: L.svdvals(a).reshape(1, 3), lambda a: mpmath.matrix([list(mpmath.svd_c(a, compute_uv=False))]),
    ),
    "singular vectors": (
        lambda a: (lambda u, s, vh: u[:, :1] @ vh[:1])(*L.svd(a)),
        lambda a: (lambda u, s, vh: u[:, 0] * vh[0, :])(*mpmath.svd_c(a)),
    ),
}  # fmt: skip


def _phased(q: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
    signs = r.detach().diagonal().real.sign().to(r.dtype)
    return q * signs, signs[:, None] * r


def _upstream(rows: int, columns: int) -> np.ndarray:
    generator = np.random.default_rng(rows + columns)
    return generator.standard_normal((rows, columns)) + 1j * generator.standard_normal((rows, columns))


def _slopes(function: Callable[[Any], Any], upstream: np.ndarray) -> list[list[complex]]:
    """The gradient of Re Σ conj(upstream) · function at A, by real and imaginary parts, from central differences."""
    with mpmath.workdps(60):
        step, up = mpmath.mpf(10) ** -18, mpmath.matrix(upstream.tolist())

        def value(a: Any) -> Any:
            out = function(a)
            return sum(mpmath.re(mpmath.conj(up[i, j]) * out[i, j]) for i in range(out.rows) for j in range(out.cols))

        def slope(i: int, j: int, way: complex) -> Any:
            ends = []
            for sign in (1, -1):
                a = mpmath.matrix(A)
                a[i, j] += sign * way * step
                ends.append(value(a))
            return (ends[0] - ends[1]) / (2 * step)

        return [[complex(float(slope(i, j, 1)), float(slope(i, j, 1j))) for j in range(3)] for i in range(3)]


@pytest.mark.parametrize("name", one_in(6, FUNCTIONS))
def test_the_truth_is_what_differences_give(name: str) -> None:
    """To what doubles hold of the differences; autograd's gradient is near, so that the convention is the same."""
    function, in_mpmath = FUNCTIONS[name]
    a = matrix()
    plain = function(a)
    upstream = _upstream(*plain.shape)
    given = torch.tensor(upstream if plain.is_complex() else upstream.real)
    expected = np.array(_slopes(in_mpmath, upstream if plain.is_complex() else upstream.real + 0j))
    with Tape([a]) as tape:
        out = function(a)
    assert tape.problem is None
    (ball,) = tape.gradients(out, given)
    found, scale = ball.high[..., 0] + 1j * ball.high[..., 1], np.abs(expected).max()
    assert (ball.radius <= 1e-22 * scale).all()
    assert np.abs(found - expected).max() <= 4e-16 * scale
    (theirs,) = torch.autograd.grad(plain, a, given)
    assert np.abs(theirs.resolve_conj().numpy() - expected).max() <= 1e-12 * scale


class Inverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        x = L.inv(a)
        ctx.save_for_backward(x)
        return x

    @classmethod
    def backward(cls, ctx: Any, g: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return -x.mH @ g @ x.mH


class LogDeterminant(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor) -> tuple[Tensor, Tensor]:
        sign, value = L.slogdet(a)
        ctx.save_for_backward(a, sign)
        return sign, value

    @classmethod
    def backward(cls, ctx: Any, by_sign: Tensor, by_value: Tensor) -> Any:
        a, sign = ctx.saved_tensors
        return (by_value + 1j * (by_sign * sign.conj()).imag) * L.inv(a).mH


class Factor(torch.autograd.Function):
    """The Cholesky factor L of AAᴴ + 1; that of the product is L⁻ᴴ φ(Lᴴ C) L⁻¹, φ the lower half."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        lower = L.cholesky(_positive_tensor(a))
        ctx.save_for_backward(a, lower)
        return lower

    @classmethod
    def backward(cls, ctx: Any, g: Tensor) -> Any:
        a, lower = ctx.saved_tensors
        inner = (lower.mH @ g).tril()
        inner = inner - torch.diag(inner.diagonal() - inner.diagonal().real / 2)
        inverse = L.inv(lower)
        whole = inverse.mH @ inner @ inverse
        return (whole + whole.mH) @ a


class Values(torch.autograd.Function):
    """Singular values: U diag(c) Vᴴ."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        u, s, vh = L.svd(a)
        ctx.save_for_backward(u, vh)
        return s

    @classmethod
    def backward(cls, ctx: Any, g: Tensor) -> Any:
        u, vh = ctx.saved_tensors
        return (u * g) @ vh


RIGHT: dict[str, Any] = {"inverse": Inverse, "log": LogDeterminant, "Cholesky": Factor, "singular values": Values}


def _changed(function: Any, backward: Callable[..., Any]) -> Any:
    return type("Wrong", (function,), {"backward": staticmethod(backward)})


def _times(function: Any, factor: complex) -> Any:
    return _changed(function, lambda ctx, *g: factor * function.backward(ctx, *g))


WRONG: dict[str, Any] = {
    "transposed, not conjugated": _changed(Inverse, lambda ctx, g: -(x := ctx.saved_tensors[0]).mT @ g @ x.mT),
    "upstream conjugated": _changed(Inverse, lambda ctx, g: Inverse.backward(ctx, g.conj())),
    "result conjugated": _changed(Inverse, lambda ctx, g: Inverse.backward(ctx, g).conj()),
    "the sign's part missing": _changed(LogDeterminant, lambda ctx, s, v: v * L.inv(ctx.saved_tensors[0]).mH),
    "the sign's part negated": _changed(LogDeterminant, lambda ctx, s, v: LogDeterminant.backward(ctx, -s, v)),
    "the diagonal not halved": _changed(
        Factor,
        lambda ctx, g: (w := (i := L.inv(ctx.saved_tensors[1])).mH @ (ctx.saved_tensors[1].mH @ g).tril() @ i)
        @ ctx.saved_tensors[0] + w.mH @ ctx.saved_tensors[0],
    ),
    "vectors not conjugated": _changed(Values, lambda ctx, g: (ctx.saved_tensors[0] * g) @ ctx.saved_tensors[1].conj()),
    **{f"{name}, a millionth more": _times(function, 1 + 1e-6) for name, function in RIGHT.items()},
    **{f"{name}, turned": _times(function, 1j) for name, function in RIGHT.items()},
}  # fmt: skip


@pytest.mark.parametrize(("name", "dtype"), each_value(list(RIGHT), [torch.complex128, torch.complex64]))
def test_right_backwards_pass(name: str, dtype: torch.dtype) -> None:
    report = dx.gradcheck(RIGHT[name], matrix(dtype=dtype))
    assert (report.verdict, report.truth) == ("pass", "certified")


#: Of factors one of each kind.
EACH_TIME = [name for name in WRONG if "conjugated" in name]


@pytest.mark.parametrize("name", these(EACH_TIME, WRONG))
@pytest.mark.usefixtures("causes_unsought")
def test_wrong_backwards_fail(name: str) -> None:
    assert dx.gradcheck(WRONG[name], matrix(), battery="none", raise_exception=False).verdict == "fail"


@pytest.mark.parametrize("name", one_in(6, [name for name in WRONG if "millionth" not in name], first=1))
def test_wrong_backwards_fail_in_complex64(name: str) -> None:
    report = dx.gradcheck(WRONG[name], matrix(dtype=torch.complex64), battery="none", raise_exception=False)
    assert report.verdict == "fail"


@pytest.mark.parametrize("function", [L.svd, lambda a: L.eigh(_positive_tensor(a))], ids=["svd", "eigh"])
def test_what_depends_on_phases_has_no_derivative(function: Any) -> None:
    """Torch refuses it as well; what does not depend on them passes beside it."""
    report = dx.gradcheck(function, matrix(), battery="none", raise_exception=False)
    assert report.verdict == "inconclusive"
    assert "phases of eigenvectors" in " ".join(str(report).split())
    values = next(row for row in report.rows if row.verdict == "pass")
    assert values.entries.passed == 18


def test_a_lazily_conjugated_constant_is_what_it_stands_for() -> None:
    """Also a part of it, in whose memory there are other numbers."""
    constant = torch.tensor(A).conj()
    for given in (constant, constant[1:, :2], constant.mT):
        x = matrix([list(row) for row in torch.ones_like(given).tolist()])
        assert dx.gradcheck(lambda x, given=given: x * given, x, battery="none").truth == "certified"


#: Complex numbers that sums, and writes of real numbers, are made of.
OTHERS: dict[str, Callable[[Tensor], Tensor]] = {
    "logsumexp": lambda a: torch.logsumexp(a, 1),
    "logcumsumexp": lambda a: torch.logcumsumexp(a, 0),
    "filled with a number": lambda a: (a * 1).fill_diagonal_(2.0) * a,
    "filled with a complex number": lambda a: torch.fill(a, 1 - 2j) * a,
    "real numbers written into complex ones": lambda a: torch.zeros(3, 3, dtype=torch.complex128).copy_(a.real) * a,
    "complex numbers written into real ones": lambda a: torch.zeros(3, 3, dtype=torch.float64).copy_(a * a),
    "residuals": lambda a: L.lstsq(a[:, :2], a[:, 1:], driver="gels")[1],
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_operators_of_complex_numbers_are_certified(name: str) -> None:
    report = dx.gradcheck(OTHERS[name], matrix(), battery="none")
    assert (report.verdict, report.truth) == ("pass", "certified")


def _unitary(n: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return L.qr(torch.randn(n, n, dtype=torch.complex128, generator=generator))[0]


HILBERT = torch.tensor([[1 / (i + j + 1) for j in range(6)] for i in range(6)], dtype=torch.float64)
EQUAL = torch.diag(torch.tensor([1.0, 1.0, 2.0], dtype=torch.float64))
SINGULAR = torch.tensor([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]], dtype=torch.float64)


def _of(a: Tensor, dtype: torch.dtype) -> Tensor:
    """A matrix with the same eigenvalues, of complex numbers where the dtype is complex."""
    u = _unitary(len(a)) if dtype.is_complex else torch.eye(len(a), dtype=dtype)
    turned = u @ a.to(dtype) @ u.mH
    return ((turned + turned.mH) / 2 if a is not SINGULAR else turned).requires_grad_()


#: Functions of an ill-conditioned matrix, and the words that say why they are not certified; None where they are.
HARD: dict[str, tuple[Callable[[Tensor], Any], Tensor, str | None]] = {
    "determinant": (L.det, HILBERT, None),
    "logarithm of the determinant": (lambda a: L.slogdet(a)[1], HILBERT, None),
    "exponential": (L.matrix_exp, HILBERT, None),
    "Cholesky of a matrix that is differentiated by": (L.cholesky, EQUAL, None),
    "equal eigenvalues": (L.eigvalsh, EQUAL, "the eigenvalues are not certainly apart"),
    "their eigenvectors": (lambda a: L.eigh(a)[1].abs(), EQUAL, "the eigenvalues are not certainly apart"),
    "equal singular values": (lambda a: L.matrix_norm(a, "nuc"), EQUAL, "the eigenvalues are not certainly apart"),
    "pseudo-inverse of lower rank": (L.pinv, SINGULAR, "is not certainly of full rank"),
    "least squares of lower rank": (
        lambda a: L.lstsq(a, torch.ones(3, 1, dtype=a.dtype), driver="gelsd")[0], SINGULAR, "is not certainly of full rank",
    ),
    "logarithm of no determinant": (lambda a: L.slogdet(a)[1], SINGULAR.real * 0, "is not certainly invertible"),
    "QR of lower rank": (lambda a: L.qr(a)[1], SINGULAR.real * 0, "is not certainly invertible"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "dtype"), each_value(list(HARD), [torch.complex128, torch.float64]))
def test_ill_conditioned_matrices_are_never_wrong(name: str, dtype: torch.dtype) -> None:
    function, a, why = HARD[name]
    as_it_is = a is EQUAL and why is not None  # rounding would move them apart
    given = a.to(dtype, copy=True).requires_grad_() if as_it_is else _of(a, dtype)
    report = dx.gradcheck(function, given, battery="none", raise_exception=False)
    hidden = why is None and "rounding hides the gradient" in " ".join(str(report).split())
    assert report.verdict == ("pass" if why is None and not hidden else "inconclusive"), report
    if why is not None and not (dtype.is_complex and a is SINGULAR):
        assert why in " ".join(str(report).split())
