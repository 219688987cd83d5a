"""Arguments and outputs of the same numbers, made and used in other ways than in the call that was traced."""

from __future__ import annotations

from collections.abc import Callable

import torch

from diffexplore.proving.programs import TensorProgram
from diffexplore.proving.runs import Function
from diffexplore.torch_private.watching import tree_leaves

Tensor = torch.Tensor


def of(function: Function, change: Callable[[Tensor], Tensor]) -> Function:
    """The function of arguments that are changed before."""
    return lambda **tensors: function(**{name: change(tensor) for name, tensor in tensors.items()})


def strided(tensor: Tensor) -> Tensor:
    """The same numbers, not contiguous and not from the start of their memory on: the axes in reverse order, or every
    other number.
    """
    if tensor.dim() < 2:
        return torch.stack((tensor, tensor), -1)[..., 1]
    axes = tuple(reversed(range(tensor.dim())))
    turned = tensor.permute(axes)
    return torch.cat((turned[:1], turned))[1:].permute(axes)


def by_channels(tensor: Tensor) -> Tensor:
    """The same numbers with the channels of images next to each other."""
    if tensor.dim() not in (4, 5):
        return viewed(tensor)
    order = torch.channels_last if tensor.dim() == 4 else torch.channels_last_3d
    return viewed(tensor.clone(memory_format=order))


def viewed(tensor: Tensor) -> Tensor:
    """The same numbers in a view of all of them."""
    return torch.ops.aten.alias(tensor.clone())


def rewritten(tensor: Tensor) -> Tensor:
    """The same numbers, written into once more."""
    return tensor.clone().mul_(1)


def repeated(tensor: Tensor, axis: int, *, shares_memory: bool) -> Tensor:
    """The first entry along an axis for all of them, in one memory or in copies."""
    if not tensor.dim():
        return tensor.clone()
    expanded = tensor.narrow(axis, 0, 1).expand(tensor.shape)
    return expanded if shares_memory else viewed(expanded.contiguous())


def weighted(function: Function) -> Function:
    """The function times 1, a number that requires a gradient: so do its upstream gradients."""
    return lambda **tensors: function(**tensors) * torch.ones((), device="cpu").requires_grad_()


def used_twice(program: TensorProgram) -> Function:
    """The outputs in two terms, half of each: their upstream gradients were added up."""

    def halves(**tensors: Tensor) -> Tensor:
        if not program.weights:
            returned = program.function(**tensors)
            return returned / 2 + returned / 2
        upstream = [tensors.pop(one.array.name) / 2 for one in program.weights]
        leaves = tree_leaves(program.plain(**tensors))
        first, *others = (
            one.contract(leaves, given) for _ in range(2) for given, one in zip(upstream, program.weights, strict=True)
        )
        return sum(others, first)

    return halves


def expanded(program: TensorProgram) -> Function:
    """The outputs with upstream gradients that are one number for all entries, as that of a sum is."""
    names = [weight.array.name for weight in program.weights]

    def summed(**tensors: Tensor) -> Tensor:
        numbers = [tensors.pop(name).reshape(-1)[0] for name in names]
        returned = program.plain(**tensors)
        first, *others = (n * one.of(returned).sum() for n, one in zip(numbers, program.weights, strict=True))
        return sum(others, first)

    return summed


def of_a_stack(program: TensorProgram) -> Function:
    """The outputs as parts of larger tensors: their upstream gradients are every other number of some memory."""

    def weighted(**tensors: Tensor) -> Tensor:
        upstream = [tensors.pop(one.array.name) for one in program.weights]
        leaves = tree_leaves(program.plain(**tensors))
        stacked = [torch.stack((one.detach(), one), -1)[..., 1] if isinstance(one, Tensor) else one for one in leaves]
        first, *others = (one.contract(stacked, given) for given, one in zip(upstream, program.weights, strict=True))
        return sum(others, first)

    return weighted
