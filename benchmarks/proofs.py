"""Proofs of torch programs: every loss of the catalogue, activations, functionals and small networks.

    python -m benchmarks.proofs [--only NAME,...] [--jobs 2] [--json FILE]

For each program of :mod:`benchmarks.torch_programs` the backward pass of autograd is held against the derivative of the
forward pass; the losses of the catalogue are also held against the formula of the catalogue. What is printed is the
answer for each, with its side conditions, and how many were proved for every number of samples.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

from benchmarks._jobs import arguments, finish, outcomes
from benchmarks.torch_programs import CATALOGUE, MIXING, PROGRAMS
from diffexplore import losses, prove
from diffexplore.errors import UsageError


@dataclass(frozen=True)
class Outcome:
    """What was found of one program; ``against`` says whether it was held against the catalogue's loss."""

    name: str
    against: bool
    status: str
    samples: int | None
    conditions: tuple[str, ...]
    reason: str
    seconds: float


def proved(task: tuple[str, bool]) -> Outcome:
    """One program, against its own forward pass or the loss of its name."""
    name, against = task
    program = PROGRAMS[name]
    started = time.perf_counter()
    try:
        found = prove(
            program.function,
            losses.get(name) if against else None,
            parameters=program.parameters, data=program.data, domain=program.domain,
        )  # fmt: skip
    except Exception as error:
        return Outcome(name, against, "not read" if isinstance(error, UsageError) else "ERROR", None, (), repr(error), time.perf_counter() - started)
    open_ = (s for s in found.statements if s.status != "proved")
    reason = "; ".join(f"{statement.name}: {', '.join(statement.decision.tried)}" for statement in open_)
    seconds = time.perf_counter() - started
    return Outcome(name, against, found.status, found.samples, found.conditions, reason, seconds)


def main() -> int:
    parser = arguments(__doc__, 0)
    parser.add_argument("--only", help="names of programs, with commas")
    options = parser.parse_args()
    started = time.monotonic()
    names = options.only.split(",") if options.only else list(PROGRAMS)
    tasks = [(name, False) for name in names] + [(name, True) for name in names if name in CATALOGUE]
    found = sorted(outcomes(proved, tasks, options.jobs), key=lambda outcome: tasks.index((outcome.name, outcome.against)))
    for outcome in found:
        scope = "all N" if outcome.samples is None else f"N = {outcome.samples}"
        title = f"{outcome.name} = catalogue" if outcome.against else outcome.name
        said = "; ".join(outcome.conditions) if outcome.status == "proved" else outcome.reason
        print(f"{title:32} {outcome.status:9} {scope:6} {outcome.seconds:6.2f} s  {said}")
    formal = [outcome for outcome in found if outcome.name not in MIXING]
    figures = {
        "programs": len(names),
        "proved for every N": sum(outcome.status == "proved" and outcome.samples is None for outcome in formal),
        "of statements about programs that do not mix samples": len(formal),
        "answers": dict(Counter(outcome.status for outcome in found)),
    }
    finish("proofs", figures, started, options.json)
    return 1 if any(outcome.status == "refuted" for outcome in found) else 0


if __name__ == "__main__":
    raise SystemExit(main())
