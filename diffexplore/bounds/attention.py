"""Fused attention in elementary steps: softmax(scale · q kᵀ + mask) v, and its gradients.

Source: T. Dao et al., "FlashAttention", NeurIPS 2022, Appendix B.
"""

from __future__ import annotations

import math

import torch

from diffexplore.bounds.formulas import logsumexp, softmax

Tensor = torch.Tensor


def _scores(q: Tensor, k: Tensor, is_causal: bool, mask: Tensor | None, scale: float | None) -> tuple[Tensor, float]:
    factor = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    scores = (q @ k.mT) * factor
    if is_causal:
        hidden = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
        scores = scores.masked_fill(hidden, -math.inf)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
    return scores, factor


def _no_dropout(dropout_p: float) -> None:
    if dropout_p:
        raise NotImplementedError("with dropout")


def _wide(*tensors: Tensor) -> list[Tensor]:
    """Kernels compute in float32 what is narrower."""
    return [x.to(torch.float32) if x.dtype in (torch.float16, torch.bfloat16) else x for x in tensors]


def forward(
    q: Tensor, k: Tensor, v: Tensor, dropout_p: float = 0.0, is_causal: bool = False,
    *, attn_mask: Tensor | None = None, scale: float | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The result, and the logarithm of the sum of exponentials of each row."""
    _no_dropout(dropout_p)
    wide_q, wide_k, wide_v = _wide(q, k, v)
    scores, _ = _scores(wide_q, wide_k, is_causal, attn_mask, scale)
    return (softmax(scores, -1) @ wide_v).to(q.dtype), logsumexp(scores, [-1])


def backward(
    upstream: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, log_sums: Tensor, dropout_p: float,
    is_causal: bool, *, attn_mask: Tensor | None = None, scale: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """The gradients by q, k and v, from what the forward kept."""
    _no_dropout(dropout_p)
    dtype = q.dtype
    upstream, q, k, v, out = _wide(upstream, q, k, v, out)
    scores, factor = _scores(q, k, is_causal, attn_mask, scale)
    weights = (scores - log_sums[..., None]).exp()
    by_weights = upstream @ v.mT
    by_scores = weights * (by_weights - (upstream * out).sum(-1, keepdim=True)) * factor
    found = by_scores @ k, by_scores.mT @ q, weights.mT @ upstream
    return found[0].to(dtype), found[1].to(dtype), found[2].to(dtype)
