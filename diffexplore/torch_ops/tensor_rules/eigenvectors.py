"""Eigenvalues and eigenvectors of matrices, where the eigenvalues are certainly apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from flint import acb, acb_mat, arb, arb_mat

from diffexplore.arithmetic.balls import precision
from diffexplore.arithmetic.double_balls import DoubleBall, exact, sqrt
from diffexplore.arithmetic.dual_balls import DualBall, add, div, mul, sub, tangent_of, value_of
from diffexplore.arithmetic.tensor_balls import chosen, quotient, shaped, summed, zeros
from diffexplore.torch_ops.tensor_rules.fields import (
    BITS,
    COMPLEX,
    LARGEST,
    Matrix,
    MatrixField,
    balls_of,
    field_of,
    paired,
    parts,
    times,
)
from diffexplore.torch_ops.tensor_rules.operands import (
    NOT_HERMITIAN,
    Applied,
    NoDerivative,
    NotCertified,
    Operand,
    OperatorCall,
    closeness,
    results_of,
)


def of_hermitian(call: OperatorCall) -> Applied:
    """_linalg_eigh, each eigenvalue apart from the others; signs and phases of eigenvectors are the program's.

    With A V = V Λ, Vᴴ V = 1 and C, D the cotangents of Λ and V, that of A is V (C + F ∘ Vᴴ D) Vᴴ, made symmetric, with
    F the reciprocals of the eigenvalues' differences (M. B. Giles, "Collected matrix derivative results", 2008).
    """
    field, operand = field_of(call.args[0]), call.args[0]
    lower = call.argument("UPLO", "L").upper() == "L"
    size = operand.shape[-1]
    unit = np.eye(size, dtype=np.bool_)[..., None] if field.pairs else np.eye(size, dtype=np.bool_)
    mirrored = _mirrored(field, value_of(operand.number), np.tri(size, dtype=np.bool_) == lower, unit)
    rows, vectors = field.each(_system, mirrored, [(1, size), (size, size)])
    if call.argument("compute_v", True):
        vectors = _aligned(field, vectors, call.out[1])
    if isinstance(operand.number, DualBall):
        rows, vectors = _moving(field, rows, vectors, operand.number.tangent, unit)
    values = shaped(rows, lambda x: x[..., 0, :, 0] if field.pairs else x[..., 0, :])

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        inner = zeros(vectors.high.shape)
        if cotangents[0] is not None:
            given = paired(cotangents[0], zeros(cotangents[0].high.shape)) if field.pairs else cotangents[0]
            inner = chosen(unit, shaped(given, lambda x: x[..., None, :, :] if field.pairs else x[..., None, :]), inner)
        if cotangents[1] is not None:
            along = field.product(field.adjoint(vectors), cotangents[1])
            _refuse_phases(field, along)
            inner = add(inner, _between(field, along, rows, unit))
        whole = field.product(field.product(vectors, inner), field.adjoint(vectors))
        return [mul(exact(0.5), add(whole, field.adjoint(whole)))]

    return Applied((values, vectors if call.argument("compute_v", True) else None), pullback)


def _mirrored(field: MatrixField, ball: DoubleBall, kept: np.ndarray, unit: np.ndarray) -> DoubleBall:
    """The Hermitian matrix of which one triangle is read: its diagonal is real."""
    kept = kept[..., None] if field.pairs else kept
    whole = chosen(kept | unit, ball, field.adjoint(ball))
    if not np.allclose(whole.high, ball.high, *closeness(np.abs(ball.high).sum())):
        raise NoDerivative(NOT_HERMITIAN)
    return chosen(unit & np.array([False, True]), exact(0.0), whole) if field.pairs else whole


def _aligned(field: MatrixField, vectors: DoubleBall, computed: torch.Tensor) -> DoubleBall:
    """Eigenvectors (columns), each of the sign or the phase that the program's has."""
    if not field.pairs:
        signs = np.sign((vectors.high * computed.double().numpy()).sum(-2, keepdims=True))
        return mul(vectors, exact(np.where(signs == 0, 1.0, signs)))
    theirs = torch.view_as_real(computed.resolve_conj().to(torch.complex128)).numpy()
    both = vectors.high[..., 0] + 1j * vectors.high[..., 1], theirs[..., 0] + 1j * theirs[..., 1]
    overlap = (both[0].conj() * both[1]).sum(-2, keepdims=True)
    overlap = np.where(overlap == 0, 1.0, overlap)
    a, b = exact(np.ascontiguousarray(overlap.real)), exact(np.ascontiguousarray(overlap.imag))
    length = sqrt(add(mul(a, a), mul(b, b)))
    return times(vectors, paired(div(a, length), div(b, length)))


