"""The kinds of candidates: a new one is a file, and a line in :data:`_KINDS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diffexplore.errors import CandidateError, unknown
from diffexplore.verifying.candidates.base import Answer, Candidate, Symbols
from diffexplore.verifying.candidates.computes_loss import ComputesLoss
from diffexplore.verifying.candidates.formulas import Formulas
from diffexplore.verifying.candidates.layer import Layer
from diffexplore.verifying.candidates.returns_gradient import ReturnsGradient
from diffexplore.verifying.candidates.training_step import GradFields, TrainingStep

__all__ = ["KINDS", "Answer", "Candidate", "CandidateError", "adapt", "kind_of", "name_of"]

#: The first that recognises a candidate takes it, where its kind is not stated; the last recognises all.
_KINDS: tuple[type[Any], ...] = (GradFields, Formulas, Layer, ReturnsGradient, TrainingStep, ComputesLoss)

KINDS = tuple(dict.fromkeys(known.kind for known in reversed(_KINDS)))


def kind_of(candidate: Any, stated: str | None = None) -> type[Any]:
    """The kind that is stated, or else that a candidate looks like; raises UsageError for an unknown name."""
    if stated is None:
        return next(known for known in _KINDS if known.recognises(candidate))
    found = [known for known in _KINDS if known.kind == stated]
    if not found:
        raise unknown("kind", stated, KINDS)
    return next((known for known in found if known.accepts(candidate)), found[-1])


def adapt(candidate: Any, loss: Symbols, kind: str | None) -> Candidate:
    """The candidate behind its contract; raises UsageError for an unknown kind or a candidate that is not of it."""
    known = kind_of(candidate, kind)
    if not known.accepts(candidate):
        raise CandidateError(f"{known.form}, not {type(candidate).__name__}")
    adapted: Candidate = known(candidate, loss, name_of(candidate))
    return adapted


def name_of(candidate: Any) -> str:
    """What a candidate is called in tables and messages."""
    if isinstance(candidate, Mapping):
        return "candidate"
    name = getattr(candidate, "__name__", None) or type(candidate).__name__
    return "candidate" if name in ("<lambda>", "tuple", "list", "partial") else str(name)
