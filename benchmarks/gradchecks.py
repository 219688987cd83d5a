"""``dx.gradcheck`` beside ``torch.autograd.gradcheck``: false alarms, missed errors, seconds and lines of message.

    python -m benchmarks.gradchecks [--over functions|operators|handwritten] [--repeat N] [--every N] [--from N]
                                    [--only PART] [--dtype float64 float32] [--checkers both|ours|torch]
                                    [--jobs N] [--json FILE]

Each function is checked as it is, and with a first gradient that is wrong by a relative error in every entry, or in
its largest one alone. ``functions`` are a few of torch's, ``operators`` the entries of torch's own database at their
first sample, ``handwritten`` the backward passes of ``tests/handwritten``. torch's checker runs with its defaults,
slow and fast; ours with ``battery="none"``. Errors that ours misses are counted by themselves where its report says
that it would catch them: there are to be none. Of what a checker fails without an error, no error is planted for it.
``--checkers ours`` leaves torch's checker out, and does not seek the causes of what fails; ``torch`` leaves ours out.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

import diffexplore as dx
from benchmarks._jobs import finish, outcomes
from benchmarks.gradcheck_cases import SOURCES, Checked, cases_of, names_of
from diffexplore.tensors.diagnosis.of_calls import Diagnoses
from diffexplore.torch_private.watching import tree_leaves

Tensor = torch.Tensor

ERRORS = (1e-3, 1e-6, 1e-9)

#: In float32 an error below its unit roundoff is none.
ERRORS_OF = {"float64": ERRORS, "float32": ERRORS[:2]}

#: The name of its module stands for the function in ``torch.autograd``.
GRADCHECK_ERROR: type[Exception] = import_module("torch.autograd.gradcheck").GradcheckError

OURS, SLOW, FAST = "dx.gradcheck", "gradcheck, slow", "gradcheck, fast"

SAID = {"pass": "missed", "fail": "found"}

#: What a checker says, the relative error that it says it would catch, and how many lines its message has.
Answer = tuple[str, float, int]


@dataclass(frozen=True)
class Task:
    """A case by its name, and what is planted into it."""

    source: str
    name: str
    dtype: str
    repeat: int
    checkers: str


@dataclass
class Tally:
    """What a checker said of the cases of a task."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    """False alarms, and errors missed above the stated power, in words."""


class _Wrong(torch.autograd.Function):
    """The identity, with a gradient that is wrong by a relative ``error`` in the entries of a mask."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factors: Tensor) -> Tensor:
        ctx.factors = factors
        return x.clone()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        return upstream * ctx.factors, None


def wrong(function: Callable[..., Any], factors: Tensor) -> Callable[..., Any]:
    """The function, whose first gradient is multiplied by ``factors``."""

    def call(first: Tensor, *others: Any) -> Any:
        return function(_Wrong.apply(first, factors), *others)

    return call


def tallies(task: Task) -> dict[str, Tally]:
    """What each checker says of a case, right and wrong."""
    warnings.simplefilter("ignore")
    found: dict[str, Tally] = defaultdict(Tally)
    if task.checkers == "ours":
        Diagnoses.causes = Diagnoses.of_estimates = lambda *given, **options: ()  # type: ignore[method-assign,assignment]
    for case in cases_of(task.source, task.name, getattr(torch, task.dtype), task.repeat):
        largest = _largest_entry(case)
        for name, check in CHECKERS.items():
            if task.checkers not in ("both", "ours" if name == OURS else "torch"):
                continue
            tally = found[name]
            right, _, _ = _counted(tally, check, case, case.function)
            tally.counts[f"right: {right}"] += 1
            if right == "fail":
                tally.told.append(f"{name} fails {task.name} ({task.dtype})")
            if right != "pass" or largest is None:
                continue
            for error in ERRORS_OF[task.dtype]:
                for place, entry in (("all entries", None), ("one entry", largest)):
                    planted = wrong(case.function, _factors(case.inputs[0], error, entry))
                    said, power, _ = _counted(tally, check, case, planted)
                    tally.counts[f"{error:g}, {place}: {SAID.get(said, said)}"] += 1
                    if said == "pass" and name == OURS and power < error:
                        tally.counts["missed above the stated power"] += 1
                        tally.told.append(f"missed {error:g} in {place} of {task.name} ({task.dtype}), power {power:g}")
    return dict(found)


