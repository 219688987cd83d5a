"""What a proof says, in plain values: the words, the JSON document, and what a notebook shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diffexplore.checking.records import Cause
from diffexplore.decide.records import Counterexample, Decision, Status
from diffexplore.documents import Displayed, Plain
from diffexplore.proving.narrow import NarrowDtype

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Statement(Plain):
    """One equation, and what is known of it.

    Attributes:
        name: the symbol that is differentiated by; :data:`~diffexplore.checking.records.VALUE` for the loss itself.
        computed: what the program computes, as a formula.
        decision: whether that is the derivative (or the loss).
        call: 1, or 2 for what a second backward call on the same graph computes.
        derivative: of a refuted partial what is right, as a formula; empty where that is too long, and of all others.
    """

    name: str
    computed: str
    decision: Decision
    call: int = 1
    derivative: str = ""

    @property
    def status(self) -> Status:
        return self.decision.status

    def to_dict(self) -> dict[str, Any]:
        decision = self.decision
        return {
            "name": self.name,
            "call": self.call,
            "status": decision.status,
            "computed": self.computed,
            "derivative": self.derivative,
            "conditions": list(decision.conditions),
            "exclusions": list(decision.exclusions),
            "place": decision.place,
            "counterexample": None if decision.counterexample is None else _counterexample(decision.counterexample),
            "tried": list(decision.tried),
            "largest_difference": decision.largest_difference,
        }


@dataclass(frozen=True)
class ReadConstant(Plain):
    """A float of a program that was read as another number.

    Attributes:
        value: the float.
        read_as: the number, as text.
        relative: how far the float is from it, relatively; 1 for the lowest float, which is read as −∞.
        dtype: in which the program holds the float.
        others: further numbers that are as near.
    """

    value: float
    read_as: str
    relative: float
    dtype: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class Proof(Displayed):
    """Whether the backward pass of a program computes a gradient.

    Attributes:
        status: "refuted" if any statement is, "proved" if all are, else "unknown".
        program: the name of what was traced.
        loss: what it was held against, in words: its own forward pass, or a loss.
        formula: the program as a formula.
        parameters, data: its symbols.
        samples: None where the proof is for every number of samples, else the number that was traced.
        mixing: the operator and line because of which it is for that number only.
        dtype: of the tensors with which it was traced and run: of another one a program may choose other operations.
        statements: one for each partial, and one for the loss where one was given; further ones for a second backward
            call that does not compute the same.
        conditions: all side conditions.
        exclusions: those of the inputs that may leave out more than a null set of what can be differentiated by.
        sizes: those of the number of samples.
        unvalued: sentences about where the backward pass has no finite value, though there is a derivative.
        notes: how constants were read, and the like.
        cause: for a refuted gradient the named cause that verification finds, or None.
        constants: the floats of the program that were read as other numbers.
        up_to_rounding: whether it is proved up to the rounding of these constants only, not of the floats as they are.
        narrow: the narrower dtypes in which the program computes: a proof is up to their rounding and their range.
    """

    status: Status
    program: str
    loss: str
    formula: str
    parameters: tuple[str, ...]
    data: tuple[str, ...]
    samples: int | None
    mixing: str | None
    dtype: str
    statements: tuple[Statement, ...]
    conditions: tuple[str, ...]
    exclusions: tuple[str, ...]
    sizes: tuple[str, ...]
    unvalued: tuple[str, ...]
    notes: tuple[str, ...]
    cause: Cause | None
    constants: tuple[ReadConstant, ...] = ()
    up_to_rounding: bool = False
    narrow: tuple[NarrowDtype, ...] = ()

    @property
    def refuted(self) -> tuple[Statement, ...]:
        """The statements with a counterexample."""
        return tuple(statement for statement in self.statements if statement.status == "refuted")

    def to_dict(self) -> dict[str, Any]:
        """The proof as plain values, each under its key in JSON."""
        document = super().to_dict()
        return document | {"cause": document.pop("cause")}  # the last of the keys

    def __str__(self) -> str:
        from diffexplore.render.proof_headline import headline

        shown = headline(self)
        return f"{shown.word}  {shown.sentence}"


def status_of(statements: tuple[Statement, ...]) -> Status:
    """One refutation refutes; a proof needs all."""
    found = {statement.status for statement in statements}
    if "refuted" in found:
        return "refuted"
    return "proved" if found == {"proved"} else "unknown"


def up_to_unproved(statements: Iterable[Statement]) -> Iterator[Statement]:
    """The statements up to the first one that is not proved: whether all are needs no others."""
    for statement in statements:
        yield statement
        if statement.status != "proved":
            return


def _counterexample(found: Counterexample) -> Mapping[str, Any]:
    return {
        "point": {name: str(value) for name, value in found.point.items()},
        "samples": [{name: str(value) for name, value in sample.items()} for sample in found.samples],
        "computed": {"mid": found.right.middle, "rad": found.right.radius},
        "exact": {"mid": found.left.middle, "rad": found.left.radius},
    }
