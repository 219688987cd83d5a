"""Whether compiling is worth its start: measured once, remembered, and never for few samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diffexplore as dx
from diffexplore.kernels import repaid

POISSON = dx.losses.get("poisson")
DATA = {"x": np.linspace(0, 1, 1_000), "y": np.ones(1_000)}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DIFFEXPLORE_NO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "diffexplore" / "compiling.json"


def measured(monkeypatch: pytest.MonkeyPatch, seconds: list[float]) -> list[Any]:
    """Makes the calls that are timed take these seconds, and lists them."""
    calls: list[Any] = []

    def took(call: Any) -> float:
        calls.append(call)
        return seconds[len(calls) - 1]

    monkeypatch.setattr(repaid, "_WORTH_MEASURING", 1)
    monkeypatch.setattr(repaid, "_seconds", took)
    monkeypatch.setenv("CXX", "true")  # a compiler by name: nothing is compiled before the first call
    return calls


def test_few_samples_are_not_compiled_for(cache: Path) -> None:
    explained = POISSON.compile().bind(DATA).explain()
    assert explained.backend == "blocked"
    assert "1,000 samples do not win back" in explained.others["inductor"] or "compiler" in explained.others["inductor"]
    assert not cache.exists()


@pytest.mark.parametrize(
    ("seconds", "backend"),
    [([5.0, 1.0, 2.0], "inductor"), ([5.0, 1.0, 1.03], "blocked"), ([5.0, 2.0, 1.0], "blocked")],
)  # fmt: skip
def test_the_start_is_measured_once_and_remembered(
    seconds: list[float], backend: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = measured(monkeypatch, seconds)
    for _ in range(2):
        explained = POISSON.compile().bind(DATA).explain()
        assert explained.backend == backend
        assert (
            backend == "inductor"
            or f"compiling took {seconds[0] - seconds[1]:.0f} s here" in explained.others["inductor"]
        )
    assert len(calls) == 3
    ((_, kept),) = json.loads(cache.read_text()).items()
    assert kept["seconds"] == seconds[0] - seconds[1]


def test_a_memory_that_cannot_be_read_is_written_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.parent.mkdir()
    for text in ("", "[]", "{", '{"torch": 1}'):
        cache.write_text(text)
        measured(monkeypatch, [5.0, 1.0, 2.0])
        assert POISSON.compile().bind(DATA).explain().backend == "inductor"
    assert len(list(cache.parent.iterdir())) == 1


def test_a_compiler_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(call: Any) -> float:
        raise RuntimeError("no space left\nand more")

    measured(monkeypatch, [])
    monkeypatch.setattr(repaid, "_seconds", fails)
    explained = POISSON.compile().bind(DATA).explain()
    assert (explained.backend, explained.others["inductor"]) == ("blocked", "torch.compile fails here: no space left")


def test_sums_are_taken_before_anything_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = measured(monkeypatch, [])
    assert dx.losses.get("perpendicular").compile().bind(DATA).explain().backend == "statistics"
    assert not calls
