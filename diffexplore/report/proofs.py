"""What a reader of a proof sees, in which order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from diffexplore.check.records import VALUE
from diffexplore.proof.records import Ball, Counterexample, Status
from diffexplore.proving.records import Proof, Statement
from diffexplore.report.blocks import (
    Block,
    Column,
    Formula,
    FormulaList,
    Gap,
    Heading,
    Headline,
    Note,
    Span,
    Table,
    Text,
    Tone,
    text,
)
from diffexplore.report.names import reduced_partial

#: The word and tone of a status.
WORDS: Mapping[Status, tuple[str, Tone]] = {
    "proved": ("PROVED", "good"),
    "refuted": ("REFUTED", "bad"),
    "unknown": ("UNKNOWN", "doubt"),
}

_NOT_WHERE = ("not where", "no sample where")

_LONGEST = 200

_DIGITS = 17

#: Digits that a headline begins with, and partials that it lists.
_FEW_DIGITS, _LISTED = 3, 3


def outline(proof: Proof, *, full: bool = False) -> Iterator[Block]:
    """The blocks of a proof: the answer, the formulas, each statement, counterexamples, conditions.

    One screen shows the counterexample that the answer speaks of; ``full`` shows those of all statements.
    """
    yield headline(proof)
    yield Gap()
    yield from _formulas(proof)
    yield _table(proof)
    yield Gap()
    told = None if full or not proof.refuted else _told(proof)
    for statement in proof.statements:
        if told is None or statement is told or statement.decision.counterexample is None:
            yield from _details(proof, statement)
    yield from _notes(proof)


def _told(proof: Proof) -> Statement:
    """The refuted statement that the answer speaks of: that of a partial, where there is one."""
    return next((statement for statement in proof.refuted if statement.name != VALUE), proof.refuted[0])


def headline(proof: Proof) -> Headline:
    """The answer, and what it is about."""
    word, tone = WORDS[proof.status]
    return Headline(word, tone, {"proved": _proved, "refuted": _refuted, "unknown": _unknown}[proof.status](proof))


def _proved(proof: Proof) -> str:
    """What leaves out more than a null set of the differentiated symbols stands in the sentence itself."""
    few = f", of N = {proof.samples} samples as traced" if proof.samples is not None else ""
    kinks = set(proof.conditions) - set(proof.exclusions) - set(proof.sizes)
    conditions = f", under {_counted(len(kinks), 'side condition')}" if kinks else ""
    rest = "".join(f"; {sentence}" for sentence in proof.unvalued)
    return f"{_up_to(proof)}{proof.program} computes {_claim(proof)}{_inputs(proof)}{few}{conditions}{rest}"


def _inputs(proof: Proof) -> str:
    """For which inputs and numbers of samples."""
    sizes = f" with {' and '.join(proof.sizes)}" if proof.sizes else ""
    number = f"every number of samples{sizes}" if proof.data and proof.samples is None else ""
    if not proof.exclusions:
        return ", for every input" + (f" and {number}" if number else "")
    plain = [_clause(text) for text in proof.exclusions if not text.startswith(_NOT_WHERE)]
    others = [text for text in proof.exclusions if text.startswith(_NOT_WHERE)]
    where = f" where {' and '.join(plain)}" if plain else ""
    return where + "".join(f", {text}" for text in others) + (f", and for {number}" if number else "")


def _clause(condition: str) -> str:
    """A condition inside a sentence: a reason that follows a colon stands in brackets, so does a choice."""
    start, colon, reason = condition.removeprefix("for ").partition(": ")
    if colon:
        return f"{start} ({reason})"
    return f"({start})" if " or " in start else start


def _up_to(proof: Proof) -> str:
    """Up to which roundings of constants this is proved; the largest is named."""
    if not proof.up_to_rounding:
        return ""
    worst = max(proof.constants, key=lambda constant: constant.relative)
    held = "" if worst.dtype == "float64" else f" in {worst.dtype}"
    more = len(proof.constants) - 1
    others = f" and of {_counted(more, 'other constant')}, at most as much" if more else ""
    return f"up to the rounding of {worst.value!r}{held} (relative {worst.relative:.1e}){others}: "


def _refuted(proof: Proof) -> str:
    """What is wrong, by which numbers, why, and what is proved."""
    first, cause = _told(proof), proof.cause if proof.cause is not None and proof.cause.key != "unexplained" else None
    if cause is not None and "loss_is" in cause.fields and any(one.name == VALUE for one in proof.refuted):
        name = "" if proof.program == "loss" else f" {proof.program}"
        return f"your loss{name} is {cause.fields['loss_is']}; its gradient agrees with it"
    why = f": {cause.message}" if cause is not None else ""
    place = f" where {first.decision.place}" if first.decision.place else ""
    if first.name == VALUE:
        named = proof.loss.startswith("the loss ") or proof.loss == "loss"
        loss = proof.loss if proof.loss.startswith("the ") else f"the {'' if named else 'loss '}{proof.loss}"
        return f"{proof.program} does not compute {loss}{place}{_beside(first)}{why}"
    claim = f"{proof.program} does not compute {_claim(proof)}: its {_called(first)} is wrong"
    return f"{claim}{place}{_beside(first)}{why}{_others(proof, first)}"


def _beside(statement: Statement) -> str:
    """`` (0.1126, should be 0.0563)``: what is computed at the counterexample, and what is right."""
    found = statement.decision.counterexample
    if found is None:
        return ""
    for digits in range(_FEW_DIGITS, _DIGITS + 1):
        computed, right = (
            f"{float(ball.middle):.{digits}g}".replace("-", "−", 1) for ball in (found.right, found.left)
        )
        if computed != right:
            return f" ({computed}, should be {right})"
    return ""


def _others(proof: Proof, first: Statement) -> str:
    """What else is wrong, and what is proved."""
    parts = []
    for status, word in (("refuted", "wrong too"), ("proved", "right")):
        names = [_called(one) for one in proof.statements if one.status == status and one is not first]
        if names:
            named = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
            listed = named if len(names) <= _LISTED else f"{len(names)} others"
            parts.append(f"; {listed} {'is' if len(names) == 1 else 'are'} {word}")
    return "".join(parts)


def _unknown(proof: Proof) -> str:
    unsettled = [_called(statement) for statement in proof.statements if statement.status == "unknown"]
    return f"could not decide whether {proof.program} computes {_claim(proof)}: open {_verb(unsettled)}"


def _verb(names: list[str]) -> str:
    return f"{'are' if len(names) > 1 else 'is'} {', '.join(names)}"


def _claim(proof: Proof) -> str:
    if proof.loss == "its own forward pass":
        return "the gradient of its own forward pass"
    return f"the gradient of {proof.loss}"


def _called(statement: Statement) -> str:
    if statement.name == VALUE:
        return "L"
    return reduced_partial(statement.name) + (" of a second backward call" if statement.call > 1 else "")


def _formulas(proof: Proof) -> Iterator[Block]:
    yield Heading("As traced", "sums run over the samples" if proof.data else "")
    shown = [Formula("L", _shortened(proof.formula))]
    shown += [
        Formula(_called(statement), _shortened(statement.computed))
        for statement in proof.statements
        if statement.name != VALUE
    ]
    yield FormulaList(tuple(shown))
    yield Gap()


def _shortened(formula: str) -> str:
    return formula if len(formula) <= _LONGEST else f"{formula[: _LONGEST - 1]}…"


def _table(proof: Proof) -> Table:
    columns = (
        Column("statement", align="left"),
        Column("answer", align="left"),
        Column("how", align="left", flexible=True),
    )
    return Table(columns, tuple(_row(statement) for statement in proof.statements))


def _row(statement: Statement) -> tuple[Text, Text, Text]:
    is_ = "is the loss" if statement.name == VALUE else "is the derivative"
    word, tone = WORDS[statement.status]
    return (
        text(f"{_called(statement)} {is_}"),
        text(word.lower(), tone),
        text("; ".join(statement.decision.tried), "quiet"),
    )


def _details(proof: Proof, statement: Statement) -> Iterator[Block]:
    """The counterexample of a refuted statement; how far apart the sides of an open one were seen to be."""
    found, difference = statement.decision.counterexample, statement.decision.largest_difference
    if found is not None:
        yield Heading(f"{_called(statement)} at a counterexample", _point(found))
        yield from _samples(found)
        columns = (Column("", align="left"), Column("value"), Column("within"))
        computed, exact = (f"what {proof.program} computes", found.right), ("what is right", found.left)
        yield Table(
            columns, tuple((text(name), text(_short(ball)), text(ball.radius)) for name, ball in (computed, exact))
        )
        yield Gap()
    elif statement.status == "unknown" and difference is not None:
        message = f"the largest difference of {_called(statement)} seen at random points, in 50 digits: {difference}"
        yield Note(text(message), "·")


def _short(ball: Ball) -> str:
    """The value in as many digits as a double shows."""
    digits = sum(character.isdigit() for character in ball.middle)
    return ball.middle if digits <= _DIGITS else f"{float(ball.middle):.{_DIGITS}g}"


def _point(found: Counterexample) -> str:
    of_samples = set(found.samples[0]) if found.samples else set()
    shown = (f"{name} = {_number(value)}" for name, value in found.point.items() if name not in of_samples)
    listed = ", ".join(shown)
    return f"at {listed}" if listed else ""


def _samples(found: Counterexample) -> Iterator[Block]:
    if not found.samples:
        return
    names = list(found.samples[0])
    columns = (Column("sample"), *(Column(name) for name in names))
    rows = ((text(str(i)), *(text(_number(sample[name])) for name in names)) for i, sample in enumerate(found.samples))
    yield Table(columns, tuple(rows))
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
    message = (
        "What is proved holds wherever the formulas are defined. The operations that torch traced are compared as "
        "mathematics, not the rounding of the kernels that ship: diffexplore verify measures that, in ulps."
    )
    yield Note(text(message, "quiet"))
    yield Gap()


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
