"""Kernels of backward passes in elementary steps: the forward's steps, differentiated by torch under the watch.

What a kernel such as grid_sampler_2d_backward computes is the gradient of Σ upstream · forward. Torch differentiates
the forward's elementary steps, and the watch sees these operations too; how far the kernel is from their result, and
the radius of that, bound it, as for every kernel of many steps (:mod:`diffexplore.bounds.composites`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from diffexplore.torch_private.watching import decomposition_table, differentiable, disable_current_modes

Tensor = torch.Tensor

#: Recursions over more times of all samples are not followed step by step.
_LONGEST = 512


def gradients(
    forward: Callable[..., Any], operands: Sequence[Tensor | None], upstreams: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """The gradients of Σ upstream · result by each operand, for the results of ``forward(*operands)``.

    None for an operand that is None. A result whose upstream is None does not count.
    """
    with differentiable():
        leaves = [None if one is None else one.detach().requires_grad_() for one in operands]
        found = forward(*leaves)
        results = found if isinstance(found, (tuple, list)) else [found]
        pairs = [
            (result, upstream) for result, upstream in zip(results, upstreams, strict=False) if upstream is not None
        ]
        known = [leaf for leaf in leaves if leaf is not None]
        by_leaf = iter(
            torch.autograd.grad(
                [result for result, _ in pairs],
                known,
                [upstream for _, upstream in pairs],
                allow_unused=True,
                materialize_grads=True,
            )
        )
    return [None if leaf is None else next(by_leaf) for leaf in leaves]


def decomposed(name: str) -> Callable[..., Any]:
    """Torch's own steps of an operator. Raises NotImplementedError where it has none."""

    def steps(*args: Any) -> Any:
        formula = decomposition_table.get(getattr(torch.ops.aten, name).default)
        if formula is None:
            raise NotImplementedError(f"torch has no steps of {name}")
        return formula(*args)

    return steps


def grid_sampler(forward: Callable[..., Tensor]) -> Callable[..., tuple[Tensor | None, ...]]:
    """grid_sampler_2d_backward, and that in three dimensions."""

    def steps(
        upstream: Tensor, x: Tensor, grid: Tensor, mode: int, padding: int, align: bool, output_mask: Sequence[bool]
    ) -> tuple[Tensor | None, ...]:
        found = gradients(lambda *two: forward(*two, mode, padding, align), (x, grid), [upstream])
        return tuple(one if kept else None for one, kept in zip(found, output_mask, strict=True))

    return steps


def of_first(forward: Callable[..., Any], saved: int) -> Callable[..., Tensor | None]:
    """A kernel of an upstream gradient, the forward's arguments, and the last ``saved`` of its results."""

    def steps(upstream: Tensor, x: Tensor, *rest: Any) -> Tensor | None:
        others = rest[: len(rest) - saved]
        return gradients(lambda one: forward(one, *others), [x], [upstream])[0]

    return steps


def norm_of_differences(distances: Callable[..., Tensor], several: bool) -> Callable[..., Tensor | None]:
    """_cdist_backward (``several``: of the rows of two matrices) and _pdist_backward, in any norm."""

    def steps(upstream: Tensor, x: Tensor, *rest: Any) -> Tensor | None:
        others, p = (rest[:1], rest[1]) if several else ((), rest[0])
        if several and upstream.numel():  # the kernel leaves the sum over batches to autograd
            x = x.expand(*upstream.shape[:-2], *x.shape[-2:])
        return gradients(lambda one: distances(one, *others, p), [x], [upstream])[0]

    return steps


def segments(forward: Callable[..., Tensor]) -> Callable[..., Tensor | None]:
    """_segment_reduce_backward, of an upstream gradient, the forward's result, and its arguments."""

    def steps(upstream: Tensor, out: Tensor, data: Tensor, reduce: str, **options: Any) -> Tensor | None:
        return gradients(lambda x: forward(x, reduce, **options), [data], [upstream])[0]

    return steps


def embedding_bag(forward: Callable[..., Any]) -> Callable[..., Tensor | None]:
    """_embedding_bag_backward."""

    def steps(
        upstream: Tensor, indices: Tensor, offsets: Tensor, offset2bag: Tensor, bag_size: Tensor, largest: Tensor,
        rows: int, by_frequency: bool, mode: int, sparse: bool, weights: Tensor | None, padding_idx: int = -1,
    ) -> Tensor | None:  # fmt: skip
        if by_frequency:
            raise NotImplementedError("weights by frequency")
        like = upstream.new_zeros(rows, upstream.shape[1])
        if mode == 2:
            filled = (bag_size[: len(upstream), None] > 0) & (largest >= 0)
            shares = torch.where(filled, upstream, torch.zeros_like(upstream))
            return like.scatter_add(0, largest.clamp(min=0), shares)

        def bags(table: Tensor) -> Any:
            starts = offsets[: len(upstream)]
            return forward(table, indices, starts, False, mode, False, weights, False, padding_idx)[0]

        return gradients(bags, [like], [upstream])[0]

    return steps


def weights_of_bags(
    upstream: Tensor, table: Tensor, indices: Tensor, offsets: Tensor, offset2bag: Tensor, mode: int,
    padding_idx: int = -1,
) -> Tensor:  # fmt: skip
    """_embedding_bag_per_sample_weights_backward: the product of an upstream's row and the table's."""
    places = torch.arange(len(indices), device=indices.device)
    bags = torch.searchsorted(offsets[: len(upstream)], places, right=True) - 1
    found = (upstream[bags] * table[indices]).sum(1)
    return torch.where(indices == padding_idx, torch.zeros_like(found), found)


def ctc_loss(forward: Callable[..., Any]) -> Callable[..., Tensor]:
    """_ctc_loss_backward, which adds exp(log_probs): it takes them for the results of a log_softmax.

    Source: A. Graves et al., "Connectionist temporal classification", ICML 2006, equation 16.
    """

    def steps(
        upstream: Tensor, log_probs: Tensor, targets: Tensor, lengths: Any, sizes: Any, losses: Tensor, alpha: Tensor,
        blank: int, zero_infinity: bool = False,
    ) -> Tensor:  # fmt: skip
        if log_probs[..., 0].numel() > _LONGEST:
            raise NotImplementedError("a longer chain")

        def loss(x: Tensor) -> Any:
            return forward(x, targets, lengths, sizes, blank, zero_infinity)[0]

        (found,) = gradients(loss, [log_probs], [upstream])
        assert found is not None
        with disable_current_modes():  # rounding does not bear on it
            counts = losses.isfinite() | (not zero_infinity)
            times = torch.arange(log_probs.shape[0], device="cpu")
            inside = times[:, None] < torch.as_tensor(lengths, device="cpu").reshape(-1)
            kept = inside.to(log_probs.device)[..., None] & counts.reshape(-1)[:, None]
        share = log_probs.exp() * upstream.unsqueeze(-1)
        kept = kept.reshape(*log_probs.shape[:-1], 1)
        return found + torch.where(kept, share, torch.zeros_like(share))

    return steps
