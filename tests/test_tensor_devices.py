"""Gradients on another device than the CPU: the same answers, and no number is read off one after another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from processes import run_python
from representatives import slow

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module", params=[pytest.param(15, id="some"), slow(1, id="all")])
def answers(request: pytest.FixtureRequest) -> dict[str, Any]:
    """By function, its answers on both devices. Another process, as the device changes torch for all of one."""
    run = run_python("-m", "tests.simulated_calls", str(request.param), cwd=ROOT)
    assert run.returncode == 0, run.stderr[-2000:]
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def test_every_function_has_the_same_answer_on_both_devices(answers: dict[str, Any]) -> None:
    assert len(answers) > 2
    assert {name: one["there"] for name, one in answers.items() if one["there"] != one["cpu"]} == {}
    assert [name for name, one in answers.items() if one["there"][:2] != ["pass", "certified"]] == []


def test_how_often_a_number_is_read_off_does_not_grow_with_the_tensors(answers: dict[str, Any]) -> None:
    assert {name: one["read off"] for name, one in answers.items() if one["read off"][1] > one["read off"][0]} == {}
