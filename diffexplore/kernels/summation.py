"""How outputs are summed over the samples: by the sums of some vectors, and those of the products of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from diffexplore.kernels.reduction import Reduced, Reduction, Scaled
from diffexplore.program.program import Program, Step


def reduced(program: Program, data: Sequence[str], summed: Sequence[bool]) -> Reduction:
    """The reduction of the outputs that are ``summed``: of two, the one with fewer operations.

    The first one splits each sum into the sums of its terms; the second one keeps a sum that is computed anyway.
    """
    first = _reduction(program, data, summed, frozenset())
    second = _reduction(program, data, summed, frozenset(slot for slot, _ in first.vectors))
    return min(first, second, key=lambda one: one.operations)


def _reduction(program: Program, data: Sequence[str], summed: Sequence[bool], computed: frozenset[int]) -> Reduction:
    found = _Sums(program, data, computed)
    combined = tuple(
        found.sum_of(slot) if is_summed else None for slot, is_summed in zip(program.outputs, summed, strict=True)
    )
    return Reduction(found.program, tuple(data), tuple(found.sums), combined)


@dataclass(frozen=True)
class _Product:
    """A vector as a product: the vectors ``above`` over those ``below``, then operations with ``scalars``, in order."""

    above: tuple[int, ...]
    below: tuple[int, ...] = ()
    scalars: tuple[tuple[str, int], ...] = ()
    negative: bool = False


class _Sums:
    """Takes outputs apart, but for sums that are ``computed``; steps that the program does not have are added to it."""

    def __init__(self, program: Program, data: Sequence[str], computed: frozenset[int]) -> None:
        self._program = program
        self._computed = computed
        self._varies = list(program.depends_on(data))
        self._steps = list(program.steps)
        self._slots = {step: program.first_step + place for place, step in enumerate(program.steps)}
        self.sums: dict[Reduced, int] = {}

    @property
    def program(self) -> Program:
        return replace(self._program, steps=tuple(self._steps))

    def sum_of(self, slot: int) -> Scaled:
        if not self._varies[slot]:
            return Scaled("mul", (Scaled("scalar", (slot,)), Scaled("count", ())))
        step = self._step(slot)
        if step is not None and step.operation in ("neg", "mul", "div", "where"):
            product = self._product(slot)
            return self._sum(slot) if product.above == (slot,) else self._sum_of_product(product)
        if step is not None and step.operation in ("add", "sub") and self._worth_splitting(slot, *step.arguments):
            return Scaled(step.operation, tuple(map(self.sum_of, step.arguments)))
        return self._sum(slot)

    def _sum_of_product(self, product: _Product) -> Scaled:
        above, scalars = list(product.above), list(product.scalars)
        if len(above) == 1 and not product.below:
            found = self.sum_of(above[0])
        else:
            if not above:  # a number over vectors
                above.append(scalars.pop(next(i for i, (operation, _) in enumerate(scalars) if operation == "mul"))[1])
            if product.below:
                above[0] = self._made("div", above[0], self._multiplied(product.below))
            found = self._sum(*sorted([self._multiplied(above[:-1]), above[-1]] if above[1:] else above))
        for operation, scalar in scalars:
            found = Scaled(operation, (found, Scaled("scalar", (scalar,))))
        return Scaled("neg", (found,)) if product.negative else found

    def _product(self, slot: int) -> _Product:
        """The factors of a vector. Data come last: what is multiplied by them is shared by most partials."""
        step = self._step(slot) if self._varies[slot] else None
        if not self._varies[slot]:
            return _Product((), (), (("mul", slot),))
        if step is not None and step.operation == "where":
            return self._chosen(slot, *step.arguments)
        if step is None or step.operation not in ("neg", "mul", "div"):
            return _Product((slot,))
        first = self._product(step.arguments[0])
        if step.operation == "neg":
            return replace(first, negative=not first.negative)
        second = self._product(step.arguments[1])
        negative = first.negative != second.negative
        above, below, scalars = second.above, second.below, second.scalars
        if step.operation == "div":
            above, below = below, above
            scalars = tuple(("div" if operation == "mul" else "mul", one) for operation, one in scalars)
        above = tuple(sorted((*first.above, *above), reverse=True))
        return _Product(above, tuple(sorted((*first.below, *below))), (*first.scalars, *scalars), negative)

    def _chosen(self, slot: int, condition: int, first: int, second: int) -> _Product:
        """One of two products of two vectors: the vector that they have in common, times the one that is chosen."""
        branches = [self._product(one) if self._varies[one] else _Product(()) for one in (first, second)]
        if all(one == _Product(one.above) and len(one.above) == 2 for one in branches):
            above, other = (list(one.above) for one in branches)
            common = next((one for one in above if one in other), None)
            if common is not None:
                above.remove(common)
                other.remove(common)
                chosen = self._made("where", condition, above[0], other[0])
                return _Product(tuple(sorted((common, chosen), reverse=True)))
        return _Product((slot,))

    def _multiplied(self, slots: Sequence[int]) -> int:
        found = slots[0]
        for slot in slots[1:]:
            found = self._made("mul", *sorted((found, slot)))
        return found

    def _made(self, operation: str, *arguments: int) -> int:
        """The slot of a vector step."""
        step = Step(operation, arguments)
        if step not in self._slots:
            self._slots[step] = self._program.first_step + len(self._steps)
            self._steps.append(step)
            self._varies.append(True)
        return self._slots[step]

    def _worth_splitting(self, slot: int, first: int, second: int) -> bool:
        """Whether two sums take no more passes than that of both.

        One operand is a scalar, or both are products or sums, or one is a product of vectors, whose sum needs no pass.
        """
        if slot in self._computed:
            return False
        if not (self._varies[first] and self._varies[second]):
            return True
        steps = self._step(first), self._step(second)
        if all(step is not None and step.operation in ("mul", "div", "neg", "add", "sub") for step in steps):
            return True
        return any(len(one.above) > 1 and not one.below for one in map(self._product, (first, second)))

    def _sum(self, *slots: int) -> Scaled:
        return Scaled("sum", (self.sums.setdefault(slots, len(self.sums)),))

    def _step(self, slot: int) -> Step | None:
        place = slot - self._program.first_step
        return self._steps[place] if place >= 0 else None
