"""The values of an entry's names in one case, and the questions of algebra that its formulas become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from diffexplore.auditing.expressions import parse_formula
from diffexplore.auditing.functions import NotRead, number, truth
from diffexplore.auditing.helpers import helpers_of
from diffexplore.auditing.rulebook import RulebookEntry
from diffexplore.auditing.rules import Reader
from diffexplore.auditing.signature import Argument
from diffexplore.torch_ops.cases import Case

MASKS = ("mask", "condition")
"""Tensors of truth values, each read as the sign of a number of that name."""
_SPREAD = frozenset({"value"})
"""Tensors of one element that is written into many."""
_RESULT = sympy.Symbol("result", real=True)


@dataclass(frozen=True)
class Question:
    """Is ``claimed`` the derivative of ``forward`` by ``symbol``? Without a symbol: is it equal to ``forward``?

    Both hold the upstream gradient, or the tangent, as a factor.
    """

    input: str
    case: str
    forward: sympy.Expr
    claimed: sympy.Expr
    symbol: sympy.Symbol | None
    domain: tuple[Boolean, ...]
    conventions: Mapping[Boolean, str]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Unread:
    """A rule that could not be read, and why."""

    input: str
    case: str
    reason: str


class Setup:
    """The values of an entry's names in one case.

    Raises:
        NotRead: where the arguments are not those that the table of operators knows.
    """

    def __init__(self, entry: RulebookEntry, case: Case) -> None:
        if entry.signature.argument("grad") is not None:
            raise NotRead("an argument with the name of the upstream gradient")
        self.case = case
        self._helpers = helpers_of(entry.name, entry.torch)
        numbers = [argument for argument in entry.signature.arguments if argument.is_number]
        self.values: dict[str, Any] = {argument.name: _stands_for(argument) for argument in numbers}
        self.values |= {name: _setting(value) for name, value in case.settings.items()}
        for name, formula in case.saved.items():
            self.values[name] = self.read(formula)
        self.outputs = [number(self.read(formula)) for formula in case.formulas]
        self.domain = tuple(truth(self.read(condition)) for condition in case.domain)
        self.conventions = {truth(self.read(condition)): text for condition, text in case.conventions.items()}
        self._results = [name for name in entry.signature.results if name]

    def ask(self, name: str, position: int, text: str, grad_mode: bool, label: str) -> Question:
        """The question of one input, whose formula is the ``position``-th result of ``text``."""
        upstream = {f"grads[{i}]": sympy.Symbol(f"grad{i}", real=True) for i in range(len(self.outputs))}
        if len(self.outputs) == 1:
            upstream = {"grad": sympy.Symbol("grad", real=True)}
        total = sympy.Add(*(grad * output for grad, output in zip(upstream.values(), self.outputs, strict=True)))
        notes: list[str] = []
        names = upstream | self.saved_results()
        claimed = self.claimed(self.read(text, grad_mode, names, notes, spread=name in _SPREAD), position)
        return self.question(name, label, total, claimed, self.values[name], notes)

    def question(
        self, name: str, label: str, forward: sympy.Expr, claimed: sympy.Expr, symbol: sympy.Symbol | None,
        notes: Sequence[str],
    ) -> Question:  # fmt: skip
        """A question on the domain of the case."""
        return Question(name, label, forward, claimed, symbol, self.domain, self.conventions, tuple(notes))

    def read(
        self, text: str, grad_mode: bool = True, more: Mapping[str, Any] | None = None, notes: list[str] | None = None,
        spread: bool = False,
    ) -> Any:  # fmt: skip
        """The value of a formula."""
        reader = Reader({**self.values, **(more or {})}, self._helpers, grad_mode, spread)
        value = reader.read(parse_formula(text))
        if notes is not None:
            notes += [*reader.notes, *(self._helpers[name].citation for name in dict.fromkeys(reader.helpers))]
        return value

    def saved_results(self) -> dict[str, Any]:
        """What rules call the result: ``result``, ``result0``, or the name that the signature gives."""
        first = _RESULT if self.case.signed else self.outputs[0]
        return dict.fromkeys(["result", "result0", *self._results[:1]], first)

    def claimed(self, value: Any, position: int = 0) -> sympy.Expr:
        """The value of a rule as a number, in terms of the inputs alone."""
        if isinstance(value, tuple):
            if position >= len(value):
                raise NotRead(f"a result number {position + 1} of {len(value)}")
            value = value[position]
        claimed = number(value)
        if not self.case.signed:
            return claimed
        signs = {
            relation: relation.func(self.values["self"], 0)
            for relation in claimed.atoms(Relational)
            if relation.lhs == _RESULT and relation.rhs == 0
        }
        return claimed.xreplace(signs).xreplace({_RESULT: self.outputs[0]})


def _stands_for(argument: Argument) -> Any:
    """A real symbol of the argument's name; where it is a mask, the condition that such a number is positive."""
    symbol = sympy.Symbol(argument.name, real=True)
    return symbol > 0 if argument.name in MASKS else symbol


def _setting(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return sympy.Rational(*value.as_integer_ratio())
    return value
