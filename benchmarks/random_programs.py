"""Figure: no wrong verdict over random programs on tensors, whose backward is right, or has one planted mistake.

    python -m benchmarks.random_programs [--count 10000] [--seed 0] [--second] [--jobs 1] [--json FILE]

Each program is a chain of random steps (``program_chains``) on up to three inputs of sizes 0, 1 and larger: contiguous,
strided or expanded, in float64, float32, bfloat16 or complex128, with one to three outputs. It is the forward of an
autograd Function, whose backward is autograd's own gradient, right or with a mistake (``planted_gradients``, or a path
that is detached). A right one must not fail. A wrong one must not pass where an entry is off by more than its row says
it would have caught: that is measured against the right gradient, for the same upstream gradients.

``--second`` checks the second derivatives of the programs as they are, in dtypes of 32 bits or more: a fail is a false
alarm, or a defect of torch, and is printed as one to be looked into.
"""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks._jobs import arguments, finish, outcomes, spread_cases
from benchmarks.planted_gradients import TensorProgram, mistakes, written_by_hand
from benchmarks.program_chains import RandomProgram, drawn_inputs, drawn_program
from diffexplore.checking.broken_search import OURS
from diffexplore.errors import UsageError
from diffexplore.floating_point import dtype_name
from diffexplore.tensors.gradcheck import gradcheck
from diffexplore.tensors.gradgradcheck import gradgradcheck
from diffexplore.tensors.records import TensorReport, TensorRow
from diffexplore.tensors.upstream import upstreams_for

Tensor = torch.Tensor


@dataclass(frozen=True)
class Case:
    """A number that says all, and what is made of it."""

    seed: int

    def made(self) -> tuple[RandomProgram, list[Tensor], str, Any]:
        """The program, its inputs, what is planted ("" for nothing), and the Function."""
        draw = Random(self.seed)
        inputs = drawn_inputs(draw)
        program = drawn_program(draw, inputs)
        if draw.random() < 0.5:
            return program, inputs, "", written_by_hand(program, program)
        if draw.random() < 0.25 and program.steps:
            cut = draw.randrange(len(program.steps))
            return program, inputs, "a path missing", written_by_hand(program, _cut(program, cut))
        name, (before, after) = draw.choice(list(mistakes(draw).items()))
        return program, inputs, name, written_by_hand(program, program, before=before, after=after)


def _cut(program: RandomProgram, step: int) -> TensorProgram:
    return lambda *inputs: program(*inputs, cut=step)


@dataclass(frozen=True)
class Verdict:
    """What became of a case; ``wrong`` says why that is a wrong verdict, and is empty where it is none."""

    seed: int
    planted: str
    kind: str
    verdict: str
    wrong: str = ""


def verdict_on(case: Case, battery: str = "none") -> Verdict:
    """The verdict of dx.gradcheck, and whether it is a wrong one. A battery is run of right ones alone."""
    program, inputs, planted, function = case.made()
    kind = "planted" if planted else "right"
    try:
        report = gradcheck(function, tuple(inputs), raise_exception=False, battery="none" if planted else battery)
    except UsageError as error:
        return Verdict(case.seed, planted, kind, "refused", "" if "can be differentiated" in str(error) else str(error))
    except Exception as error:
        return Verdict(case.seed, planted, kind, "error", f"{type(error).__name__}: {error}")
    verdict = f"{report.verdict}, {report.truth}"
    causes = [row.cause for row in report.rows if row.verdict == "fail" and row.cause is not None]
    broken = [cause.message for cause in causes if OURS in cause.message]
    if broken:
        return Verdict(case.seed, planted, kind, "error", broken[0])
    if any(cause.key == "raises" for cause in causes) and not _can_be_differentiated(program, inputs):
        return Verdict(case.seed, planted, kind, "torch itself raises")
    if not planted:  # where autograd's own gradient is NaN, and the truth a number, the fail is right
        wrong = [str(cause) for cause in causes if cause.key != "nan"]
        return Verdict(case.seed, planted, kind, verdict, wrong[0] if wrong else "")
    off = list(_rows_off(program, inputs, function, report))
    if inputs[0].dtype in (torch.float32, torch.bfloat16):
        with suppress(RuntimeError):  # a program that casts may run in its own dtype alone
            off += _rows_off(program, [_wide(one) for one in inputs], function, report)
    if not any(changed for _, changed, _ in off):
        return Verdict(case.seed, planted, "without effect", verdict)  # the mistake is there, whether it is seen or not
    missed = [
        f"{row.output} by {row.input}: off by {by:.3g} times what is caught"
        for row, _, by in off
        if row.verdict == "pass" and by > 1
    ]
    return Verdict(case.seed, planted, kind, verdict, "; ".join(missed))


