"""``diffexplore verify`` of functions of tensors: one with ``--inputs``, or all of a file that have sample inputs."""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffexplore.cli.exit_codes import OF_VERDICT, USAGE
from diffexplore.cli.outputs import Outputs
from diffexplore.cli.replays import replay_file, write_replay
from diffexplore.cli.shown import Shown
from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from diffexplore.render.problems import CodeProblem
    from diffexplore.tensors.files import Sampled
    from diffexplore.tensors.records import TensorReport, TensorReports
    from diffexplore.tensors.replay import TensorReplay

    TensorCheck = tuple[str, Any, TensorReplay]  # what it is called, the function, and all that decides its outcome


@dataclass(frozen=True)
class TensorRequest:
    """What to verify: FILE.py:NAME at ``inputs``, or (None) at its ``sampled`` ones; or all of FILE.py that have some.

    ``functions`` are the reference or the surrogate, by their options, as they were typed. ``masked`` says that only
    the specified elements of sparse arguments are variables. ``replay`` is where what does not pass is written; without
    a place, where it is read.
    """

    place: str | None
    inputs: str | None
    dtype: str
    seed: int
    functions: dict[str, str]
    masked: bool
    replay: Path | None = None
    sampled: Sampled | None = None

    @property
    def source(self) -> str:
        """What it is named after."""
        return self.place or str(self.replay)

    @property
    def is_whole_file(self) -> bool:
        """Whether all functions of a file are meant."""
        return self.place is not None and self.inputs is None and self.sampled is None


def tensor_request(request: TensorRequest, others: Sequence[str]) -> TensorRequest | None:
    """The request, where functions of tensors are meant; else None.

    They are with ``--inputs``, where a file of Python is named alone, or a function that has sample inputs in it, and
    where a file of such checks is run again.
    ``others`` are further options, by their names, as far as they are given.
    """
    place, functions = request.place, request.functions
    if place is None and request.inputs is None:
        again = request.replay is not None and not others and not functions and _holds_gradchecks(request.replay)
        return request if again else None
    if request.sampled is not None:
        return request
    if request.inputs is None and not functions:
        return request if place is not None and place.endswith(".py") and not others else None
    if place is None or place.endswith(".py"):
        raise UsageError(
            f"{'--inputs' if request.inputs else next(iter(functions))} takes a function beside it: name FILE.py:NAME"
        )
    if request.inputs is None:
        raise UsageError(
            f"{next(iter(functions))} is for functions of tensors: state their arguments by --inputs, or by a function "
            "sample_inputs in the file"
        )
    if others:
        raise UsageError(f"--inputs states the arguments of a function of tensors: leave {others[0]} out")
    return request


