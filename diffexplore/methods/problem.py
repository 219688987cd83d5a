"""What is differentiated: a loss with its programs, in one dtype on one device."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, TypeVar

import sympy
import torch
from torch import Tensor

from diffexplore.arithmetic.torch_real import TORCH, filled
from diffexplore.formula.budget import Budget, Ending, run_within, spend
from diffexplore.formula.collector import elementary
from diffexplore.formula.derive import differentiate
from diffexplore.formula.evaluable import evaluable, with_values
from diffexplore.formula.remembered import remembered
from diffexplore.formula.size import TooLarge, nodes
from diffexplore.loss import Loss
from diffexplore.methods.torch_loss import ProgramInTorch, TorchLoss
from diffexplore.program.program import Program, lower

T = TypeVar("T")

#: The input of :attr:`Problem.share_program` that is the number of samples; no symbol of a formula has such a name.
SIZE = "#samples"

#: A higher derivative with more steps than this is not worth enclosing.
_MOST_STEPS = 5_000

#: What a higher derivative for a truncation error may take. Its size bounds the work; seconds are a net.
_BUDGET = Budget(operations=1_000_000, seconds=60.0)


@dataclass(frozen=True, eq=False)
class Problem:
    """``wrt`` names the partials; ``step`` overrides the steps of the finite differences (in units of the symbol)."""

    loss: Loss
    wrt: tuple[str, ...]
    dtype: torch.dtype
    device: torch.device
    step: float | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The differentiated names that are parameters: they have a reduced partial."""
        return tuple(name for name in self.wrt if name in self.loss.parameters)

    @cached_property
    def alone(self) -> Mapping[str, Problem]:
        """For each name the problem of its partial alone."""
        return {name: replace(self, wrt=(name,)) for name in self.wrt}

    @property
    def inputs(self) -> tuple[str, ...]:
        return (*self.loss.parameters, *self.loss.data)

    @property
    def loss_program(self) -> Program:
        """The summand as it was written, or read from a function: what is evaluated, and what has to have a value."""
        return self.loss.written

    @cached_property
    def plain_loss_program(self) -> Program:
        """The same in elementary operations, for complex numbers and for balls."""
        return elementary(self.loss_program)

    @cached_property
    def gradient_program(self) -> Program:
        """The simplified partials of the summand."""
        gradient = self.loss.gradient(self.wrt)
        return lower([gradient[name] for name in self.wrt], self.inputs)

    @cached_property
    def closed_form_program(self) -> Program:
        """The simplified partials as they are evaluated: also where a derivative of 0ⁿ exists."""
        gradient, domain = self.loss.gradient(self.wrt), self.loss.domain
        return lower([evaluable(gradient[name], domain) for name in self.wrt], self.inputs)

    def closed_form_of(self, name: str) -> Program:
        """The simplified partial in one symbol, as it is evaluated."""
        return lower([evaluable(self.loss.gradient(self.wrt)[name], self.loss.domain)], self.inputs)

    @cached_property
    def share_program(self) -> Program:
        """The partials of the summand by parameters, and those of the reduced loss by data: of a mean, 1/N of them.

        The number of samples is its last input, :data:`SIZE`.
        """
        gradient, mean = self.loss.gradient(self.wrt), self.loss.reduction == "mean"
        size = sympy.Symbol(SIZE, positive=True)
        shares = (gradient[name] / size if mean and name in self.loss.data else gradient[name] for name in self.wrt)
        return lower(list(shares), (*self.inputs, SIZE))

    @cached_property
    def raw_gradient_program(self) -> Program:
        """The partials as SymPy derives them, in their own operations as far as these have values."""
        raw, domain = self.loss.gradient(self.wrt).raw, self.loss.domain
        return lower([with_values(raw[name], domain) for name in self.wrt], self.inputs)

    @cached_property
    def domain_program(self) -> Program:
        """A condition for each output: where the loss is defined."""
        return lower(list(self.loss.domain), self.inputs)

    def raw_partial(self, name: str) -> sympy.Expr:
        """The summand's partial as the rules of differentiation give it."""
        if name not in self._raw_partials:
            self._raw_partials[name] = _raw_partial(self.loss, name)
        return self._raw_partials[name]

    @cached_property
    def _raw_partials(self) -> dict[str, sympy.Expr]:
        """Those of other losses are found by comparing formulas, which takes longer."""
        return {}

    def derivative_program(self, name: str, order: int) -> Program | Ending:
        """The summand's derivative of some order in one symbol; why there is none where it grows too large."""
        return _derivative_program(self.loss, name, order)

    def values(self, point: Mapping[str, float], columns: Mapping[str, Tensor]) -> BatchValues:
        """The tensors that the methods run on: parameters of shape (), data of shape (n,), in the dtype."""
        tensors = {
            name: self._tensor(torch.tensor(point[name], dtype=torch.float64, device="cpu"))
            for name in self.loss.parameters
        }
        return BatchValues(tensors | {name: self._tensor(columns[name]) for name in self.loss.data})

    def _tensor(self, column: Tensor) -> Tensor:
        return torch.as_tensor(column).to(device=self.device, dtype=self.dtype)

    @property
    def operations(self) -> frozenset[str]:
        """The operations of the loss and of its gradient."""
        return self.loss_program.operations | self.gradient_program.operations

    def summands(self, values: Mapping[str, Tensor], n: int) -> Tensor:
        """The loss of each sample by its formula, of shape (n,)."""
        return spread_over(self.loss_program.run(TORCH, values)[0], n, values)

    @cached_property
    def torch_loss(self) -> TorchLoss:
        """The loss as torch computes it: by the user's function where it was read from one, else by the formula."""
        return TorchLoss(self) if self.loss.program is None else ProgramInTorch(self.loss.program)

    @cached_property
    def of_formula(self) -> Problem:
        """The same problem without the function that the loss was read from."""
        return self if self.loss.program is None else replace(self, loss=self.loss.of_formula())

    def weight(self, n: int) -> float:
        """What each of n summands counts in the loss."""
        return 1 / n if self.loss.reduction == "mean" else 1.0

    def reduce(self, summands: Tensor) -> Tensor:
        """The mean or the sum over the samples, the last axis: shape () of (n,), and (m, 1) of m places, (m, n)."""
        mean = self.loss.reduction == "mean"
        if summands.dim() > 1:
            return summands.mean(-1, keepdim=True) if mean else summands.sum(-1, keepdim=True)
        return summands.mean() if mean else summands.sum()


