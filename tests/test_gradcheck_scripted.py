"""Code that TorchScript runs, which autograd may differentiate as one step, and transforms of ``torch.func``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import diffexplore as dx

Tensor = torch.Tensor

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


def product(x: Tensor) -> Tensor:
    return (x.sin() * x).exp()


def vector() -> Tensor:
    return torch.tensor([0.5, -1.25, 2.0], dtype=torch.float64, requires_grad=True)


@pytest.fixture
def made_one_step() -> Callable[[Tensor], Tensor]:
    """A function whose graph TorchScript differentiates after some calls."""
    function: Callable[[Tensor], Tensor] = torch.jit.script(product)
    for _ in range(4):
        function(vector()).sum().backward()
    node = function(vector()).grad_fn
    assert node is not None and "torch::jit" in node.name()
    return function


def test_a_scripted_function_is_judged_by_its_python(made_one_step: Callable[[Tensor], Tensor]) -> None:
    report = dx.gradcheck(made_one_step, vector())
    assert (report.verdict, report.truth) == ("pass", "certified")


def test_within_a_function_the_truth_is_estimated(made_one_step: Callable[[Tensor], Tensor]) -> None:
    """Its operations run on tensors that need no gradient: they were taken for constants, and right ones failed."""
    report = dx.gradcheck(lambda x: made_one_step(x) * x, vector(), battery="none")
    assert (report.verdict, report.truth) == ("pass", "estimated")
    assert any("TorchScript" in note for note in report.notes)


def layers() -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh()).double()


MODULES: dict[str, Callable[[], Any]] = {
    "scripted": lambda: torch.jit.script(layers()),
    "traced": lambda: torch.jit.trace(layers(), vector()),
    "a part of it": lambda: torch.nn.Sequential(torch.jit.script(layers()), torch.nn.Linear(2, 1).double()),
}


@pytest.mark.parametrize("name", MODULES)
def test_the_parameters_of_a_scripted_module_are_checked_and_left_as_they_were(name: str) -> None:
    module = MODULES[name]()
    before = dict(module.named_parameters())
    report = dx.gradcheck(module, vector(), battery="none")
    assert report.verdict == "pass"
    assert report.truth == "certified" or name == "a part of it"
    assert {row.input for row in report.rows} >= set(before)
    assert all(one is before[name] for name, one in module.named_parameters())


TRANSFORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "vjp": lambda x: torch.func.vjp(product, x)[1](x)[0],
    "linearize": lambda x: torch.func.linearize(product, x)[1](x),  # type: ignore[no-untyped-call]
    "jvp": lambda x: torch.func.jvp(product, (x,), (x,))[1],
    "jacrev": torch.func.jacrev(product),
    "vmap": torch.vmap(product),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name == "linearize")) for name in TRANSFORMS]
)
def test_transforms_of_torch_func_are_certified(name: str) -> None:
    report = dx.gradcheck(TRANSFORMS[name], vector(), battery="none")
    assert (report.verdict, report.truth) == ("pass", "certified")