def second_verdict_on(case: Case) -> Verdict:
    """The verdict of dx.gradgradcheck on a program as it is."""
    draw = Random(case.seed)
    inputs = drawn_inputs(draw)
    program = drawn_program(draw, inputs)
    if inputs[0].dtype == torch.bfloat16:
        return Verdict(case.seed, "", "second", "not tried")
    try:
        report = gradgradcheck(lambda *given: program(*given), tuple(inputs), raise_exception=False)
    except UsageError:
        return Verdict(case.seed, "", "second", "refused")
    except Exception as error:
        return Verdict(case.seed, "", "second", "error", f"{type(error).__name__}: {error}")
    causes = [str(row.cause) for row in report.rows if row.verdict == "fail" and row.cause and row.cause.key != "nan"]
    return Verdict(case.seed, "", "second", f"{report.verdict}, {report.truth}", causes[0] if causes else "")


def _can_be_differentiated(program: RandomProgram, inputs: Sequence[Tensor]) -> bool:
    """Whether torch's own backward pass of the program runs, whatever the layout of the upstream gradient."""
    sources = [x for x in inputs if x.requires_grad]
    try:
        for one in program(*inputs):
            for upstream in (torch.ones_like(one), *(found for _, found in upstreams_for(one, 0))):
                if one.requires_grad:
                    torch.autograd.grad(one, sources, upstream, allow_unused=True, retain_graph=True)
    except RuntimeError:
        return False
    return True


def _rows_off(
    program: RandomProgram, inputs: Sequence[Tensor], function: Any, report: TensorReport
) -> Iterator[tuple[TensorRow, bool, float]]:
    """Each row of a check in the dtypes of the inputs, whether its gradient is another one than the right one, and by
    how many times of what the row would catch an entry is off."""
    sources = [one for one in inputs if one.requires_grad]
    rows, unit = iter(report.rows), _unit(program, inputs)
    for place, upstreams in _upstreams(function, inputs):
        gradients = [
            (
                _gradients(function, inputs, place, one),
                _gradients(written_by_hand(program, program), inputs, place, one),
            )
            for one in upstreams
        ]
        for number, source in enumerate(sources):
            row = next(rows, None)
            if row is None:
                return
            if row.dtype != dtype_name(source.dtype):  # where rounding hides it, it is checked in float64
                continue
            changed, most = False, 0.0
            for upstream, (wrong, right) in zip(upstreams, gradients, strict=True):
                if wrong is None or right is None:
                    continue
                one, other = (_numbers(found[number], inputs, number) for found in (wrong, right))
                change = (one - other).abs().nan_to_num(nan=torch.inf)
                changed |= bool((change > 0).any())
                largest = max(_size(upstream), *(_size(_numbers(one, inputs, i)) for i, one in enumerate(right)))
                rounding = 16 * unit * largest  # that of the gradient which counts as right
                rounding = rounding + _unrest(program, inputs, place, upstream, number, other, unit)
                most = max(most, _most((change - rounding).clamp(min=0), other, row))
            yield row, changed, most


