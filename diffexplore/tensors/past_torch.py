"""Whether numbers come in past torch in the calls of a function of tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch

from diffexplore.tensors.candidate import TensorCandidate, is_differentiable
from diffexplore.torch_code.foreign_numbers import line_of_foreign_numbers

Tensor = torch.Tensor


def line_past_torch(candidate: TensorCandidate, upstreams: Mapping[str, Sequence[Tensor]] | None = None) -> str | None:
    """The line where numbers that change with the inputs come in past torch; None where none do.

    Looks at the forwards of somebody's Functions and operators; with ``upstreams`` at all of forward and backward.
    """

    def call(copies: dict[str, Tensor]) -> Iterator[Tensor]:
        again = candidate.replaced(copies)
        for one in again.returned():
            yield one.tensor
            if upstreams is not None and is_differentiable(one.tensor):
                for upstream in upstreams[one.name]:
                    yield from (part for part in again.gradients(one, upstream.clone()) if part is not None)

    inputs = {one.name: one.tensor for one in candidate.inputs}
    by = [one.name for one in candidate.sources]
    return line_of_foreign_numbers(call, inputs, by, everywhere=upstreams is not None)
