"""Records of softmax, of attention and of the kernels that normalise."""

from __future__ import annotations

from diffexplore.bounds import attention, formulas
from diffexplore.torch_ops.domains import AS_COMPOSED, EVERYWHERE
from diffexplore.torch_ops.readers import reductions as read
from diffexplore.torch_ops.readers import rewritten
from diffexplore.torch_ops.records import Operator, composed
from diffexplore.torch_ops.tensor_rules import reductions as tensors
from diffexplore.torch_ops.tensor_rules import steps
from diffexplore.torch_ops.tensor_rules.operands import InSteps

OPERATORS: tuple[Operator, ...] = (
    composed("_softmax", EVERYWHERE, steps=formulas.softmax, read=read.softmax, on_tensors=tensors.softmax),
    composed("_safe_softmax", EVERYWHERE, steps=formulas.safe_softmax, on_tensors=tensors.safe_softmax),
    composed(
        "_log_softmax", EVERYWHERE, steps=formulas.log_softmax, read=read.log_softmax, on_tensors=tensors.log_softmax
    ),
    composed("_softmax_backward_data", EVERYWHERE, read=read.softmax_backward),
    composed("_log_softmax_backward_data", EVERYWHERE, read=read.log_softmax_backward),
    composed(
        "_scaled_dot_product_flash_attention_for_cpu",
        EVERYWHERE,
        steps=attention.forward,
        rewritten=steps.attention,
        on_tensors=InSteps(steps.attention),
    ),
    composed(
        "_scaled_dot_product_flash_attention_for_cpu_backward",
        EVERYWHERE,
        steps=attention.backward,
        rewritten=rewritten.attention_backward,
    ),
    composed("native_layer_norm", AS_COMPOSED),
    composed("native_layer_norm_backward", AS_COMPOSED),
    composed("native_group_norm", AS_COMPOSED),
    composed("native_group_norm_backward", AS_COMPOSED),
    composed("native_batch_norm", AS_COMPOSED, updates=True),
    composed("native_batch_norm_backward", AS_COMPOSED),
)