def _counted(tally: Tally, check: Callable[..., Answer], case: Checked, function: Callable[..., Any]) -> Answer:
    start = time.process_time()
    said = check(function, case)
    tally.seconds.append(time.process_time() - start)
    if said[0] == "fail":
        tally.lines.append(said[2])
    return said


def _factors(like: Tensor, error: float, entry: int | None) -> Tensor:
    factors = torch.full(like.shape, 1.0 if entry is not None else 1 + error, dtype=like.dtype)
    if entry is not None:
        factors.view(-1)[entry] = 1 + error
    return factors


def _largest_entry(case: Checked) -> int | None:
    """Where the gradient by the first input is largest, for upstream gradients of ones; None where it is 0."""
    inputs = case.fresh()
    try:
        outputs = [one for one in _flat(case.function(*inputs)) if one.requires_grad]
        (gradient,) = torch.autograd.grad(
            outputs, [inputs[0]], [torch.ones_like(one) for one in outputs], allow_unused=True, materialize_grads=True
        )
        sizes = gradient.abs().nan_to_num(0.0, 0.0, 0.0).reshape(-1)
    except RuntimeError:  # it has no gradient, or a sparse one
        return None
    return int(sizes.argmax()) if sizes.numel() and bool(sizes.max() > 0) else None


def _flat(out: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor))


def _of_torch(function: Callable[..., Any], case: Checked, *, fast: bool) -> Answer:
    try:
        torch.autograd.gradcheck(case.seeded(function), case.fresh(), fast_mode=fast)
    except GRADCHECK_ERROR as error:
        return "fail", 0.0, len(str(error).splitlines())
    except Exception:  # it raises for what it cannot take
        return "refused", 0.0, 0
    return "pass", 0.0, 0


def _of_ours(function: Callable[..., Any], case: Checked) -> Answer:
    try:
        report = dx.gradcheck(function, case.fresh(), battery="none", raise_exception=False, **case.options)
    except dx.DiffexploreError:
        return "refused", 0.0, 0
    powers = [row.smallest_detectable for row in report.rows if row.input == report.rows[0].input]
    stated = max((one for one in powers if one is not None), default=float("inf"))
    said = report.verdict
    if said == "inconclusive" and not any(row.entries.total for row in report.rows):
        said = "empty"
    return said, stated, len(str(report).splitlines())


CHECKERS: dict[str, Callable[..., Answer]] = {
    OURS: _of_ours,
    SLOW: partial(_of_torch, fast=False),
    FAST: partial(_of_torch, fast=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--over", choices=SOURCES, default="functions")
    parser.add_argument("--repeat", type=int, default=1, help="so many times, with other numbers (functions)")
    parser.add_argument("--every", type=int, default=1, help="only every so many cases (default 1: all)")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first of these (default 0)")
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--dtype", nargs="+", choices=[*ERRORS_OF], default=[*ERRORS_OF])
    parser.add_argument("--checkers", choices=("both", "ours", "torch"), default="both", help="whose (default both)")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    started = time.monotonic()
    figures: dict[str, Any] = {}
    for dtype in options.dtype:
        names = [name for name in names_of(options.over, getattr(torch, dtype)) if options.only in name]
        tasks = [
            Task(options.over, name, dtype, options.repeat, options.checkers)
            for name in names[options.first :: options.every]
        ]
        merged: dict[str, Tally] = defaultdict(Tally)
        for found in outcomes(tallies, tasks, options.jobs):
            for name, tally in found.items():
                merged[name].counts += tally.counts
                merged[name].seconds += tally.seconds
                merged[name].lines += tally.lines
                for line in tally.told if name == OURS else ():
                    print(line, flush=True)
        for name, tally in merged.items():
            figures[f"{dtype}, {name}"] = {
                **dict(sorted(tally.counts.items())),
                "processor time, median": f"{statistics.median(tally.seconds):.3f} s",
                "processor time": f"{sum(tally.seconds):.1f} s",
                "lines of message, most": max(tally.lines, default=0),
            }
    finish(f"gradcheck beside torch's, over {options.over}", figures, started, options.json)


if __name__ == "__main__":
    main()
