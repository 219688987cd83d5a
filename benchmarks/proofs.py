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
from benchmarks.torch_programs import CATALOGUE, NOT_THE_DERIVATIVE, PROGRAMS
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
    except UsageError as error:
        return Outcome(name, against, "not read", None, (), str(error), time.perf_counter() - started)
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
    answers = outcomes(proved, tasks, options.jobs)
    found = sorted(answers, key=lambda outcome: tasks.index((outcome.name, outcome.against)))
    for outcome in found:
        _show(outcome)
    own = [outcome for outcome in found if not outcome.against]
    figures = {
        "programs": len(own),
        "proved for every N": sum(outcome.status == "proved" and outcome.samples is None for outcome in own),
        "proved for the N traced": sum(outcome.status == "proved" and outcome.samples is not None for outcome in own),
        "refuted": [outcome.name for outcome in own if outcome.status == "refuted"],
        "unknown": [outcome.name for outcome in own if outcome.status == "unknown"],
        "not read": [outcome.name for outcome in own if outcome.status == "not read"],
        "held against the catalogue": dict(Counter(outcome.status for outcome in found if outcome.against)),
        "slowest": max((outcome.seconds, outcome.name) for outcome in found),
    }
    finish("proofs", figures, started, options.json)
    wrong = [o for o in found if (o.status == "refuted") != (o.name in NOT_THE_DERIVATIVE)]
    return 1 if wrong else 0


def _show(outcome: Outcome) -> None:
    """One line: the answer, for which N, how long it took, and the side conditions or the reason."""
    scope = "all N" if outcome.samples is None else f"N = {outcome.samples}"
    title = f"{outcome.name} = catalogue" if outcome.against else outcome.name
    said = "; ".join(outcome.conditions) if outcome.status == "proved" else outcome.reason
    if outcome.status == "refuted":
        said = NOT_THE_DERIVATIVE.get(outcome.name, outcome.reason)
    print(f"{title:32} {outcome.status:9} {scope:6} {outcome.seconds:6.2f} s  {said}")


if __name__ == "__main__":
    raise SystemExit(main())
