"""Records of inverses, equations, determinants and factorisations of matrices."""

from __future__ import annotations

from diffexplore.torch_ops.domains import EVERYWHERE
from diffexplore.torch_ops.records import Operator, unbounded
from diffexplore.torch_ops.tensor_rules import factorisations as steps
from diffexplore.torch_ops.tensor_rules import fourier, matrices
from diffexplore.torch_ops.tensor_rules.operands import InSteps

OPERATORS: tuple[Operator, ...] = (
    unbounded("linalg_inv_ex", EVERYWHERE, on_tensors=matrices.inverse),
    unbounded("_linalg_det", EVERYWHERE, on_tensors=matrices.determinant),
    unbounded("_linalg_slogdet", EVERYWHERE, on_tensors=matrices.log_determinant),
    unbounded("linalg_matrix_exp", EVERYWHERE, on_tensors=matrices.exponential),
    unbounded("_linalg_eigh", EVERYWHERE, on_tensors=matrices.eigen),
    unbounded("_linalg_solve_ex", EVERYWHERE, on_tensors=InSteps(steps.solve)),
    unbounded("linalg_solve_triangular", EVERYWHERE, on_tensors=InSteps(steps.solve_triangular)),
    unbounded("triangular_solve", EVERYWHERE, on_tensors=InSteps(steps.triangular_solve)),
    unbounded("linalg_lstsq", EVERYWHERE, on_tensors=InSteps(steps.least_squares)),
    unbounded("linalg_pinv", EVERYWHERE, on_tensors=InSteps(steps.pseudo_inverse)),
    unbounded("cholesky", EVERYWHERE, on_tensors=InSteps(steps.cholesky)),
    unbounded("linalg_cholesky_ex", EVERYWHERE, on_tensors=InSteps(steps.cholesky_with_info)),
    unbounded("cholesky_inverse", EVERYWHERE, on_tensors=InSteps(steps.cholesky_inverse)),
    unbounded("cholesky_solve", EVERYWHERE, on_tensors=InSteps(steps.cholesky_solve)),
    unbounded("linalg_lu_factor_ex", EVERYWHERE, on_tensors=InSteps(steps.lu_factor)),
    unbounded("linalg_lu", EVERYWHERE, on_tensors=InSteps(steps.lu)),
    unbounded("lu_unpack", EVERYWHERE, on_tensors=InSteps(steps.lu_unpack)),
    unbounded("linalg_lu_solve", EVERYWHERE, on_tensors=InSteps(steps.lu_solve)),
    unbounded("linalg_qr", EVERYWHERE, on_tensors=InSteps(steps.qr)),
    unbounded("_linalg_svd", EVERYWHERE, on_tensors=InSteps(steps.singular_values)),
    unbounded("linalg_householder_product", EVERYWHERE, on_tensors=InSteps(steps.householder_product)),
    unbounded("ormqr", EVERYWHERE, on_tensors=InSteps(steps.multiply_by_q)),
    unbounded("_fft_c2c", EVERYWHERE, on_tensors=fourier.complex_to_complex),
    unbounded("_fft_r2c", EVERYWHERE, on_tensors=fourier.real_to_complex),
    unbounded("_fft_c2r", EVERYWHERE, on_tensors=fourier.complex_to_real),
)
