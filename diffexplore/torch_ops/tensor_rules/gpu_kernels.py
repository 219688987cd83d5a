"""Kernels that only GPUs have, in steps: what they compute, in operators on tensors that have rules."""

from __future__ import annotations

from typing import Any

import torch

from diffexplore.torch_ops.tensor_rules import steps

Tensor = torch.Tensor


def _nothing(like: Tensor) -> Tensor:
    """Stands for what only the kernel's own way back reads."""
    return like.new_zeros(0)


def efficient_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_bias: Tensor | None, compute_log_sumexp: bool,
    dropout_p: float = 0.0, is_causal: bool = False, *, scale: float | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """_scaled_dot_product_efficient_attention."""
    out, sums = steps.attention(query, key, value, dropout_p, is_causal, attn_mask=attn_bias, scale=scale)
    return out, sums, _nothing(query), _nothing(query)


def flash_attention(
    query: Tensor, key: Tensor, value: Tensor, dropout_p: float = 0.0, is_causal: bool = False,
    return_debug_mask: bool = False, *, scale: float | None = None,
) -> tuple[Any, ...]:  # fmt: skip
    """_scaled_dot_product_flash_attention."""
    out, sums = steps.attention(query, key, value, dropout_p, is_causal, scale=scale)
    none = _nothing(query)
    return out, sums, none, none, query.shape[-2], key.shape[-2], none, none, none


def cudnn_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_bias: Tensor | None, compute_log_sumexp: bool,
    dropout_p: float = 0.0, is_causal: bool = False, return_debug_mask: bool = False, *, scale: float | None = None,
) -> tuple[Any, ...]:  # fmt: skip
    """_scaled_dot_product_cudnn_attention."""
    out, sums = steps.attention(query, key, value, dropout_p, is_causal, attn_mask=attn_bias, scale=scale)
    none = _nothing(query)
    return out, sums, none, none, query.shape[-2], key.shape[-2], none, none, none


def lstm_cell(
    of_input: Tensor, of_hidden: Tensor, cell: Tensor, input_bias: Tensor | None = None,
    hidden_bias: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """_thnn_fused_lstm_cell."""
    gates = _biased(of_input, input_bias) + _biased(of_hidden, hidden_bias)
    into, forget, new, out = gates.chunk(4, 1)
    cell = forget.sigmoid() * cell + into.sigmoid() * new.tanh()
    return out.sigmoid() * cell.tanh(), cell, _nothing(cell)


def gru_cell(
    of_input: Tensor, of_hidden: Tensor, hidden: Tensor, input_bias: Tensor | None = None,
    hidden_bias: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """_thnn_fused_gru_cell."""
    (i_reset, i_update, i_new), (h_reset, h_update, h_new) = (
        gates.chunk(3, 1) for gates in (_biased(of_input, input_bias), _biased(of_hidden, hidden_bias))
    )
    new = (i_new + (i_reset + h_reset).sigmoid() * h_new).tanh()
    return new + (i_update + h_update).sigmoid() * (hidden - new), _nothing(hidden)


def _biased(gates: Tensor, bias: Tensor | None) -> Tensor:
    return gates if bias is None else gates + bias


def recurrent(
    x: Tensor, weight: list[Tensor], weight_stride0: int, weight_buf: Tensor | None, hx: Tensor, cx: Tensor | None,
    mode: int, hidden_size: int, proj_size: int, num_layers: int, batch_first: bool, dropout: float, train: bool,
    bidirectional: bool, batch_sizes: list[int], dropout_state: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """_cudnn_rnn, by the layers that torch composes itself."""
    if batch_sizes or (dropout and train):
        raise NotImplementedError("sequences of several lengths, or dropout between layers")
    layers = (torch.rnn_relu, torch.rnn_tanh, torch.lstm, torch.gru)
    state: Any = hx if cx is None else (hx, cx)
    has_biases = weight_stride0 == 4 or (weight_stride0 == 5 and bool(proj_size))
    with torch.backends.cudnn.flags(enabled=False):
        out, *states = layers[mode](
            x, state, weight, has_biases, num_layers, dropout, train, bidirectional, batch_first
        )
    return out, states[0], states[1] if cx is not None else _nothing(x), _nothing(x), _nothing(x)


def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int, deterministic: bool,
    zero_infinity: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """_cudnn_ctc_loss."""
    return steps.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, zero_infinity)


def grid_sampler(x: Tensor, grid: Tensor) -> Tensor:
    """cudnn_grid_sampler: bilinear, zeros outside, with aligned corners."""
    found: Tensor = torch.ops.aten.grid_sampler_2d(x, grid, 0, 0, True)
    return found
