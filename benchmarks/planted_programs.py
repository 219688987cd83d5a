"""Errors planted into random torch programs: no wrong program may be proved, and no right one refuted.

    python -m benchmarks.planted_programs [--cases 2000] [--seed 0] [--jobs 2] [--json FILE]

Half of the programs are right, the others their twins with an error of one of :mod:`benchmarks.program_kinds`. A
program that cannot be read is counted by itself: nothing is claimed of it.
"""

from __future__ import annotations

import random
import time
from collections import Counter

from benchmarks._jobs import arguments, finish, outcomes, spread_cases
from benchmarks.program_kinds import KINDS
from diffexplore import prove
from diffexplore.errors import UsageError

_EACH = 12


def answer(seed: int, index: int) -> tuple[str, bool, str, str]:
    """Of one case: the kind, whether the program is right, what was found, and the headline."""
    names = list(KINDS)
    kind, right = names[index // 2 % len(names)], index % 2 == 0
    twins = KINDS[kind](random.Random(f"{seed}:{index // 2}"))
    program = twins.right if right else twins.wrong
    try:
        found = prove(
            program, parameters=twins.parameters.split(), data=twins.data.split(), domain=twins.domain
        )  # fmt: skip
    except UsageError as error:
        return kind, right, "not read", str(error)
    return kind, right, found.status, str(found)


def count(task: tuple[int, int, int]) -> list[tuple[str, bool, str, str]]:
    """The answers of some cases in a row."""
    seed, first, many = task
    return [answer(seed, first + i) for i in range(many)]


def is_wrong(right: bool, status: str) -> bool:
    """Whether an answer contradicts what is known of the program."""
    return status == ("refuted" if right else "proved")


def main() -> int:
    options = arguments(__doc__, 2000).parse_args()
    started = time.monotonic()
    tasks = [(options.seed, index * _EACH, many) for index, many in spread_cases(options.cases, _EACH)]
    counts: Counter[tuple[str, bool, str]] = Counter()
    wrong = 0
    for found in outcomes(count, tasks, options.jobs):
        for kind, right, status, headline in found:
            counts[kind, right, status] += 1
            if is_wrong(right, status):
                wrong += 1
                print(f"WRONG  {kind}, {'right' if right else 'planted'}: {headline}", flush=True)
    figures: dict[str, object] = {"cases": options.cases, "wrong answers": wrong}
    for right in (True, False):
        for kind in KINDS:
            told = {status: number for (k, r, status), number in sorted(counts.items()) if (k, r) == (kind, right)}
            figures[f"{'right' if right else 'planted'}, {kind}"] = told
    finish("planted programs", figures, started, options.json)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
