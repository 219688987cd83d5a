"""The kill matrix: planted errors against diffexplore and other checkers.

    python -m benchmarks.kill_matrix [--jobs 2] [--quick] [--alone] [--kinds "halved,negated"] [--json FILE]

Kinds of error x losses x sizes x dtypes x points. A cell is one verification of a candidate: *caught* (fail), *below
power* (a pass, and wherever it passed the error is smaller than the power that the row states), *MISSED* (a pass of
an error above it), *hidden* (rounding hides the batch's own partial, and the sub-batches that stand for it do not have
the error), *not finite* (a fail for a NaN of the candidate: there is no number to judge), *inconclusive*, or
without an error there (an absolute value where the gradient is positive).
Right candidates must not fail. Other checkers see the same functions with their defaults; jax only where
it is installed.
"""

from __future__ import annotations

import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from benchmarks._jobs import arguments, finish, outcomes
from benchmarks.candidates import verified
from benchmarks.planted import KINDS, Kind
from benchmarks.rivals import ACCEPTS, REJECTS, RIVALS, jax_missing
from benchmarks.scenes import LOSSES, POINTS, SIZES, Scene, SceneKey
from benchmarks.scoring import (
    CAUGHT,
    FALSE_ALARM,
    INCONCLUSIVE,
    MISSED,
    NO_ERROR,
    NOT_FINITE,
    Outcome,
    ended,
    named,
    undecided,
)  # fmt: skip

DTYPES = ("float64", "float32", "bfloat16")
OURS = "diffexplore"


@dataclass
class Tallies:
    """Counts by what they are of, and what went wrong."""

    counts: Counter[tuple[str, ...]] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, other: Tallies) -> None:
        self.counts += other.counts
        self.troubles += other.troubles
        for size, spent in other.seconds.items():
            self.seconds[size] += spent


def run_cell(scene: Scene, kind: Kind, *, rivals: bool = True) -> Outcome:
    """One verification, scored, and what the other checkers say."""
    started = time.perf_counter()
    report, candidate = verified(scene, kind)
    seconds = time.perf_counter() - started
    how = ended(kind, report, candidate)
    name, cause = named(kind, report, candidate.calls[0]) if how == CAUGHT else ("", "")
    said = {key: rival(scene, kind) for key, rival in RIVALS.items()} if rivals else {}
    given = {key: answer for key, answer in said.items() if answer is not None}
    return Outcome(how, name, cause, seconds, undecided(report) if how == INCONCLUSIVE else "", given)


def tally(scene: Scene, kind: Kind, outcome: Outcome, into: Tallies) -> None:
    """Counts a cell: by tool, by dtype, by kind and size, and by the name of its cause."""
    key, counts = scene.key, into.counts
    into.seconds[f"{key.n:,}"] += outcome.seconds
    counts[OURS, "dtype", key.dtype, outcome.ended] += 1
    counts[OURS, "kind", kind.key, outcome.ended] += 1
    counts[OURS, "n", f"{key.n:,}", outcome.ended] += 1
    counts[OURS, "point", key.point, outcome.ended] += 1
    if outcome.named:
        counts[OURS, "cause", key.dtype, outcome.named] += 1
    if outcome.named not in ("", "right"):
        counts[OURS, "misnamed", f"{kind.key} → {outcome.cause}", outcome.named] += 1
    if outcome.undecided:
        counts[OURS, "open", f"{key.dtype}, {kind.key}", outcome.undecided] += 1
    if outcome.ended in (MISSED, FALSE_ALARM):
        into.troubles.append(f"{outcome.ended}: {kind.key}, {key}")
    if outcome.named == "wrong, certain":
        into.troubles.append(f"wrong cause with certainty ({outcome.cause}): {kind.key}, {key}")
    for tool, answer in outcome.rivals.items():
        _tally_rival(tool, answer, scene, kind, outcome, into)


def _tally_rival(tool: str, answer: str, scene: Scene, kind: Kind, ours: Outcome, into: Tallies) -> None:
    if kind.causes and ours.ended == NO_ERROR:
        return
    right = not kind.causes
    how = {ACCEPTS: "right" if right else "missed", REJECTS: FALSE_ALARM if right else CAUGHT}[answer]
    for by, of in (("dtype", scene.key.dtype), ("kind", kind.key), ("n", f"{scene.key.n:,}"),
                   ("point", scene.key.point)):  # fmt: skip
        into.counts[tool, by, of, how] += 1
    if how == "missed" and ours.ended == CAUGHT:
        into.counts[tool, "missed and we caught", scene.key.dtype, "cells"] += 1


def work(task: tuple[SceneKey, tuple[str, ...], bool]) -> Tallies:
    """All kinds in one scene."""
    key, kinds, rivals = task
    found, scene = Tallies(), Scene(key)
    for kind in (KINDS[name] for name in kinds):
        if not kind.there(scene.problem(by_data=kind.by_data)):
            continue
        try:
            tally(scene, kind, run_cell(scene, kind, rivals=rivals), found)
        except Exception:
            found.counts[OURS, "dtype", key.dtype, "crashed"] += 1
            found.troubles.append(f"CRASH: {kind.key}, {key}\n{traceback.format_exc(limit=-4)}")
    return found


