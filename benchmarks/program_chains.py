"""Random programs on tensors: chains of random steps on inputs of many shapes, dtypes and layouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch

from benchmarks.program_steps import OF_ONE, OF_TWO, Computes, of_complex

Tensor = torch.Tensor

_DTYPES = ((torch.float64, 10), (torch.float32, 6), (torch.bfloat16, 3), (torch.complex128, 2))

#: Numbers beyond say nothing new, and overflow in bfloat16 a step later.
_LARGEST = 1e4

_MOST_ENTRIES = 256


@dataclass(frozen=True)
class RandomProgram:
    """A chain of steps, each of which takes earlier results by their places; ``returned`` are places as well."""

    steps: tuple[tuple[Computes, tuple[int, ...]], ...]
    returned: tuple[int, ...]

    def __call__(self, *inputs: Tensor, cut: int | None = None) -> tuple[Tensor, ...]:
        """The results. With ``cut`` the first operand of that step is detached."""
        found = list(inputs)
        for number, (computes, places) in enumerate(self.steps):
            operands = [found[place] for place in places]
            if number == cut:
                operands[0] = operands[0].detach()
            found.append(computes(*operands))
        return tuple(found[place].clone() for place in self.returned)


def drawn_inputs(draw: Random) -> list[Tensor]:
    """Leaves of one dtype; the first of them requires a gradient."""
    (dtype,) = draw.choices([dtype for dtype, _ in _DTYPES], [weight for _, weight in _DTYPES])
    generator = torch.Generator().manual_seed(draw.randrange(2**31))
    shape = [
        draw.choices([0, 1, 2, 3, 4, 5], [1, 5, 8, 8, 4, 2])[0] for _ in range(draw.choice([0, 1, 2, 2, 2, 3, 3, 4]))
    ]
    found = []
    for place in range(draw.choice([1, 2, 2, 3])):
        own = list(shape)
        if place and own and draw.random() < 0.5:  # broadcasts, or has fewer axes
            own[draw.randrange(len(own))] = 1
            own = own[draw.choice([0, 0, 1]) :]
        tensor = torch.randn(own, generator=generator, dtype=torch.float64)
        if dtype.is_complex:
            tensor = torch.complex(tensor, torch.randn(own, generator=generator, dtype=torch.float64))
        tensor = _laid_out(draw, tensor.to(dtype))
        found.append(tensor.requires_grad_(place == 0 or draw.random() < 0.8))
    return found


def _laid_out(draw: Random, tensor: Tensor) -> Tensor:
    """The same shape in memory that is contiguous, transposed, strided or expanded."""
    kind = draw.choice(["plain", "plain", "transposed", "strided", "expanded"])
    if not tensor.dim():
        return tensor
    if kind == "transposed":
        return tensor.transpose(0, -1).contiguous().transpose(0, -1)
    if kind == "strided":
        return torch.stack([tensor, tensor], -1)[..., 0]
    return tensor[:1].expand(tensor.shape) if kind == "expanded" and len(tensor) else tensor


def drawn_program(draw: Random, inputs: Sequence[Tensor]) -> RandomProgram:
    """Steps that run at these inputs, and give numbers of ordinary sizes."""
    values = [one.detach() for one in inputs]
    depends = [one.requires_grad for one in inputs]
    steps: list[tuple[Computes, tuple[int, ...]]] = []
    length = draw.randint(1, 7)
    for _ in range(12 * length):
        if len(steps) == length:
            break
        step = _drawn_step(draw, values)
        if step is not None:
            steps.append(step[:2])
            values.append(step[2])
            depends.append(any(depends[place] for place in step[1]))
    able = [
        place for place, one in enumerate(values) if depends[place] and (one.is_floating_point() or one.is_complex())
    ]
    made = [place for place in able if place >= len(inputs)]
    several = draw.sample(made, min(len(made), draw.choice([0, 0, 1, 2])))
    return RandomProgram(tuple(steps), tuple(dict.fromkeys([able[-1], *several])))


def _drawn_step(draw: Random, values: Sequence[Tensor]) -> tuple[Computes, tuple[int, ...], Tensor] | None:
    """What is computed, of which earlier results, and what it gives; None where that is of no use."""
    last = len(values) - 1 if draw.random() < 0.7 else draw.randrange(len(values))
    places: tuple[int, ...] = (last,) if draw.random() < 0.7 else (last, draw.randrange(len(values)))
    operands = [values[place] for place in places]
    if any(one.is_complex() for one in operands):
        places, operands, table = places[:1], operands[:1], ((of_complex, 1),)
        if not operands[0].is_complex():
            return None
    else:
        table = tuple(OF_ONE if len(places) == 1 else OF_TWO)
    (draws,) = draw.choices([one for one, _ in table], [weight for _, weight in table])
    try:
        computes = draws(draw, *operands)
        value = None if computes is None else computes(*operands)
    except (RuntimeError, ValueError, IndexError, TypeError, NotImplementedError, AssertionError):
        return None
    if not isinstance(value, Tensor) or value.numel() > _MOST_ENTRIES:
        return None
    if not bool(value.isfinite().all()) or (value.numel() and float(value.abs().max()) > _LARGEST):
        return None
    return computes, places, value
