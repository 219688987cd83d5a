"""The sections of a proof: the formulas as traced, each statement with its answer, counterexamples, conditions."""

from __future__ import annotations

from collections.abc import Iterator

from diffexplore.pages.records import Section, Subject
from diffexplore.pages.sections.parted import parted
from diffexplore.proving.records import Proof
from diffexplore.render.proof_headline import headline
from diffexplore.render.proofs import outline
from diffexplore.writing.blocks import Headline


def title_of(subject: Subject) -> str:
    """The program."""
    proof: Proof = subject.result
    return f"{proof.program} against {proof.loss}"


def headline_of(subject: Subject) -> Headline:
    """The answer."""
    return headline(subject.result)


def statements(subject: Subject) -> Iterator[Section]:
    """Everything that the terminal shows below the answer."""
    yield from parted(outline(subject.result), first=("statements", "Statements"))
