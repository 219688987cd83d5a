"""Simplification for people: a ladder of forms, climbed within a budget of operations.

Each rung rewrites the expression in one way (:mod:`diffexplore.formula.forms`); each result is arranged as a person
would write it (:mod:`diffexplore.formula.arrange`), and the one with the fewest operations, then the shortest text,
is kept. A result is only kept if it is defined exactly where the expression was
(:mod:`diffexplore.formula.singularities`: (x² − 1)/(x − 1) is not x + 1) and has the same values at random points.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy
from sympy.logic.boolalg import Boolean

from diffexplore.formula import build, forms
from diffexplore.formula.arrange import arrange
from diffexplore.formula.budget import Budget, Ending, run_within, spend
from diffexplore.formula.compare import Fingerprint
from diffexplore.formula.order import count_ops
from diffexplore.formula.remembered import remembered
from diffexplore.formula.singularities import nonzero_in, singularities
from diffexplore.formula.size import TooLarge, nodes
from diffexplore.formula.text import to_text

BUDGET = Budget(operations=1_000_000, seconds=60.0)
"""For one expression. Of the partials of the catalogue and of common formulas, each takes less than a tenth of it."""

_OPERATIONS_OF_A_NODE = 20  # what it takes to arrange, write and compare a node of a form

MAX_OPS = 400
"""Above this many operations only the cheap forms are tried: the others would use up any budget."""


@dataclass(frozen=True)
class Simplified:
    """The best form found, and how the search ended: done, or with forms left out because they are too large."""

    expr: sympy.Expr
    ending: Ending

    @property
    def stopped(self) -> bool:
        """Whether forms were left out."""
        return self.ending is not Ending.DONE


def simplify(expr: sympy.Expr, domain: Iterable[Boolean] = (), budget: Budget = BUDGET) -> Simplified:
    """A shorter form of ``expr``, mathematically equal and defined at the same points.

    Args:
        expr: an expression over the functions of the formula language.
        domain: conditions such as s > 0 that hold wherever the expression is used: a denominator that cannot vanish
            there may be cancelled.
        budget: operations after which the best form so far is returned.
    """
    return _simplified(expr, nonzero_in(domain), budget)


@remembered(1024)  # who looks at a loss again, in another dtype or at other data, has another object of it
def _simplified(expr: sympy.Expr, nonzero: frozenset[sympy.Basic], budget: Budget) -> Simplified:
    ladder = _Ladder(expr, nonzero)
    ending = run_within(budget, ladder.climb)
    left_out = ending is Ending.DONE and ladder.left_out
    return Simplified(ladder.best, Ending.TOO_LARGE if left_out else ending)


class _Ladder:
    """The best form so far of one expression. ``best`` is replaced in one assignment, so a stop cannot spoil it."""

    def __init__(self, expr: sympy.Expr, nonzero: frozenset[sympy.Basic]) -> None:
        self._expr = expr
        self._nonzero = nonzero
        self.left_out = False  # a form for which the expression is too large
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
        except TooLarge:
            self.left_out = True
        except (sympy.PolynomialError, NotImplementedError, ValueError, TypeError, AttributeError, RecursionError):
            return  # a form that does not apply to this expression, or a defect of SymPy in it: the others remain

    def _consider(self, candidate: sympy.Expr) -> None:
        if candidate in self._tried:
            return
        self._tried.add(candidate)
        spend(_OPERATIONS_OF_A_NODE * nodes(candidate))
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
            self.left_out |= ladder.left_out
            pieces.append((ladder.best, condition))
        return sympy.Piecewise(*pieces)
