"""What a convention of torch excuses: the difference that it makes, and no other in the same region.

softplus is linear above its threshold, so that a backward pass may differ there from the derivative of the formula. One
that is wrong there by itself would differ as well. So where a difference was excused, the program is read once more as
if each function were what its name says: then nothing is left to be excused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from diffexplore.decide.records import Decision
from diffexplore.errors import UsageError
from diffexplore.tracing.traced import Traced


def without_excuse(
    decision: Decision, traced: Traced, meant: Callable[[], Traced], decide: Callable[[Traced], Decision]
) -> Decision:
    """The proof, where it holds for the functions as they are meant as well; else what is found of these.

    ``meant`` reads ``traced`` so; ``decide`` answers the question of ``decision`` for formulas that were read in
    another way.
    """
    texts = tuple(set(traced.conventions.values()))
    if decision.status != "proved" or not any(condition.endswith(texts) for condition in decision.conditions):
        return decision
    try:
        found = decide(meant())
    except UsageError as error:
        return Decision("unknown", (), None, (*decision.tried, str(error)), ended=(str(error),))
    if found.status != "proved":
        return found
    further = tuple(one for one in found.exclusions if one not in decision.exclusions)
    if not further:
        return decision
    conditions = tuple(dict.fromkeys((*decision.conditions, *further)))
    return replace(
        decision, conditions=conditions, exclusions=(*decision.exclusions, *further), needs=None,
        expressed=(*decision.expressed, *found.expressed),
    )  # fmt: skip
