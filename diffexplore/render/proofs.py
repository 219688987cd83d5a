"""What a reader of a proof sees, in which order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

from diffexplore.checking.records import VALUE
from diffexplore.decide.records import Counterexample, EnclosedValue
from diffexplore.lists import shortened
from diffexplore.proving.records import Proof, Statement
from diffexplore.render.proof_headline import WORDS, called, headline, headlined
from diffexplore.writing.blocks import Block, Column, Formula, FormulaList, Gap, Heading, Note, Span, Table, Text, text

_LONGEST = 200

_DIGITS = 17

_COMPARED = (
    "What is proved holds wherever the formulas are defined. The operations that torch traced are compared as "
    "mathematics, not the rounding of the kernels that ship: diffexplore verify measures that, in ulps."
)


def outline(proof: Proof, *, full: bool = False) -> Iterator[Block]:
    """The blocks of a proof: the answer, the formulas, each statement, counterexamples, conditions.

    One screen shows the counterexample that the answer speaks of; ``full`` shows those of all statements.
    """
    yield headline(proof)
    yield Gap()
    yield from _formulas(proof)
    yield _table(proof)
    yield Gap()
    shown = None if full or not proof.refuted else headlined(proof)
    for statement in proof.statements:
        if shown is None or statement is shown or statement.decision.counterexample is None:
            yield from _details(proof, statement)
    yield from _notes(proof)


def _formulas(proof: Proof) -> Iterator[Block]:
    yield Heading("As traced", "sums run over the samples" if proof.data else "")
    traced = [(called(statement), statement.computed) for statement in proof.statements if statement.name != VALUE]
    yield _list([("L", proof.formula), *traced])
    yield Gap()
    right = {called(statement): statement.derivative for statement in proof.refuted if statement.derivative}
    if right:
        yield Heading("Should be", f"the derivative of {proof.loss}")
        yield _list(right.items())
        yield Gap()


def _list(formulas: Iterable[tuple[str, str]]) -> FormulaList:
    return FormulaList(tuple(Formula(name, shortened(formula, _LONGEST)) for name, formula in formulas))


def _table(proof: Proof) -> Table:
    columns = Column.left("statement"), Column.left("answer"), Column.left("how", flexible=True)
    return Table(columns, tuple(map(_row, proof.statements)))


def _row(statement: Statement) -> tuple[Text, Text, Text]:
    is_ = "is the loss" if statement.name == VALUE else "is the derivative"
    word, tone = WORDS[statement.status]
    how = text("; ".join(statement.decision.tried), "quiet")
    return text(f"{called(statement)} {is_}"), text(word.lower(), tone), how


def _details(proof: Proof, statement: Statement) -> Iterator[Block]:
    """The counterexample of a refuted statement; how far apart the sides of an open one were seen to be."""
    found, difference = statement.decision.counterexample, statement.decision.largest_difference
    if found is not None:
        yield Heading(f"{called(statement)} at a counterexample", _point(found))
        yield from _samples(found)
        sides = (f"what {proof.program} computes", found.right), ("what is right", found.left)
        rows = tuple((text(name), text(_short(ball)), text(ball.radius)) for name, ball in sides)
        yield Table((Column.left(), Column("value"), Column("within")), rows)
        yield Gap()
    elif statement.status == "unknown" and difference is not None:
        message = f"the largest difference of {called(statement)} seen at random points, in 50 digits: {difference}"
        yield Note(text(message), "·")


def _short(ball: EnclosedValue) -> str:
    """The value in as many digits as a double shows."""
    digits = sum(character.isdigit() for character in ball.middle)
    return ball.middle if digits <= _DIGITS else f"{float(ball.middle):.{_DIGITS}g}"


def _point(found: Counterexample) -> str:
    of_samples = set(found.samples[0]) if found.samples else set()
    shown = [f"{name} = {_number(value)}" for name, value in found.point.items() if name not in of_samples]
    return f"at {', '.join(shown)}" if shown else ""


def _samples(found: Counterexample) -> Iterator[Block]:
    if not found.samples:
        return
    names = list(found.samples[0])
    rows = ((text(str(i)), *(text(_number(sample[name])) for name in names)) for i, sample in enumerate(found.samples))
    yield Table((Column("sample"), *map(Column, names)), tuple(rows))
    yield Gap()


def _number(value: Fraction) -> str:
    """A whole number, a short decimal, or the fraction itself."""
    decimal = f"{float(value):.10g}"
    return decimal if Fraction(decimal) == value else str(value)


def _notes(proof: Proof) -> Iterator[Block]:
    for condition in proof.conditions:
        yield Note((Span("holds where ", "quiet"), Span(condition)), "·")
    if proof.samples is not None:
        yield Note(text(f"for N = {proof.samples} as traced, and no other: {proof.mixing} mixes samples"), "·")
    for note in proof.notes:
        yield Note(text(note, "quiet"), "·")
    yield Note(text(_COMPARED, "quiet"))
