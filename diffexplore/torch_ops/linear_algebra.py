"""Records of inverses, equations, determinants and factorisations; bounds run elementary steps beside LAPACK."""

from __future__ import annotations

from functools import partial

from diffexplore.bounds import eigen, equations, least_squares, orthogonal
from diffexplore.bounds import factors as factor_bounds
from diffexplore.bounds import fourier as transforms
from diffexplore.bounds.exponential import exponential
from diffexplore.torch_ops.domains import AS_COMPOSED, EVERYWHERE
from diffexplore.torch_ops.readers import factors
from diffexplore.torch_ops.readers import fourier as fourier_readers
from diffexplore.torch_ops.readers import matrices as read
from diffexplore.torch_ops.records import Operator, handled, in_steps, unbounded
from diffexplore.torch_ops.tensor_rules import eigenvectors, fourier, matrices, orthogonal_factors
from diffexplore.torch_ops.tensor_rules import factorisations as steps
from diffexplore.torch_ops.tensor_rules.matrix_exponential import exponential as matrix_exponential
from diffexplore.torch_ops.tensor_rules.operands import InSteps

_transform = partial(handled, defined=EVERYWHERE, handler=transforms.transform)

OPERATORS: tuple[Operator, ...] = (
    handled("linalg_inv_ex", AS_COMPOSED, handler=equations.inverse, read=read.inverse, on_tensors=matrices.inverse),
    handled(
        "_linalg_det",
        AS_COMPOSED,
        handler=factor_bounds.determinant,
        read=read.determinant,
        on_tensors=matrices.determinant,
    ),
    handled(
        "_linalg_slogdet",
        AS_COMPOSED,
        handler=factor_bounds.log_determinant,
        read=read.log_determinant,
        on_tensors=matrices.log_determinant,
    ),
    handled("linalg_matrix_exp", EVERYWHERE, handler=exponential, on_tensors=matrix_exponential),
    handled("_linalg_eigh", EVERYWHERE, handler=eigen.symmetric, on_tensors=eigenvectors.of_hermitian),
    unbounded("linalg_eig", EVERYWHERE, on_tensors=eigenvectors.of_any_matrix),
    unbounded("_linalg_eigvals", EVERYWHERE, on_tensors=eigenvectors.of_any_matrix),
    handled("_linalg_solve_ex", AS_COMPOSED, handler=equations.solve, read=read.solve, on_tensors=InSteps(steps.solve)),
    handled(
        "linalg_solve_triangular",
        AS_COMPOSED,
        handler=equations.triangular,
        read=factors.solve_triangular,
        on_tensors=InSteps(steps.solve_triangular),
    ),
    in_steps("triangular_solve", AS_COMPOSED, read=factors.triangular_solve, steps=steps.triangular_solve),
    handled("linalg_lstsq", EVERYWHERE, handler=least_squares.least_squares, on_tensors=InSteps(steps.least_squares)),
    handled("linalg_pinv", EVERYWHERE, handler=least_squares.pseudo_inverse, on_tensors=InSteps(steps.pseudo_inverse)),
    handled(
        "cholesky",
        AS_COMPOSED,
        handler=factor_bounds.cholesky,
        read=factors.cholesky_factor,
        on_tensors=InSteps(steps.cholesky),
    ),
    handled(
        "linalg_cholesky_ex",
        AS_COMPOSED,
        handler=factor_bounds.cholesky,
        read=factors.cholesky,
        on_tensors=InSteps(steps.cholesky_with_info),
    ),
    in_steps("cholesky_inverse", AS_COMPOSED, read=factors.cholesky_inverse, steps=steps.cholesky_inverse),
    handled(
        "cholesky_solve",
        AS_COMPOSED,
        handler=equations.cholesky_solve,
        read=factors.cholesky_solve,
        on_tensors=InSteps(steps.cholesky_solve),
    ),
    handled(
        "linalg_lu_factor_ex",
        AS_COMPOSED,
        handler=factor_bounds.lu_factor,
        read=factors.lu_factor,
        on_tensors=InSteps(steps.lu_factor),
    ),
    handled("linalg_lu", EVERYWHERE, handler=factor_bounds.lu, on_tensors=InSteps(steps.lu)),
    in_steps("lu_unpack", EVERYWHERE, read=factors.lu_unpack, steps=steps.lu_unpack),
    handled(
        "linalg_lu_solve",
        AS_COMPOSED,
        handler=equations.lu_solve,
        read=factors.lu_solve,
        on_tensors=InSteps(steps.lu_solve),
    ),
    handled("linalg_qr", EVERYWHERE, handler=orthogonal.qr, on_tensors=InSteps(orthogonal_factors.qr)),
    handled(
        "_linalg_svd", EVERYWHERE, handler=orthogonal.singular, on_tensors=InSteps(orthogonal_factors.singular_values)
    ),
    in_steps("linalg_householder_product", EVERYWHERE, steps=orthogonal_factors.householder_product),
    in_steps("ormqr", EVERYWHERE, steps=orthogonal_factors.multiply_by_q),
    _transform("_fft_c2c", read=fourier_readers.complex_to_complex, on_tensors=fourier.complex_to_complex),
    _transform("_fft_r2c", read=fourier_readers.real_to_complex, on_tensors=fourier.real_to_complex),
    _transform("_fft_c2r", read=fourier_readers.complex_to_real, on_tensors=fourier.complex_to_real),
)
