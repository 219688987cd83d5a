"""The records as tables: what an arithmetic computes with, and which record a class of SymPy has."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Literal

from diffexplore.functions import ALL, OPERATIONS
from diffexplore.functions.domains import Condition, Domain
from diffexplore.functions.facts import Facts, Smoothness
from diffexplore.functions.lazy import library, resolved
from diffexplore.functions.records import NO_CLASS, Composed, Defined, Function, Kernels, Lack, Operation, Readings

Arithmetic = Literal["torch", "numpy", "jax", "tensorflow", "arb", "double", "germ", "complex"]
Library = Literal["torch", "numpy"]
Reading = Literal["both", "cases", "smooth"]

_defined = library("diffexplore.formula.defined")

CONTROL = frozenset("full_like where lt le gt ge eq ne and or not".split())
"""The operations that are no functions of numbers: each arithmetic says what a condition is, and how it chooses."""


RELATIONS = frozenset("lt le gt ge eq ne".split())
"""Those of them that compare two numbers."""


def having(*smoothness: Smoothness, domain: Domain | None = None) -> frozenset[str]:
    """The names of the operations that are like that inside their domain, or inside that one."""
    facts = {name: one.facts for name, one in OPERATIONS.items()}
    return frozenset(name for name, one in facts.items() if one.smooth in smoothness and domain in (None, one.domain))


class _Named:
    """The operations of a table as attributes."""

    def __init__(self, table: Mapping[str, Callable[..., Any]]) -> None:
        self._table = table

    def number(self, whole: int) -> int:
        """A whole number, which every arithmetic takes as it is."""
        return whole

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return self._table[name]


def implementations(
    arithmetic: Arithmetic, control: Mapping[str, Callable[..., Any]], reading: Reading = "both"
) -> dict[str, Callable[..., Any]]:
    """Every operation that an arithmetic has, by name, with its own ``control`` operations; importing its library.

    Raises TypeError where it lacks a control operation.
    """
    if missing := sorted(CONTROL - control.keys()):
        raise TypeError(f"the arithmetic {arithmetic} does not say what {', '.join(missing)} is")
    table: dict[str, Callable[..., Any]] = dict(control)
    for name, record in OPERATIONS.items():
        found = getattr(record, arithmetic)
        if not isinstance(found, Lack):
            table[name] = _callable(found, table, reading)
    return table


def _callable(found: Any, table: Mapping[str, Callable[..., Any]], reading: Reading) -> Callable[..., Any]:
    if isinstance(found, Readings):
        found = getattr(found, reading)
    if isinstance(found, Composed):
        steps, operations = resolved(found.steps), _Named(table)
        return lambda *operands: steps(operations, *operands)
    run: Callable[..., Any] = resolved(found.run if isinstance(found, Kernels) else found)
    return run


def composed_of(arithmetic: Arithmetic, table: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """The operations that an arithmetic composes of others, of those in ``table``."""
    found = {name: getattr(record, arithmetic) for name, record in OPERATIONS.items()}
    return {name: _callable(one, table, "both") for name, one in found.items() if isinstance(one, Composed)}


def kernels(record: Operation, library: Library) -> tuple[str, ...]:
    """The operations whose kernels a library runs for one operation; itself where that is one kernel."""
    found = record.torch if library == "torch" else record.numpy
    if isinstance(found, Kernels):
        return found.of
    return tuple(_used(found)) if isinstance(found, Composed) else (record.name,)


def _used(function: Composed) -> list[str]:
    """The names of the operations that a composed function runs."""
    used: dict[str, None] = {}

    class Noting:
        def __getattr__(self, name: str) -> Callable[..., Any]:
            used[name] = None
            return lambda *operands: None

    operands = resolved(function.steps).__code__.co_argcount - 1
    function.steps(Noting(), *[None] * operands)
    return list(used)


def lacking(arithmetic: Arithmetic, lack: Lack) -> list[str]:
    """The operations that an arithmetic has not, for that reason."""
    return [name for name, record in OPERATIONS.items() if getattr(record, arithmetic) is lack]


@cache
def by_class() -> Mapping[type, Function]:
    """The function of each class of SymPy; imports SymPy."""
    return {node_of(entry): entry for entry in ALL if entry.node is not NO_CLASS}


def node_of(function: Function) -> Any:
    """The class of SymPy that the expressions of a function have, or what builds them where there is none."""
    if isinstance(function.node, Defined):
        return _defined.class_of(function)
    return resolved(function.build if function.node is NO_CLASS else function.node)


def class_named(name: str) -> Any:
    """The class of SymPy of a function of the language, by its name."""
    return next(kind for kind, entry in by_class().items() if entry.name == name)


def build(name: str, *arguments: Any) -> Any:
    """The expression of SymPy of a function of the language, by its name."""
    return builders()[name](*arguments)


def function_of(expr: Any) -> Function | None:
    """The function that is the outermost of an expression of SymPy; None for a sum, a power, a symbol, …"""
    return by_class().get(type(expr))


def domain_of(expr: Any) -> Domain | None:
    """Where the outermost operation of an expression of SymPy has a value; None where it is none that has a record."""
    facts = facts_of(expr)
    if facts is not None:  # SymPy counts the exponential among the powers
        return facts.domain
    return OPERATIONS["pow"].facts.domain if expr.is_Pow else None


def limited_by(*conditions: Condition) -> tuple[str, ...]:
    """The names in ATen of the operations whose domain has one of these conditions."""
    found = (one.aten_name for one in OPERATIONS.values() if set(one.facts.domain.conditions) & set(conditions))
    return tuple(found)


def facts_of(expr: Any) -> Facts | None:
    """What is known of the outermost function of an expression of SymPy; None for a sum, a power, a symbol, …"""
    function = function_of(expr)
    return None if function is None else function.facts


@cache
def of_kernels() -> Mapping[str, Callable[..., Any]]:
    """Name of a kernel in ATen that is a function → what makes its expression of SymPy arguments."""
    return {
        entry.computed.aten_name: node_of(entry)
        for entry in ALL
        if isinstance(entry.computed, Operation) and not isinstance(entry.computed.torch, (Kernels, Composed))
    }


def naive_forms() -> Iterator[tuple[Any, Callable[..., Any]]]:
    """What makes the expression of a function, and what makes that of which it is the accurate form.

    Those of functions that are made of others come first: log(1 + exp(x)) is a log(1 + y), too.
    """
    return ((node_of(one), one.naive) for one in reversed(ALL) if one.naive is not None)


@cache
def builders() -> Mapping[str, Callable[..., Any]]:
    """Name of a word of the language → what makes its SymPy expression of SymPy arguments."""
    return {entry.name: resolved(entry.build) if entry.build else node_of(entry) for entry in ALL if entry.word}


def composed(function: Function, collector: Any, slots: list[int] | tuple[int, ...]) -> int:
    """The slot of a function's value in a program that grows (:class:`~diffexplore.formula.collector.Collector`)."""
    computed = function.computed
    if isinstance(computed, Operation):
        slot: int = collector.step(computed.name, *slots)
        return slot
    assert isinstance(computed, Composed), "choices are no functions of slots"
    made: int = computed.steps(_Collecting(collector), *slots)
    return made


#: Comparisons of two exact numbers.
_RELATIONS: Mapping[str, Callable[[Any, Any], bool]] = {"eq": operator.eq, "le": operator.le}


class _Collecting:
    """Operations that are noted as steps of a program."""

    def __init__(self, collector: Any) -> None:
        self._collector = collector

    def number(self, exact: Any) -> int:
        """The slot of an exact number."""
        import sympy

        slot: int = self._collector.constant(sympy.sympify(exact))
        return slot

    def __getattr__(self, name: str) -> Callable[..., int]:
        return lambda *slots: self._step(name, slots)

    def _step(self, name: str, slots: tuple[int, ...]) -> int:
        """What has numbers alone is one, a comparison what it always is: the libraries have functions of arrays."""
        if name == "where" and isinstance(slots[0], bool):
            return slots[1 if slots[0] else 2]
        exact = [self._collector.exact(slot) for slot in slots]
        if name in _RELATIONS and None not in exact:
            return bool(_RELATIONS[name](*exact))
        if name in builders() and None not in exact:
            value = build(name, *exact)
            return self.number("nan" if value.is_real is False else value)
        slot: int = self._collector.step(name, *slots)
        return slot
