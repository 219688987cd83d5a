"""Eigenvalues and eigenvectors of matrices, where the eigenvalues are certainly apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from flint import acb, acb_mat, arb, arb_mat

from diffexplore.arithmetic.ball_products import matmul
from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.double_balls import DoubleBall, enclosing, exact
from diffexplore.arithmetic.dual_balls import DualBall, add, div, mul, sub, value_of
from diffexplore.arithmetic.tensor_balls import chosen, shaped, summed
from diffexplore.torch_ops.tensor_rules.matrices import BITS, LARGEST, each_matrix
from diffexplore.torch_ops.tensor_rules.operands import Applied, NotCertified, Operand, OperatorCall, results_of
from diffexplore.torch_ops.tensor_rules.products import turned


def of_symmetric(call: OperatorCall) -> Applied:
    """_linalg_eigh of a symmetric matrix, each eigenvalue apart from the others; signs as the program has them.

    With A V = V Λ, Vᵀ V = 1 and C, D the cotangents of Λ and V, that of A is V (C + F ∘ Vᵀ D) Vᵀ, made symmetric, with
    F the reciprocals of the eigenvalues' differences (M. B. Giles, "Collected matrix derivative results", 2008).
    """
    operand = call.args[0]
    lower = call.argument("UPLO", "L").upper() == "L"
    size = operand.shape[-1]

    def reflected(field: np.ndarray) -> np.ndarray:
        half, strict = (np.tril(field), np.tril(field, -1)) if lower else (np.triu(field), np.triu(field, 1))
        return half + np.swapaxes(strict, -1, -2)

    values, vectors = each_matrix(_symmetric, shaped(value_of(operand.number), reflected), [(size,), (size, size)])
    if call.argument("compute_v", True):
        signs = np.sign((vectors.high * call.out[1].to(call.out[1].dtype).double().numpy()).sum(-2, keepdims=True))
        vectors = mul(vectors, exact(np.where(signs == 0, 1.0, signs)))
    unit = np.eye(size, dtype=np.bool_)
    if isinstance(operand.number, DualBall):
        values, vectors = _moving(values, vectors, operand.number.tangent, unit)

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        inner = exact(np.zeros(vectors.high.shape))
        if cotangents[0] is not None:
            inner = chosen(unit, shaped(cotangents[0], lambda field: field[..., None, :]), inner)
        if cotangents[1] is not None:
            inner = add(inner, _between(matmul(turned(vectors), cotangents[1]), values, unit))
        whole = matmul(matmul(vectors, inner), turned(vectors))
        return [mul(exact(0.5), add(whole, turned(whole)))]

    return Applied((values, vectors if call.argument("compute_v", True) else None), pullback)


def _between(matrix: DoubleBall, values: DoubleBall, unit: np.ndarray) -> DoubleBall:
    """F ∘ the matrix: its entries off the diagonal, divided by the differences of the eigenvalues."""
    apart = sub(shaped(values, lambda f: f[..., None, :]), shaped(values, lambda f: f[..., :, None]))
    return chosen(unit, exact(0.0), div(matrix, chosen(unit, exact(1.0), apart)))


def _moving(
    values: DoubleBall, vectors: DoubleBall, tangent: DoubleBall, unit: np.ndarray
) -> tuple[DoubleBall, DoubleBall]:
    """Λ and V with their tangents, for a symmetric change Ȧ: with P = Vᵀ Ȧ V these are diag P and V (F ∘ P)."""
    change = mul(exact(0.5), add(tangent, turned(tangent)))
    inner = matmul(matmul(turned(vectors), change), vectors)
    of_values = summed(chosen(unit, inner, exact(0.0)), [-1])
    return DualBall.of(values, of_values), DualBall.of(vectors, matmul(vectors, _between(inner, values, unit)))


def _symmetric(matrix: arb_mat) -> list[arb_mat]:
    n = matrix.nrows()
    try:
        values, right = acb_mat(matrix).eig(right=True)
    except (ValueError, ZeroDivisionError):
        raise NotCertified("the eigenvalues are not certainly apart") from None
    order = sorted(range(n), key=lambda i: float(values[i].real.mid()))
    columns = []
    for i in order:
        column = [right[row, i].real for row in range(n)]
        largest = max(range(n), key=lambda row: abs(float(right[row, i].abs_lower())))
        column = [(right[row, i] / right[largest, i]).real for row in range(n)]
        length = sum((x * x for x in column), arb(0)).sqrt()
        columns.append([x / length for x in column])
    return [arb_mat([[values[i].real for i in order]]), arb_mat(columns).transpose()]


def of_any_matrix(call: OperatorCall) -> Applied:
    """linalg_eig, _linalg_eigvals: in the order that the program found, each eigenvector as LAPACK scales it.

    That is to length 1, its largest entry real. With A V = V Λ, P = V⁻¹ dA V and F the reciprocals of the eigenvalues'
    differences, dΛ = diag P, and the columns of dV are r + c v, r those of V (P ∘ F); c keeps the length and the phase:
    Re c = −Re vᴴr, Im c = −Im(r/v) at the largest entry. The pullback is the adjoint of that, by complex balls.
    """
    operand, results = call.args[0], results_of(call)
    if isinstance(operand.number, DualBall):
        raise NotCertified("second derivatives of eigenvectors of a matrix that is not symmetric have no rule")
    size = int(results[0].shape[-1])
    if size > LARGEST:
        raise NotCertified(f"matrices of more than {LARGEST} rows are not certified")
    batch = tuple(results[0].shape[:-1])
    count = int(np.prod(batch, dtype=np.int64))
    computed = [one.detach().to(torch.complex128).numpy().reshape(count, *one.shape[len(batch) :]) for one in results]
    with precision(BITS):
        systems = [
            _in_order(matrix, *(one[number] for one in computed))
            for number, matrix in enumerate(_complex_matrices(operand))
        ]
        found = [acb_mat([values]) for values, _, _ in systems], [vectors for _, vectors, _ in systems]
    outputs = [_as_pairs(several, tuple(one.shape)) for several, one in zip(found, results, strict=False)]

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        with precision(BITS):
            of_values = None if cotangents[0] is None else shaped(cotangents[0], lambda field: field[..., None, :, :])
            by_values = _matrices_of(of_values, (*batch, 1, size))
            by_vectors = _matrices_of(cotangents[1] if len(cotangents) > 1 else None, (*batch, size, size))
            back = [_adjoint(*one) for one in zip(systems, by_values, by_vectors, strict=True)]
        pairs = _as_pairs(back, operand.shape)
        return [pairs if operand.value.is_complex() else shaped(pairs, lambda field: field[..., 0])]

    return Applied(tuple(outputs), pullback)


#: The eigenvalues, the eigenvectors, and the place of the entry of each whose phase is fixed.
_System = tuple[list[acb], acb_mat, list[int]]


def _in_order(matrix: acb_mat, values: np.ndarray, vectors: np.ndarray | None = None) -> _System:
    """The eigenvalues and scaled eigenvectors of a matrix, in the order of the ``values`` that the program found."""
    n = matrix.nrows()
    try:
        own, right = matrix.eig(right=True)
    except (ValueError, ZeroDivisionError):
        raise NotCertified("the eigenvalues are not certainly apart") from None
    middles = np.array([complex(float(one.real.mid()), float(one.imag.mid())) for one in own])
    order = [int(np.abs(middles - value).argmin()) for value in values]
    if sorted(order) != list(range(n)):
        raise NotCertified("it is not certain which eigenvalue is which")
    columns, places = [], []
    for place, i in enumerate(order):
        computed = np.array([complex(x.real.mid(), x.imag.mid()) for x in (right[row, i] for row in range(n))])
        if vectors is not None:
            computed = np.where(vectors[:, place].imag == 0, vectors[:, place], 0)
        largest = int(np.abs(computed).argmax())
        if not computed[largest].real:
            raise NotCertified("the phase of an eigenvector is not known")
        column = [right[row, i] / right[largest, i] for row in range(n)]
        length = sum((abs(x) ** 2 for x in column), arb(0)).sqrt() * (1 if computed[largest].real > 0 else -1)
        columns.append([x / length for x in column])
        places.append(largest)
    return [own[i] for i in order], acb_mat(columns).transpose(), places


def _adjoint(system: _System, by_values: acb_mat | None, by_vectors: acb_mat | None) -> acb_mat:
    """The cotangent of A, V⁻ᴴ (C + conj F ∘ Vᴴ D) Vᴴ: D that of r, C on the diagonal that of Λ."""
    values, vectors, places = system
    n, across = len(values), vectors.conjugate().transpose()
    inner = acb_mat(n, n)
    if by_vectors is not None:
        for k, place in enumerate(places):
            along = sum((by_vectors[row, k].conjugate() * vectors[row, k] for row in range(n)), acb(0))
            for row in range(n):
                by_vectors[row, k] -= along.real * vectors[row, k]
            by_vectors[place, k] += acb(0, along.imag) / vectors[place, k].conjugate()
        inner = across * by_vectors
    for i in range(n):
        for k in range(n):
            if i != k:
                inner[i, k] /= (values[k] - values[i]).conjugate()
            else:
                inner[i, k] = acb(0) if by_values is None else by_values[0, k]
    return across.inv() * inner * across


def _complex_matrices(operand: Operand) -> Iterator[acb_mat]:
    ball = operand.number
    if not operand.value.is_complex():
        ball = DoubleBall(*(np.stack([field, np.zeros_like(field)], -1) for field in ball))
    return (one for one in _matrices_of(ball, operand.shape) if one is not None)


def _matrices_of(pairs: DoubleBall | None, shape: tuple[int, ...]) -> Iterator[acb_mat | None]:
    """Complex matrices of balls of pairs; None for each where there are none."""
    *batch, rows, columns = shape
    count = int(np.prod(batch, dtype=np.int64))
    if pairs is None:
        yield from [None] * count
        return
    fields = [np.broadcast_to(field, (*shape, 2)).reshape(count, rows, columns, 2).tolist() for field in pairs]
    for matrix in zip(*fields, strict=True):
        yield acb_mat([
            [acb(*(_number(*part) for part in zip(*entry, strict=True))) for entry in zip(*row, strict=True)]
            for row in zip(*matrix, strict=True)
        ]) if rows and columns else acb_mat(rows, columns)  # fmt: skip


def _number(high: float, low: float, radius: float) -> arb:
    return arb(high) + arb(low) + arb(0, radius)


def _as_pairs(matrices: Sequence[acb_mat], shape: tuple[int, ...]) -> DoubleBall:
    parts = [part for one in matrices for x in one.entries() for part in (x.real, x.imag)]
    balls = [enclosing(part) if part.is_finite() else exact(np.inf) for part in parts]
    fields = zip(*balls, strict=True) if balls else ((), (), ())
    return DoubleBall(*(np.array(field, np.float64).reshape(*shape, 2) for field in fields))
