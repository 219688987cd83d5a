"""Compiled code, wherever it is called: what the user runs is checked, and later calls find it as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from autograd_functions import function_of

import diffexplore as dx
from diffexplore.errors import CandidateError

Tensor = torch.Tensor

compiled = torch.compile(backend="eager", fullgraph=True)


@pytest.fixture(autouse=True)
def of_its_own() -> Iterator[None]:
    """Nothing that an earlier test compiled counts."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def product(x: Tensor) -> Tensor:
    return x * x.sin()


def exponential(backward: Callable[[Tensor, Tensor], Tensor]) -> Any:
    return function_of(lambda x: x.exp(), backward).apply


def halved_when_compiled(g: Tensor, x: Tensor) -> Tensor:
    return (0.5 if torch.compiler.is_compiling() else 1.0) * g * x.exp()


def inside(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda x: function(x)


def in_a_function(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda x: function(x) + 1


def vector() -> Tensor:
    return torch.tensor([0.5, -1.25, 2.0], dtype=torch.float64, requires_grad=True)


def runs_compiled(function: Callable[[Tensor], Tensor]) -> bool:
    """Whether a plain call of it runs compiled code, and not the Python that was compiled."""
    with torch.compiler.set_stance("fail_on_recompile"):
        function(vector())
    return True


WAYS: dict[str, Callable[[], Callable[[Tensor], Tensor]]] = {
    "itself": lambda: compiled(product),
    "within a function": lambda: in_a_function(compiled(product)),
    "made in the call": lambda: lambda x: compiled(product)(x),
    "in a checkpoint": lambda: lambda x: torch.utils.checkpoint.checkpoint(compiled(product), x, use_reentrant=False),
}


@pytest.mark.parametrize("way", WAYS)
def test_compiled_code_passes_and_is_left_as_it_was(way: str) -> None:
    function = WAYS[way]()
    report = dx.gradcheck(function, vector())
    assert (report.verdict, report.truth) == ("pass", "certified")
    assert runs_compiled(function)


WRONG: dict[str, Callable[[], Callable[[Tensor], Tensor]]] = {
    "itself": lambda: compiled(inside(exponential(halved_when_compiled))),
    "within a function": lambda: in_a_function(compiled(inside(exponential(halved_when_compiled)))),
    "in a backward": lambda: exponential(compiled(halved_when_compiled)),
}


@pytest.mark.parametrize("way", WRONG)
def test_a_gradient_that_is_wrong_only_where_it_is_compiled_fails(way: str) -> None:
    report = dx.gradcheck(WRONG[way](), vector(), battery="none", raise_exception=False)
    assert report.verdict == "fail"
    assert [row.cause.key for row in report.failed if row.cause] == ["compile"]


def test_what_is_wrong_as_it_is_written_has_the_cause_of_that() -> None:
    function = compiled(inside(exponential(lambda g, x: 3 * g * x.exp())))
    (row,) = dx.gradcheck(function, vector(), battery="none", raise_exception=False).failed
    assert row.cause is not None and row.cause.key == "factor"


def test_random_numbers_of_compiled_code_may_be_others() -> None:
    """Torch draws other numbers in code that it compiles: the truth is that of the compiled code."""

    @compiled
    def scaled(x: Tensor) -> Tensor:
        return x * x * (5.0 if torch.compiler.is_compiling() else 3.0)

    report = dx.gradcheck(scaled, vector(), battery="none")
    assert (report.verdict, report.truth) == ("pass", "estimated")
    assert any("the Python that was compiled" in note for note in report.notes)


def test_compiled_code_that_reads_an_alias_of_an_input_is_refused() -> None:
    w = vector()
    alias = w.detach()

    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
            ctx.save_for_backward(x, w)
            return x * alias

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
            x, w = ctx.saved_tensors
            return g * w, g * x

    function = torch.compile(lambda x, w: Scaled.apply(x, w), backend="eager")
    with pytest.raises(CandidateError, match="reads the memory of w past its arguments"):
        dx.gradcheck(function, (vector(), w))


def test_a_backward_may_be_called_vjp() -> None:
    class Exponential(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x.exp()

        @staticmethod
        def vjp(ctx: Any, g: Tensor) -> Tensor:
            return g * ctx.saved_tensors[0].exp()

    assert dx.gradcheck(Exponential, vector())


def test_a_gradient_of_which_rounding_alone_is_left_passes() -> None:
    """By a bias before a normalisation: its terms cancel, in another order in memory as well."""
    torch.manual_seed(0)
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    module = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4)).double()
    report = dx.gradcheck(torch.compile(module, backend="eager"), x)
    assert (report.verdict, report.truth) == ("pass", "certified")


class TwoOutputs(torch.nn.Module):
    """Batch normalisation gives buffers away when it is compiled."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(3, dtype=torch.float64)

    def forward(self, x: Tensor, options: dict[str, float]) -> dict[str, Tensor]:
        return {"norm": self.norm(x), "scaled": options["scale"] * x}


CODE_TO_COMPILE: dict[str, Callable[[], tuple[Any, Any]]] = {
    "a Function": lambda: (function_of(lambda x: x.exp(), lambda g, x: g * x.exp()), vector()),
    "a module": lambda: (TwoOutputs(), (torch.randn(4, 3, dtype=torch.float64, requires_grad=True), {"scale": 2.0})),
}


@pytest.mark.parametrize("name", CODE_TO_COMPILE)
def test_the_full_battery_compiles_what_it_is_given(name: str) -> None:
    report = dx.gradcheck(*CODE_TO_COMPILE[name](), battery="full")
    assert "torch.compile" not in {one.method for one in report.skipped}


def test_the_full_battery_tells_a_gradient_that_is_wrong_only_where_it_is_compiled() -> None:
    report = dx.gradcheck(exponential(halved_when_compiled), vector(), battery="full", raise_exception=False)
    assert {row.cause.key for row in report.failed if row.cause} == {"compile"}
