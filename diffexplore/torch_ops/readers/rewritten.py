"""Kernels in other operators on tensors, which are traced in their place: of attention and of distances."""

from __future__ import annotations

import math
from itertools import combinations

import torch

Tensor = torch.Tensor


def attention_backward(
    upstream: Tensor, query: Tensor, key: Tensor, value: Tensor, out: Tensor, log_sums: Tensor, dropout_p: float,
    is_causal: bool, *, attn_mask: Tensor | None = None, scale: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """The gradients of fused attention by query, key and value, from what its forward kept.

    Source: T. Dao et al., "FlashAttention", NeurIPS 2022, Appendix B.
    """
    if dropout_p:
        raise NotImplementedError("dropout within attention")
    factor = query.new_full((), query.shape[-1]).rsqrt() if scale is None else scale
    scores = (query * factor) @ key.mT
    kept = torch.ones(scores.shape[-2:], dtype=torch.bool, device="cpu").tril() if is_causal else None
    if attn_mask is not None:
        shown = attn_mask > -math.inf
        scores = scores + attn_mask.masked_fill(~shown, 0.0)
        kept = shown if kept is None else kept & shown
    weights = (scores - log_sums.unsqueeze(-1)).exp()
    if kept is not None:
        weights = weights.masked_fill(~kept, 0.0)
    by_weights = upstream @ value.mT
    by_scores = weights * (by_weights - (upstream * out).sum(-1, keepdim=True)) * factor
    return by_scores @ key, by_scores.mT @ query, weights.mT @ upstream


def distances_backward(upstream: Tensor, x: Tensor, y: Tensor, p: float, distances: Tensor) -> Tensor:
    """_cdist_backward: the gradient by x of the distances of all its rows from those of y."""
    slopes = _slopes(x.unsqueeze(-2) - y.unsqueeze(-3), p, distances.unsqueeze(-1))
    return (upstream.unsqueeze(-1) * slopes).sum(-2)


def _pairs(x: Tensor) -> tuple[list[int], list[int]]:
    """The first and the second row of each pair."""
    pairs = list(combinations(range(x.shape[0]), 2))
    return [first for first, _ in pairs], [second for _, second in pairs]


def pairwise_distances(x: Tensor, p: float = 2) -> Tensor:
    """_pdist_forward: the distances of each pair of rows."""
    first, second = _pairs(x)
    return torch.linalg.vector_norm(x[first] - x[second], p, -1)


def pairwise_backward(upstream: Tensor, x: Tensor, p: float, distances: Tensor) -> Tensor:
    """_pdist_backward: the gradient of the distances of each pair of rows."""
    first, second = _pairs(x)
    parts = upstream.unsqueeze(-1) * _slopes(x[first] - x[second], p, distances.unsqueeze(-1))
    return torch.stack(
        [
            sum(
                (
                    sign * parts[k]
                    for rows, sign in ((first, 1), (second, -1))
                    for k, row in enumerate(rows)
                    if row == i
                ),
                torch.zeros_like(x[i]),
            )
            for i in range(x.shape[0])
        ]
    )


def _slopes(apart: Tensor, p: float, distances: Tensor) -> Tensor:
    """∂|d|ₚ/∂d = sign(d) |d|ᵖ⁻¹ / |d|ₚᵖ⁻¹, and 0 where the distance is 0; of p = 0 nothing moves."""
    if p == 0:
        return torch.zeros_like(apart)
    if p == 1:
        return apart.sign()
    if p == math.inf:
        return torch.where(apart.abs() == distances, apart.sign(), 0.0)
    still = (distances == 0) | (apart == 0) if p < 1 else distances == 0
    if p == 2:
        return torch.where(still, 0.0, apart / distances)
    return torch.where(still, 0.0, apart.sign() * apart.abs() ** (p - 1) / distances ** (p - 1))


def diagonal_scatter(x: Tensor, source: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    found = x.clone()
    found.diagonal(offset, dim1, dim2).copy_(source)
    return found
