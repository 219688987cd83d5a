"""Records of sums, means, norms, extremes and the like along some axes."""

from __future__ import annotations

from functools import partial

import sympy

from diffexplore.bounds import backward_steps, formulas, linear, special
from diffexplore.bounds.handling import Handled
from diffexplore.torch_ops.domains import AS_COMPOSED, EVERYWHERE
from diffexplore.torch_ops.readers import order as by_order
from diffexplore.torch_ops.readers import reductions as read
from diffexplore.torch_ops.readers import rewritten
from diffexplore.torch_ops.readers.logic import less
from diffexplore.torch_ops.records import Operator, composed, handled, in_steps, smooth, unbounded
from diffexplore.torch_ops.tensor_rules import extremes, order, steps
from diffexplore.torch_ops.tensor_rules import reductions as tensors
from diffexplore.torch_ops.tensor_rules.operands import InSteps


def _greater(x: sympy.Expr, y: sympy.Expr) -> sympy.Basic:
    return less(y, x)


_LARGEST, _SMALLEST = (extremes.extreme(largest) for largest in (True, False))
_PLACE_OF_LARGEST, _PLACE_OF_SMALLEST = (extremes.place_of_extreme(largest) for largest in (True, False))

#: Elements chosen by their order.
_ordered = partial(handled, defined=EVERYWHERE, handler=linear.ordered)

OPERATORS: tuple[Operator, ...] = (
    smooth("sum", bound=Handled(special.reduce), read=read.total, on_tensors=tensors.sum_),
    smooth("mean", bound=Handled(special.reduce), read=read.mean, on_tensors=tensors.mean),
    composed("prims::sum", EVERYWHERE, steps=formulas.sum_of_dims, read=read.total, on_tensors=tensors.sum_),
    composed("var", EVERYWHERE, steps=formulas.var, read=read.variance),
    composed("prims::var", EVERYWHERE, steps=formulas.var_of_dims, read=read.variance),
    composed("std", EVERYWHERE, steps=formulas.std, read=read.std),
    composed("var_mean", EVERYWHERE, steps=formulas.moments, read=read.var_mean),
    in_steps("std_mean", EVERYWHERE, read=read.std_mean, steps=steps.std_mean),
    composed("linalg_vector_norm norm", AS_COMPOSED, read=read.norm),
    composed("renorm", AS_COMPOSED),
    composed("dist", AS_COMPOSED),
    composed("_cdist_forward", AS_COMPOSED, steps=formulas.cdist, rewritten=formulas.cdist),
    composed(
        "_cdist_backward", AS_COMPOSED, steps=backward_steps.norm_of_differences(formulas.cdist, True),
        rewritten=rewritten.distances_backward,
    ),
    handled("amax", EVERYWHERE, handler=special.extreme, read=read.reduction(sympy.Max), on_tensors=_LARGEST),
    handled("amin", EVERYWHERE, handler=special.extreme, read=read.reduction(sympy.Min), on_tensors=_SMALLEST),
    _ordered("max", read=read.extreme(sympy.Max, less), on_tensors=_LARGEST),
    _ordered("min", read=read.extreme(sympy.Min, _greater), on_tensors=_SMALLEST),
    unbounded("argmax", EVERYWHERE, read=read.arg_extreme(less), on_tensors=_PLACE_OF_LARGEST),
    unbounded("argmin", EVERYWHERE, read=read.arg_extreme(_greater), on_tensors=_PLACE_OF_SMALLEST),
    composed("prod", EVERYWHERE, steps=formulas.prod, read=read.prod, on_tensors=InSteps(steps.product)),
    in_steps("prims::prod", EVERYWHERE, steps=steps.product_over),
    *(
        _ordered(names, read=reader, on_tensors=rule)
        for names, reader, rule in (
            ("sort", by_order.sort, order.by_rank), ("topk", by_order.topk, order.by_rank),
            ("kthvalue", by_order.kthvalue, order.by_rank), ("median nanmedian", by_order.median, order.by_rank),
            ("cummax", by_order.running(True), order.by_order), ("cummin", by_order.running(False), order.by_order),
            ("mode", by_order.mode, order.by_order),
        )
    ),
    unbounded("any", EVERYWHERE, read=read.reduction(sympy.Or, "condition")),
    composed(
        "_pdist_backward", AS_COMPOSED, rewritten=rewritten.pairwise_backward,
        steps=backward_steps.norm_of_differences(steps.pairwise_distances, False),
    ),
    in_steps(
        "_pdist_forward", AS_COMPOSED, rewritten=rewritten.pairwise_distances,
        steps=steps.pairwise_distances,
    ),
    unbounded("all", EVERYWHERE, read=read.reduction(sympy.And, "condition")),
    smooth(
        "cumsum", bound=Handled(special.running_sum), read=read.running(lambda a, b: a + b, sympy.Or),
        on_tensors=tensors.cumsum,
    ),
    composed("cumprod", EVERYWHERE, steps=formulas.cumprod, read=read.running(lambda a, b: a * b, sympy.And)),
    composed("logcumsumexp", EVERYWHERE, steps=formulas.logcumsumexp, rewritten=formulas.logcumsumexp),
    composed("logsumexp", EVERYWHERE, steps=formulas.logsumexp, read=read.logsumexp, on_tensors=tensors.logsumexp),
)  # fmt: skip
