"""Checks within other checks, in regions that change what torch does, and in several threads."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.checkpoint import CheckpointFunction, checkpoint

import diffexplore as dx

Tensor = torch.Tensor


class Exp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.exp()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        found: Tensor = upstream * x.exp()
        return found


def _inner(battery: str = "none") -> None:
    """A check of something else, which has to pass wherever it is called."""
    dx.gradcheck(Exp, torch.linspace(-1, 1, 3, dtype=torch.float64).requires_grad_(), battery=battery)


class ChecksInForward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        _inner()
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        found: Tensor = upstream * x.cos()
        return found


class ChecksInBackward(ChecksInForward):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        _inner("quick")
        return ChecksInForward.backward(ctx, upstream)


class Wrong(Exp):
    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        return upstream


def _checks(x: Tensor) -> Tensor:
    _inner()
    return x.sin()


def _x(*shape: int) -> Tensor:
    return torch.linspace(-0.7, 0.6, 4, dtype=torch.float64).reshape(shape or (4,)).clone().requires_grad_()


@pytest.mark.parametrize(
    "function",
    [
        _checks,
        ChecksInForward,
        ChecksInBackward,
        lambda x: checkpoint(_checks, x, use_reentrant=True),
        lambda x: checkpoint(_checks, x, use_reentrant=False),
    ],
    ids=["function", "forward", "backward", "reentrant checkpoint", "checkpoint"],
)
def test_a_check_may_run_within_another(function: Any) -> None:
    report = dx.gradcheck(function, _x(), battery="none")
    assert (report.verdict, report.truth) == ("pass", "certified")
    assert "apply" not in vars(CheckpointFunction)


def test_a_check_within_another_tells_right_from_wrong() -> None:
    found = []

    def function(x: Tensor) -> Tensor:
        for one in (Wrong, Exp):
            found.append(dx.gradcheck(one, _x(), raise_exception=False, battery="none").verdict)
        return x.sin()

    assert dx.gradcheck(function, _x(), battery="none")
    assert len(found) > 2 and set(found[::2]) == {"fail"} and set(found[1::2]) == {"pass"}


def test_second_derivatives_within_a_check_and_a_check_within_them() -> None:
    def function(x: Tensor) -> Tensor:
        dx.gradgradcheck(torch.sin, _x())
        return x.sin()

    assert dx.gradcheck(function, _x(), battery="none")
    assert dx.gradgradcheck(_checks, _x())


REGIONS: dict[str, Callable[[], Any]] = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "default device": lambda: torch.device("meta"),
    "save_on_cpu": torch.autograd.graph.save_on_cpu,
    "anomalies": lambda: torch.autograd.set_detect_anomaly(True),
    "none": nullcontext,
}


@pytest.mark.parametrize("region", REGIONS)
def test_a_check_may_be_called_in_any_region(region: str) -> None:
    layer, x = torch.nn.Linear(2, 3), _x(2, 2).detach().float().requires_grad_()
    with REGIONS[region]():
        reports = [dx.gradcheck(layer, x), dx.gradcheck(Exp, x)]
    assert [(report.verdict, report.truth) for report in reports] == 2 * [("pass", "certified")]


def test_the_function_finds_the_default_device_that_its_caller_has() -> None:
    found = []

    def function(x: Tensor) -> Tensor:
        found.append(torch.empty(1).device.type)
        return x.sin()

    x = _x()
    with torch.device("meta"):
        dx.gradcheck(function, x)
        found.append(torch.empty(1).device.type)
    assert set(found) == {"meta"}


@pytest.mark.parametrize(
    "transform", [torch.func.grad, torch.func.vmap, lambda f: lambda x: torch.func.jvp(f, (x,), (x,))],
    ids=["grad", "vmap", "jvp"],
)  # fmt: skip
@pytest.mark.parametrize("check", [dx.gradcheck, dx.gradgradcheck])
def test_within_transforms_nothing_is_checked(check: Any, transform: Any) -> None:
    x = _x()

    def function(y: Tensor) -> Tensor:
        check(torch.sin, x)
        return y.sum()

    with pytest.raises(dx.UsageError, match=rf"{check.__name__} (was called within a transform of|outside of)"):
        transform(function)(torch.ones(2, dtype=torch.float64))


def test_fake_tensors_have_no_numbers_to_check() -> None:
    x = _x()
    with FakeTensorMode(), pytest.raises(dx.UsageError, match="where tensors are fake"):
        dx.gradcheck(torch.sin, x)


def test_threads_check_at_the_same_time() -> None:
    found: dict[int, Any] = {}

    def work(number: int) -> None:
        x = _x().detach().to(torch.float32 if number else torch.float64).requires_grad_()
        checks = [
            dx.gradcheck(one, x, battery="none").verdict for one in (_checks, torch.nn.Dropout(), ChecksInBackward)
        ]
        found[number] = set(checks)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == {0: {"pass"}, 1: {"pass"}}


def _by_thread(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def _by_pool(work: Callable[[], None]) -> None:
    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(work) for _ in range(3)]:
            one.result()


def _by_loop(work: Callable[[], None]) -> None:
    asyncio.run(asyncio.to_thread(work))


@pytest.mark.parametrize("run", [_by_thread, _by_pool, _by_loop])
def test_a_function_may_wait_for_a_thread_that_checks(run: Callable[[Callable[[], None]], None]) -> None:
    found = []

    def work() -> None:
        found.append(dx.gradcheck(Wrong, _x(), battery="none", raise_exception=False).verdict)

    def function(x: Tensor) -> Tensor:
        if not found:
            run(work)
        return x.sin()

    assert dx.gradcheck(function, _x(), battery="none").truth == "certified"
    assert set(found) == {"fail"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_process_forked_during_a_check_may_check() -> None:
    inside, done, ended = threading.Event(), threading.Event(), []

    def function(x: Tensor) -> Tensor:
        inside.set()
        while not done.is_set():  # it does not wait in Python's threads, where others are let in
            pass
        return x.sin()

    thread = threading.Thread(target=lambda: dx.gradcheck(function, _x(), battery="none"))
    thread.start()
    inside.wait()
    child = os.fork()
    if not child:
        signal.alarm(20)  # ends the child, should it wait for a thread that it does not have
        os._exit(0 if dx.gradcheck(Exp, _x(), battery="none") else 1)
    done.set()
    ended.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    thread.join()
    assert ended == [0]


def test_another_thread_keeps_the_gradients_of_its_own_backward_passes() -> None:
    weight, inside, done = torch.ones(2, requires_grad=True), threading.Event(), threading.Event()

    def train() -> None:
        inside.wait()
        (3 * weight).sum().backward()
        done.set()

    thread = threading.Thread(target=train)
    thread.start()

    def function(x: Tensor) -> Tensor:
        inside.set()
        done.wait()
        return x.sin()

    dx.gradcheck(function, _x(), battery="none")
    thread.join()
    assert weight.grad is not None and weight.grad.tolist() == [3, 3]
