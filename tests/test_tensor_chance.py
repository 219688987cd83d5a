"""A backward that gives another gradient in another call is told by what it draws from."""

from __future__ import annotations

import itertools
import random as chance
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import diffexplore as dx

Tensor = torch.Tensor

#: What is drawn of other generators than torch's, and what the cause says of it.
CHANCE: dict[str, tuple[Callable[[], float], str]] = {
    "Python": (chance.random, "draws from Python's generator (random)"),
    "NumPy": (np.random.rand, "draws from NumPy's generator (numpy.random)"),
    "both": (lambda: chance.random() + np.random.rand(), "Python's generator (random) and NumPy's generator"),
    "its own": (np.random.default_rng(0).random, "depends on more than its inputs"),
    "a counter": (itertools.count(1).__next__, "depends on more than its inputs"),
}


@pytest.mark.parametrize("name", CHANCE)
def test_what_a_backward_draws_of_other_generators_is_named(name: str, causes_unsought: None) -> None:
    drawn, said = CHANCE[name]

    class Noisy(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return 2 * x

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return 2 * g * (1 + drawn())

    report = dx.gradcheck(Noisy, torch.arange(1.0, 4.0, requires_grad=True), raise_exception=False)
    assert any(said in row.cause.message for row in report.rows if row.cause and row.cause.key == "not_deterministic")
