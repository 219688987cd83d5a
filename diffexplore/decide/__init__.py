"""Proofs about derivatives: algebra that decides, and certified points that refute. Never imports torch."""

from diffexplore.decide.decide import decide_equal, decide_gradient
from diffexplore.decide.records import Counterexample, Decision

__all__ = ["Counterexample", "Decision", "decide_equal", "decide_gradient"]
