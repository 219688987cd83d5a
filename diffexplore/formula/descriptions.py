"""What a report says of its loss, its gradient and its candidate: plain records, like all of a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from diffexplore.documents import Plain

#: The ``parameter`` of rows that compare the loss's own value, which a candidate may compute beside its gradient.
VALUE = "(value)"


@dataclass(frozen=True)
class PartialFormula(Plain):
    """The closed form of one partial of the summand, with its operation counts.

    ``expression`` is in ASCII, and read back by the formula parser; ``text`` is for people.
    """

    _LEFT_OUT = ("name", "note")

    name: str
    expression: str
    text: str
    latex: str
    ops_raw: int
    ops_simplified: int
    note: str | None = None  # such as "simplification stopped after 2 s"


@dataclass(frozen=True)
class LossSummary(Plain):
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


@dataclass(frozen=True)
class CandidateSummary(Plain):
    """Whose gradient a report verifies; ``formulas`` says for each of its formulas how algebra decided it."""

    name: str
    kind: str
    formulas: Mapping[str, str] = field(default_factory=dict)
