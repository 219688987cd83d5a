"""What an audit found: plain records, which hold no SymPy object and can be written as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

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


@dataclass(frozen=True)
class Record:
    """One entry: its class, and what was found of it."""

    name: str
    kind: str
    checks: tuple[Check, ...] = ()
    remark: str = ""

    @property
    def status(self) -> Status:
        """refuted where a check is, else unknown where one is, else proved; out of scope without checks."""
        found = {check.status for check in self.checks}
        for status in ("refuted", "unknown", "proved"):
            if status in found:
                return status
        return "out of scope"

    @property
    def seconds(self) -> float:
        """How long all of it took."""
        return sum(check.seconds for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON has it."""
        checks = [asdict(check) | {"seconds": round(check.seconds, 3)} for check in self.checks]
        return {"name": self.name, "class": self.kind, "status": self.status, "remark": self.remark, "checks": checks}


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
        return tuple(
            record
            for record in self.records
            if any(check.status == "refuted" and not check.deliberate for check in record.checks)
        )

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Class → status → how many entries; classes in the order in which they first appear."""
        found: dict[str, Counter[str]] = {}
        for record in self.records:
            found.setdefault(record.kind, Counter())[record.status] += 1
        return found

    def to_dict(self) -> dict[str, Any]:
        """The audit as a JSON document."""
        return {
            "source": self.source,
            "entries": len(self.records),
            "decided": self.decided,
            "seconds": round(self.seconds, 2),
            "counts": {kind: dict(statuses) for kind, statuses in self.counts().items()},
            "records": [record.to_dict() for record in self.records],
        }
