"""Runs the audit: every entry of the rules into one class, and the elementwise ones decided."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from itertools import chain

from diffexplore.auditing.classes import IN_SCOPE, class_of
from diffexplore.auditing.decide import answered
from diffexplore.auditing.functions import NotRead
from diffexplore.auditing.questions import backward_questions, forward_questions
from diffexplore.auditing.records import Audit, Check, Record
from diffexplore.auditing.rulebook import Rulebook, RulebookEntry, read_installed
from diffexplore.auditing.signature import cases
from diffexplore.errors import UsageError
from diffexplore.suggestions import did_you_mean

_NEAREST = 3


def audit(
    rules: Rulebook | None = None,
    *,
    only: Collection[str] = (),
    progress: Callable[[str, int, int], None] | None = None,
) -> Audit:
    """Decide for every elementwise entry whether its formulas are the derivatives of its operator.

    Args:
        rules: the rules; those of the installed torch by default.
        only: names of entries; with or without their overloads. All by default.
        progress: takes a name, how many entries are finished, and how many there are.

    Returns:
        A record for every entry that was requested, each exactly once.

    Raises:
        UsageError: where a name in ``only`` is that of no entry.
    """
    rules = rules if rules is not None else read_installed()
    entries, records = chosen(rules, only), []
    report = progress if progress is not None else lambda *_: None
    for done, entry in enumerate(entries):
        report("entries", done, len(entries))
        records.append(recorded(entry))
    report("entries", len(entries), len(entries))
    return Audit(rules.source, tuple(records))


def recorded(entry: RulebookEntry) -> Record:
    """What is found of one entry."""
    kind = class_of(entry)
    if kind not in IN_SCOPE:
        return Record(entry.name, kind, line=entry.line)
    checks = tuple(_checks(entry))
    remark = f"not of {', '.join(entry.dispatch)}" if entry.dispatch else ""
    return Record(entry.name, kind, checks, remark, entry.line)


def _checks(entry: RulebookEntry) -> Iterator[Check]:
    for case in cases(entry.signature):
        try:
            for rule, question in chain(backward_questions(entry, case), forward_questions(entry, case)):
                yield replace(answered(question, rule), line=entry.lines.get(rule, entry.line))
        except NotRead as error:
            reason = f"not the operator that is known: {error}"
            yield Check("", case.label, "unknown", "", reason=reason, line=entry.line)


def chosen(rules: Rulebook, only: Collection[str]) -> tuple[RulebookEntry, ...]:
    """The entries of these names, in the order of the file; all where no name is given.

    Raises:
        UsageError: where a name is that of no entry; with the nearest names.
    """
    for name in only:
        if not any(name in (entry.name, entry.signature.base) for entry in rules.entries):
            names = sorted({known for entry in rules.entries for known in (entry.name, entry.signature.base)})
            hint = did_you_mean(name, names, most=_NEAREST) or "diffexplore audit --all lists them all"
            raise UsageError(f"{rules.source} has no entry {name!r}: {hint}")
    if not only:
        return rules.entries
    return tuple(entry for entry in rules.entries if entry.name in only or entry.signature.base in only)
