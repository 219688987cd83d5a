"""Records of sums, means, norms, extremes and the like along some axes."""

from __future__ import annotations

import sympy

from diffexplore.bounds import formulas, special
from diffexplore.torch_ops.domains import AS_COMPOSED, EVERYWHERE
from diffexplore.torch_ops.readers import reductions as read
from diffexplore.torch_ops.readers.logic import less
from diffexplore.torch_ops.records import Operator, composed, handled, unbounded


def _greater(x: sympy.Expr, y: sympy.Expr) -> sympy.Basic:
    return less(y, x)


OPERATORS: tuple[Operator, ...] = (
    handled("sum", special.reduce, defined=EVERYWHERE, read=read.total),
    handled("mean", special.reduce, defined=EVERYWHERE, read=read.mean),
    composed("prims::sum", formulas.sum_of_dims, defined=EVERYWHERE, read=read.total),
    composed("var", formulas.var, defined=EVERYWHERE, read=read.variance),
    composed("prims::var", formulas.var_of_dims, defined=EVERYWHERE, read=read.variance),
    composed("std", formulas.std, defined=EVERYWHERE, read=read.std),
    composed("var_mean", formulas.moments, defined=EVERYWHERE, read=read.var_mean),
    unbounded("std_mean", defined=EVERYWHERE, read=read.std_mean),
    composed("linalg_vector_norm norm", defined=AS_COMPOSED, read=read.norm),
    composed("renorm", defined=AS_COMPOSED),
    composed("dist", defined=AS_COMPOSED),
    composed("_cdist_forward", formulas.cdist, defined=AS_COMPOSED),
    composed("_cdist_backward", formulas.cdist_backward, defined=AS_COMPOSED),
    handled("amax", special.extreme, defined=EVERYWHERE, read=read.reduction(sympy.Max)),
    handled("amin", special.extreme, defined=EVERYWHERE, read=read.reduction(sympy.Min)),
    unbounded("max", defined=EVERYWHERE, read=read.extreme(sympy.Max, less)),
    unbounded("min", defined=EVERYWHERE, read=read.extreme(sympy.Min, _greater)),
    unbounded("argmax", defined=EVERYWHERE, read=read.arg_extreme(less)),
    unbounded("argmin", defined=EVERYWHERE, read=read.arg_extreme(_greater)),
    composed("prod", formulas.prod, defined=EVERYWHERE, read=read.prod),
    unbounded("any", defined=EVERYWHERE, read=read.reduction(sympy.Or, "condition")),
    unbounded("all", defined=EVERYWHERE, read=read.reduction(sympy.And, "condition")),
    handled(
        "cumsum", special.running_sum, defined=EVERYWHERE, read=read.running(lambda a, b: a + b, sympy.Or)
    ),
    composed(
        "cumprod", formulas.cumprod, defined=EVERYWHERE, read=read.running(lambda a, b: a * b, sympy.And)
    ),
    composed("logcumsumexp", formulas.logcumsumexp, defined=EVERYWHERE),
    composed("logsumexp", formulas.logsumexp, defined=EVERYWHERE, read=read.logsumexp),
)  # fmt: skip
