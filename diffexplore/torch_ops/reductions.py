"""Records of sums, means, norms, extremes and the like along some axes, of what normalises by them, and products."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import sympy
import torch

from diffexplore.bounds import formulas, products, special
from diffexplore.bounds.handling import Handled
from diffexplore.torch_ops.domains import AS_COMPOSED, EVERYWHERE
from diffexplore.torch_ops.readers import reductions as read
from diffexplore.torch_ops.readers.logic import less
from diffexplore.torch_ops.records import Operator, composed, handled, smooth, unbounded


def _greater(x: sympy.Expr, y: sympy.Expr) -> sympy.Basic:
    return less(y, x)


def _product(multiply: Callable[..., torch.Tensor], *, added: bool = False) -> Handled:
    """The bound of a product, perhaps added to another tensor."""
    return Handled(partial(products.product, multiply, added))


OPERATORS: tuple[Operator, ...] = (
    smooth("sum", bound=Handled(special.reduce), read=read.total),
    smooth("mean", bound=Handled(special.reduce), read=read.mean),
    composed("prims::sum", EVERYWHERE, steps=formulas.sum_of_dims, read=read.total),
    composed("var", EVERYWHERE, steps=formulas.var, read=read.variance),
    composed("prims::var", EVERYWHERE, steps=formulas.var_of_dims, read=read.variance),
    composed("std", EVERYWHERE, steps=formulas.std, read=read.std),
    composed("var_mean", EVERYWHERE, steps=formulas.moments, read=read.var_mean),
    unbounded("std_mean", EVERYWHERE, read=read.std_mean),
    composed("linalg_vector_norm norm", AS_COMPOSED, read=read.norm),
    composed("renorm", AS_COMPOSED),
    composed("dist", AS_COMPOSED),
    composed("_cdist_forward", AS_COMPOSED, steps=formulas.cdist),
    composed("_cdist_backward", AS_COMPOSED, steps=formulas.cdist_backward),
    handled("amax", EVERYWHERE, handler=special.extreme, read=read.reduction(sympy.Max)),
    handled("amin", EVERYWHERE, handler=special.extreme, read=read.reduction(sympy.Min)),
    unbounded("max", EVERYWHERE, read=read.extreme(sympy.Max, less)),
    unbounded("min", EVERYWHERE, read=read.extreme(sympy.Min, _greater)),
    unbounded("argmax", EVERYWHERE, read=read.arg_extreme(less)),
    unbounded("argmin", EVERYWHERE, read=read.arg_extreme(_greater)),
    composed("prod", EVERYWHERE, steps=formulas.prod, read=read.prod),
    unbounded("any", EVERYWHERE, read=read.reduction(sympy.Or, "condition")),
    unbounded("all", EVERYWHERE, read=read.reduction(sympy.And, "condition")),
    smooth("cumsum", bound=Handled(special.running_sum), read=read.running(lambda a, b: a + b, sympy.Or)),
    composed("cumprod", EVERYWHERE, steps=formulas.cumprod, read=read.running(lambda a, b: a * b, sympy.And)),
    composed("logcumsumexp", EVERYWHERE, steps=formulas.logcumsumexp),
    composed("logsumexp", EVERYWHERE, steps=formulas.logsumexp, read=read.logsumexp),
    # ---------------------------------------------------------------------- softmax, and the kernels that normalise
    composed("_softmax", EVERYWHERE, steps=formulas.softmax, read=read.softmax),
    composed("_safe_softmax", EVERYWHERE, steps=formulas.safe_softmax),
    composed("_log_softmax", EVERYWHERE, steps=formulas.log_softmax, read=read.log_softmax),
    composed("_softmax_backward_data", EVERYWHERE, read=read.softmax_backward),
    composed("_log_softmax_backward_data", EVERYWHERE, read=read.log_softmax_backward),
    composed("native_layer_norm", AS_COMPOSED),
    composed("native_layer_norm_backward", AS_COMPOSED),
    composed("native_group_norm", AS_COMPOSED),
    composed("native_group_norm_backward", AS_COMPOSED),
    composed("native_batch_norm", AS_COMPOSED, updates=True),
    composed("native_batch_norm_backward", AS_COMPOSED),
    # ------------------------------------------------------ products of matrices and vectors, and convolutions
    smooth("mm", bound=_product(torch.mm), read=read.mm),
    smooth("bmm", bound=_product(torch.bmm), read=read.bmm),
    smooth("mv", bound=_product(torch.mv)),
    smooth("dot vdot", bound=_product(torch.dot)),
    smooth("addmm", bound=_product(torch.mm, added=True)),
    smooth("addmv", bound=_product(torch.mv, added=True)),
    smooth("baddbmm", bound=_product(torch.bmm, added=True)),
    smooth("convolution convolution_backward", bound=Handled(products.convolution)),
)  # fmt: skip
