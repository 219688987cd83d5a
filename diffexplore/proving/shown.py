"""Counterexamples are of the formulas that were traced: one is stated only where a run of the program shows it as well.

Over the reals a backward pass may be wrong at points that no run meets: a matrix of which rounding makes the pivot no
0, a condition that no float meets. There the run is right, and whoever tries the point sees nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

from diffexplore.checking.records import VALUE
from diffexplore.decide.records import Counterexample, Shown
from diffexplore.proving.formulas import differentiated, numbers_of
from diffexplore.proving.points_tried import at, in_digits, in_words, name_of_value
from diffexplore.proving.records import Statement
from diffexplore.proving.runs import Function, run
from diffexplore.tracing.sizes import usual
from diffexplore.tracing.traced import OUTPUT, Traced

_ROUNDING = 2.0**-44
"""Values that are nearer to each other (relatively) may differ in a run by its rounding alone."""


class EagerRuns:
    """Runs of a program, of named tensors in float64, at the points of counterexamples."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self._unseen: dict[tuple[str, int], str] = {}

    def shown(self, traced: Traced, name: str, call: int = 1) -> Shown:
        """Whether a run shows a counterexample to a statement, of the value or of a partial of a backward call."""
        return partial(self._shows, traced, name, call)

    def notes(self, statements: Mapping[tuple[str, int], Statement]) -> list[str]:
        """Where formulas were apart and runs were not, of statements without a counterexample."""
        return [
            text
            for key, text in self._unseen.items()
            if key in statements and statements[key].decision.counterexample is None
        ]

    def _shows(self, traced: Traced, name: str, call: int, found: Counterexample) -> bool:
        """Whether a run is nearer to what was traced than to what is right."""
        tensors = at(traced, found, usual(traced.guards))
        try:
            result = run(self._function, tensors, differentiated(traced), second=call > 1)
        except Exception:  # of the program itself: it has no value there
            return False
        symbol = OUTPUT if name == VALUE else name
        value, right, computed = numbers_of(traced, result)[symbol][0], float(found.left), float(found.right)
        shows = math.isfinite(value) and abs(value - computed) <= abs(value - right)
        if not shows and math.isfinite(value) and abs(computed - right) > _ROUNDING * abs(right):
            wrong, exact, shown = in_digits(computed, right, value)
            formula = f"the formula of {name_of_value(symbol)} gives {wrong} and {exact} is right"
            text = f"at {in_words(traced, tensors)} {formula}, but a run computes {shown}"
            self._unseen.setdefault((name, call), text)
        return shows
