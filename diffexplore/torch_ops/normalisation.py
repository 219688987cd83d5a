"""Records of softmax and of the kernels that normalise."""

from __future__ import annotations

from diffexplore.bounds import formulas
from diffexplore.torch_ops.domains import AS_COMPOSED, EVERYWHERE
from diffexplore.torch_ops.readers import reductions as read
from diffexplore.torch_ops.records import Operator, composed

OPERATORS: tuple[Operator, ...] = (
    composed("_softmax", formulas.softmax, defined=EVERYWHERE, read=read.softmax),
    composed("_safe_softmax", formulas.safe_softmax, defined=EVERYWHERE),
    composed("_log_softmax", formulas.log_softmax, defined=EVERYWHERE, read=read.log_softmax),
    composed("_softmax_backward_data", defined=EVERYWHERE, read=read.softmax_backward),
    composed("_log_softmax_backward_data", defined=EVERYWHERE, read=read.log_softmax_backward),
    composed("native_layer_norm", defined=AS_COMPOSED),
    composed("native_layer_norm_backward", defined=AS_COMPOSED),
    composed("native_group_norm", defined=AS_COMPOSED),
    composed("native_group_norm_backward", defined=AS_COMPOSED),
    composed("native_batch_norm", updates=True, defined=AS_COMPOSED),
    composed("native_batch_norm_backward", defined=AS_COMPOSED),
)
