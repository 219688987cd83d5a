"""What a reader of a report may run next, as commands to copy."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from diffexplore.cli.given import typed

if TYPE_CHECKING:
    from diffexplore.checking.records import Report
    from diffexplore.cli import report, verify
    from diffexplore.render.screen import Command

#: A longer command is not shown: it would not stay on its line.
_LONGEST = 76

_DEFAULT_LOSS = "perpendicular"


def after_report(request: report.CheckRequest) -> list[Command]:
    """The tables behind the screen, a descent, and the graph."""
    loss = [] if request.loss == _DEFAULT_LOSS else [str(request.loss)]
    at, data = typed(("--at", request.at)), typed(("--data", request.data.file), ("--samples", request.data.n_points))
    methods = None if request.methods is None else ",".join(request.methods)
    dtype = None if request.dtype == "float64" else request.dtype
    ways = typed(("--dtype", dtype), ("--scan", request.scans), ("--methods", methods))
    named = loss or [str(request.loss)]
    commands = [
        (_command("report", *loss, *at, *data, *ways, "--full"), "every value, error and allowance"),
        (_command("fit", *loss, *at[:2], *data), "descend, and find the minimum"),
        (_command("graph", *named, *at[:2], *data), "the operations, with their values"),
    ]
    if request.wrt or request.data.columns or request.shapes or request.reduction or request.step:
        commands = []  # what is meant takes more options than these
    return _fitting(commands)


def after_verify(request: verify.VerifyRequest, result: Report) -> list[Command]:
    """The tables behind the screen, and the question for every input."""
    if request.candidate is None or request.loss is None:
        return []
    requested = [request.candidate, "--loss", request.loss]
    where = typed(("--kind", request.kind), ("--at", request.at))
    commands = [(_command("verify", *requested, *where, "--full"), "every value, error and allowance")]
    if request.candidate.partition(":")[0].endswith(".py") and result.candidate and result.candidate.kind == "loss":
        commands.append((_command("prove", *requested), "is it so for every input?"))
    simple = not (request.data.is_given or request.shapes or request.upstream or request.pack)
    return _fitting(commands) if simple else []


def _command(*words: str) -> str:
    return shlex.join(("diffexplore", *words))


def _fitting(commands: list[Command]) -> list[Command]:
    """Those that stay on a line; the first, which is this one with --full, is stated in words where it does not."""
    same = ("the same with --full", "every value, error and allowance")
    shown = [(command, what) for command, what in commands if len(command) <= _LONGEST]
    return shown if shown[:1] == commands[:1] and shown else [same, *shown]
