"""Proofs about derivatives: algebra that decides, and certified points that refute. Never imports torch."""

from typing import TYPE_CHECKING

from diffexplore.lazily import loaded

if TYPE_CHECKING:
    from diffexplore.decide.decide import decide_equal, decide_gradient
    from diffexplore.decide.records import Counterexample, Decision

__all__ = ["Counterexample", "Decision", "decide_equal", "decide_gradient"]

__getattr__ = loaded(
    __name__,
    {"Counterexample": "records", "Decision": "records", "decide_equal": "decide", "decide_gradient": "decide"},
)
