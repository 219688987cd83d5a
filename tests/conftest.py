"""What tests share: one browser, proofs without causes; and GPU tests skip where there is no GPU."""

from __future__ import annotations

from collections.abc import Iterator
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
    """Proofs that are refuted have no cause, the search for which takes as long as they do: for tests of the status."""
    monkeypatch.setattr("diffexplore.proving.prove.cause_of", lambda *given: None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") is not None:
        import torch  # only then: a run of other tests need not load it

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA GPU, and torch finds none here")
