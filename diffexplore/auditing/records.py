"""What an audit found: plain records, which hold no SymPy object and can be written as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from diffexplore.auditing.findings import AuditFinding, Judgement, finding_of
from diffexplore.documents import SCHEMA_VERSION, plain
from diffexplore.lists import grouped
from diffexplore.numerals import relative_distance

Status = Literal["proved", "refuted", "unknown", "out of scope"]


@dataclass(frozen=True)
class Check:
    """One question: is this formula the derivative by this input?

    Attributes:
        input: the input, such as ``self``; ``self, forward mode`` for a formula of forward mode.
        case: what is fixed, such as ``approximate = tanh``; empty where nothing is.
        status: proved, refuted or unknown.
        conditions: where it is proved: under which conditions.
        notes: how the formula was read.
        constants: where it is proved up to the rounding of constants only, these: ``value``, ``read_as``, ``relative``
            and ``dtype``.
        counterexample: where it is refuted: the point, and enclosures of the derivative and of the rule there.
        reason: why it is refuted or unknown, in words; empty where that is not known.
        deliberate: whether a refuted rule departs from the derivative on purpose, as ``reason`` says.
        rule: the formula as written in the file.
        seconds: how long it took.
        line: where the formula begins in the file, from 1.
    """

    input: str
    case: str
    status: Literal["proved", "refuted", "unknown"]
    rule: str
    conditions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    counterexample: Mapping[str, Any] | None = None
    reason: str = ""
    deliberate: bool = False
    seconds: float = 0.0
    constants: tuple[Mapping[str, Any], ...] = ()
    line: int = 0

    @property
    def relative(self) -> float | None:
        """How far the rule is from the derivative at the counterexample, relative to the derivative.

        None without one, and where the derivative is 0.
        """
        if self.counterexample is None:
            return None
        return relative_distance(*(self.counterexample[side].partition(" ")[0] for side in ("rule", "derivative")))

    def to_dict(self) -> dict[str, Any]:
        """The check as JSON has it."""
        return asdict(self) | {"seconds": round(self.seconds, 3), "relative": self.relative}


@dataclass(frozen=True)
class Record:
    """One entry: its class, what was found of it, and the line on which it begins."""

    name: str
    kind: str
    checks: tuple[Check, ...] = ()
    remark: str = ""
    line: int = 0

    @property
    def status(self) -> Status:
        """refuted where a check is, else unknown where one is, else proved; out of scope without checks."""
        found = {check.status for check in self.checks}
        order: tuple[Status, ...] = ("refuted", "unknown", "proved")
        return next((status for status in order if status in found), "out of scope")

    @property
    def seconds(self) -> float:
        """How long all of it took."""
        return sum(check.seconds for check in self.checks)

    @property
    def refuted(self) -> tuple[Check, ...]:
        """The checks with a counterexample."""
        return tuple(check for check in self.checks if check.status == "refuted")

    @property
    def finding(self) -> AuditFinding | None:
        """What is known of the cause where the entry is refuted."""
        return finding_of(self.name) if self.refuted else None

    @property
    def judgement(self) -> Judgement | None:
        """Whether what is refuted is a defect, harmless, or on purpose; None where nothing is refuted."""
        if not self.refuted:
            return None
        if all(check.deliberate for check in self.refuted):
            return "on purpose"
        return self.finding.judgement if self.finding is not None else "defect"

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON has it."""
        document = {
            "name": self.name, "line": self.line, "class": self.kind, "status": self.status, "remark": self.remark,
            "judgement": self.judgement,
        }  # fmt: skip
        cause = {key: getattr(self.finding, key, None) for key in ("file", "words", "reproducer")}
        return document | cause | {"checks": [check.to_dict() for check in self.checks]}


@dataclass(frozen=True)
class Audit:
    """All entries of one file, each exactly once and in its order."""

    source: str
    records: tuple[Record, ...]

    @property
    def decided(self) -> int:
        """How many entries are proved or refuted."""
        return sum(record.status in ("proved", "refuted") for record in self.records)

    @property
    def seconds(self) -> float:
        """How long all of it took."""
        return sum(record.seconds for record in self.records)

    @property
    def unexplained(self) -> tuple[Record, ...]:
        """The entries with a refuted rule that does not depart from the derivative on purpose."""
        return tuple(record for record in self.records if not all(check.deliberate for check in record.refuted))

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Class → status → how many entries; classes in the order in which they first appear."""
        by_kind = grouped(self.records, lambda record: record.kind)
        return {kind: Counter(record.status for record in records) for kind, records in by_kind.items()}

    def to_dict(self) -> dict[str, Any]:
        """The audit as a JSON document."""
        document = {
            "schema_version": SCHEMA_VERSION, "source": self.source, "entries": len(self.records),
            "decided": self.decided, "seconds": round(self.seconds, 2), "counts": self.counts(),
            "records": [record.to_dict() for record in self.records],
        }  # fmt: skip
        return {key: plain(value) for key, value in document.items()}
