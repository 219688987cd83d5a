"""A term that goes through all entries of an axis, left out or added: a mean, or a projection on the entries.

The backward of a normalisation has such terms: that of a layer norm subtracts the mean of what it is given, and a
multiple of x − mean(x). Without one of them the gradients by all entries of the axis are wrong by one number, or by one
multiple of these entries: which, the other entries tell. SymPy merges x − mean(x), so that no subexpression of the loss
is what was held constant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import sympy
from flint import arb

from diffexplore.checking.records import Cause
from diffexplore.verifying.diagnosis.admitted import Admitted
from diffexplore.verifying.diagnosis.evidence import consistent, named
from diffexplore.verifying.diagnosis.hypothesis import Hypothesis, Prediction
from diffexplore.verifying.diagnosis.plans import scenes as plans_of
from diffexplore.verifying.diagnosis.scene import Laboratory, Scene, SceneUnavailable

#: How an entry of an array is named: x3, W2_1, K1_2_3.
_ENTRY = re.compile(r"(.*?\D)(\d+(?:_\d+)*)")

#: Arrays of more entries are not gone through: each takes a partial of its own.
_MOST = 12

_SHOWN = 4

#: Ratios that differ by less, relative to themselves, are one.
_SAME = 2.0**-20

_RANK = 3.7
"""Of what explains the same numbers, an added constant is simpler."""


@dataclass(frozen=True)
class Basis:
    """What the error of an entry is a multiple of, made of the entry and of all entries of the axis."""

    words: str
    why: str
    of: Callable[[sympy.Expr, Sequence[sympy.Expr]], sympy.Expr]


_BASES = (
    Basis("one number", "a mean (or sum) over them", lambda entry, group: sympy.S.One),
    Basis("one multiple of these entries", "a projection on them, with Σ g·x", lambda entry, group: entry),
    Basis("one multiple of their distances from their mean", "the term of their variance, with Σ g·(x − mean(x))",
          lambda entry, group: entry - sympy.Add(*group) / len(group)),
    Basis("one multiple of their softmax", "the term with Σ g·softmax(x), or Σ g",
          lambda entry, group: sympy.exp(entry)),
)  # fmt: skip


def of_an_axis(name: str, laboratory: Laboratory) -> Cause | None:
    """The cause of a partial by an entry, where its error follows from those of other entries of the same array."""
    groups = list(groups_of(name, laboratory.problem.inputs))
    every = tuple(dict.fromkeys(entry for _, group in groups for entry in group))
    if not groups or len(every) > _MOST:
        return None
    problem = laboratory.problem
    wide = replace(laboratory, problem=replace(problem, wrt=every))
    known = [scene for scene in plans_of(wide) if set(every) <= set(scene.estimates)]
    found = consistent(_hypotheses(name, groups, problem.loss.symbols), known, name) if known else []
    return named(found, known, name) if found else None


def groups_of(name: str, names: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The entries beside an entry in its array, with words: all of them first, then along each axis, the last first."""
    entry = _ENTRY.fullmatch(name)
    if entry is None:
        return
    array = {
        other: tuple(map(int, found[2].split("_")))
        for other in names
        if (found := _ENTRY.fullmatch(other)) is not None and found[1] == entry[1]
    }
    mine, seen = array[name], set[tuple[str, ...]]()
    for free in [set(range(start, len(mine))) for start in (0, 1)] + [{axis} for axis in reversed(range(len(mine)))]:
        group = tuple(
            other
            for other, index in array.items()
            if len(index) == len(mine) and all(index[k] == mine[k] for k in range(len(mine)) if k not in free)
        )
        if len(group) > 1 and group not in seen:
            seen.add(group)
            shown = group if len(group) <= _SHOWN else (*group[:2], "…", group[-1])
            yield ", ".join(shown[:-1]) + f" and {shown[-1]}", group


def _hypotheses(
    name: str, groups: Sequence[tuple[str, tuple[str, ...]]], symbols: Mapping[str, sympy.Symbol]
) -> Iterator[Hypothesis]:
    for place, (words, group) in enumerate(groups):
        for number, basis in enumerate(_BASES):
            message = f"the gradients by {words} are wrong by {basis.words}: missing, or added, is {basis.why}"
            entries = {other: basis.of(symbols[other], [symbols[one] for one in group]) for other in group}
            yield Hypothesis(
                "axis_term", message, _RANK + (len(_BASES) * place + number) / 1000, _from_others(name, entries),
                {"entries": list(group), "of": basis.words},
            )  # fmt: skip


def _from_others(name: str, basis: Mapping[str, sympy.Expr]) -> Prediction:
    """The truth, and the multiple of the basis by which the other entries are off."""

    def predict(scene: Scene) -> list[arb] | None:
        own, found = scene.at_samples(basis[name]), []
        others = [other for other in basis if other != name]
        for place, truth in enumerate(scene.truth(name)):
            if _is_one_multiple(scene, place, basis):
                raise SceneUnavailable
            multiple = _multiple(scene, place, others, basis)
            if multiple is None:
                return None
            found.append(truth + multiple * own[place])
        return found

    return predict


def _is_one_multiple(scene: Scene, place: int, basis: Mapping[str, sympy.Expr]) -> bool:
    """Whether the right gradient is one multiple of the basis, too: then an error that is one says nothing."""
    units = {name: float(scene.at_samples(expr)[place].mid()) for name, expr in basis.items()}
    ratios = [float(scene.truth(name)[place].mid()) / unit for name, unit in units.items() if unit]
    return len(ratios) < 2 or max(ratios) - min(ratios) <= _SAME * max(map(abs, ratios))


def _multiple(scene: Scene, place: int, others: Sequence[str], basis: Mapping[str, sympy.Expr]) -> arb | None:
    """The one multiple of the basis by which the other entries are off; None where there is none.

    Raises :class:`SceneUnavailable` where the basis is 0 for all of them.
    """
    admitted = Admitted()
    for other in others:
        size = float(scene.at_samples(basis[other])[place].mid())
        value, bound, truth = scene.numbers(other)[place]
        off, slack = float((arb(value) - truth).mid()), scene.slack(value, bound)
        if size == 0:
            if abs(off) > slack:
                return None
            continue
        admitted.narrow(off / size, slack / abs(size))
    if not admitted.is_measured:
        raise SceneUnavailable
    return arb(*admitted.middle_and_room) if admitted.low <= admitted.high else None
