"""The constants of the optimizers: those that torch.optim takes by default, and the momentum that most people take."""

from __future__ import annotations

MOMENTUM = 0.9

BETAS = (0.9, 0.999)

EPS = 1e-8
