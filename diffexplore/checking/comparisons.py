"""What is kept of the comparisons at one point: rows, counts, and the power with which each partial is settled."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from flint import arb
from torch import Tensor

from diffexplore.checking.enclosures import Enclosures
from diffexplore.checking.evaluate import Evaluator, Running
from diffexplore.checking.findings import SampleFindings
from diffexplore.checking.judge import PASS, Judged, judge
from diffexplore.checking.ledger import Ledger, make_row
from diffexplore.checking.listener import Listener
from diffexplore.checking.lost import lost_in, merged
from diffexplore.checking.records import LostDigits, Row
from diffexplore.checking.tallies import Skipped, Tally
from diffexplore.inputs.blocks import Blocks
from diffexplore.methods.base import Numbers
from diffexplore.methods.problem import Problem


@dataclass(frozen=True)
class PointOutcome:
    """What one point gave: rows, counts, and the power with which each partial is settled."""

    rows: tuple[Row, ...]
    tallies: tuple[Tally, ...]
    causes: Mapping[str, int]
    skipped: tuple[Skipped, ...]
    point: Mapping[str, float]
    settled: Mapping[str, float]  # name → smallest relative error that would have been caught; NaN for a truth of 0
    failed: bool
    lost: tuple[LostDigits, ...] = ()


class Comparisons:
    """The comparisons of one point, as they are made; ``scale`` is the largest |partial| of each symbol."""

    #: Whether partials by data are those of the reduced loss, ∂L/∂z_i, and not of the summand.
    by_data_of_the_loss = False

    def __init__(
        self, problem: Problem, point: Mapping[str, float], columns: Mapping[str, Tensor], blocks: Blocks,
        running: list[Running], scale: Mapping[str, float], seed: int, listener: Listener,
    ) -> None:  # fmt: skip
        self._problem = problem
        self._columns = columns
        self._n = blocks.n
        self._blocks = blocks
        self._running = list(running)
        self._scale = scale
        self._seed = seed
        self._listener = listener
        self._evaluator = Evaluator(problem, point, columns, blocks.n, shares=self.by_data_of_the_loss, blocks=blocks)
        self._point = {name: float(point[name]) for name in problem.loss.parameters}
        self._found = SampleFindings.start(problem)
        self._settled: dict[str, float] = {}
        self._rows: list[Row] = []
        self._skipped: list[Skipped] = []
        # Of the methods that are requested, not of those that turn out to run: a formula is no stand-in for a function.
        self._runs_program = problem.loss.program is not None and any(r.runs_program for r in running)

    def _judge(self, name: str, numbers: Numbers, truth: Enclosures, scale: float | None = None) -> Judged:
        """The verdicts of a method's numbers; ``scale`` is the largest partial of the check unless it is given."""
        return judge(
            numbers.value, numbers.bound, truth, self._scale[name] if scale is None else scale, self._problem.dtype,
            numbers.reason, stepped=numbers.stepped,
        )  # fmt: skip

    def _record(
        self, judged: Judged, ball: arb, name: str, method: str, evaluator: Evaluator, running: Running | None,
        probe: str | None = None,
    ) -> None:  # fmt: skip
        """Keeps a reduced comparison; ``running`` is None for the loss's own value."""
        kind = "reduced" if probe is None else "probes"
        self._ledger(name, method, kind).add(judged)
        point = self._point if probe is None else evaluator.point
        row = self._explained(
            make_row(judged, 0, name, method, point, sample=None, probe=probe, exact=ball), evaluator, running
        )
        self._rows.append(row)
        self._show_row(row)

    def _explained(self, row: Row, evaluator: Evaluator, running: Running | None) -> Row:
        """The row with the origin of a NaN, if it is one."""
        return self._found.broken.explained(row, evaluator, running)

    def _settle(self, name: str, judged: Judged, running: Running) -> None:
        """A pass that includes the reduction settles the partial at this point; the sharpest one is quoted."""
        if judged.verdict[0] != PASS or not self._settles(running):
            return
        power = float(judged.detectable[0])
        known = self._settled.get(name, math.nan)
        self._settled[name] = min(known, power) if math.isfinite(known) and math.isfinite(power) else (
            power if math.isnan(known) else known
        )  # fmt: skip

    def _settles(self, running: Running) -> bool:
        """Whether its passes count: those of exact methods, but where a user's function runs only those that run it."""
        return running.method.exact and (running.runs_program or not self._runs_program)

    def _stream(self, judged: Judged, name: str, method: str, first: int) -> None:
        for i in range(len(judged.value)):
            self._show_row(make_row(judged, i, name, method, self._point, sample=first + i))

    def _ledger(self, name: str, method: str, kind: str) -> Ledger:
        key = (name, method, kind)
        ledgers = self._found.ledgers
        if key not in ledgers:
            ledgers[key] = Ledger(name, method, self._point, kind)
        return ledgers[key]

    def _show_row(self, row: Row) -> None:
        if self._listener.wants_rows:
            self._listener.row(row)

    def _outcome(self) -> PointOutcome:
        causes: Counter[str] = Counter()
        for ledger in self._found.ledgers.values():
            causes.update(ledger.causes)
        named = {running.name: running for running in self._running}
        worst = [
            self._explained(row, self._evaluator, named[row.method])
            for ledger in self._found.ledgers.values() for row in ledger.worst()
        ]  # fmt: skip
        tallies = tuple(ledger.tally() for ledger in self._found.ledgers.values())
        return PointOutcome(
            rows=(*self._rows, *worst), tallies=tallies, causes=causes, skipped=tuple(self._skipped), point=self._point,
            settled=self._settled, failed=any(tally.failed for tally in tallies), lost=self._lost_digits(),
        )  # fmt: skip

    def _lost_digits(self) -> tuple[LostDigits, ...]:
        """Where rounding leaves fewer than half the digits of a partial by an exact method."""
        exact = [running for running in self._running if running.method.exact]
        found = (lost_in(weak, self._evaluator, exact, self._point) for weak in self._found.weak)
        return merged(lost for lost in found if lost is not None)
