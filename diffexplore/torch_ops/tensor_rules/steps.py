"""Kernels in steps: what they compute, in operators on tensors that have rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from diffexplore.bounds import formulas

Tensor = torch.Tensor


def std_mean(x: Tensor, *args: Any, **options: Any) -> tuple[Tensor, Tensor]:
    variance, mean = formulas.moments(x, *args, **options)
    return variance.sqrt(), mean


def product_over(x: Tensor, dims: Sequence[int] | None, *, output_dtype: torch.dtype | None = None) -> Tensor:
    """prims.prod."""
    x = x if output_dtype is None else x.to(output_dtype)
    axes = sorted(dims if dims is not None else range(x.dim()), reverse=True)
    for axis in axes:
        x = product(x, axis)
    return x


def product(x: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Tensor:
    """prod, also the empty one."""
    if (x.numel() if dim is None else x.shape[dim] if x.dim() else 1) == 0:
        rest = list(x.shape) if dim is not None else []
        if dim is not None:
            rest[dim : dim + 1 or None] = [1] if keepdim else []
        return x.new_ones(rest)
    return formulas.prod(x, dim, keepdim, dtype=dtype)


def added_products(x: Tensor, first: Tensor, second: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """addbmm."""
    return beta * x + alpha * torch.bmm(first, second).sum(0)


def fmax(x: Tensor, y: Tensor) -> Tensor:
    return torch.where(x.isnan(), y, torch.where(y.isnan(), x, torch.maximum(x, y)))


def fmin(x: Tensor, y: Tensor) -> Tensor:
    return torch.where(x.isnan(), y, torch.where(y.isnan(), x, torch.minimum(x, y)))


def clamp(x: Tensor, min: Tensor | float | None = None, max: Tensor | float | None = None) -> Tensor:
    for limit, chosen in ((min, torch.maximum), (max, torch.minimum)):
        if limit is not None:
            x = chosen(x, limit if isinstance(limit, Tensor) else torch.full((), limit, dtype=x.dtype, device=x.device))
    return x


def nan_to_num(x: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    limits = torch.finfo(x.dtype)
    x = torch.where(x.isnan(), 0.0 if nan is None else nan, x)
    x = torch.where(x == torch.inf, limits.max if posinf is None else posinf, x)
    return torch.where(x == -torch.inf, limits.min if neginf is None else neginf, x)


def masked_select(x: Tensor, mask: Tensor) -> Tensor:
    x, mask = torch.broadcast_tensors(x, mask)
    return x[mask]


def trilinear(
    first: Tensor, second: Tensor, third: Tensor, expand1: list[int], expand2: list[int], expand3: list[int],
    sumdim: list[int], unroll_dim: int = 1,
) -> Tensor:  # fmt: skip
    product = first.new_ones(())
    for operand, expand in ((first, expand1), (second, expand2), (third, expand3)):
        for axis in expand:
            operand = operand.unsqueeze(axis)
        product = product * operand
    return product.sum(sumdim)


def pairwise_distances(x: Tensor, p: float = 2) -> Tensor:
    """_pdist_forward."""
    first, second = torch.triu_indices(x.shape[0], x.shape[0], 1, device=x.device).unbind(0)
    return torch.linalg.vector_norm(x[first] - x[second], p, -1)


def embedding_bag(
    weight: Tensor, indices: Tensor, offsets: Tensor, scale_grad_by_freq: bool = False, mode: int = 0,
    sparse: bool = False, per_sample_weights: Tensor | None = None, include_last_offset: bool = False,
    padding_idx: int = -1,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """_embedding_bag: sums, means or largest elements of rows."""
    starts = offsets.tolist()
    ends = starts[1:] if include_last_offset else [*starts[1:], len(indices)]
    kept = indices != padding_idx
    bags = []
    for start, end in zip(starts, ends, strict=False):
        inside = indices[start:end][kept[start:end]]
        bag = weight[inside.unique() if mode == 2 else inside]  # one row twice is no tie
        if per_sample_weights is not None:
            bag = bag * per_sample_weights[start:end][kept[start:end]].unsqueeze(-1)
        if len(bag) == 0:
            bags.append(weight.new_zeros(weight.shape[1]))
        else:
            bags.append(bag.sum(0) if mode == 0 else bag.mean(0) if mode == 1 else bag.amax(0))
    empty = indices.new_zeros(0)
    return torch.stack(bags) if bags else weight.new_zeros(0, weight.shape[1]), empty, empty, empty


def scatter_reduce(
    x: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Each element of x with those of the source that are put at its place, reduced."""
    shape = x.shape
    x, index, source = (one if one.dim() else one.reshape(1) for one in (x, index, source))
    places = torch.gather(torch.arange(x.numel(), device=x.device).reshape(x.shape), dim, index)
    source = source[tuple(slice(0, size) for size in index.shape)]
    return _reduced_at(x, places.reshape(-1), source.reshape(-1), reduce, include_self).reshape(shape)


