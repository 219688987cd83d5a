"""Gradients on another device than the CPU: the same answers, and no number is read off one after another."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from processes import in_a_fork
from representatives import slow


@pytest.fixture(scope="module", params=[pytest.param(15, id="some"), slow(1, id="all")])
def answers(request: pytest.FixtureRequest) -> dict[str, Any]:
    """By function, its answers on both devices. Another process, as the device changes torch for all of one."""
    return in_a_fork(_of_both_devices, request.param)


def _of_both_devices(each: int) -> dict[str, Any]:
    found: dict[str, Any] = import_module("simulated_calls").answers(each)
    return found


def test_every_function_has_the_same_answer_on_both_devices(answers: dict[str, Any]) -> None:
    assert len(answers) > 2
    assert {name: one["there"] for name, one in answers.items() if one["there"] != one["cpu"]} == {}
    assert [name for name, one in answers.items() if one["there"][:2] != ["pass", "certified"]] == []


def test_how_often_a_number_is_read_off_does_not_grow_with_the_tensors(answers: dict[str, Any]) -> None:
    assert {name: one["read off"] for name, one in answers.items() if one["read off"][1] > one["read off"][0]} == {}