def _refuse_phases(field: MatrixField, along: DoubleBall) -> None:
    """Raises NoDerivative where a cotangent D of eigenvectors depends on their phases: diag Vᴴ D then is not real."""
    for part in (value_of(along), tangent_of(along)) if field.pairs else ():
        turning = shaped(part, lambda x: x.diagonal(0, -3, -2)[..., 1, :])
        if (np.abs(turning.high) > turning.radius).any():
            raise NoDerivative("it depends on the phases of eigenvectors, which are not determined")


def _between(field: MatrixField, matrix: DoubleBall, rows: DoubleBall, unit: np.ndarray) -> DoubleBall:
    """F ∘ the matrix: its entries off the diagonal, divided by the differences of the eigenvalues."""
    apart = sub(rows, field.adjoint(rows))  # real, also of complex matrices
    apart = shaped(apart, lambda x: x[..., :1]) if field.pairs else apart
    return chosen(unit, exact(0.0), quotient(matrix, chosen(unit, exact(1.0), apart)))


def _moving(
    field: MatrixField, rows: DoubleBall, vectors: DoubleBall, tangent: DoubleBall, unit: np.ndarray
) -> tuple[DoubleBall, DoubleBall]:
    """Λ and V with their tangents, for a symmetric change Ȧ: with P = Vᴴ Ȧ V these are diag P and V (F ∘ P)."""
    change = mul(exact(0.5), add(tangent, field.adjoint(tangent)))
    inner = field.product(field.product(field.adjoint(vectors), change), vectors)
    of_values = summed(chosen(unit, inner, exact(0.0)), [-3 if field.pairs else -2], keepdims=True)
    moved = field.product(vectors, _between(field, inner, rows, unit))
    return DualBall.of(rows, of_values), DualBall.of(vectors, moved)


def _system(matrix: Matrix) -> list[Matrix]:
    """The eigenvalues, in their order, and eigenvectors of length 1 of a Hermitian matrix."""
    n = matrix.nrows()
    own, is_real = _eigenvectors(acb_mat(matrix)), isinstance(matrix, arb_mat)
    order = sorted(range(n), key=lambda i: float(own[0][i].real.mid()))
    columns = []
    for i in order:
        column: list[Any] = [own[1][row, i] for row in range(n)]
        largest = max(column, key=lambda x: float(x.abs_lower()))
        column = [(x / largest).real if is_real else x / largest for x in column]
        length = sum((abs(x) ** 2 for x in column), arb(0)).sqrt()
        columns.append([x / length for x in column])
    kind: Any = type(matrix)
    return [kind(1, n, [own[0][i].real for i in order]), kind(columns).transpose() if n else kind(0, 0)]


def _eigenvectors(matrix: acb_mat) -> tuple[list[acb], acb_mat]:
    try:
        found: tuple[list[acb], acb_mat] = matrix.eig(right=True)
    except (ValueError, ZeroDivisionError):
        raise NoDerivative("the eigenvalues are not certainly apart") from None
    return found


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
            for number, matrix in enumerate(COMPLEX.matrices(_as_complex(operand)))
        ]
        found = [acb_mat([values]) for values, _, _ in systems], [vectors for _, vectors, _ in systems]
    outputs = [balls_of(several, (*one.shape, 2)) for several, one in zip(found, results, strict=False)]

    def pullback(cotangents: Sequence[DoubleBall | None]) -> list[DoubleBall | None]:
        with precision(BITS):
            given = [None if cotangents[0] is None else shaped(cotangents[0], lambda field: field[..., None, :, :])]
            given += cotangents[1:]
            several = [[None] * count if one is None else COMPLEX.matrices(one) for one in (*given, None)[:2]]
            back = [_adjoint(*one) for one in zip(systems, *several, strict=True)]
        pairs = balls_of(back, (*operand.shape, 2))
        return [pairs if operand.value.is_complex() else parts(pairs)[0]]

    return Applied(tuple(outputs), pullback)


#: The eigenvalues, the eigenvectors, and the place of the entry of each whose phase is fixed.
_System = tuple[list[acb], acb_mat, list[int]]


def _as_complex(operand: Operand) -> DoubleBall:
    return operand.number if operand.value.is_complex() else paired(operand.number, zeros(operand.shape))


def _in_order(matrix: acb_mat, values: np.ndarray, vectors: np.ndarray | None = None) -> _System:
    """The eigenvalues and scaled eigenvectors of a matrix, in the order of the ``values`` that the program found."""
    n = matrix.nrows()
    own, right = _eigenvectors(matrix)
    middles = np.array([complex(float(one.real.mid()), float(one.imag.mid())) for one in own])
    order = [int(np.abs(middles - value).argmin()) for value in values]
    if sorted(order) != list(range(n)):
        raise NoDerivative("it is not certain which eigenvalue is which")
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
