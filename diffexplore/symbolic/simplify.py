"""Simplification for people: a ladder of forms, climbed within a time budget.

Each rung rewrites the expression in one way (:mod:`diffexplore.symbolic.forms`); each result is arranged as a person
would write it (:mod:`diffexplore.symbolic.arrange`), and the one with the fewest operations, then the shortest text,
is kept. A result is only kept if it is defined exactly where the expression was
(:mod:`diffexplore.symbolic.singularities`: (x² − 1)/(x − 1) is not x + 1) and has the same values at random points.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.symbolic import build, forms
from diffexplore.symbolic.arrange import arrange
from diffexplore.symbolic.budget import run_within
from diffexplore.symbolic.compare import Fingerprint
from diffexplore.symbolic.cost import count_ops
from diffexplore.symbolic.singularities import nonzero_in, singularities
from diffexplore.symbolic.text import to_text

MAX_OPS = 400
"""Above this many operations only the cheap forms are tried: the others would use up any budget."""


@dataclass(frozen=True)
class Simplified:
    """The best form found, and whether the search was stopped by its time budget."""

    expr: sympy.Expr
    stopped: bool


def simplify(expr: sympy.Expr, budget_seconds: float = 2.0, domain: Iterable[Boolean] = ()) -> Simplified:
    """A shorter form of ``expr``, mathematically equal and defined at the same points.

    Args:
        expr: an expression over the functions of the formula language.
        budget_seconds: wall time after which the best form so far is returned.
        domain: conditions such as s > 0 that hold wherever the expression is used: a denominator that cannot vanish
            there may be cancelled.
    """
    ladder = _Ladder(expr, nonzero_in(domain))
    finished = run_within(budget_seconds, ladder.climb)
    return Simplified(ladder.best, not finished)


class _Ladder:
    """The best form so far of one expression. ``best`` is replaced in one assignment, so a stop cannot spoil it."""

    def __init__(self, expr: sympy.Expr, nonzero: frozenset[sympy.Basic]) -> None:
        self._expr = expr
        self._nonzero = nonzero
        self._tried: set[sympy.Expr] = set()
        self._best: tuple[tuple[int, int], sympy.Expr] | None = None

    @property
    def best(self) -> sympy.Expr:
        return self._expr if self._best is None else self._best[1]

    def climb(self) -> None:
        self._try(forms.as_it_is, self._expr)
        if self._best is None:  # arranging it lost a singularity
            self._offer(build.rebuild(self._expr))
        self._within_branches()
        self._try_all(forms.CHEAP)
        if count_ops(self.best) <= MAX_OPS:
            self._try_all(forms.THOROUGH)
            self._try_all(forms.OF_SUMS if self.best.is_Add else ())

    def _try_all(self, rungs: Sequence[forms.Form]) -> None:
        for form in rungs:
            self._try(form, self._expr)
            if self.best != self._expr:
                self._try(form, self.best)

    def _within_branches(self) -> None:
        """Simplify the pieces of every where(…) on their own; the forms treat it as a black box."""
        pieces = {node: self._with_simpler_pieces(node) for node in self.best.atoms(sympy.Piecewise)}
        if pieces:
            self._expr = self._expr.xreplace(pieces)
            self._consider(self._expr)

    def _try(self, form: forms.Form, expr: sympy.Expr) -> None:
        try:
            self._consider(form(expr))
        except (sympy.PolynomialError, NotImplementedError, ValueError, TypeError, AttributeError, RecursionError):
            return  # a form that does not apply to this expression, or a defect of SymPy in it: the others remain

    def _consider(self, candidate: sympy.Expr) -> None:
        if candidate in self._tried:
            return
        self._tried.add(candidate)
        self._offer(build.rebuild(arrange(candidate)))

    def _offer(self, candidate: sympy.Expr) -> None:
        key = (count_ops(candidate), len(to_text(candidate, unicode=False)))
        if self._best is not None and key >= self._best[0]:
            return
        defined_alike = self._domain_of(candidate) == self._domain
        if defined_alike and not self._fingerprint.contradicts(candidate):
            self._best = key, candidate

    @cached_property
    def _fingerprint(self) -> Fingerprint:
        """Values of the expression: a net under the algebra, should a form or SymPy be wrong."""
        return Fingerprint(self._expr)

    @cached_property
    def _domain(self) -> frozenset[sympy.Basic]:
        return self._domain_of(self._expr)

    def _domain_of(self, expr: sympy.Expr) -> frozenset[sympy.Basic]:
        """The singularities of ``expr`` that are within the domain of its use."""
        return singularities(expr) - self._nonzero

    def _with_simpler_pieces(self, node: sympy.Piecewise) -> sympy.Expr:
        pieces = []
        for expr, condition in node.args:
            ladder = _Ladder(expr, self._nonzero)
            ladder.climb()
            pieces.append((ladder.best, condition))
        return sympy.Piecewise(*pieces)
