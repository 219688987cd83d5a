"""Answers the questions of an entry by proof, and names the cause of what is refuted."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.auditing.departures import as_it_should_be, as_torch_has_it, departures_in
from diffexplore.auditing.opaque import decide_opaque, has_opaque
from diffexplore.auditing.records import Check
from diffexplore.auditing.setup import MASKS, Question, Unread
from diffexplore.auditing.steps import flattened
from diffexplore.decide import Decision, decide_equal, decide_gradient
from diffexplore.formula.recognise import Recognised
from diffexplore.formula.step_functions import STEPS
from diffexplore.formula.text import to_text

_OF_MASKS = tuple(f"{name} ≠ 0" for name in MASKS)  # a mask has no such place


def answered(question: Question | Unread, rule: str) -> Check:
    """The check of one question about ``rule``."""
    start = time.perf_counter()
    if isinstance(question, Unread):
        return Check(question.input, question.case, "unknown", rule, reason=f"not read: {question.reason}")
    decision = _decided(question, as_torch_has_it(question.claimed))
    causes = departures_in(question.claimed)
    needed = _decided(question, as_it_should_be(question.claimed)) if causes and decision.status != "proved" else None
    explained = needed is not None and needed.status == "proved"
    roundings = tuple(cause.rounding for cause in causes if cause.rounding is not None)
    if needed is not None and explained and len(roundings) == len(causes):
        decision, explained = needed, False
    else:
        roundings = ()
    explained = explained and decision.status == "refuted"
    return Check(
        question.input, question.case, decision.status, rule, notes=question.notes,
        conditions=_conditions(question, decision, roundings) if decision.status == "proved" else (),
        constants=tuple(map(_as_record, roundings)), counterexample=_counterexample(decision),
        reason="; ".join(cause.words for cause in causes) if explained else _reason(question, decision),
        deliberate=explained and all(cause.deliberate for cause in causes), seconds=time.perf_counter() - start,
    )  # fmt: skip


def _as_record(constant: Recognised) -> Mapping[str, Any]:
    return {"value": constant.value, "read_as": constant.text, "relative": constant.relative, "dtype": constant.dtype}


def _decided(question: Question, claimed: sympy.Expr) -> Decision:
    forward = as_torch_has_it(question.forward)
    if has_opaque(forward) or has_opaque(claimed):
        return decide_opaque(forward, claimed, question.symbol, question.domain, question.conventions)
    flat = flattened(forward, claimed)
    decision = _proof(question, flat.forward, flat.claimed)
    if decision.status != "refuted" or not flat.constants:
        return replace(decision, conditions=tuple(map(flat.spelled, decision.conditions)))
    forward, claimed, piece = flat.on_one_piece()
    again = _proof(question, forward, claimed, piece)
    if again.status == "refuted":
        return again
    return Decision("unknown", (), None, (*decision.tried, "refuted only for steps of values that may not occur"))


def _proof(question: Question, forward: sympy.Expr, claimed: sympy.Expr, piece: tuple[Boolean, ...] = ()) -> Decision:
    """The decision of the proof, on a piece of the domain."""
    domain = (*question.domain, *piece)
    if question.symbol is None:
        return decide_equal(forward, claimed, domain=domain, conventions=question.conventions)
    return decide_gradient(forward, claimed, question.symbol, domain=domain, conventions=question.conventions)


def _conditions(question: Question, decision: Decision, roundings: Sequence[Recognised]) -> tuple[str, ...]:
    """The roundings of constants, the domain of the case, what the proof adds, and the jumps of step functions."""
    rounded = [f"up to the rounding of {one.value!r} (relative {one.relative:.1e})" for one in roundings]
    steps = sorted(question.forward.atoms(*STEPS) | question.claimed.atoms(*STEPS), key=str)
    jumps = [f"off the jumps of {to_text(step)}" for step in steps]
    given = [f"for {to_text(condition)}" for condition in question.domain]
    found = [text for text in decision.conditions if not text.startswith(_OF_MASKS)]
    return tuple(dict.fromkeys([*rounded, *given, *found, *jumps]))


def _reason(question: Question, decision: Decision) -> str:
    if decision.status == "refuted" and question.symbol is None and question.forward == 0:
        return "not linear: where every tangent is 0, it is not 0"
    if decision.status != "unknown":
        return ""
    seen = [f"largest difference seen {decision.largest_difference}"] if decision.largest_difference else []
    return "; ".join([*decision.tried, *seen])


def _counterexample(decision: Decision) -> Mapping[str, Any] | None:
    found = decision.counterexample
    if found is None:
        return None
    point = {name: str(value) for name, value in found.point.items()}
    return {"point": point, "derivative": str(found.left), "rule": str(found.right)}
