"""assert_gradient: silence where a gradient is right, and otherwise a message that stays short."""

from __future__ import annotations

import pickle
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from matrix import few_samples
from representatives import slow

import diffexplore as dx
from diffexplore import GradientError, Loss, assert_gradient
from diffexplore.render.failure import LINES, WIDTH, failure_text

DATA = few_samples("perpendicular")
POINT = {"a": 1.0, "b": 0.5}
Tensor = torch.Tensor


def right(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return ((a * x - y + b) ** 2 / (2 * (a * a + 1))).mean()


def doubled(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return ((a * x - y + b) ** 2 / (a * a + 1)).mean()


def without_the_quotient_rule(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    residual, square = a * x - y + b, a * a + 1
    return (residual * x / square).mean(), (residual / square).mean()


def caught(candidate: Any, loss: Loss | str, *arguments: Any, **options: Any) -> GradientError:
    with pytest.raises(GradientError) as error:
        assert_gradient(candidate, loss, *arguments, **options)
    return error.value


@cache
def caught_doubled() -> GradientError:
    return caught(doubled, "perpendicular", DATA, POINT)


def is_short(message: str) -> bool:
    lines = message.splitlines()
    return len(lines) <= LINES and max(map(len, lines)) <= WIDTH


def test_a_right_gradient_gives_its_report() -> None:
    report = assert_gradient(right, "perpendicular", DATA, POINT)
    assert report.verdict == "pass"
    assert all(power is not None and power < 1e-10 for power in report.summary.power.values())


def test_a_wrong_gradient_is_an_assertion_error_that_names_what_is_wrong() -> None:
    error = caught(without_the_quotient_rule, "perpendicular", DATA, POINT, kind="gradient")
    assert isinstance(error, AssertionError)
    assert isinstance(error, dx.DiffexploreError)
    message = str(error)
    assert message.startswith("FAIL  without_the_quotient_rule: ∂L/∂a is wrong (")
    (row,) = [row for row in error.report.rows if row.verdict == "fail" and row.probe is None]
    assert row.cause is not None
    words = " ".join(message.split())
    assert " ".join(row.cause.message.split()) in words
    cells = next(line.split() for line in message.splitlines() if line.startswith("  ∂L/∂a "))
    assert cells[:3] == ["∂L/∂a", "a=1", "b=0.5"]
    assert float(cells[3]) == pytest.approx(row.value)
    assert float(cells[4]) == pytest.approx(float(row.truth.mid) if row.truth else None)
    assert "again: the same call with wrt='a', dtype='float64', device='cpu', seed=0, at={'a': 1.0, 'b': 0.5}" in words
    assert is_short(message)


def test_the_loss_of_a_candidate_is_mentioned_after_its_gradient() -> None:
    message = str(caught_doubled())
    assert message.startswith("FAIL  your loss doubled is 2 times this loss: ")
    starts = [line.split()[0] for line in message.splitlines() if line.startswith("  ") and " a=1 b=0.5 " in line]
    assert starts == ["∂L/∂a", "∂L/∂b", "L"]
    assert "(value)" not in message


def test_the_error_crosses_between_processes() -> None:
    error = caught_doubled()
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is GradientError
    assert str(again) == str(error)
    assert again.report == error.report


def test_undecided_is_an_error_unless_it_is_allowed() -> None:
    loss = Loss("abs(a*x)", parameters="a", data="x")
    arguments = (lambda a, x: (a * x).abs().mean(), loss, {"x": [1.0, 2.0]}, {"a": 0.0})
    message = str(caught(*arguments))
    assert message.startswith("INCONCLUSIVE  could not decide ∂L/∂a at a = 0")
    assert "kink" in message
    assert is_short(message)
    assert assert_gradient(*arguments, allow_inconclusive=True).verdict == "inconclusive"


@pytest.mark.parametrize("n", [12, slow(500), slow(10_000)])
def test_the_message_is_short_however_many_samples_there_are(n: int) -> None:
    generator = np.random.default_rng(0)
    data = {"x": generator.normal(size=n), "y": generator.normal(size=n)}
    points = [{"a": 1 / k, "b": -1 / 7} for k in range(3, 5)]
    twice: Any = lambda a, b, x, y: 2 * ((a * x - y + b) ** 2).mean()  # noqa: E731  # what is said of it is at stake
    error = caught(twice, "(a*x - y + b)**2", data, points, wrt="x, y")
    assert error.report.summary.failed > 2 * n
    message = str(error)
    assert is_short(message)
    assert message.count(", sample ") == 3


@pytest.mark.slow
def test_the_message_is_short_however_many_parameters_there_are() -> None:
    names = [f"a_rather_long_name_of_a_parameter_{k}" for k in range(LINES + 1)]
    loss = Loss(" + ".join(f"{name}*x**{k}" for k, name in enumerate(names)), parameters=names, data="x")
    at = {name: 1 / (k + 3) for k, name in enumerate(names)}
    message = str(caught(dict.fromkeys(names, "0"), loss, {"x": [0.5, 0.75]}, at))
    assert is_short(message)
    assert message.startswith("FAIL  the candidate: ∂L/∂a_rather_long_name_of_a_parameter_")


def test_the_message_in_ascii() -> None:
    error = caught(doubled, "perpendicular", DATA, POINT, wrt="a, x")
    message = failure_text(error.report, ascii=True)
    assert message.isascii()
    assert is_short(message)
    assert "dL/da" in message


def test_what_cannot_be_used_is_no_wrong_gradient() -> None:
    with pytest.raises(dx.UsageError, match="perpendicula"):
        assert_gradient(right, "perpendicula", DATA, POINT)
