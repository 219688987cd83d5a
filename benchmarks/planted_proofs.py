"""Planted changes in right derivatives: none may be proved, and nearly all must be refuted.

    python -m benchmarks.planted_proofs [--pairs 500] [--seed 0]

Each is one of :mod:`benchmarks.proof_pairs` with one change at a place where a change cannot cancel: a term, a factor,
a branch, a summand or the threshold of a condition, never inside a power or a function.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sympy
from sympy.core.relational import Relational

from benchmarks.proof_pairs import Pair, pairs
from diffexplore.decide import Decision, decide_gradient
from diffexplore.formula.batch_sums import BatchSum

TINY = sympy.Rational(1, 10**9)
Change = Callable[[sympy.Expr, random.Random], sympy.Expr | None]


@dataclass(frozen=True)
class Planted:
    """A pair whose derivative is wrong by one change of the named kind."""

    pair: Pair
    kind: str
    wrong: sympy.Expr

    def decide(self) -> Decision:
        pair = self.pair
        return decide_gradient(pair.forward, self.wrong, pair.symbol, data=pair.data, domain=pair.domain)


def places(expr: sympy.Expr) -> Iterator[tuple[sympy.Expr, Callable[[sympy.Expr], sympy.Expr]]]:
    """The subexpressions on which the whole depends one to one, each with how to put another in its place."""
    yield expr, lambda new: new
    if isinstance(expr, sympy.Piecewise):
        for at, piece in enumerate(expr.args):
            for inner, put in places(piece.expr):
                yield inner, lambda new, at=at, put=put: _with_piece(expr, at, put(new))
    elif isinstance(expr, BatchSum):
        for inner, put in places(expr.summand):
            yield inner, lambda new, put=put: BatchSum(put(new), expr.symbols)
    elif expr.is_Add or expr.is_Mul:
        for at, part in enumerate(expr.args):
            for inner, put in places(part):
                yield inner, lambda new, at=at, put=put: expr.func(*expr.args[:at], put(new), *expr.args[at + 1 :])


def _with_piece(expr: sympy.Piecewise, at: int, new: sympy.Expr) -> sympy.Expr:
    pieces = [(new if place == at else piece.expr, piece.cond) for place, piece in enumerate(expr.args)]
    return sympy.Piecewise(*pieces)


def _coefficient(expr: sympy.Expr, draw: random.Random) -> sympy.Expr | None:
    return None if expr == 0 else expr * draw.choice([sympy.Integer(2), sympy.Rational(1, 2), sympy.Rational(9, 10)])


def _sign(expr: sympy.Expr, draw: random.Random) -> sympy.Expr | None:
    return None if expr == 0 else -expr


def _dropped(expr: sympy.Expr, draw: random.Random) -> sympy.Expr | None:
    if not expr.is_Add and not expr.is_Mul:
        return None
    at = draw.randrange(len(expr.args))
    return expr.func(*expr.args[:at], *expr.args[at + 1 :])


def _swapped(expr: sympy.Expr, draw: random.Random) -> sympy.Expr | None:
    if not isinstance(expr, sympy.Piecewise):
        return None
    first, second, *rest = expr.args
    return sympy.Piecewise((second.expr, first.cond), (first.expr, second.cond), *rest)


def _off(expr: sympy.Expr, draw: random.Random) -> sympy.Expr | None:
    return None if expr == 0 else draw.choice([expr * (1 + TINY), expr + TINY])


def _threshold(expr: sympy.Expr, draw: random.Random) -> sympy.Expr | None:
    relations = sorted(expr.atoms(Relational), key=str) if isinstance(expr, sympy.Piecewise) else []
    if not relations:
        return None
    old = draw.choice(relations)
    return expr.xreplace({old: old.func(old.lhs, old.rhs + draw.choice([TINY, -TINY, sympy.Rational(1, 10)]))})


KINDS: dict[str, Change] = {
    "coefficient": _coefficient,
    "sign": _sign,
    "dropped term": _dropped,
    "swapped branch": _swapped,
    "off by 1e-9": _off,
    "threshold": _threshold,
}


def planted(count: int, seed: int = 0) -> Iterator[Planted]:
    """Reproducible changes; kinds and pairs take turns, as far as a pair has a place for the kind."""
    draw, rights, kinds = random.Random(seed), pairs(), list(KINDS)
    made = turn = 0
    while made < count:
        kind = kinds[turn % len(kinds)]
        turn += 1
        pair = draw.choice(rights)
        spots = [(put, new) for old, put in places(pair.claimed) if (new := KINDS[kind](old, draw)) is not None]
        if not spots:
            continue
        put, new = draw.choice(spots)
        wrong = put(new)
        if wrong != pair.claimed:
            made += 1
            yield Planted(pair, kind, wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start, counts, slowest = time.perf_counter(), Counter[tuple[str, str]](), 0.0
    for one in planted(options.pairs, options.seed):
        began = time.perf_counter()
        decision = one.decide()
        slowest = max(slowest, time.perf_counter() - began)
        counts[one.kind, decision.status] += 1
        if decision.status != "refuted":
            print(f"{decision.status}: {one.kind} in {one.pair.name}: {one.wrong}  {decision.tried}", flush=True)
    statuses = ("proved", "refuted", "unknown")
    for kind in KINDS:
        print(f"{kind:16}" + "".join(f"{counts[kind, status]:5} {status}" for status in statuses))
    total = {status: sum(counts[kind, status] for kind in KINDS) for status in statuses}
    share = total["refuted"] / max(options.pairs, 1)
    print(f"{options.pairs} planted changes: {total['proved']} proved, {total['refuted']} refuted ({share:.1%}), "
          f"{total['unknown']} unknown; {time.perf_counter() - start:.0f} s, the slowest {slowest:.1f} s")  # fmt: skip


if __name__ == "__main__":
    main()
