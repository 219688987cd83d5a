"""dx.gradcheck and torch.autograd.gradcheck on torch's own database of operators, whose gradients are right.

    python -m benchmarks.gradcheck_operators [--dtype float64] [--samples first|all] [--battery none] [--only PART]
                                             [--second] [--every 1] [--from 0] [--device cpu] [--rival] [--jobs 1]
                                             [--inputs huge|tiny|...] [--largest N] [--json FILE] [--resume FILE]

Every fail is a false alarm, or a defect of torch: each is printed as it comes, to be looked into by hand. ``--rival``
runs torch's checker on the same samples; ``--device cuda`` checks the kernels of a GPU, ``--every 4`` a quarter of
all entries; ``--second`` checks second derivatives, by gradgradcheck. ``--resume FILE`` keeps each entry's outcome, a
line each, and takes what is there for done, so that a sweep can be run in pieces. ``--inputs`` changes the floats of
each sample to numbers near the ends of the dtype, infinities, NaN, or other layouts. An entry is as good as its worst
sample; one without a number to compare is empty. Torch's database needs ``expecttest``, which its wheel does not
bring.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import gradcheck_wrapper_hermitian_input

from benchmarks._jobs import device_named, finish, on_device, outcomes, with_device
from benchmarks.extreme_inputs import CHANGES, changed
from diffexplore.errors import UsageError
from diffexplore.tensors.gradcheck import gradcheck
from diffexplore.tensors.gradgradcheck import gradgradcheck
from diffexplore.torch_private.watching import tree_leaves, tree_map


@dataclass(frozen=True)
class Outcome:
    """What became of an entry: the worst verdict over its samples, and why."""

    entry: str
    samples: int
    passed: int
    verdict: str
    reason: str
    kind: str
    rival: str
    seconds: float
    rival_seconds: float
    others: dict[str, int] = field(default_factory=dict)
    """How many samples do not pass, by verdict and reason."""


@dataclass(frozen=True)
class Task:
    """An entry by its name, and how it is checked."""

    entry: str
    dtype: str
    device: str
    every_sample: bool
    battery: str | None
    rival: bool
    largest: float = math.inf
    inputs: str = ""


@cache
def entries(dtype: torch.dtype, device: str = "cpu") -> dict[str, Any]:
    """Those that autograd differentiates, by name and variant."""
    kind = device if device.startswith("cuda") else "cpu"
    return {
        f"{entry.name}{'.' if entry.variant_test_name else ''}{entry.variant_test_name}": entry
        for entry in op_db
        if entry.supports_autograd and dtype in entry.supported_dtypes(torch.device(kind).type)
    }


_WORST = ("fail", "error", "inconclusive", "refused", "pass", "empty", "")


def outcome(task: Task) -> Outcome:
    """One entry, at its first sample or at all of them."""
    dtype = getattr(torch, task.dtype)
    entry, verdict, reason, kind, other = entries(dtype, task.device)[task.entry], "", "", "", ""
    count = passed = 0
    others: Counter[str] = Counter()
    seconds = rival_seconds = 0.0
    for function, inputs in calls_of(entry, dtype, torch.device(task.device), task.inputs):
        if sum(one.numel() for one in inputs) > task.largest:
            others["large: not tried"] += 1
            continue
        started = time.process_time()
        found, why, how = _checked(function, inputs, task.battery)
        seconds += time.process_time() - started
        passed += found == "pass"
        others[f"{found}: {why}"] += found != "pass"
        if task.every_sample and found not in ("pass", "inconclusive", "empty"):
            print(f"{found} {task.entry} [sample {count}]: {why}", flush=True)
        if _WORST.index(found) < _WORST.index(verdict):
            verdict, reason, kind = found, f"{why} [sample {count}]" if why and count else why, how
        count += 1
        if task.rival:
            started = time.process_time()
            other = "fail" if other == "fail" else _by_torch(function, inputs, second=task.battery is None)
            rival_seconds += time.process_time() - started
        if not task.every_sample:
            break
    return Outcome(task.entry, count, passed, verdict, reason, kind, other, seconds, rival_seconds, dict(+others))


def calls_of(
    entry: Any, dtype: torch.dtype, device: torch.device, change: str
) -> Iterator[tuple[Any, tuple[torch.Tensor, ...]]]:
    """Functions of the tensors that need a gradient, and these."""
    torch.manual_seed(0)
    drawn_on = device if device.type in ("cpu", "cuda") else torch.device("cpu")
    for sample in entry.sample_inputs(drawn_on, dtype, requires_grad=True):
        arguments = tree_map(
            lambda leaf: on_device(leaf, device) if isinstance(leaf, torch.Tensor) else leaf,
            ((sample.input, *sample.args), sample.kwargs),
        )
        sources = [leaf for leaf in tree_leaves(arguments) if isinstance(leaf, torch.Tensor) and leaf.requires_grad]

        function = partial(_call, entry, sample, arguments, [id(source) for source in sources])
        inputs = tuple(
            (changed(source, change) if change else source.detach().clone()).requires_grad_() for source in sources
        )
        torch.manual_seed(0)
        try:
            out = function(*inputs)
        except RuntimeError as error:  # no kernel for the device or dtype; memory that copies of the inputs do not have
            print(f"{entry.name} does not run: {' '.join(str(error).split())[:120]}", flush=True)
            continue
        if inputs and any(isinstance(leaf, torch.Tensor) and leaf.requires_grad for leaf in tree_leaves(out)):
            yield function, inputs


def _call(entry: Any, sample: Any, arguments: Any, places: list[int], *given: torch.Tensor) -> Any:
    """The operator at other tensors in the places of those that need a gradient."""
    found = dict(zip(places, given, strict=True))
    args, kwargs = tree_map(lambda leaf: found.get(id(leaf), leaf), arguments)
    function = entry.get_op()
    if entry.gradcheck_wrapper is gradcheck_wrapper_hermitian_input:  # of another matrix one triangle is not read
        function = partial(entry.gradcheck_wrapper, function)
    return sample.output_process_fn_grad(function(*args, **kwargs))


def _checked(function: Any, inputs: tuple[torch.Tensor, ...], battery: str | None) -> tuple[str, str, str]:
    try:
        if battery is None:
            report = gradgradcheck(function, inputs, raise_exception=False)
        else:
            report = gradcheck(function, inputs, raise_exception=False, battery=battery)
    except UsageError as error:
        return "refused", str(error)[:160], ""
    except Exception as error:  # a defect of ours: it is counted, and the sweep goes on
        return "error", f"{type(error).__name__}: {error}"[:160], ""
    if report.verdict == "inconclusive" and report.rows and not any(row.entries.total for row in report.rows):
        return "empty", "", ""
    causes = [row.cause.message for row in report.rows if row.cause is not None and row.verdict == report.verdict]
    unread = [note.partition("cannot be read: ")[2] for note in report.notes if "cannot be read: " in note]
    return report.verdict, (causes or unread or [""])[0][:160], report.truth


def _by_torch(function: Any, inputs: tuple[torch.Tensor, ...], *, second: bool) -> str:
    def seeded(*given: torch.Tensor) -> Any:
        torch.manual_seed(0)
        return function(*given)

    try:
        check = torch.autograd.gradgradcheck if second else torch.autograd.gradcheck
        return "pass" if check(seeded, inputs, raise_exception=False) else "fail"
    except Exception:  # it raises for what it cannot take
        return "refused"


def _resumed(tasks: list[Task], path: Path | None, jobs: int) -> Iterator[Outcome]:
    """The outcomes of all tasks: those that a file has, then the others, which are added to it as they come."""
    lines = path.read_text(encoding="utf-8").splitlines() if path is not None and path.exists() else []
    done = {line["entry"]: Outcome(**line) for line in map(json.loads, lines)}
    yield from (done[task.entry] for task in tasks if task.entry in done)
    for found in outcomes(outcome, [task for task in tasks if task.entry not in done], jobs):
        if path is not None:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(found)) + "\n")
        yield found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", default="float64")
    parser.add_argument("--samples", choices=("first", "all"), default="first")
    parser.add_argument("--battery", choices=("none", "quick", "full"), default="none")
    parser.add_argument("--only", default="", help="entries with this in their name")
    parser.add_argument("--second", action="store_true", help="second derivatives, without a battery")
    parser.add_argument("--every", type=int, default=1, help="only every so many entries (default 1: all)")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first of these (default 0)")
    parser.add_argument("--inputs", choices=CHANGES, default="", help="what becomes of the floats of each sample")
    parser.add_argument("--largest", type=float, default=math.inf, help="samples of more numbers are not tried")
    parser.add_argument("--rival", action="store_true")
    with_device(parser)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="outcomes by line; entries in it are not run again")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    started = time.monotonic()
    device_named(options.device)
    names = [name for name in entries(getattr(torch, options.dtype), options.device) if options.only in name]
    every = options.samples == "all"
    tasks = [
        Task(
            name,
            options.dtype,
            options.device,
            every,
            None if options.second else options.battery,
            options.rival,
            options.largest,
            options.inputs,
        )
        for name in names[options.first :: options.every]
    ]
    reasons: dict[str, list[str]] = defaultdict(list)
    figures: Counter[str] = Counter()
    seconds = rival_seconds = 0.0
    for found in _resumed(tasks, options.resume, options.jobs):
        figures[found.verdict or "without a gradient"] += 1
        figures["samples"] += found.samples
        figures["samples that pass"] += found.passed
        for reason, count in found.others.items():
            figures[f"samples {reason.partition(':')[0]}"] += count
        figures["certified"] += found.verdict == "pass" and found.kind == "certified"
        figures[f"torch: {found.rival}"] += bool(found.rival)
        seconds, rival_seconds = seconds + found.seconds, rival_seconds + found.rival_seconds
        for reason, count in found.others.items():
            reasons[reason].append(f"{found.entry}{f' ({count})' if count > 1 else ''}")
        if found.verdict in ("fail", "error"):
            print(f"{found.verdict} {found.entry}: {found.reason}", flush=True)
    for reason, those in sorted(reasons.items(), key=lambda item: (item[0].partition(":")[0], -len(item[1]))):
        print(f"{len(those):4} {reason}: {', '.join(those)}")
    print(f"processor time: {seconds:.1f} s; torch.autograd.gradcheck {rival_seconds:.1f} s")
    finish(f"gradcheck on torch's operators, {options.device}", dict(figures), started, options.json)


if __name__ == "__main__":
    main()
