"""The kinds of candidates, a file each, and how a kind is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from diffexplore.errors import CandidateError, unknown
from diffexplore.verifying.candidates.base import Answer, Candidate, Symbols
from diffexplore.verifying.candidates.computes_loss import ComputesLoss
from diffexplore.verifying.candidates.formulas import Formulas
from diffexplore.verifying.candidates.layer import Layer
from diffexplore.verifying.candidates.returns_gradient import ReturnsGradient
from diffexplore.verifying.candidates.training_step import GradFields, TrainingStep

__all__ = ["KINDS", "Answer", "Candidate", "CandidateError", "adapt", "kind_of", "name_of"]

_ADAPTERS: dict[str, Any] = {
    "loss": ComputesLoss,
    "gradient": ReturnsGradient,
    "layer": Layer,
    "formulas": Formulas,
    "grads": TrainingStep,
}

KINDS = tuple(_ADAPTERS)


def kind_of(candidate: Any) -> str:
    """The kind of a candidate where it is not said."""
    if isinstance(candidate, Mapping):
        return "grads" if any(isinstance(value, torch.Tensor) for value in candidate.values()) else "formulas"
    if isinstance(candidate, (tuple, list)):
        return "layer"
    return "loss"


def adapt(candidate: Any, loss: Symbols, kind: str | None) -> Candidate:
    """The candidate behind its contract; raises UsageError for an unknown kind or a candidate that is not of it."""
    name = name_of(candidate)
    kind = kind_of(candidate) if kind is None else kind
    if kind not in _ADAPTERS:
        raise unknown("kind", kind, KINDS)
    if kind == "grads" and isinstance(candidate, Mapping):
        return GradFields(candidate, loss, name)
    if kind == "formulas" and not isinstance(candidate, Mapping):
        raise CandidateError(f"formulas are a mapping from symbols to texts, not {type(candidate).__name__}")
    if kind in ("loss", "gradient", "grads") and not callable(candidate):
        raise CandidateError(f"a candidate that computes a {kind} must be callable, not {type(candidate).__name__}")
    adapted: Candidate = _ADAPTERS[kind](candidate, loss, name)
    return adapted


def name_of(candidate: Any) -> str:
    """What a candidate is called in tables and messages."""
    if isinstance(candidate, Mapping):
        return "candidate"
    name = getattr(candidate, "__name__", None) or type(candidate).__name__
    return "candidate" if name in ("<lambda>", "tuple", "list", "partial") else str(name)
