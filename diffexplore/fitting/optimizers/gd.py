"""Plain gradient descent: θ ← θ − lr ∇L."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.optim.sgd import sgd

from diffexplore.fitting.optimizers.base import Stepwise


@dataclass
class Descent:
    """The rule of ``torch.optim.SGD``, with a memory of the gradient where ``momentum`` is not 0."""

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


OPTIMIZER = Stepwise(Descent)
