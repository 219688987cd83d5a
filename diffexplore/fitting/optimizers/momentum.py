"""Gradient descent with momentum: v ← 0.9 v + ∇L, θ ← θ − lr v."""

from __future__ import annotations

from diffexplore.fitting.optimizers.base import Stepwise
from diffexplore.fitting.optimizers.constants import MOMENTUM
from diffexplore.fitting.optimizers.gd import Descent

OPTIMIZER = Stepwise(lambda rate: Descent(rate, MOMENTUM))