def scenes(quick: bool = False, sizes: Sequence[int] = SIZES) -> list[SceneKey]:
    """The large batches first, so that no process is left with one at the end."""
    sizes = sorted(sizes, reverse=True)
    if quick:  # each loss with each size once, dtypes and points in turn
        return [
            SceneKey(loss, n, DTYPES[(i + j) % len(DTYPES)], POINTS[(i // 3 + j) % len(POINTS)])
            for j, n in enumerate(sizes)
            for i, loss in enumerate(LOSSES)
        ]
    return [SceneKey(loss, n, dtype, point) for n, loss, dtype, point in product(sizes, LOSSES, DTYPES, POINTS)]


def figures(total: Tallies) -> dict[str, Any]:
    """A table for each tool, and the shares that the project claims."""
    found: dict[str, Any] = {}
    for tool in (OURS, *RIVALS):
        for by in ("dtype", "n", "point"):
            rows = _rows(total, tool, by)
            if rows:
                found[f"{tool}, by {by}"] = {of: _line(counts) for of, counts in rows.items()}
        caught_by_us = _rows(total, tool, "missed and we caught")
        if caught_by_us:
            found[f"{tool}, missed where {OURS} caught"] = {of: sum(c.values()) for of, c in caught_by_us.items()}
    tables = {tool: _rows(total, tool, "kind") for tool in (OURS, *RIVALS)}
    found["by kind"] = {kind: _by_tool(kind, tables) for kind in KINDS if kind in tables[OURS]}
    found["conclusive"] = {of: _conclusive(counts) for of, counts in _rows(total, OURS, "dtype").items()}
    found["cause named rightly"] = {of: _rightly(counts) for of, counts in _rows(total, OURS, "cause").items()}
    for title in ("misnamed", "open"):
        found[title] = {of: _line(counts) for of, counts in _rows(total, OURS, title).items()}
    found["seconds a cell"] = {
        size: f"{spent / sum(_rows(total, OURS, 'n')[size].values()):.2f}" for size, spent in total.seconds.items()
    }
    if jax_missing():
        found["jax"] = f"skipped: {jax_missing()}"
    return found


def _rows(total: Tallies, tool: str, by: str) -> dict[str, Counter[str]]:
    rows: dict[str, Counter[str]] = {}
    for (of_tool, of_by, of, how), count in sorted(total.counts.items()):
        if (of_tool, of_by) == (tool, by):
            rows.setdefault(of, Counter())[how] += count
    return rows


def _line(counts: Counter[str]) -> str:
    return ", ".join(f"{how} {count:,}" for how, count in counts.items())


def _by_tool(kind: str, tables: Mapping[str, Mapping[str, Counter[str]]]) -> str:
    return " | ".join(f"{tool}: {_line(rows[kind])}" for tool, rows in tables.items() if kind in rows)


def _conclusive(counts: Counter[str]) -> str:
    whole = sum(counts.values()) - counts[NOT_FINITE]
    return f"{100 * (whole - counts[INCONCLUSIVE] - counts['crashed']) / whole:.2f} % of {whole:,}"


def _rightly(counts: Counter[str]) -> str:
    whole = sum(counts.values())
    return f"{100 * counts['right'] / whole:.2f} % of {whole:,} caught; {_line(counts)}"


def chosen(names: str | None) -> Sequence[str]:
    """The selected kinds, and the right candidates."""
    if names is None:
        return tuple(KINDS)
    selected = [name.strip() for name in names.split(",")]
    for name in selected:
        if name not in KINDS:
            raise SystemExit(f"unknown kind {name!r}: the kinds are {', '.join(KINDS)}")
    return tuple(selected)


def main() -> int:
    parser = arguments(__doc__, 0)
    parser.add_argument("--kinds", help="only these kinds, with commas between")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="only these numbers of samples")
    parser.add_argument("--quick", action="store_true", help="each loss with each size once: a ninth of the scenes")
    parser.add_argument("--alone", action="store_true", help="do not ask the other checkers")
    parser.add_argument("--show", type=int, default=20, help="how many troubles of a scene to print (default 20)")
    options = parser.parse_args()
    started = time.monotonic()
    kinds = tuple(chosen(options.kinds))
    total = Tallies()
    tasks = [(key, kinds, not options.alone) for key in scenes(options.quick, options.sizes)]
    for found in outcomes(work, tasks, options.jobs):
        total.add(found)
        for trouble in found.troubles[: options.show]:
            print(trouble, flush=True)
    finish(f"kill matrix ({len(kinds)} kinds)", figures(total), started, options.json)
    return 1 if total.troubles else 0


if __name__ == "__main__":
    raise SystemExit(main())