def _holds_gradchecks(path: Path) -> bool:
    """Whether a file says that it holds checks of functions of tensors."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "gradcheck" in document


def verify_tensors(request: TensorRequest, outputs: Outputs, *, full: bool) -> int:
    """Check, write and print what is requested; returns the exit code."""
    from diffexplore.cli.progress import listening

    kept = request.replay if request.place is not None else None
    outputs = outputs.beside(replay=replay_file(kept))
    with contextlib.redirect_stdout(sys.stderr), listening(quiet=outputs.quiet, rows_to=None) as listener:
        listener.progress("checking gradients", 0, 0)
        checks, unchecked, refused = _checks(request)
        result, failed = _run_together(checks, unchecked, refused) if request.is_whole_file else _run(checks)
    if kept is not None and failed:
        from diffexplore.tensors.replay import to_json

        write_replay(to_json(failed), kept)
    outputs.write(_shown(result, request, full=full))
    return USAGE if _has_refused(result) else OF_VERDICT[result.verdict]


def _has_refused(result: TensorReport | TensorReports) -> bool:
    from diffexplore.tensors.records import TensorReport

    return not isinstance(result, TensorReport) and bool(result.refused)


def _checks(request: TensorRequest) -> tuple[list[TensorCheck], tuple[str, ...], dict[str, str]]:
    """Each check; of a file the functions that have nothing to be checked with, and why others cannot be."""
    from diffexplore.checking.options import as_dtype
    from diffexplore.tensors.files import inputs_for, sampled_in
    from diffexplore.tensors.replay import TensorReplay, kept_of, read_replays
    from diffexplore.verifying.loading import load_candidate

    options: dict[str, Any] = {name.removeprefix("--"): place for name, place in request.functions.items()}
    options |= {"masked": True} if request.masked else {}
    if request.place is None:
        assert request.replay is not None
        kept = read_replays(request.replay)
        return [(one.function.rpartition(":")[2], load_candidate(one.function), one) for one in kept], (), {}
    if request.inputs is not None:
        fn = load_candidate(request.place)
        args = inputs_for(fn, request.inputs, dtype=as_dtype(request.dtype), seed=request.seed)
        return [(request.place, fn, kept_of(fn, TensorReplay(request.place, args, request.seed), options))], (), {}
    named = {request.place: request.sampled} if request.sampled is not None else {}
    unchecked: tuple[str, ...] = ()
    refused: dict[str, str] = {}
    if not named:
        file = sampled_in(request.place)
        named, unchecked = {f"{request.place}:{name}": one for name, one in file.sampled.items()}, file.unchecked
        refused |= file.refused
    checks = [
        (place.rpartition(":")[2], fn, kept_of(fn, TensorReplay(place, tuple(args), request.seed), options))
        for place, (fn, several) in named.items()
        for args in several
    ]
    return checks, unchecked, refused


def _run(checks: Sequence[TensorCheck]) -> tuple[TensorReport | TensorReports, list[TensorReplay]]:
    """The reports, those of one function merged; and the checks that do not pass."""
    from diffexplore.tensors.merging import merged

    found, failed = _reports(checks, None)
    return (merged(next(iter(found.values()))), failed) if len(found) == 1 else (_ranked(found, (), {}), failed)


def _run_together(
    checks: Sequence[TensorCheck], unchecked: tuple[str, ...], refused: Mapping[str, str]
) -> tuple[TensorReports, list[TensorReplay]]:
    """The same of a whole file. A function that cannot be checked does not keep the others from it.

    Raises UsageError where none can be.
    """
    reasons = dict(refused)
    found, failed = _reports(checks, reasons)
    if not found:
        raise UsageError(next(iter(reasons.values())))
    return _ranked(found, unchecked, reasons), failed


def _reports(
    checks: Sequence[TensorCheck], refused: dict[str, str] | None
) -> tuple[dict[str, list[TensorReport]], list[TensorReplay]]:
    """The reports by function, and the checks that do not pass.

    Where a function cannot be checked, the reason goes into ``refused``; UsageError is raised where that is None.
    """
    from diffexplore.tensors.gradcheck import gradcheck

    found: dict[str, list[TensorReport]] = {}
    failed: list[tuple[str, TensorReplay]] = []
    for name, fn, one in checks:
        if refused and name in refused:
            continue
        try:
            report = gradcheck(fn, one, raise_exception=False, **_loaded(one.options))
        except UsageError as error:
            if refused is None:
                raise
            refused[name] = str(error)
            found.pop(name, None)
            continue
        found.setdefault(name, []).append(report)
        failed += [(name, one)] if report.verdict != "pass" else []
    return found, [one for name, one in failed if name in found]


def _ranked(
    found: Mapping[str, list[TensorReport]], unchecked: tuple[str, ...], refused: Mapping[str, str]
) -> TensorReports:
    from diffexplore.tensors.merging import merged
    from diffexplore.tensors.records import TensorReports

    rank = {"fail": 0, "inconclusive": 1, "pass": 2}
    reports = [(name, merged(several)) for name, several in found.items()]
    ranked = tuple(sorted(reports, key=lambda one: rank[one[1].verdict]))
    return TensorReports(ranked, unchecked, tuple(refused.items()))


def _loaded(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with the functions that they name by their places in files."""
    from diffexplore.inputs.losses import is_program
    from diffexplore.verifying.loading import load_candidate

    loaded = dict(options)
    for kind in ("reference", "surrogate"):
        place = loaded.get(kind)
        if place is not None and (kind == "reference" or is_program(place)):
            loaded[kind] = load_candidate(place)
    return loaded


def _shown(result: TensorReport | TensorReports, request: TensorRequest, *, full: bool) -> Shown:
    from diffexplore.pages.records import Subject
    from diffexplore.render.tensors import blocks_of

    return Shown(
        Subject(result),
        f"Gradient check: {request.source}",
        result.to_dict,
        lambda: blocks_of(result, full=full),
        problems=lambda: _problems(result, request),
        page_kind="gradcheck",
    )


def _problems(result: TensorReport | TensorReports, request: TensorRequest) -> Iterator[CodeProblem]:
    from diffexplore.cli.code_places import code_place
    from diffexplore.render.problems import problems_of_tensors
    from diffexplore.tensors.records import TensorReport

    if isinstance(result, TensorReport):
        yield from problems_of_tensors(result, code_place(request.source))
        return
    for name, report in result.checks:
        yield from problems_of_tensors(report, code_place(f"{request.source}:{name}"))
