"""Forwards of autograd Functions that hide from torch what they compute: right gradients pass, and wrong ones fail."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from autograd_functions import function_of
from representatives import each_value

import diffexplore as dx
from diffexplore.torch_private.watching import DisableTorchFunction, disable_current_modes

Tensor = torch.Tensor

THREADS = ThreadPoolExecutor(1)


def _in_a_thread(x: Tensor) -> Tensor:
    return THREADS.submit(torch.exp, x).result()


def _in_a_thread_and_on(x: Tensor) -> Tensor:
    return 2 * (_in_a_thread(x) / 2)


def _into_memory_in_a_thread(x: Tensor) -> Tensor:
    found = torch.empty(3, dtype=torch.float64)
    THREADS.submit(lambda: torch.exp(x.detach(), out=found)).result()
    return found


def _into_memory_in_a_thread_and_on(x: Tensor) -> Tensor:
    return 2 * (_into_memory_in_a_thread(x) / 2)


def _by_text(x: Tensor) -> Tensor:
    return torch.tensor([float(f"{one:.17g}") for one in x.detach()], dtype=x.dtype).exp()


def _by_numpy_unseen(x: Tensor) -> Tensor:
    with DisableTorchFunction():
        numbers = torch.from_numpy(x.detach().numpy().copy())
    return numbers.exp()


def _by_dlpack(x: Tensor) -> Tensor:
    return torch.from_dlpack(torch.to_dlpack(x.detach())).exp()


def _without_modes(x: Tensor) -> Tensor:
    with disable_current_modes():
        numbers = torch.exp(x)
    return numbers * 1.0


def _with_gradients_on(x: Tensor) -> Tensor:
    with torch.enable_grad():
        return x.detach().exp()


def _as_a_gradient(x: Tensor) -> Tensor:
    with torch.enable_grad():
        own = x.detach().requires_grad_()
        return torch.autograd.grad(own.exp().sum(), own)[0]


HIDDEN = (
    _in_a_thread,
    _in_a_thread_and_on,
    _into_memory_in_a_thread,
    _into_memory_in_a_thread_and_on,
    _by_text,
    _by_numpy_unseen,
    _by_dlpack,
    _without_modes,
)
SEEN = (_with_gradients_on, _as_a_gradient)


def exponential(forward: Callable[[Tensor], Tensor], factor: float) -> type[torch.autograd.Function]:
    class Exponential(torch.autograd.Function):
        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Tensor:
            return factor * upstream * ctx.saved_tensors[0].exp()

    def forward_of_another_name(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return forward(x)

    Exponential.forward = staticmethod(forward_of_another_name)  # type: ignore[method-assign]
    return Exponential


@pytest.mark.parametrize(("forward", "outcome"), each_value([*HIDDEN, *SEEN], [(1.0, "pass"), (0.0, "fail")]))
def test_what_a_forward_hides_is_no_constant(forward: Callable[[Tensor], Tensor], outcome: tuple[float, str]) -> None:
    factor, verdict = outcome
    x = torch.tensor([0.3, -1.2, 0.7], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(exponential(forward, factor), x, raise_exception=False)
    assert (report.verdict, report.truth) == (verdict, "estimated" if forward in HIDDEN else "certified"), report


@pytest.mark.parametrize(("hidden", "outcome"), each_value([*HIDDEN[:2], *HIDDEN[4:]], [(1.0, "pass"), (1.01, "fail")]))
def test_what_a_backward_hides_rounds(hidden: Callable[[Tensor], Tensor], outcome: tuple[float, str]) -> None:
    factor, verdict = outcome

    scaled = function_of(lambda x: (x / 3).exp(), lambda upstream, x: factor * hidden(x.detach() / 3) * upstream / 3)
    x = torch.linspace(-2, 2, 40).requires_grad_()
    report = dx.gradcheck(scaled, x, raise_exception=False)
    assert (report.verdict, report.truth) == (verdict, "certified"), report


@pytest.mark.parametrize("outside", [_in_a_thread, _without_modes])
def test_what_autograd_records_elsewhere_is_no_constant(outside: Callable[[Tensor], Tensor]) -> None:
    x = torch.tensor([0.3, -1.2, 0.7], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(lambda x: outside(x).square(), x, raise_exception=False)
    assert (report.verdict, report.truth) == ("pass", "estimated"), report


@pytest.mark.parametrize(("slope", "verdict"), [(1.0, "pass"), (1.5, "fail")])
@pytest.mark.parametrize("reentrant", [True, False])
def test_what_is_detached_within_a_checkpoint_is_a_constant(reentrant: bool, slope: float, verdict: str) -> None:
    def straight_through(x: Tensor) -> Tensor:
        scaled = slope * x
        return x.sin() * (scaled + (x.round() - scaled).detach())

    def truth(x: Tensor) -> Tensor:
        return x.sin() * (x + (x.round() - x).detach())

    x = torch.tensor([0.3, -1.2, 0.7], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(
        lambda x: torch.utils.checkpoint.checkpoint(straight_through, x, use_reentrant=reentrant), x, reference=truth,
        raise_exception=False,
    )  # fmt: skip
    assert (report.verdict, report.truth) == (verdict, "certified"), report
    itself = dx.gradcheck(lambda x: torch.utils.checkpoint.checkpoint(straight_through, x, use_reentrant=reentrant), x)
    assert itself.truth == "certified"


def _ratio(x: Tensor) -> tuple[int, int]:
    """The sum of the numbers, out of another thread, as two integers."""
    return THREADS.submit(lambda: x.detach().sum().item()).result().as_integer_ratio()


def _by_integers(x: Tensor) -> Tensor:
    above, below = _ratio(x)
    return x * above / below


def _by_tensors_of_integers(x: Tensor) -> Tensor:
    above, below = _ratio(x)
    return x * torch.tensor(above) / torch.tensor(below)


def _after_a_number_of_steps_that_varies(x: Tensor) -> Tensor:
    above, below = _ratio(x)
    kept = x
    for _ in range(int(1e5 * above / below) % 5):
        kept = kept.neg().neg()
    return kept * (above / below)


@pytest.mark.parametrize("forward", [_by_integers, _by_tensors_of_integers, _after_a_number_of_steps_that_varies])
def test_what_comes_in_as_integers_or_behind_a_choice_is_no_constant(forward: Callable[[Tensor], Tensor]) -> None:
    scaled = function_of(forward, lambda upstream, x: upstream * x.sum())  # without what the sum depends on

    x = torch.tensor([0.5, 1.25, -0.75], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(scaled.apply, x, raise_exception=False, battery="none")
    assert (report.verdict, report.truth) == ("fail", "estimated"), report


@pytest.mark.parametrize("conjugated", [False, True])
@pytest.mark.parametrize("by_out", [False, True])
def test_nothing_is_certified_of_what_is_written_where_numbers_are_conjugated(by_out: bool, conjugated: bool) -> None:
    class Conjugated(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Tensor) -> Tensor:
            found = torch.zeros_like(a)
            if by_out:
                torch.mul(a, 1, out=found.conj())
            else:
                found.conj().copy_(a)
            return found

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> Tensor:
            return upstream.conj() if conjugated else upstream

    a = torch.tensor([1 + 2j, -0.5 + 1j], dtype=torch.complex128, requires_grad=True)
    assert dx.gradcheck(Conjugated.apply, a, raise_exception=False, battery="none").verdict == "inconclusive"


def test_writing_where_numbers_are_negated_is_followed_by_differences() -> None:
    def imaginary_part(x: Tensor) -> Tensor:
        found = torch.zeros(3, dtype=torch.complex128)
        found.conj().imag.copy_(x)
        return torch.view_as_real(found)

    x = torch.tensor([0.5, 1.25, -0.75], dtype=torch.float64, requires_grad=True)
    report = dx.gradcheck(imaginary_part, x, raise_exception=False, battery="none")
    assert (report.verdict, report.truth) == ("pass", "estimated"), report


def _parameter(*shape: int) -> Tensor:
    return torch.linspace(-1, 1, math.prod(shape), dtype=torch.float64).reshape(shape).requires_grad_()


def _closures() -> Iterator[tuple[str, Callable[[Tensor], Tensor]]]:
    """Functions of a matrix (2, 3) that hold what needs a gradient itself, and is none of the inputs."""
    weight = _parameter(4, 3)
    doubled, view = weight * 2, weight.t()
    yield "transposed within", lambda x: x @ weight.t()
    yield "transposed before", lambda x: x @ view
    yield "computed before", lambda x: x @ doubled.t()
    yield "a part of it", lambda x: x * weight[1]
    yield "computed within", lambda x: x @ weight.t().exp()
    yield "a layer", torch.nn.Linear(3, 4).double().__call__
    recurrent = torch.nn.GRU(3, 2).double()
    yield "a recurrent layer", lambda x: recurrent(x.unsqueeze(1))[0]


@pytest.mark.parametrize(("function"), [pytest.param(one, id=name) for name, one in _closures()])
def test_what_was_computed_of_no_input_is_a_constant(function: Callable[[Tensor], Tensor]) -> None:
    report = dx.gradcheck(lambda x: function(x), _parameter(2, 3), raise_exception=False)
    assert (report.verdict, report.truth) == ("pass", "certified"), report


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ([], ""),
        ([_parameter(3)], "holds a tensor that needs a gradient and is no input: what comes back to it is not"),
        ([_parameter(3), _parameter(3) * 2], "holds 2 tensors that need a gradient and are no inputs: what comes back"),
    ],
)
def test_what_is_not_checked_is_said(held: list[Tensor], words: str) -> None:
    report = dx.gradcheck(lambda x: x.exp() + sum(held), _parameter(3), raise_exception=False)
    assert report.verdict == "pass"
    assert [words in note for note in report.notes] == [True] * bool(held), report.notes
