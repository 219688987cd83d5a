"""Records of linear algebra: what LAPACK computes, held against elementary steps."""

from __future__ import annotations

from diffexplore.bounds import linear_algebra as steps
from diffexplore.torch_ops.domains import AS_COMPOSED
from diffexplore.torch_ops.records import Operator, composed

OPERATORS: tuple[Operator, ...] = (
    composed("linalg_inv_ex", AS_COMPOSED, steps=steps.inverse),
    composed("linalg_solve_triangular", AS_COMPOSED, steps=steps.triangular),
    composed("linalg_lu_factor_ex", AS_COMPOSED, steps=steps.lu_factor),
    composed("linalg_lu_solve", AS_COMPOSED, steps=steps.lu_solve),
    composed("_linalg_solve_ex", AS_COMPOSED, steps=steps.solve),
    composed("_linalg_det", AS_COMPOSED, steps=steps.determinant),
    composed("_linalg_slogdet", AS_COMPOSED, steps=steps.log_determinant),
    composed("linalg_cholesky_ex", AS_COMPOSED, steps=steps.cholesky),
    composed("cholesky_solve", AS_COMPOSED, steps=steps.cholesky_solve),
)
