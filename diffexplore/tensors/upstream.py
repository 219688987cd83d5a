"""Upstream gradients: unequal random numbers, so that no error of a backward pass is hidden by equal ones."""

from __future__ import annotations

from collections.abc import Iterator

import torch

Tensor = torch.Tensor

#: An output of fewer numbers gets a second upstream gradient, of the opposite signs and other sizes.
_FEW = 8


def upstreams_for(output: Tensor, seed: int, *, jacobian: bool = False) -> Iterator[tuple[str | None, Tensor]]:
    """Upstream gradients for an output, in its shape and dtype, each with the words that tell it from the others.

    Random numbers of sizes from 0.5 to 1.5, with random signs. With ``jacobian`` a 1 for each entry, one after another.
    """
    if jacobian:
        for place in range(output.numel()):
            one = torch.zeros_like(output, memory_format=torch.contiguous_format, requires_grad=False)
            one.view(-1)[place] = 1
            index = torch.unravel_index(torch.tensor(place, device="cpu"), output.shape)
            yield f"of output entry [{', '.join(str(int(i)) for i in index)}]", one
        return
    generator = torch.Generator().manual_seed(seed)
    first = _random(output, generator)
    few = output.numel() < _FEW
    yield ("with the first upstream gradient" if few else None), first
    if few:
        sizes = _random(output, generator).abs()
        yield "with the second upstream gradient", -first.sgn() * sizes


def _random(like: Tensor, generator: torch.Generator) -> Tensor:
    def numbers() -> Tensor:
        sizes = 0.5 + torch.rand(like.shape, generator=generator, dtype=torch.float64, device="cpu")
        return torch.where(
            torch.rand(like.shape, generator=generator, dtype=torch.float32, device="cpu") < 0.5, -sizes, sizes
        )

    found = torch.complex(numbers(), numbers()) if like.is_complex() else numbers()
    return found.to(like.device, like.dtype)
