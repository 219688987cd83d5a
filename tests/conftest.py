"""What tests share: one browser, failures without causes; and GPU tests skip where there is no GPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest


@pytest.fixture(scope="session")
def driver() -> Iterator[Any]:
    """One headless browser for all tests that need one."""
    from browser import open_browser, why_not

    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    with open_browser() as driver:
        yield driver


@pytest.fixture
def causes_unsought(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cause is sought of what is refuted or fails, which takes as long as to find that: for tests of the verdict."""
    from diffexplore.checking.records import Cause
    from diffexplore.tensors.diagnosis.of_calls import Diagnoses

    class Undiagnosed:
        def __init__(self, check: Any, outcome: Any, names: Sequence[str], block: int | None = None) -> None:
            self.names = names

        def causes(self) -> dict[str, Cause]:
            return dict.fromkeys(self.names, Cause("unexplained", "not sought", {"certain": False}))

    monkeypatch.setattr("diffexplore.proving.prove.cause_of", lambda *given: None)
    monkeypatch.setattr("diffexplore.verifying.diagnosis.diagnose.Diagnosis", Undiagnosed)
    monkeypatch.setattr(Diagnoses, "causes", lambda *given: ())
    monkeypatch.setattr(Diagnoses, "of_estimates", lambda *given, along: ())


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") is not None:
        import torch  # only then: a run of other tests need not load it

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA GPU, and torch finds none here")
