"""What a report says of its loss, its gradient and its candidate: plain records, like all of a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: The ``parameter`` of rows that compare the loss's own value, which a candidate may compute beside its gradient.
VALUE = "(value)"


@dataclass(frozen=True)
class PartialFormula:
    """The closed form of one partial of the summand, with its operation counts.

    ``expression`` is in ASCII, and read back by the formula parser; ``text`` is for people.
    """

    name: str
    expression: str
    text: str
    latex: str
    ops_raw: int
    ops_simplified: int
    note: str | None = None  # such as "simplification stopped after 2 s"

    def to_dict(self) -> dict[str, Any]:
        return {
            "expression": self.expression,
            "text": self.text,
            "latex": self.latex,
            "ops_raw": self.ops_raw,
            "ops_simplified": self.ops_simplified,
        }


@dataclass(frozen=True)
class LossSummary:
    """The loss as text."""

    name: str | None
    formula: str
    latex: str
    parameters: tuple[str, ...]
    data: tuple[str, ...]
    reduction: str
    domain: str | None
    source: str | None
    rewritten: str | None = None  # what SymPy made of the formula, where that is another one
    program: str | None = None  # the name of the torch function that it was read from, and that torch's methods run

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "formula": self.formula,
            "latex": self.latex,
            "parameters": list(self.parameters),
            "data": list(self.data),
            "reduction": self.reduction,
            "domain": self.domain,
            "source": self.source,
            "rewritten": self.rewritten,
            "program": self.program,
        }


@dataclass(frozen=True)
class CandidateSummary:
    """Whose gradient a report verifies; ``formulas`` says for each of its formulas how algebra decided it."""

    name: str
    kind: str
    formulas: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "kind": self.kind, "formulas": dict(self.formulas)}
