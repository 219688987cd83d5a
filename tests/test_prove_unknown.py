"""What a proof that did not come to an end says in its one line: what is open, and what stopped the work."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import diffexplore as dx
from diffexplore.decide.records import Decision

STOPPED = "the algebra was stopped: too large"


@pytest.mark.parametrize(
    ("count", "ended", "words"),
    [
        (1, (), "open is ∂L/∂x1; traced"),
        (2, (STOPPED,), f"open are ∂L/∂x1, ∂L/∂x2 ({STOPPED}); traced"),
        (9, (STOPPED, "another"), f"open are 9 of 9 statements ({STOPPED}); traced"),
    ],
)
def test_the_headline_says_what_is_open_and_why(count: int, ended: tuple[str, ...], words: str) -> None:
    done = dx.prove(torch.square, parameters="x", data=[])
    (statement,) = done.statements
    open_ = [replace(statement, name=f"x{k}", decision=Decision("unknown", ended=ended)) for k in range(1, count + 1)]
    proof = replace(done, status="unknown", statements=tuple(open_))
    assert words in str(proof)