def index_reduce(
    x: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    shape = x.shape
    x, source = (one if one.dim() else one.reshape(1) for one in (x, source))
    places = torch.index_select(torch.arange(x.numel(), device=x.device).reshape(x.shape), dim, index.reshape(-1))
    return _reduced_at(x, places.reshape(-1), source.reshape(-1), reduce, include_self).reshape(shape)


def _reduced_at(x: Tensor, places: Tensor, source: Tensor, reduce: str, include_self: bool) -> Tensor:
    """A table with a row for each element of x: itself, if it counts, and what is put there."""
    order = torch.argsort(places, stable=True)
    counts = torch.bincount(places, minlength=x.numel())
    width = int(counts.max()) if places.numel() else 0
    rank = torch.arange(places.numel(), device=x.device) - (counts.cumsum(0) - counts)[places[order]]
    table = torch.full((x.numel(), width + 1), -1, dtype=torch.int64, device=x.device)
    table[places[order], 1 + rank] = x.numel() + order
    own = torch.arange(x.numel(), device=x.device)
    table[:, 0] = own if include_self else torch.where(counts == 0, own, -1)
    return reduced_rows(torch.cat([x.reshape(-1), source]), table, reduce)


_NEUTRAL = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "amax": -torch.inf, "max": -torch.inf,
            "amin": torch.inf, "min": torch.inf}  # fmt: skip


def reduced_rows(flat: Tensor, table: Tensor, reduce: str) -> Tensor:
    """Of each row of a table of indices (−1: nothing), what the elements there reduce to."""
    padded = torch.cat([flat, flat.new_full((1,), _NEUTRAL[reduce])])
    rows = padded[torch.where(table < 0, flat.numel(), table)]
    if reduce == "prod":
        return rows.prod(1)
    if reduce in ("amax", "max"):
        return rows.amax(1)
    if reduce in ("amin", "min"):
        return rows.amin(1)
    total = rows.sum(1)
    return total / (table >= 0).sum(1).clamp(min=1) if reduce == "mean" else total


def segment_reduce(
    data: Tensor, reduce: str, *, lengths: Tensor | None = None, indices: Tensor | None = None,
    offsets: Tensor | None = None, axis: int = 0, unsafe: bool = False, initial: Any = None,
) -> Tensor:  # fmt: skip
    """segment_reduce: along the last axis of the lengths or offsets."""
    given = lengths if lengths is not None else offsets
    if given is None or axis != given.dim() - 1:
        raise NotImplementedError("segments along another axis")
    if axis:
        kind = "lengths" if lengths is not None else "offsets"
        lines = zip(data, given, strict=True)
        return torch.stack(
            [segment_reduce(x, reduce, **{kind: one}, axis=axis - 1, initial=initial) for x, one in lines]
        )
    sizes = lengths.tolist() if lengths is not None else torch.diff(given).tolist()
    first = given[0].item() if offsets is not None else 0
    parts = []
    for size in sizes:
        part = data[first : first + size]
        first += size
        if initial is not None and (reduce != "mean" or not len(part)):
            part = torch.cat([part, torch.full_like(data[:1], initial)])
        if len(part):
            table = torch.arange(part.numel(), device=data.device).reshape(len(part), -1).T
            found = reduced_rows(part.reshape(-1), table, reduce).reshape(data.shape[1:])
            counts = initial is not None and reduce == "mean" and size  # it is added, and not counted
            parts.append(found + initial / size if counts else found)
        else:
            parts.append(data.new_full(data.shape[1:], torch.nan if reduce == "mean" else _NEUTRAL[reduce]))
    return torch.stack(parts)


def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0,
    zero_infinity: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """_ctc_loss: the forward recursion over the labels with blanks between them, on probabilities.

    Source: A. Graves et al., "Connectionist temporal classification", ICML 2006, section 4.1.
    """
    batched = log_probs if log_probs.dim() == 3 else log_probs.unsqueeze(1)
    lengths, sizes = (
        one.reshape(-1).tolist() if isinstance(one, Tensor) else list(one) for one in (input_lengths, target_lengths)
    )
    starts = [sum(sizes[:n]) for n in range(len(sizes))]
    rows = targets.reshape(len(sizes), -1) if targets.dim() == 2 or log_probs.dim() == 2 else None
    losses = []
    for n, (length, size) in enumerate(zip(lengths, sizes, strict=True)):
        labels = rows[n, :size] if rows is not None else targets[starts[n] : starts[n] + size]
        extended = torch.full((2 * size + 1,), blank, dtype=torch.int64, device=log_probs.device)
        extended[1::2] = labels
        chances = batched[:length, n].exp()[:, extended]
        losses.append(-_chance_of_labels(chances, extended, blank).log())
        if zero_infinity and bool(losses[-1].isinf()):
            losses[-1] = losses[-1].new_zeros(())
    loss = torch.stack(losses)
    return (loss if log_probs.dim() == 3 else loss[0]), log_probs.new_zeros(0)


def _chance_of_labels(chances: Tensor, extended: Tensor, blank: int) -> Tensor:
    skips = torch.zeros(len(extended), dtype=torch.bool, device=extended.device)
    skips[2:] = (extended[2:] != blank) & (extended[2:] != extended[:-2])
    reached = torch.nn.functional.pad(chances[0, :2], (0, max(len(extended) - 2, 0)))[: len(extended)]
    for row in chances[1:]:
        before, two_before = (torch.nn.functional.pad(reached, (k, 0))[: len(extended)] for k in (1, 2))
        reached = row * (reached + before + two_before.masked_fill(~skips, 0.0))
    return reached[-2:].sum()


def attention(
    query: Tensor, key: Tensor, value: Tensor, dropout_p: float = 0.0, is_causal: bool = False, *,
    attn_mask: Tensor | None = None, scale: float | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """_scaled_dot_product_flash_attention_for_cpu: with the scale 1/√width, which no double is."""
    if dropout_p:
        raise NotImplementedError("dropout within attention")
    factor = query.new_full((), query.shape[-1]).rsqrt() if scale is None else scale
    scores = (query * factor) @ key.mT
    if is_causal:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(later, -torch.inf)
    if attn_mask is not None:
        scores = scores + attn_mask
    return scores.softmax(-1) @ value, scores.logsumexp(-1)
