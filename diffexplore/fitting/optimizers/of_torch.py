"""The rules of ``torch.optim``, called as functions.

A ``torch.optim.Optimizer`` imports the compiler of torch when it is made, which takes longer than a thousand steps.
Source of Adam: D. P. Kingma, J. Ba, Adam: a method for stochastic optimization, ICLR 2015.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from diffexplore.fitting.optimizers import BETAS, EPS, MOMENTUM
from diffexplore.fitting.optimizers.base import Stepwise


@dataclass
class Descent:
    """Gradient descent, θ ← θ − lr ∇L; with momentum m, v ← m v + ∇L and θ ← θ − lr v."""

    rate: float
    momentum: float = 0.0
    _buffers: list[Tensor | None] | None = None

    def step(self, parameters: list[Tensor], gradient: list[Tensor]) -> None:
        if self._buffers is None:
            self._buffers = [None] * len(parameters)
        sgd(
            parameters, gradient, self._buffers, foreach=False, fused=False,
            weight_decay=0.0, momentum=self.momentum, lr=self.rate, dampening=0.0, nesterov=False, maximize=False,
        )  # fmt: skip


@dataclass
class Adam:
    """The rule of ``torch.optim.Adam`` with its usual constants."""

    rate: float
    _first: list[Tensor] = field(default_factory=list)
    _second: list[Tensor] = field(default_factory=list)
    _steps: list[Tensor] = field(default_factory=list)

    def step(self, parameters: list[Tensor], gradient: list[Tensor]) -> None:
        if not self._steps:
            self._first = [torch.zeros_like(parameter) for parameter in parameters]
            self._second = [torch.zeros_like(parameter) for parameter in parameters]
            self._steps = [torch.zeros((), dtype=torch.float32, device="cpu") for _ in parameters]
        adam(
            parameters, gradient, self._first, self._second, [], self._steps, foreach=False, fused=False,
            amsgrad=False, beta1=BETAS[0], beta2=BETAS[1], lr=self.rate, weight_decay=0.0, eps=EPS, maximize=False,
        )  # fmt: skip


GD, MOMENTUM_DESCENT, ADAM = Stepwise(Descent), Stepwise(lambda rate: Descent(rate, MOMENTUM)), Stepwise(Adam)
