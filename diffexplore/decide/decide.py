"""Whether two expressions are equal, or one the derivative of the other: proved, refuted, or unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean, BooleanAtom

from diffexplore.decide.algebra import cases, settle
from diffexplore.decide.branches import chosen_by
from diffexplore.decide.case import RegionCase
from diffexplore.decide.choose import find
from diffexplore.decide.edges import look_at_edges
from diffexplore.decide.found import Edges
from diffexplore.decide.question import EqualityQuestion, ask, check_steps
from diffexplore.decide.records import Decision, Shown, Undefined, Unsupported
from diffexplore.decide.refute import contradicts
from diffexplore.decide.regions import Region
from diffexplore.decide.sums import sums_in
from diffexplore.decide.verdict import Work, verdict
from diffexplore.formula.batch_sums import SIZES
from diffexplore.formula.budget import Allowance, Budget, Ending
from diffexplore.formula.size import TooLarge

BUDGET = Budget(operations=4_000_000, seconds=600.0)
"""For all decisions of one proof: the algebra, the search for points and the look at boundaries of each."""

INTERNAL = "internal error"
"""What the note of an error begins with."""

STRICT = False
"""Whether an error inside the algebra or the search for points is raised, as the tests want; else it is noted."""

_POINTS = 60
_FIRST = 6  # so many points are tried before the algebra, for those at which both sides have a value
_WITNESSES = 3
_LOOKED_AT, _FEW = 8, 6  # so many cases that are proved are looked at, those after the first witness at so many points


def decide_equal(
    left: sympy.Expr,
    right: sympy.Expr,
    *,
    domain: Iterable[Boolean] = (),
    conventions: Mapping[Boolean, str] | None = None,
    needs: Iterable[Boolean] = (),
    sizes: Sequence[int] = SIZES,
    inputs: Iterable[sympy.Symbol] = (),
    everywhere: bool = False,
    allowance: Allowance | None = None,
    shown: Shown | None = None,
    searched: bool = True,
) -> Decision:
    """Whether ``left`` = ``right`` for all real values of their symbols.

    Args:
        left, right: expressions in real symbols; data symbols may be bound by sums over the samples.
        domain: conditions that the values meet, those of data for every sample.
        conventions: conditions under which one side departs from the other on purpose, with a text that says why. A
            difference there is a side condition and no refutation.
        needs: conditions under which alone ``right`` has a value, also where its expression no longer shows it: each is
            a comparison, or an Or or And of such. Outside them nothing is claimed: a side condition says so, but where
            it is certain that a need holds, or that ``left`` has no value without it.
        sizes: the numbers of samples at which points are sought, in turn; some for which the question is meant.
        inputs: symbols of which every value counts: a condition that leaves out one of theirs is an exclusion.
        everywhere: decide at the boundaries of branches as well; else they are side conditions.
        allowance: what this decision shares with others; None gives it :data:`BUDGET` for itself.
        shown: whether a counterexample shows where the sides are run; one that does not is none.
        searched: whether a counterexample is searched where there is no proof.
    """
    question = _question_of(left, right, None, domain, conventions, needs, shown, (), inputs)
    return _decide(question, sizes, allowance, on_seams=everywhere, searched=searched)


def decide_gradient(
    forward: sympy.Expr,
    claimed: sympy.Expr,
    symbol: sympy.Symbol,
    *,
    data: Iterable[sympy.Symbol] = (),
    domain: Iterable[Boolean] = (),
    conventions: Mapping[Boolean, str] | None = None,
    needs: Iterable[Boolean] = (),
    sizes: Sequence[int] = SIZES,
    inputs: Iterable[sympy.Symbol] = (),
    defined: Iterable[Boolean] = (),
    allowance: Allowance | None = None,
    shown: Shown | None = None,
    searched: bool = True,
) -> Decision:
    """Whether ``claimed`` is the derivative of ``forward`` by ``symbol``.

    Args:
        forward: may have sums over the samples, and branches.
        claimed: an expression. Boundaries of branches that the symbol does not cross are cases of their own. At one
            that it crosses, the claim must be right where ``forward`` has a derivative and can be shown to have one;
            else it is a side condition.
        symbol: differentiated by. One of ``data`` means that of one sample.
        data: the data symbols.
        domain, conventions, needs, sizes, inputs, allowance, shown, searched: as of :func:`decide_equal`; the needs
            are those of ``claimed``.
        defined: conditions under which alone ``forward`` has a value as it is written; a single point outside them,
            such as x = 0 of exp(log(x)), is no counterexample.
    """
    question = _question_of(forward, claimed, symbol, domain, conventions, needs, shown, data, inputs, tuple(defined))
    return _decide(question, sizes, allowance, on_seams=True, searched=searched)


def _question_of(
    left: sympy.Expr, right: sympy.Expr, symbol: sympy.Symbol | None, domain: Iterable[Boolean],
    conventions: Mapping[Boolean, str] | None, needs: Iterable[Boolean], shown: Shown | None,
    data: Iterable[sympy.Symbol], inputs: Iterable[sympy.Symbol], defined: Iterable[Boolean] = (),
) -> Callable[[], EqualityQuestion]:  # fmt: skip
    """What makes the question; raises TypeError for what is no expression and no condition."""
    sides, stated = (_as_expression(left), _as_expression(right)), tuple(map(_as_condition, needs))
    return partial(ask, *sides, symbol, domain, conventions or {}, stated, data, inputs, defined, shown)


def _decide(
    make: Callable[[], EqualityQuestion], sizes: Sequence[int], allowance: Allowance | None, *, on_seams: bool,
    searched: bool,
) -> Decision:  # fmt: skip
    work = Work()
    allowance = Allowance(BUDGET) if allowance is None else allowance

    def prove() -> None:
        work.question = make()
        _prove(work.question, work, sizes)

    _stage("the algebra", prove, work, allowance)
    if work.question is not None and work.apart is None and (searched or work.settled):
        question = work.question
        _stage("the search for points", lambda: _look(question, work, sizes), work, allowance)
        if work.settled:
            _stage("the look at boundaries", lambda: _go_on(question, work, on_seams), work, allowance)
        elif work.apart is None and on_seams:
            _stage("the look at conditions", lambda: _look_at_conditions(question, work), work, allowance)
    return verdict(work)


def _as_expression(given: sympy.Expr) -> sympy.Expr:
    found = sympy.sympify(given, strict=True)
    if not isinstance(found, sympy.Expr):
        raise TypeError(f"{found} is no expression")
    return found


def _as_condition(given: Boolean) -> Boolean:
    found = sympy.sympify(given)
    if not isinstance(found, (BooleanAtom, Relational, sympy.And, sympy.Or)):
        raise TypeError(f"{found} is no condition")
    return found


def _stage(name: str, work: Callable[[], None], found: Work, allowance: Allowance) -> None:
    """Do ``work``; where it does not come to its end the notes say why."""
    try:
        ending = allowance.run(work)
        if ending is not Ending.DONE:
            found.notes.append(f"{name} was stopped: {ending.value}")
    except (Unsupported, Undefined, TooLarge) as reason:
        found.notes.append(str(reason))
    except Exception as error:  # here alone: a rule that fails must end neither a proof nor the program of the reader
        if STRICT:
            raise
        found.notes.append(f"{INTERNAL} in {name}: {type(error).__name__}: {error}")


def _prove(question: EqualityQuestion, work: Work, sizes: Sequence[int]) -> None:
    check_steps(question)
    for case in cases(question):
        work.cases.append(case)
        settle(question, case, lambda case: _refuted_first(question, case, work, sizes))
        if work.apart is not None:
            return
    work.complete = True


def _go_on(question: EqualityQuestion, work: Work, on_seams: bool) -> None:
    work.edges = look_at_edges(question, work.cases, on_seams=on_seams)
    work.apart = work.apart or work.edges.apart


def _look_at_conditions(question: EqualityQuestion, work: Work) -> None:
    """A counterexample where branches are chosen anew, though no case of the question is known."""
    work.edges = Edges()
    for p in dict.fromkeys(p for side in (question.left, question.right) for p in chosen_by(side)):
        work.edges.apart = work.edges.apart or work.edges.wrong_at(question, p, Region())
    work.apart = work.edges.apart


def _refuted_first(question: EqualityQuestion, case: RegionCase, work: Work, sizes: Sequence[int]) -> bool:
    """Whether the sides are apart at one of a few points, where that is cheap: before algebra goes through them.

    Only in a case without conventions, and without branches in its sums, which have many regions of samples. Two points
    are looked at, one with positive numbers and one with both signs.
    """
    if question.departures(case.resolver) or (question.branches and any(map(sums_in, case.sides))):
        return False
    work.apart, seen = find(case, _FIRST, 1 if case.same else 2, sizes=sizes, shows=question.shows)
    if work.apart is not None:
        readable, _ = find(case, _POINTS, sizes=sizes, shows=question.shows)
        work.apart = readable or work.apart
        case.note = "certified values at a point"
    elif seen is not None:
        work.seen[len(work.cases) - 1] = seen
    return work.apart is not None


def _look(question: EqualityQuestion, work: Work, sizes: Sequence[int]) -> None:
    """A counterexample in a case that is not settled; else points of proved cases at which both sides have a value."""
    for case in work.cases:
        if not case.settled and not question.departures(case.resolver):
            inside = [piece for piece in case.pieces if not question.departures(piece.resolver)]
            work.apart, seen = find(replace(case, pieces=inside), _POINTS, sizes=sizes, shows=question.shows)
            largest = (one for one in (work.largest, seen) if one is not None)
            work.largest = max(largest, key=lambda one: one.difference.mid(), default=None)
            if work.apart is not None:
                return
    proved = [(number, case) for number, case in enumerate(work.cases) if case.proved]
    for number, case in proved[:_LOOKED_AT]:
        first = work.witness is None
        apart, seen = None, work.seen.get(number)
        if seen is None:
            enough = _WITNESSES if first and not case.same else 1
            apart, seen = find(case, _POINTS if first else _FEW, enough, sizes=sizes)
        if apart is None and seen is not None and question.branches and contradicts(seen, question.unresolved):
            apart = seen
        if apart is not None:  # never seen; a proof and a counterexample would mean that one of them is wrong
            work.notes.append("a proof was contradicted by certified values")
            work.complete, work.largest = False, apart
            return
        work.witness = work.witness or seen
