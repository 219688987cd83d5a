"""What the samples of a block showed at one point, and of several blocks together.

Each block is gone through by itself, and the blocks are put together in their order: so the outcome is the same,
whichever process went through which block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flint import arb

from diffexplore.arithmetic.balls import precision
from diffexplore.checking.enclosures import SUM_PRECISION, Enclosures, Status, statuses_in
from diffexplore.checking.explain import Broken
from diffexplore.checking.ledger import Ledger
from diffexplore.checking.lost import Weak
from diffexplore.checking.probes import SignLedger
from diffexplore.methods.problem import Problem

#: Of a partial, a method and a kind of comparison.
LedgerKey = tuple[str, str, str]


@dataclass(frozen=True)
class SampleFindings:
    """What is known of the partials by their samples: counts and worst rows, samples of either sign, exact sums."""

    ledgers: dict[LedgerKey, Ledger]
    signs: Mapping[str, SignLedger]
    sums: dict[str, arb]
    statuses: Mapping[str, set[Status]]
    broken: Broken
    weak: Weak

    @classmethod
    def start(cls, problem: Problem) -> SampleFindings:
        """Nothing is known yet."""
        names = problem.wrt
        return cls(
            {}, {name: SignLedger() for name in names}, {name: arb(0) for name in names},
            {name: set() for name in names}, Broken(), Weak(problem),
        )  # fmt: skip

    def add_truth(self, name: str, truth: Enclosures, total: arb) -> None:
        """The truths of a partial at some samples, and their sum."""
        self.weak.add_truth(name, truth)
        self._add_sum(name, total)
        self.statuses[name].update(statuses_in(truth))

    def join(self, later: Sequence[SampleFindings]) -> None:
        """Adds what blocks showed, in their order."""
        for other in later:
            for key, ledger in other.ledgers.items():
                if key in self.ledgers:
                    self.ledgers[key].join(ledger)
                else:
                    self.ledgers[key] = ledger
            for name, total in other.sums.items():
                self._add_sum(name, total)
                self.signs[name].join(other.signs[name])
                self.statuses[name].update(other.statuses[name])
            self.broken.join(other.broken)
            self.weak.join(other.weak)

    def _add_sum(self, name: str, total: arb) -> None:
        with precision(SUM_PRECISION):
            self.sums[name] += total
