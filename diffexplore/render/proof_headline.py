"""The answer of a proof in one sentence: what is proved, or what is wrong, by which numbers, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from diffexplore.checking.records import VALUE, Cause
from diffexplore.decide.records import EnclosedValue, Status
from diffexplore.lists import listed
from diffexplore.numerals import distinct, plain_exponent
from diffexplore.proving.narrow import NarrowDtype
from diffexplore.proving.records import Proof, Statement
from diffexplore.typography import with_minus
from diffexplore.writing.blocks import Headline, Tone
from diffexplore.writing.names import reduced_partial
from diffexplore.writing.numbers import counted, point_text

#: The word and tone of a status.
WORDS: Mapping[Status, tuple[str, Tone]] = {
    "proved": ("PROVED", "good"),
    "refuted": ("REFUTED", "bad"),
    "unknown": ("UNKNOWN", "doubt"),
}

_NOT_WHERE = ("not where", "no sample where")

#: Digits of numbers at a counterexample, the fewest and the most.
_FEW_DIGITS, _DIGITS = 3, 17

#: Partials that the sentence lists.
_LISTED = 3

#: Open statements that the sentence lists.
_LISTED_OPEN = 8

#: Characters of a point that it says.
_LONGEST_POINT = 40


def headline(proof: Proof) -> Headline:
    """The answer, what it is about, and the dtype of the tensors for which the program was read."""
    word, tone = WORDS[proof.status]
    sentence = {"proved": _proved, "refuted": _refuted, "unknown": _unknown}[proof.status](proof)
    return Headline(word, tone, f"{sentence}; traced in {proof.dtype}")


def headlined(proof: Proof) -> Statement:
    """The refuted statement that the answer speaks of: that of a partial, where there is one."""
    return next((statement for statement in proof.refuted if statement.name != VALUE), proof.refuted[0])


def named_cause(proof: Proof) -> Cause | None:
    """Why it is refuted, where that is known."""
    return proof.cause if proof.cause is not None and proof.cause.key != "unexplained" else None


def _proved(proof: Proof) -> str:
    """What leaves out more than a null set of the differentiated symbols stands in the sentence itself."""
    few = f", of N = {proof.samples} samples as traced" if proof.samples is not None else ""
    kinks = set(proof.conditions) - set(proof.exclusions) - set(proof.sizes)
    conditions = f", under {counted(len(kinks), 'side condition')}" if kinks else ""
    rest = "".join(f"; {sentence}" for sentence in proof.unvalued)
    claim = f"{proof.program} computes the gradient of {proof.loss}"
    return f"{_up_to(proof)}{claim}{_inputs(proof)}{few}{conditions}{rest}"


def _inputs(proof: Proof) -> str:
    """For which inputs and numbers of samples."""
    sizes = f" with {' and '.join(proof.sizes)}" if proof.sizes else ""
    number = f"every number of samples{sizes}" if proof.data and proof.samples is None else ""
    if not proof.exclusions:
        return ", for every input" + (f" and {number}" if number else "")
    others = [text for text in proof.exclusions if text.startswith(_NOT_WHERE)]
    plain = [_clause(text) for text in proof.exclusions if text not in others]
    where = f" where {' and '.join(plain)}" if plain else ""
    return ", ".join([where, *others, *([f"and for {number}"] if number else [])])


def _clause(condition: str) -> str:
    """A condition inside a sentence: a reason that follows a colon stands in brackets, so does a choice."""
    start, colon, reason = condition.removeprefix("for ").partition(": ")
    if colon:
        return f"{start} ({reason})"
    return f"({start})" if " or " in start else start


def _up_to(proof: Proof) -> str:
    """Up to which roundings this is proved: those of constants, and of narrower dtypes."""
    parts = [*_of_constants(proof), *map(_of_dtype, proof.narrow)]
    return f"up to {', and '.join(parts)}: " if parts else ""


def _of_constants(proof: Proof) -> Iterator[str]:
    """The rounding of constants; the largest is named. (The lowest float as −∞ is no rounding.)"""
    if not proof.up_to_rounding:
        return
    worst = max(proof.constants, key=lambda constant: constant.relative)
    held = "" if worst.dtype == "float64" else f" in {worst.dtype}"
    more = len(proof.constants) - 1
    others = f" and of {counted(more, 'other constant')}, at most as much" if more else ""
    if worst.relative < 1:
        yield f"the rounding of {worst.value!r}{held} (relative {worst.relative:.1e}){others}"
    else:
        yield f"the reading of {worst.value!r}{held} as {worst.read_as}{others}"


def _of_dtype(narrow: NarrowDtype) -> str:
    """The rounding and the range of a narrower dtype; the first line that computes in it is named."""
    first, *others = narrow.lines
    more = f" and {counted(len(others), 'other line')}" if others else ""
    relative, largest = (
        plain_exponent(f"{value:.{digits}}") for value, digits in ((narrow.relative, "1e"), (narrow.largest, "5g"))
    )
    size = f"relative {relative} an operation, infinite beyond {largest}"
    return f"the rounding and the range of {narrow.dtype} at {first}{more} ({size})"


def _refuted(proof: Proof) -> str:
    """What is wrong, by which numbers, why, and what is proved."""
    first, cause = headlined(proof), named_cause(proof)
    if cause is not None and "loss_is" in cause.fields and any(one.name == VALUE for one in proof.refuted):
        name = "" if proof.program == "loss" else f" {proof.program}"
        return f"your loss{name} is {cause.fields['loss_is']}; its gradient agrees with it"
    why = f": {with_minus(cause.message)}" if cause is not None else ""
    place = f" where {first.decision.place}" if first.decision.place else ""
    if first.name == VALUE:
        named = proof.loss.startswith("the loss ") or proof.loss == "loss"
        loss = proof.loss if proof.loss.startswith("the ") else f"the {'' if named else 'loss '}{proof.loss}"
        return f"{proof.program} does not compute {loss}{place}{_beside(first)}{why}"
    claim = f"{proof.program} does not compute the gradient of {proof.loss}: its {called(first)} is wrong"
    return f"{claim}{place}{_beside(first)}{why}{_others(proof, first)}"


def _beside(statement: Statement) -> str:
    """`` (0.1126, should be 0.0563)``: what is computed at the counterexample, and what is right."""
    found = statement.decision.counterexample
    if found is None:
        return ""
    computed, right = distinct((found.right, found.left), range(_FEW_DIGITS, _DIGITS + 1), _few)
    if computed == right:
        return ""
    point = point_text({name: float(value) for name, value in found.point.items()}, digits=6)
    where = f", at {point}" if point and not found.samples and len(point) <= _LONGEST_POINT else ""
    return f" ({computed}, should be {right}{where})"


def _few(ball: EnclosedValue, digits: int) -> str:
    return plain_exponent(f"{float(ball.middle):.{digits}g}").replace("-", "−", 1)


def _others(proof: Proof, first: Statement) -> str:
    """What else is wrong, and what is proved."""
    parts = []
    for status, word in (("refuted", "wrong too"), ("proved", "right")):
        names = [called(one) for one in proof.statements if one.status == status and one is not first]
        if names:
            named = listed(names) if len(names) <= _LISTED else f"{len(names)} others"
            parts.append(f"; {named} {'is' if len(names) == 1 else 'are'} {word}")
    return "".join(parts)


def _unknown(proof: Proof) -> str:
    """What is open, and what ended the work on it, where something did."""
    unsettled = [statement for statement in proof.statements if statement.status == "unknown"]
    names = [called(statement) for statement in unsettled]
    few = ", ".join(names) if len(names) <= _LISTED_OPEN else f"{len(names)} of {len(proof.statements)} statements"
    why = next((f" ({reason})" for statement in unsettled for reason in statement.decision.ended), "")
    still = f"open {'are' if len(names) > 1 else 'is'} {few}{why}"
    return f"could not decide whether {proof.program} computes the gradient of {proof.loss}: {still}"


def called(statement: Statement) -> str:
    """The partial that a statement is about; ``L`` for the loss itself."""
    if statement.name == VALUE:
        return "L"
    return reduced_partial(statement.name) + (" of a second backward call" if statement.call > 1 else "")
