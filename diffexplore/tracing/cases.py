"""Programs whose shapes depend on truth values, as ``x[x > 0]`` does: a trace for each case of them.

A trace decides each truth value that it needs, and notes what it decided: these conditions are those of its case. The
next traces decide the last of them otherwise, until every case has its formulas, or no values are left to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import sympy
import torch
from sympy.logic.boolalg import Boolean

from diffexplore.errors import UsageError
from diffexplore.torch_ops.domains import either
from diffexplore.torch_ops.readers.logic import opposite, select
from diffexplore.torch_private.watching import disable_current_modes, storage_key, tree_leaves
from diffexplore.tracing.domains import NoValue
from diffexplore.tracing.traced import Traced

Tensor = torch.Tensor

#: So many cases are read: those of four truth values.
MOST_CASES = 16

#: What a trace may decide: the conditions that it found, in their order, each with whether it held.
Path = tuple[tuple[Boolean, bool], ...]


class Decisions:
    """The truth values that one trace decides: those of ``chosen`` first, then that all hold.

    Autograd takes a mask a second time, and a program may compare the same numbers again: what is the same operation on
    the same memory, which nobody has written into since, is decided once.
    """

    def __init__(self, chosen: Sequence[bool] = ()) -> None:
        self._chosen = tuple(chosen)
        self.masks: list[Tensor] = []
        self.values: list[bool] = []
        self.place: object = ""
        self._decided: dict[Any, Tensor] = {}
        self._made: dict[Any, Any] = {}
        self._writes: Counter[int] = Counter()
        self._alive: list[Tensor] = []

    def note(self, func: Any, given: Any, result: Any) -> None:
        """Remembers what an operator makes truth values of, and where it writes."""
        if func._schema.is_mutable:
            self._writes.update(storage_key(one) for one in tree_leaves(given) if isinstance(one, Tensor))
        elif isinstance(result, Tensor) and result.dtype == torch.bool:
            parts = [self._identity(one) if isinstance(one, Tensor) else one for one in tree_leaves(given)]
            plain = all(isinstance(one, (tuple, int, float)) for one in parts)
            if plain and torch.Tag.nondeterministic_seeded not in func.tags:
                kinds = [(type(part), part) for part in parts]  # True equals 1
                self._made[self._identity(result)] = (func, tuple(given[1]), tuple(result.shape), *kinds)

    def _identity(self, tensor: Tensor) -> Any:
        """What is the same for the same numbers in the same places of memory; None where its size is not known."""
        if not all(isinstance(size, int) for size in tensor.shape):
            return None
        self._alive.append(tensor)  # its memory is used for nothing else
        key = storage_key(tensor)
        own = (key, self._writes[key], tensor.storage_offset(), tuple(tensor.shape), tensor.stride())
        return self._made.get(own, own)

    def constant(self, mask: Tensor, place: object) -> Tensor:
        """A mask that depends on inputs, as a constant one."""
        identity = self._identity(mask)
        if identity not in self._decided:
            made = list(self._chosen[len(self.values) : len(self.values) + mask.numel()])
            made += [True] * (mask.numel() - len(made))
            self.masks.append(mask.clone())  # it may be written into later on
            self.values += made
            self.place = place
            with disable_current_modes():
                self._decided[identity] = torch.tensor(made, dtype=torch.bool, device="cpu").reshape(mask.shape)
        return self._decided[identity]


@dataclass(frozen=True)
class ReadCase:
    """What a trace of one case gives: formulas, or why there are none, the conditions that it decided, and how."""

    traced: Traced | Exception
    conditions: tuple[Boolean, ...]
    decisions: Decisions


@dataclass(frozen=True)
class CaseOf:
    """The formulas of one case with its conditions; None where they have no finite value there."""

    path: Path
    traced: Traced | None


def traced_by_cases(read: Callable[[tuple[bool, ...]], ReadCase]) -> Traced:
    """The formulas of all cases in one; ``read`` is told which truth values decide the first conditions of a case.

    Raises what a trace gives for another reason than that the program has no value, and UsageError where there are more
    cases than are read, and where none has a value.
    """
    waiting: list[tuple[tuple[bool, ...], int]] = [((), 0)]  # what is decided, and from where on it has other cases
    found: list[CaseOf] = []
    while waiting:
        chosen, start = waiting.pop()
        case = read(chosen)
        traced, decisions = case.traced, case.decisions
        path, free, forced = _path(case.conditions, decisions.values)
        if forced is not None:  # no values are left to the case: what is known already decides otherwise
            waiting.append((forced, start))
            continue
        if isinstance(traced, Exception):
            if not (path and isinstance(traced, NoValue)):
                raise traced
            found.append(CaseOf(path, None))
        elif path or waiting or found:
            found.append(CaseOf(path, traced))
        else:
            return traced
        waiting += [((*decisions.values[:k], not decisions.values[k]), k + 1) for k in free if k >= start]
        if len(found) + len(waiting) > MOST_CASES:
            raise UsageError(
                f"the mask at {decisions.place} chooses elements by more than {MOST_CASES} cases of values, as one "
                "of more than four entries does: write it with torch.where"
            )
    return _joined(found)


def _path(conditions: Sequence[Boolean], values: Sequence[bool]) -> tuple[Path, list[int], tuple[bool, ...] | None]:
    """The conditions of a case, each once, with their places among all that was decided.

    Where one is decided against those before it, what is to be decided in place of that, else None. There may be fewer
    conditions than values: of a case that has no value, those up to where it has none.
    """
    known: dict[Boolean, bool] = {sympy.true: True, sympy.false: False}
    path, places = list[tuple[Boolean, bool]](), list[int]()
    for place, (condition, value) in enumerate(zip(conditions, values, strict=False)):
        other = opposite(condition)
        if condition in known or other in known:
            certain = known[condition] if condition in known else not known[other]
            if certain != value:
                return (), [], (*values[:place], certain)
            continue
        known[condition] = value
        path.append((condition, value))
        places.append(place)
    return tuple(path), places, None


def _joined(cases: Sequence[CaseOf]) -> Traced:
    """The cases as one: formulas with a branch for each, which is NaN where the program has no value."""
    with_value = [case.traced for case in cases if case.traced is not None]
    if not with_value:
        raise UsageError("the function has no finite value, whatever the elements that it chooses by their values")
    first = with_value[0]

    def formula(of: Callable[[Traced], sympy.Expr]) -> sympy.Expr:
        return _branches([(case.path, sympy.nan if case.traced is None else of(case.traced)) for case in cases])

    def formulas(of: Callable[[Traced], Mapping[str, sympy.Expr] | None]) -> Mapping[str, sympy.Expr]:
        def named(name: str) -> sympy.Expr:
            return formula(lambda t: (of(t) or {})[name])

        return MappingProxyType({name: named(name) for name in of(first) or ()})

    domains = {name: tuple(sorted(set(_needs(cases, name)), key=str)) for name in first.domains}
    second = any(traced.second is not None for traced in with_value)
    return replace(
        first,
        output=formula(lambda t: t.output),
        partials=None if first.partials is None else formulas(lambda t: t.partials),
        second=formulas(lambda t: t.second or t.partials) if second else None,
        guards=tuple(dict.fromkeys(guard for traced in with_value for guard in traced.guards)),
        notes=tuple(dict.fromkeys(note for traced in with_value for note in traced.notes)),
        conventions=MappingProxyType({one: text for t in with_value for one, text in t.conventions.items()}),
        domains=MappingProxyType(domains),
        constants=tuple(dict.fromkeys(constant for traced in with_value for constant in traced.constants)),
        narrow=tuple(dict.fromkeys(step for traced in with_value for step in traced.narrow)),
    )  # fmt: skip


def _holds(path: Path) -> Boolean:
    return sympy.And(*(condition if value else opposite(condition) for condition, value in path))


def _needs(cases: Sequence[CaseOf], name: str) -> Iterator[Boolean]:
    """What each case needs, where it is the case."""
    for case in cases:
        for need in () if case.traced is None else case.traced.domains.get(name, ()):
            yield either(opposite(_holds(case.path)), need)


def _branches(cases: Sequence[tuple[Path, sympy.Expr]]) -> sympy.Expr:
    """One formula of the formulas of cases, which branches only where they differ."""
    (path, formula), *others = cases
    if not others:
        return formula
    condition, _ = path[0]
    holds, fails = (
        _branches([(path[1:], found) for path, found in cases if path[0][1] == value]) for value in (True, False)
    )
    return select(condition, holds, fails)
