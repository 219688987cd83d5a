"""An audit as the blocks of a page: the verdict, what is refuted and open, and the classes of all entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from diffexplore.auditing.findings import AuditFinding, Judgement
from diffexplore.auditing.records import Audit, Check, Record
from diffexplore.lists import grouped
from diffexplore.numerals import short
from diffexplore.writing.blocks import Block, Column, Gap, Heading, Headline, Note, Table, Tone, text
from diffexplore.writing.numbers import counted

_TONES: dict[str, Tone] = {"proved": "good", "refuted": "bad", "unknown": "doubt", "out of scope": "quiet"}
_JUDGEMENTS: dict[Judgement | None, Tone] = {"defect": "bad", "harmless": "doubt", "on purpose": "quiet"}
_STATUSES = ("proved", "refuted", "unknown")
_DIGITS = 10
"""Characters of a value that are shown, or more where they agree."""
_LONG = 17

_SHARE = 0.01
"""A relative size from which on it is shown in percent."""


def page(audit: Audit, all_entries: bool = False, details: bool = False) -> Iterator[Block]:
    """The blocks of the page.

    Args:
        audit: what to show.
        all_entries: list every entry with its class and status, too.
        details: show every check of every entry, with its conditions.
    """
    yield headline(audit)
    yield Gap()
    if details:
        for record in audit.records:
            yield from _details(record)
    else:
        yield from _refuted(audit)
        yield from _unknown(audit)
    if all_entries:
        yield from _entries(audit)
    if not details:
        yield from _classes(audit)


def headline(audit: Audit) -> Headline:
    """``PROVED`` where something is, nothing is refuted that torch does not do on purpose, and nothing is left open."""
    statuses: list[str] = [record.status for record in audit.records]
    on_purpose = "refuted" in statuses and not audit.unexplained
    counts = ", ".join(
        f"{statuses.count(status)} {status}{' on purpose' if on_purpose and status == 'refuted' else ''}"
        for status in _STATUSES
    )
    decided = len(statuses) - statuses.count("out of scope")
    sentence = f"{audit.source}: {counted(len(statuses), 'entry', 'entries')}, {decided} in scope: {counts}"
    if audit.unexplained:
        return Headline("REFUTED", "bad", sentence)
    if decided and "unknown" in statuses:
        return Headline("UNDECIDED", "doubt", sentence)
    if "proved" in statuses:
        return Headline("PROVED", "good", sentence)
    return Headline("ON PURPOSE" if decided else "OUT OF SCOPE", "quiet", sentence)


def _refuted(audit: Audit) -> Iterator[Block]:
    """A row for each refuted entry, and below the table what is wrong: once for all entries with one cause."""
    records = [record for record in audit.records if record.refuted]
    if not records:
        return
    by_cause = grouped(records, lambda one: one.finding.words if one.finding else _why(one.refuted[0]))
    formulas = counted(sum(len(record.refuted) for record in records), "formula")
    yield Heading("Refuted", f"{formulas} of {counted(len(records), 'entry', 'entries')}: {_judged(by_cause.values())}")
    columns = Column.left("entry", flexible=True), Column.left("judgement"), Column.left("off by"), Column("line")
    rows = (
        (text(one.name), text(str(one.judgement), _JUDGEMENTS[one.judgement]), text(off_by(one)), text(str(one.line)))
        for one in records
    )
    yield Table(columns, tuple(rows))
    yield Gap()
    for same in by_cause.values():
        yield from _explained(same)
    yield Gap()


def _judged(causes: Iterable[Sequence[Record]]) -> str:
    """``4 defects, 1 harmless, 1 on purpose``: each cause once, however many entries it has."""
    counts = Counter(records[0].judgement for records in causes)
    return ", ".join(
        counted(counts[judgement], "defect") if judgement == "defect" else f"{counts[judgement]} {judgement}"
        for judgement in _JUDGEMENTS
        if counts[judgement]
    )


def off_by(record: Record) -> str:
    """How far the rules of a refuted entry are from the derivative at their counterexamples: the farthest of them."""
    sizes = [check.relative for check in record.refuted]
    if None in sizes:
        return "0 is right"
    worst = max(size for size in sizes if size is not None)
    return f"{short(100 * worst)} %" if worst >= _SHARE else short(worst)


def _explained(records: Sequence[Record]) -> Iterator[Block]:
    """What is wrong with entries that are refuted for one cause, which file is at fault, and how to see it."""
    names, finding = ", ".join(record.name for record in records), records[0].finding
    if finding is None:
        yield Note(text(f"{names}: {_why(records[0].refuted[0])}"), "·")
    else:
        yield from _found(names, finding)


def _found(subject: str, finding: AuditFinding) -> Iterator[Block]:
    yield Note(text(f"{subject}: {finding.words} ({finding.file})"), "·")
    for line in finding.reproducer.splitlines():
        yield Note(text(line, "quiet"), " ")


def _unknown(audit: Audit) -> Iterator[Block]:
    """What is left open, one table for all entries; the checks of one entry with one reason are one row."""
    found = [(record.name, check) for record in audit.records for check in record.checks if check.status == "unknown"]
    if not found:
        return
    yield Heading("Unknown", counted(len(found), "formula"))
    columns = Column.left("entry"), Column.left("by", flexible=True), Column.left("why", flexible=True)
    rows = []
    for (name, _), pairs in grouped(found, lambda pair: (pair[0], pair[1].reason)).items():
        checks = [check for _, check in pairs]
        rows.append((text(name), text("; ".join(map(_input, checks))), text(_why(checks[0]), "doubt")))
    yield Table(columns, tuple(rows))
    yield Gap()


def _input(check: Check) -> str:
    return f"{check.input} ({check.case})" if check.case else check.input


def _why(check: Check) -> str:
    if check.status == "unknown" or check.reason:
        return f"{check.reason}{' (on purpose)' if check.deliberate else ''}"
    return _where(check)


def _where(check: Check) -> str:
    """The counterexample in one line."""
    if check.counterexample is None:
        return ""
    point = ", ".join(f"{name} = {_short(value)}" for name, value in check.counterexample["point"].items())
    sides = [check.counterexample[side].partition(" ")[0] for side in ("derivative", "rule")]
    digits = max(_DIGITS, _first_difference(*sides) + 2)
    derivative, rule = (_cut(value, digits) for value in sides)
    return f"the derivative is {derivative}, the formula {rule} at {point}"


def _first_difference(first: str, second: str) -> int:
    """How many characters come before the first that differs."""
    return next((at for at, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]), 0)


def _cut(decimal: str, digits: int) -> str:
    """The first characters of a decimal, with its exponent."""
    mantissa, e, exponent = decimal.partition("e")
    return mantissa[:digits] + e + exponent


def _short(fraction: str) -> str:
    """A fraction, as a decimal where it is long."""
    return fraction if len(fraction) <= _LONG else f"{float(Fraction(fraction)):.6g}"


def _details(record: Record) -> Iterator[Block]:
    yield Heading(record.name, "; ".join(filter(None, (record.kind, record.remark))))
    if not record.checks:
        yield Note(text("out of scope: not decided"), "·")
    for check in record.checks:
        yield Note(text(f"{_input(check)}: {check.status} (line {check.line})", _TONES[check.status]), "·")
        yield Note(text(" ".join(check.rule.split()), "quiet"), " ")
        remarks: Sequence[str] = (*check.conditions, *check.notes, *filter(None, (check.reason, _where(check))))
        for words in dict.fromkeys(remarks):
            yield Note(text(words), " ")
    if record.finding is not None:
        yield from _found(str(record.judgement), record.finding)
    yield Gap()


def _entries(audit: Audit) -> Iterator[Block]:
    yield Heading("Entries", "in the order of the file")
    columns = Column.left("entry"), Column.left("status"), Column.left("class", flexible=True)
    rows = ((text(one.name), text(one.status, _TONES[one.status]), text(one.kind)) for one in audit.records)
    yield Table(columns, tuple(rows))
    yield Gap()


def _classes(audit: Audit) -> Iterator[Block]:
    yield Heading("Classes", "every entry is in one")
    columns = (Column.left("class", flexible=True), *map(Column, ("entries", *_STATUSES)))
    rows = []
    for kind, counts in audit.counts().items():
        in_scope = set(counts) & set(_STATUSES)
        cells = [str(counts.get(status, 0)) if in_scope else "" for status in _STATUSES]
        rows.append((text(kind), text(str(sum(counts.values()))), *map(text, cells)))
    rows.sort(key=lambda row: (not row[2][0].text, -int(row[1][0].text)))
    yield Table(columns, tuple(rows))
