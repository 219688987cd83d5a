"""Records of kernels that only GPUs have. Of their rounding nothing is known."""

from __future__ import annotations

from diffexplore.torch_ops.domains import EVERYWHERE
from diffexplore.torch_ops.records import Operator, unbounded
from diffexplore.torch_ops.tensor_rules import gpu_kernels as steps
from diffexplore.torch_ops.tensor_rules.operands import InSteps

OPERATORS: tuple[Operator, ...] = tuple(
    unbounded(name, EVERYWHERE, on_tensors=InSteps(composed))
    for name, composed in (
        ("_scaled_dot_product_efficient_attention", steps.efficient_attention),
        ("_scaled_dot_product_flash_attention", steps.flash_attention),
        ("_scaled_dot_product_cudnn_attention", steps.cudnn_attention),
        ("_thnn_fused_lstm_cell", steps.lstm_cell),
        ("_thnn_fused_gru_cell", steps.gru_cell),
        ("_cudnn_rnn", steps.recurrent),
        ("_cudnn_ctc_loss", steps.ctc_loss),
        ("cudnn_grid_sampler", steps.grid_sampler),
    )
)
