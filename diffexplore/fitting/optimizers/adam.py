"""Adam. Source: D. P. Kingma, J. Ba, Adam: a method for stochastic optimization, ICLR 2015."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.optim.adam import adam

from diffexplore.fitting.optimizers.base import Stepwise
from diffexplore.fitting.optimizers.constants import BETAS, EPS


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
            self._steps = [torch.zeros((), dtype=torch.float32) for _ in parameters]
        adam(
            parameters, gradient, self._first, self._second, [], self._steps, foreach=False, fused=False,
            amsgrad=False, beta1=BETAS[0], beta2=BETAS[1], lr=self.rate, weight_decay=0.0, eps=EPS, maximize=False,
        )  # fmt: skip


OPTIMIZER = Stepwise(Adam)
