"""Planted changes are never proved and nearly always refuted: the sweep in small, and a larger one marked slow."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.planted_proofs import KINDS, planted


@pytest.fixture(autouse=True)
def _errors_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diffexplore.decide.decide.STRICT", True)


def test_planted_changes_are_refuted() -> None:
    counts = Counter((one.kind, one.decide().status) for one in planted(24, seed=11))
    assert {kind for kind, _ in counts} == set(KINDS)
    assert {status for _, status in counts} == {"refuted"}, counts


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_of_five_hundred_planted_changes_none_is_proved(seed: int) -> None:
    counts = Counter(one.decide().status for one in planted(500, seed))
    assert counts["proved"] == 0
    assert counts["refuted"] >= 495
