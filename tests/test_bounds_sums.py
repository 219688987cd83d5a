"""How deep torch's sums are: the order of its additions is revealed, and no summand goes through more than is claimed."""

from __future__ import annotations

import pytest
import torch

from diffexplore.bounds.claims import summation_depth

#: Beside it, a partial sum of ones is lost.
HUGE = 2.0**100


def additions(n: int, summand: int, dtype: torch.dtype) -> int:
    """Through how many additions a summand goes in torch's sum of n values.

    Of two huge values of opposite signs among ones, those ones are lost that are added before the two cancel: all below
    the node of the tree of additions where the two meet. The sizes of these nodes are all different along the way from
    a leaf to the root (P. Xie et al., "FPRev: revealing the order of floating-point summation", 2024).
    """
    below = set()
    for other in range(n):
        if other != summand:
            values = torch.ones(n, dtype=dtype)
            values[summand], values[other] = HUGE, -HUGE
            below.add(n - int(values.sum()))
    return len(below)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("n", [*range(2, 36), 63, 95, 127, 300])
def test_no_summand_goes_through_more_additions_than_are_claimed(n: int, dtype: torch.dtype) -> None:
    summands = range(n) if n < 16 else sorted({0, n // 2, *range(n - 9, n)})
    found = max(additions(n, summand, dtype) for summand in summands)
    assert (n - 1).bit_length() <= found <= summation_depth(n)


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_a_vector_and_the_tail_behind_it_are_added_one_by_one(lanes: int) -> None:
    """torch adds up what is left beyond whole vectors first, then the lanes of their sum, in a single number."""
    for vectors in (1, 4, 40):
        n = lanes * vectors + lanes - 1
        assert summation_depth(n) >= min(n - 1, 2 * lanes - 2)
