"""Records of inverses, equations, determinants and factorisations; bounds run elementary steps beside LAPACK."""

from __future__ import annotations

from diffexplore.bounds import linear_algebra as bounds
from diffexplore.torch_ops.domains import AS_COMPOSED, EVERYWHERE
from diffexplore.torch_ops.readers import factors
from diffexplore.torch_ops.readers import matrices as read
from diffexplore.torch_ops.records import Operator, composed, unbounded
from diffexplore.torch_ops.tensor_rules import factorisations as steps
from diffexplore.torch_ops.tensor_rules import fourier, matrices
from diffexplore.torch_ops.tensor_rules.operands import InSteps

OPERATORS: tuple[Operator, ...] = (
    composed("linalg_inv_ex", AS_COMPOSED, steps=bounds.inverse, read=read.inverse, on_tensors=matrices.inverse),
    composed(
        "_linalg_det", AS_COMPOSED, steps=bounds.determinant, read=read.determinant, on_tensors=matrices.determinant
    ),
    composed(
        "_linalg_slogdet",
        AS_COMPOSED,
        steps=bounds.log_determinant,
        read=read.log_determinant,
        on_tensors=matrices.log_determinant,
    ),
    unbounded("linalg_matrix_exp", EVERYWHERE, on_tensors=matrices.exponential),
    unbounded("_linalg_eigh", EVERYWHERE, on_tensors=matrices.eigen),
    composed("_linalg_solve_ex", AS_COMPOSED, steps=bounds.solve, read=read.solve, on_tensors=InSteps(steps.solve)),
    composed(
        "linalg_solve_triangular",
        AS_COMPOSED,
        steps=bounds.triangular,
        read=factors.solve_triangular,
        on_tensors=InSteps(steps.solve_triangular),
    ),
    unbounded(
        "triangular_solve", AS_COMPOSED, read=factors.triangular_solve, on_tensors=InSteps(steps.triangular_solve)
    ),
    unbounded("linalg_lstsq", EVERYWHERE, on_tensors=InSteps(steps.least_squares)),
    unbounded("linalg_pinv", EVERYWHERE, on_tensors=InSteps(steps.pseudo_inverse)),
    unbounded("cholesky", AS_COMPOSED, read=factors.cholesky_factor, on_tensors=InSteps(steps.cholesky)),
    composed(
        "linalg_cholesky_ex",
        AS_COMPOSED,
        steps=bounds.cholesky,
        read=factors.cholesky,
        on_tensors=InSteps(steps.cholesky_with_info),
    ),
    unbounded(
        "cholesky_inverse", AS_COMPOSED, read=factors.cholesky_inverse, on_tensors=InSteps(steps.cholesky_inverse)
    ),
    composed(
        "cholesky_solve",
        AS_COMPOSED,
        steps=bounds.cholesky_solve,
        read=factors.cholesky_solve,
        on_tensors=InSteps(steps.cholesky_solve),
    ),
    composed(
        "linalg_lu_factor_ex",
        AS_COMPOSED,
        steps=bounds.lu_factor,
        read=factors.lu_factor,
        on_tensors=InSteps(steps.lu_factor),
    ),
    unbounded("linalg_lu", EVERYWHERE, on_tensors=InSteps(steps.lu)),
    unbounded("lu_unpack", EVERYWHERE, read=factors.lu_unpack, on_tensors=InSteps(steps.lu_unpack)),
    composed(
        "linalg_lu_solve", AS_COMPOSED, steps=bounds.lu_solve, read=factors.lu_solve, on_tensors=InSteps(steps.lu_solve)
    ),
    unbounded("linalg_qr", EVERYWHERE, on_tensors=InSteps(steps.qr)),
    unbounded("_linalg_svd", EVERYWHERE, on_tensors=InSteps(steps.singular_values)),
    unbounded("linalg_householder_product", EVERYWHERE, on_tensors=InSteps(steps.householder_product)),
    unbounded("ormqr", EVERYWHERE, on_tensors=InSteps(steps.multiply_by_q)),
    unbounded("_fft_c2c", EVERYWHERE, on_tensors=fourier.complex_to_complex),
    unbounded("_fft_r2c", EVERYWHERE, on_tensors=fourier.real_to_complex),
    unbounded("_fft_c2r", EVERYWHERE, on_tensors=fourier.complex_to_real),
)
