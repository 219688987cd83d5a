"""For which inputs and numbers of samples a proof holds, as mathematics has it: "N even", each condition once."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from diffexplore.checking.records import VALUE
from diffexplore.decide.domain_conditions import left_open
from diffexplore.decide.records import Decision, Unvalued
from diffexplore.decide.regions import Region
from diffexplore.formula.batch_sums import SAMPLES
from diffexplore.formula.text import to_text
from diffexplore.proving.parts import Part
from diffexplore.proving.records import Statement

_SIGNS: Mapping[str, Callable[[int, int], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip

_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True)
class _Sizes:
    """Whole numbers N ≥ ``fewest``, up to ``most`` where that is given, with what else is stated of them.

    ``some``: that N is not 0 has to be said.
    """

    fewest: int = 1
    some: bool = False
    most: int | None = None
    without: frozenset[int] = frozenset()
    further: tuple[str, ...] = ()

    def words(self) -> tuple[str, ...]:
        fewest, most, without = self.fewest, self.most, set(self.without)
        while fewest in without:
            without.discard(fewest)
            fewest += 1
        while most is not None and most in without:
            without.discard(most)
            most -= 1
        found = []
        if most == fewest:
            return (f"N = {fewest}", *self.further)
        found += [f"N ≥ {fewest}"] if fewest > 1 or self.some else []
        found += [f"N ≤ {most}"] if most is not None else []
        inside = sorted(one for one in without if one > fewest and (most is None or one < most))
        return (*found, *(f"N ≠ {one}" for one in inside), *self.further)


def sizes_of(conditions: Iterable[Boolean]) -> tuple[str, ...]:
    """Conditions on N in words, without those that others imply; what is of another form stays as it is."""
    found = _Sizes()
    for condition in conditions:
        for part in sympy.And.make_args(condition):
            found = _with(found, part)
    return tuple(dict.fromkeys(found.words()))


def _with(sizes: _Sizes, condition: Boolean) -> _Sizes:
    compared = _compared(condition)
    if compared is None:
        return replace(sizes, further=(*sizes.further, *_of_remainder(condition)))
    sign, bound = compared
    if sign == "!=":
        return replace(sizes, without=sizes.without | {int(bound)}) if bound.is_Integer else sizes
    above, below = math.floor(bound) + 1, math.ceil(bound) - 1
    fewest = {">": above, ">=": below + 1, "==": below + 1}.get(sign, 1)
    most = {"<": below, "<=": above - 1, "==": above - 1}.get(sign)
    known = [one for one in (sizes.most, most) if one is not None]
    some = sizes.some or (sign == ">=" and bound == 1)
    return replace(sizes, fewest=max(sizes.fewest, fewest), some=some, most=min(known, default=None))


def _compared(condition: Boolean) -> tuple[str, sympy.Rational] | None:
    """The sign and the bound of a condition that compares N with a number; None for another one."""
    if not isinstance(condition, Relational):
        return None
    polynomial = (condition.lhs - condition.rhs).as_poly(SAMPLES)
    if polynomial is None or polynomial.degree() != 1:
        return None
    slope, constant = polynomial.all_coeffs()
    sign, bound = condition.rel_op, -constant / slope
    if not bound.is_Rational or (sign == "==" and not bound.is_Integer):
        return None
    return (_TURNED.get(sign, sign) if slope < 0 else sign), bound


def _of_remainder(condition: Boolean) -> tuple[str, ...]:
    """What is stated of N modulo a number."""
    text = to_text(condition, unicode=True)
    found = _modulo(condition)
    if found is None:
        return (text,)
    modulus, rests = found
    if len(rests) == modulus:
        return ()
    if modulus == 2 and len(rests) == 1:
        return ("N odd" if rests == [1] else "N even",)
    if rests == [0]:
        return (f"N a multiple of {modulus}",)
    if rests == list(range(1, modulus)):
        return (f"N not a multiple of {modulus}",)
    listed = " or ".join(map(str, rests))
    return (f"N = {listed} modulo {modulus}",) if rests else (text,)


def _modulo(condition: Boolean) -> tuple[int, list[int]] | None:
    """The modulus, and which remainders of N meet a condition that compares one with a number."""
    if not isinstance(condition, Relational):
        return None
    sign, remainder, rest = condition.rel_op, condition.lhs, condition.rhs
    if isinstance(rest, sympy.Mod):
        sign, remainder, rest = _TURNED.get(sign, sign), rest, remainder
    if not isinstance(remainder, sympy.Mod) or not rest.is_Integer:
        return None
    of, modulus = remainder.args
    if of != SAMPLES or not (modulus.is_Integer and modulus > 0):
        return None
    return int(modulus), [one for one in range(int(modulus)) if _SIGNS[sign](one, int(rest))]


@dataclass(frozen=True)
class Scope:
    """Where a proof holds.

    Attributes:
        conditions: all side conditions, those of the domain and of the number of samples first.
        exclusions: those of the inputs that may leave out more than a null set of what can be differentiated by.
        sizes: those of the number of samples.
        unvalued: sentences about where the backward pass has no finite value, though there is a derivative.
    """

    conditions: tuple[str, ...]
    exclusions: tuple[str, ...]
    sizes: tuple[str, ...]
    unvalued: tuple[str, ...]


def scope_of(
    sizes: Iterable[Boolean], statements: Sequence[Statement], domain: Iterable[Any], others: Sequence[Part] = (),
    calls: Sequence[str] = (),
) -> Scope:  # fmt: skip
    """The scope of all statements together, with conditions of the number of samples and those that were given.

    ``others`` are the parts of a program that are proved for further numbers of samples; ``calls`` says of which calls
    alone it is a proof.
    """
    given = tuple(to_text(condition) for condition in domain if left_open(condition, Region(), ()) != ())
    counted = sizes_of(sizes)
    further = [(part, statement.decision) for part in others for statement in part.statements]

    def gathered(of: Callable[[Decision], tuple[str, ...]]) -> list[str]:
        own = [text for statement in statements for text in of(statement.decision)]
        return own + [f"{text} (where {part.text})" for part, one in further for text in of(one) if text not in own]

    proved, excluded = gathered(lambda one: one.conditions), gathered(lambda one: one.exclusions)
    return Scope(
        tuple(dict.fromkeys((*given, *calls, *counted, *proved))), tuple(dict.fromkeys((*given, *calls, *excluded))),
        counted,
        tuple(_sentences(statements)),
    )  # fmt: skip


def _sentences(statements: Sequence[Statement]) -> list[str]:
    """What is computed where there is no finite value, each region once."""
    regions: dict[tuple[str, bool, bool], dict[str, Unvalued]] = {}
    for statement in statements:
        for one in statement.decision.unvalued:
            key = one.where, one.of_sample, statement.name == VALUE
            regions.setdefault(key, {})[one.left] = one
    found = []
    for (where, of_sample, of_value), sides in regions.items():
        nan = "NaN" if all(one.always_nan for one in sides.values()) else "NaN or an infinity"
        what = "the loss" if of_value else "the derivative"
        right = f"{what}{' of their term' if of_sample else ''} is {next(iter(sides))}"
        if len(sides) > 1:
            right = f"{what}{'' if of_value else 's'} exist{'s' if of_value else ''}"
        who = "the program" if of_value else "autograd"
        found.append(f"for {'samples with ' if of_sample else ''}{where} {who} computes {nan}, where {right}")
    return found