class BatchValues(dict[str, Tensor]):
    """The tensors that methods run on; ``found`` is what they found out there for all of them."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__(tensors)
        self.found: dict[Hashable, Any] = {}


def shared(values: Mapping[str, Tensor], key: Hashable, make: Callable[[], T]) -> T:
    """What ``make`` gives, made once for these values where they keep what is found."""
    if not isinstance(values, BatchValues):
        return make()
    if key not in values.found:
        values.found[key] = make()
    found: T = values.found[key]
    return found


def spread_over(value: Tensor | float | int, n: int, values: Mapping[str, Tensor]) -> Tensor:
    """``value`` for each of ``n`` samples; a constant takes dtype and device of the other tensors.

    A value at m places, of shape (m, 1), is spread to (m, n).
    """
    if not isinstance(value, Tensor):
        value = filled(next(iter(values.values())), value)
    if value.dim() == 0:
        return value.expand(n)
    return value if value.shape[-1] == n else value.expand(*value.shape[:-1], n)


@cache
def _raw_partial(loss: Loss, name: str) -> sympy.Expr:
    return differentiate(loss.expression, loss.symbols[name])


@remembered(1024)
def _derivative_program(loss: Loss, name: str, order: int) -> Program | Ending:
    symbol = loss.symbols[name]
    first = loss.gradient((name,))[name]  # kept with the loss: it has a budget of its own
    programs: list[Program] = []

    def derive() -> None:
        expression = first
        for _ in range(order - 1):
            expression = differentiate(expression, symbol)
            spend(nodes(expression))
        programs.append(lower([expression], (*loss.parameters, *loss.data)))

    try:
        ending = run_within(_BUDGET, derive)
    except TooLarge:
        return Ending.TOO_LARGE
    if not programs:
        return ending
    return programs[0] if len(programs[0].steps) <= _MOST_STEPS else Ending.TOO_LARGE