class _Computed(TorchDispatchMode):
    """Keeps the dtypes of floats in which something is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.dtypes: set[torch.dtype] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.dtypes |= {one.dtype.to_real() for one in tree_leaves(out) if isinstance(one, Tensor) and _counts(one)}
        return out


def _counts(one: Tensor) -> bool:
    return one.is_floating_point() or one.is_complex()


def _unit(program: RandomProgram, inputs: Sequence[Tensor]) -> float:
    """The spacing of numbers around 1 in the narrowest dtype of a program: a right backward may round in that."""
    with torch.no_grad(), _Computed() as computed:
        program(*inputs)
    dtypes = computed.dtypes | {one.dtype.to_real() for one in inputs if _counts(one)}
    return max(torch.finfo(dtype).eps for dtype in dtypes)


def _unrest(
    program: RandomProgram, inputs: Sequence[Tensor], place: int, upstream: Tensor, number: int, right: Tensor,
    unit: float,
) -> Tensor:  # fmt: skip
    """How far the right gradient moves where the inputs move by a few ``unit``.

    What is left of differences that cancel moves by its own size: it is rounding, and no small share of the gradient.
    """
    most = torch.zeros_like(right)
    for share in (3.0, -5.0):
        moved = [(one.detach() * (1 + share * unit)).requires_grad_(one.requires_grad) for one in inputs]
        found = _gradients(written_by_hand(program, program), moved, place, upstream)
        if found is not None:
            most = torch.maximum(most, (_numbers(found[number], moved, number) - right).abs().nan_to_num())
    return 4 * most


def _size(numbers: Tensor) -> float:
    return float(numbers.nan_to_num().abs().max()) if numbers.numel() else 0.0


def _wide(tensor: Tensor) -> Tensor:
    return tensor.detach().to(torch.float64).requires_grad_(tensor.requires_grad)


def _most(change: Tensor, right: Tensor, row: TensorRow) -> float:
    """By how many times of what the row would catch an entry is off; entries that are left open may be any."""
    relative, absolute = row.smallest_detectable, row.smallest_detectable_abs
    caught = torch.zeros_like(change)
    if relative is not None:
        caught = relative * right.abs()
    elif absolute is not None:
        caught = torch.full_like(change, absolute)
    counted = (right != 0) & (change > 0) if relative is not None else change > 0
    times = torch.where(counted, change / caught, 0.0).reshape(-1).sort(descending=True).values
    open_ones = row.entries.inconclusive
    return float(times[open_ones]) if len(times) > open_ones else 0.0


def _upstreams(function: Any, inputs: Sequence[Tensor]) -> Iterator[tuple[int, list[Tensor]]]:
    """The places of the outputs that are differentiated, with the upstream gradients of the check."""
    for place, one in enumerate(function(*inputs)):
        if one.requires_grad:
            yield place, [upstream for _, upstream in upstreams_for(one, 0)]


def _gradients(function: Any, inputs: Sequence[Tensor], place: int, upstream: Tensor) -> Sequence[Tensor | None] | None:
    sources = [one for one in inputs if one.requires_grad]
    try:
        return torch.autograd.grad(function(*inputs)[place], sources, upstream, allow_unused=True)
    except RuntimeError:
        return None


def _numbers(gradient: Tensor | None, inputs: Sequence[Tensor], number: int) -> Tensor:
    like = [one for one in inputs if one.requires_grad][number]
    found = torch.zeros_like(like) if gradient is None else gradient
    real = torch.view_as_real(found.detach().resolve_conj()) if found.is_complex() else found.detach()
    return real.to(torch.float64)


def verdicts(task: tuple[int, int, int, bool]) -> list[Verdict]:
    """Those of some cases, from the first on; the last entry says whether it is about second derivatives."""
    seed, first, count, second = task
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if second:
            return [second_verdict_on(Case(seed * 10**6 + first + i)) for i in range(count)]
        return [verdict_on(Case(seed * 10**6 + first + i), "quick" if i % 20 == 0 else "none") for i in range(count)]


def main() -> None:
    parser = arguments(__doc__, 10_000)
    parser.add_argument("--count", type=int, dest="cases", help="the same as --cases")
    parser.add_argument("--first", type=int, default=0, help="the number of the first case")
    parser.add_argument("--second", action="store_true", help="second derivatives, without planted mistakes")
    options = parser.parse_args()
    started = time.monotonic()
    tasks = [
        (options.seed, options.first + 50 * i, count, options.second) for i, count in spread_cases(options.cases, 50)
    ]
    figures: dict[str, Counter[str]] = {}
    wrong = 0
    for several in outcomes(verdicts, tasks, options.jobs):
        for one in several:
            figures.setdefault(one.kind, Counter())[one.verdict] += 1
            if one.wrong:
                wrong += 1
                print(f"WRONG {one.seed} ({one.planted or 'right'}): {one.verdict}: {one.wrong[:300]}", flush=True)
    counts = {kind: dict(sorted(found.items())) for kind, found in sorted(figures.items())}
    finish("random programs on tensors", {"wrong verdicts": wrong, **counts}, started, options.json)


if __name__ == "__main__":
    main()
