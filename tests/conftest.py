"""Fixtures that tests of several files share."""

from __future__ import annotations

import pytest


@pytest.fixture
def causes_unsought(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proofs that are refuted have no cause, the search for which takes as long as they do: for tests of the status."""
    monkeypatch.setattr("diffexplore.proving.prove.cause_of", lambda *given: None)
