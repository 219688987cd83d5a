"""Sparse tensors that are differentiated by: dense ones stand for them, and the function is given sparse ones.

Without a mask every element of a sparse tensor is a variable, those that are not specified are 0: a dense tensor of its
shape stands for it, and the truth is that of the tensor with all elements specified. With a mask the specified elements
are the variables, and the values of the sparse tensor stand for it; gradients elsewhere are ignored. Both as
``torch.autograd.gradcheck`` has it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import torch

from diffexplore.tensors.functions import TensorFunction
from diffexplore.torch_ops.tensor_rules.sparse import LAYOUTS, places_of
from diffexplore.torch_private.tensors import tree_map

Tensor = torch.Tensor

_BY_ROWS = (torch.sparse_csr, torch.sparse_bsr)
_OF_BLOCKS = (torch.sparse_bsr, torch.sparse_bsc)


@dataclass(frozen=True, eq=False)
class SparseInput:
    """A sparse tensor that is differentiated by, ``given`` without a graph; ``masked`` says by which elements."""

    given: Tensor
    masked: bool

    @classmethod
    def of(cls, tensor: Tensor, masked: bool) -> SparseInput:
        """A copy; what has one index is added up."""
        plain = tensor.detach()
        return cls(plain.coalesce() if plain.layout is torch.sparse_coo else plain.clone(), masked)

    @property
    def unspecified(self) -> Tensor:
        """Where elements are variables that are not specified: truth values in the shape of what stands for it."""
        stands = self.stand_in
        found = torch.full((stands.numel(),), not self.masked, dtype=torch.bool, device="cpu")
        found[slice(0) if self.masked else places_of(self.given)] = False
        return found.reshape(stands.shape)

    @property
    def stand_in(self) -> Tensor:
        """The dense tensor that stands for it, a leaf."""
        return (self.given.values().clone() if self.masked else self.given.to_dense()).requires_grad_()

    @property
    def whole(self) -> SparseInput:
        """The same with every element specified that is a variable."""
        if self.masked:
            return self
        values = self.given.values()
        batch = self.given.dim() - self.given.sparse_dim() - self.given.dense_dim()
        blocks = tuple(values.shape[batch + 1 : batch + 3]) if self.given.layout in _OF_BLOCKS else None
        ones = torch.ones(self.given.shape, device=values.device, dtype=values.dtype)
        filled = ones.to_sparse(layout=self.given.layout, blocksize=blocks, dense_dim=self.given.dense_dim())
        return replace(self, given=filled.coalesce() if filled.layout is torch.sparse_coo else filled)


class _AsSparse(torch.autograd.Function):
    """The sparse tensor for which a dense one stands."""

    @staticmethod
    def forward(ctx: Any, dense: Tensor, pattern: SparseInput) -> Tensor:
        like = pattern.given
        ctx.set_materialize_grads(False)
        ctx.places, ctx.masked, ctx.shape = places_of(like), pattern.masked, dense.shape
        values = dense.clone() if pattern.masked else dense.reshape(-1)[ctx.places].reshape(like.values().shape)
        if like.layout is torch.sparse_coo:
            return torch.sparse_coo_tensor(like.indices(), values, like.shape, is_coalesced=True)
        by_rows = like.layout in _BY_ROWS
        ends = like.crow_indices() if by_rows else like.ccol_indices()
        others = like.col_indices() if by_rows else like.row_indices()
        return torch.sparse_compressed_tensor(ends, others, values, like.shape, layout=like.layout)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None) -> tuple[Tensor | None, None]:
        if gradient is None:
            return None, None
        dense = gradient.to_dense() if gradient.layout in LAYOUTS else gradient
        return (dense.reshape(-1)[ctx.places].reshape(ctx.shape) if ctx.masked else dense), None


def given_sparse(function: TensorFunction, patterns: Mapping[int, SparseInput]) -> TensorFunction:
    """A function of the stand-ins; ``patterns`` are those of sparse tensors, by their places among the arguments."""
    if not patterns:
        return function

    def call(state: Mapping[str, Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        place = count()
        sparse = tree_map(lambda leaf: _made(leaf, patterns.get(next(place))), args)
        return function.call(state, sparse, kwargs)

    return replace(function, call=call)


def _made(leaf: Any, pattern: SparseInput | None) -> Any:
    return leaf if pattern is None else _AsSparse.apply(leaf, pattern)  # type: ignore[no-untyped-call]  # torch leaves it untyped


def meaning_of(patterns: Collection[SparseInput]) -> list[str]:
    """By which elements of sparse inputs a check differentiates."""
    if not patterns:
        return []
    if any(one.masked for one in patterns):
        return ["the variables of sparse inputs are their specified elements; gradients elsewhere are ignored (masked)"]
    return ["every element of a sparse input is a variable: those that are not specified are 0 (masked=False)"]


def is_sparse_source(leaf: Any) -> bool:
    """Whether it is a sparse tensor that is differentiated by."""
    return isinstance(leaf, Tensor) and leaf.layout in LAYOUTS and leaf.requires_grad
