"""Programs as functions of one input: what does not depend on it is computed once, for all steps and methods."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from contextlib import nullcontext
from typing import Any

import torch

from diffexplore.arithmetic.torch_real import TORCH
from diffexplore.bounds.watch import Watch, is_observed
from diffexplore.methods.base import Values
from diffexplore.methods.problem import BatchValues, shared
from diffexplore.program.program import Arithmetic, Program

#: Numbers that are kept, with their radii: 64 MiB.
_MOST_KEPT = 2**22


class Unmoved:
    """What programs compute of inputs that stay: equal steps on equal numbers are taken once.

    ``watch`` has seen how the numbers are rounded, where the arithmetic is torch's.
    """

    def __init__(self, arithmetic: Arithmetic, inputs: Mapping[str, Any], n: int, watch: Watch | None = None) -> None:
        self._arithmetic = arithmetic
        self._inputs = inputs
        self._most = _MOST_KEPT // max(n, 1)
        self._watch = watch
        self._numbers: dict[Hashable, int] = {}
        self._known: dict[int, Any] = {}
        self._slots: dict[tuple[int, str], tuple[Program, list[Any]]] = {}

    def run(self, program: Program, name: str, value: Any) -> Any:
        """The first output where one input has another value; under the watch that :meth:`following` gave, if any."""
        return program.run_moved(self._arithmetic, self._at(program, name), name, value)

    def following(self, watch: Watch, program: Program, name: str) -> Watch:
        """A watch that knows how the numbers are rounded on which the program goes on."""
        if self._watch is not None:
            tensors = [value for value in self._at(program, name) if isinstance(value, torch.Tensor)]
            watch.follow(self._watch, tensors)
        return watch

    def has_room_for(self, program: Program) -> bool:
        return len(self._known) + len(program.steps) <= self._most

    def _at(self, program: Program, name: str) -> list[Any]:
        """What is in the slots that do not depend on an input."""
        key = id(program), name
        if key not in self._slots:
            self._slots[key] = program, self._computed(program, name)
        return self._slots[key][1]

    def _computed(self, program: Program, name: str) -> list[Any]:
        keys: list[Hashable] = [*program.inputs, *(constant.exact for constant in program.constants)]
        numbers = [self._number(key) for key in keys]
        slots: list[Any] = [self._inputs[one] for one in program.inputs]
        depends = program.depends_on([name])
        with self._watch or nullcontext():
            slots += [self._arithmetic.constant(constant) for constant in program.constants]
            for slot, step in enumerate(program.steps, program.first_step):
                number = self._number((step.operation, *(numbers[place] for place in step.arguments)))
                numbers.append(number)
                if depends[slot]:
                    slots.append(None)
                    continue
                if number not in self._known:
                    operands = [slots[place] for place in step.arguments]
                    self._known[number] = self._arithmetic.operations[step.operation](*operands)
                slots.append(self._known[number])
        return slots

    def _number(self, key: Hashable) -> int:
        return self._numbers.setdefault(key, len(self._numbers))


def unmoved(values: Values, program: Program, n: int, *, smooth: bool = False) -> Unmoved | None:
    """What is kept of ``values`` for programs on them; under a watch that looks for kinks they run in float64.

    None where somebody looks on at each operation, and as :func:`kept` says.
    """

    def start() -> Unmoved:
        at = {name: value.detach().to(torch.float64) if smooth else value for name, value in values.items()}
        return Unmoved(TORCH, at, n, Watch(smooth=smooth))

    return None if is_observed() else kept(values, ("torch", smooth), program, start)


def kept(values: Values, key: Hashable, program: Program, start: Any) -> Unmoved | None:
    """What ``start`` begins, kept with the values; None of several places, of values that keep nothing, and where more
    would be kept than it is worth.
    """
    if not isinstance(values, BatchValues) or any(value.dim() > 1 for value in values.values()):
        return None
    found: Unmoved = shared(values, ("unmoved", key), start)
    return found if found.has_room_for(program) else None
