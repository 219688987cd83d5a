"""Gradients on another device than the CPU: the same answers, and no number is read off one after another."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    """By function, its answers on both devices. Another process, as the device changes torch for all of one."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.simulated_calls"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def test_every_function_has_the_same_answer_on_both_devices(answers: dict[str, Any]) -> None:
    assert len(answers) > 25
    assert {name: one["there"] for name, one in answers.items() if one["there"] != one["cpu"]} == {}
    assert [name for name, one in answers.items() if one["there"][:2] != ["pass", "certified"]] == []


def test_how_often_a_number_is_read_off_does_not_grow_with_the_tensors(answers: dict[str, Any]) -> None:
    assert {name: one["read off"] for name, one in answers.items() if one["read off"][1] > one["read off"][0]} == {}
