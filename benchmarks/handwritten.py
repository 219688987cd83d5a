"""Hand-written backward passes and their planted mistakes, checked beside torch's gradcheck.

``python -m benchmarks.handwritten [NAME …] [--device cpu] [--wide]``: each piece of ``tests/handwritten`` has to pass,
and each of its mistakes to be caught with one of the causes that name it. Beside it the same by
``torch.autograd.gradcheck``: whether it catches the mistake, in how many seconds of processor time and lines. What does
not run on the device (NumPy inside) is counted, and left out. ``--wide`` takes inputs of widths of 64, right backward
passes alone, and no gradcheck beside them; ``--mistakes`` the mistakes there as well.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import diffexplore as dx
from benchmarks._jobs import device_named, on_device, with_device

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from handwritten.collection import PIECES
from handwritten.pieces import Mistake, Piece
from handwritten.wide import wide_inputs


@dataclass(frozen=True)
class Answer:
    """What a checker says ("pass", …, or the name of an exception), causes, seconds, lines and the kind of truth."""

    verdict: str
    causes: tuple[str, ...]
    seconds: float
    lines: int
    truth: str = ""


def inputs_of(piece: Piece, device: torch.device, *, wide: bool = False) -> tuple[Any, ...]:
    """The arguments of a call, made anew on the device."""
    inputs = wide_inputs()[piece.name] if wide else piece.inputs()
    return tuple(on_device(one, device) if isinstance(one, torch.Tensor) else one for one in inputs)


def runs_on(piece: Piece, device: torch.device) -> bool:
    """Whether the forward takes tensors of that device."""
    try:
        piece.function()(*inputs_of(piece, device))
    except (TypeError, RuntimeError):
        if device.type == "cpu":
            raise
        return False
    return True


CPU = torch.device("cpu")


def ours(
    piece: Piece, mistake: Mistake | None = None, device: torch.device = CPU, *, wide: bool = False, **options: Any
) -> Answer:
    """The answer of ``dx.gradcheck``, with the reference or surrogate that the piece names."""
    given = {"reference": piece.reference, "surrogate": piece.surrogate}
    named = {key: value for key, value in given.items() if value is not None}
    function, inputs, start = piece.function(mistake), inputs_of(piece, device, wide=wide), time.process_time()
    try:
        report = dx.gradcheck(function, inputs, raise_exception=False, **named, **options)
    except dx.DiffexploreError as error:
        return Answer(type(error).__name__, (), time.process_time() - start, str(error).count("\n") + 1)
    causes = tuple(row.cause.key for row in report.rows if row.verdict == "fail" and row.cause is not None)
    return Answer(report.verdict, causes, time.process_time() - start, str(report).count("\n") + 1, report.truth)


def theirs(piece: Piece, mistake: Mistake | None = None, device: torch.device = CPU) -> Answer:
    """The answer of ``torch.autograd.gradcheck`` with its own tolerances."""
    function, inputs, start = piece.function(mistake), inputs_of(piece, device), time.process_time()
    try:
        right = torch.autograd.gradcheck(function, inputs)
        return Answer("pass" if right else "fail", (), time.process_time() - start, 0)
    except Exception as error:
        return Answer("fail", (), time.process_time() - start, str(error).count("\n") + 1)


def main(names: Sequence[str], device: torch.device) -> None:
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    lines: dict[str, list[int]] = {"ours": [], "theirs": []}
    for piece in PIECES:
        if names and piece.name not in names:
            continue
        if not runs_on(piece, device):
            counts[f"does not run on {device}"] += 1
            continue
        mine, other = ours(piece, device=device), theirs(piece, device=device)
        counts["right"] += 1
        counts[f"right: ours {mine.verdict}"] += 1
        counts[f"right: gradcheck {other.verdict}"] += 1
        seconds["ours, right"] += mine.seconds
        seconds["gradcheck, right"] += other.seconds
        if mine.verdict != "pass":
            print(f"{piece.name}: {mine.verdict} {', '.join(mine.causes)}")
        for mistake in piece.mistakes:
            mine, other = ours(piece, mistake, device), theirs(piece, mistake, device)
            named = any(key in mistake.keys for key in mine.causes)
            counts["mistakes"] += 1
            counts["caught by ours"] += mine.verdict == "fail"
            counts["with the right cause"] += named
            counts["of these a cause that is named"] += any(
                key in mistake.keys and key != "unexplained" for key in mine.causes
            )
            counts["caught by gradcheck"] += other.verdict == "fail"
            seconds["ours, mistakes"] += mine.seconds
            seconds["gradcheck, mistakes"] += other.seconds
            lines["ours"].append(mine.lines)
            lines["theirs"].append(other.lines)
            if mine.verdict != "fail" or not named:
                wrong = " ".join(mistake.wrong.split())[:60]
                print(f"{piece.name}: {wrong!r} is {mine.verdict}: {', '.join(mine.causes)}; expected {mistake.causes}")
    for name, count in counts.items():
        print(f"{name}: {count}")
    for name, total in seconds.items():
        print(f"{name}: {total:.1f} s")
    for name, several in lines.items():
        if several:
            print(f"lines of a message, {name}: {sorted(several)[len(several) // 2]} (median), {max(several)} at most")


def main_wide(names: Sequence[str], device: torch.device, *, mistakes: bool) -> None:
    """Each piece at widths of 64: what does not pass, and what takes long, by name."""
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    seconds: list[float] = []
    for piece in PIECES:
        if names and piece.name not in names:
            continue
        mine = ours(piece, device=device, wide=True)
        counts[f"right: {mine.verdict}, {mine.truth}"] += 1
        seconds.append(mine.seconds)
        if mine.verdict != "pass" or mine.seconds > 2:
            print(f"{piece.name}: {mine.verdict} {', '.join(mine.causes)}, {mine.seconds:.1f} s", flush=True)
        for mistake in piece.mistakes if mistakes else ():
            mine = ours(piece, mistake, device, wide=True)
            named = any(key in mistake.keys for key in mine.causes)
            counts[f"mistakes: {mine.verdict}{', with the right cause' if named else ''}"] += 1
            if mine.verdict != "fail" or not named:
                wrong = " ".join(mistake.wrong.split())[:60]
                print(
                    f"{piece.name}: {wrong!r} is {mine.verdict}: {mine.causes}; expected {mistake.causes}", flush=True
                )
    for name, count in counts.items():
        print(f"{name}: {count}")
    seconds.sort()
    print(f"processor time of a right one: {seconds[len(seconds) // 2]:.2f} s (median), {seconds[-1]:.1f} s at most")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    with_device(parser)
    parser.add_argument("--wide", action="store_true", help="at widths of 64, right ones")
    parser.add_argument("--mistakes", action="store_true", help="with --wide: the mistakes as well")
    options = parser.parse_args()
    if options.wide:
        main_wide(options.names, device_named(options.device), mistakes=options.mistakes)
        sys.exit()
    main(options.names, device_named(options.device))
