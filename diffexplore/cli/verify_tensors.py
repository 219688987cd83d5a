"""``diffexplore verify`` of functions of tensors: one with ``--inputs``, or all of a file that have sample inputs."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diffexplore.cli.exit_codes import OF_VERDICT
from diffexplore.cli.outputs import Outputs
from diffexplore.cli.shown import Shown
from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from diffexplore.render.problems import CodeProblem
    from diffexplore.tensors.records import TensorReport, TensorReports


@dataclass(frozen=True)
class TensorRequest:
    """What to verify: FILE.py:NAME at ``inputs``, or every function of FILE.py that has sample inputs (None)."""

    place: str
    inputs: str | None
    dtype: str
    seed: int


def tensor_request(place: str | None, inputs: str | None, options: dict[str, Any], dtype: str, seed: int) -> Any:
    """The request, where functions of tensors are meant: with ``--inputs``, or where a file is named alone; else None.

    ``options`` are those that say what a loss is evaluated on, by their names, as far as they are given.
    """
    if inputs is None:
        return (
            None if place is None or not place.endswith(".py") or options else TensorRequest(place, None, dtype, seed)
        )
    if place is None:
        raise UsageError("--inputs takes a function beside it: name FILE.py:NAME")
    if options:
        raise UsageError(f"--inputs states the arguments of a function of tensors: leave {next(iter(options))} out")
    return TensorRequest(place, inputs, dtype, seed)


def verify_tensors(request: TensorRequest, outputs: Outputs, *, full: bool) -> int:
    """Check, write and print what is requested; returns the exit code."""
    from diffexplore.cli.progress import listening

    with contextlib.redirect_stdout(sys.stderr), listening(quiet=outputs.quiet, rows_to=None) as listener:
        listener.progress("checking gradients", 0, 0)
        result = _checked(request)
    outputs.write(_shown(result, request, full=full))
    return OF_VERDICT[result.verdict]


def _checked(request: TensorRequest) -> TensorReport | TensorReports:
    from diffexplore.checking.options import as_dtype
    from diffexplore.tensors.files import inputs_for, sampled_in
    from diffexplore.tensors.gradcheck import gradcheck
    from diffexplore.tensors.records import TensorReports
    from diffexplore.tensors.run import merged
    from diffexplore.verifying.loading import load_candidate

    options: dict[str, Any] = {"raise_exception": False, "seed": request.seed}
    if request.inputs is not None:
        fn = load_candidate(request.place)
        return gradcheck(
            fn, inputs_for(fn, request.inputs, dtype=as_dtype(request.dtype), seed=request.seed), **options
        )
    rank = {"fail": 0, "inconclusive": 1, "pass": 2}
    found = [
        (name, merged([gradcheck(fn, inputs, **options) for inputs in several]))
        for name, (fn, several) in sampled_in(request.place).items()
    ]
    return TensorReports(tuple(sorted(found, key=lambda one: rank[one[1].verdict])))


def _shown(result: TensorReport | TensorReports, request: TensorRequest, *, full: bool) -> Shown:
    from diffexplore.pages.records import Subject
    from diffexplore.render.tensors import blocks_of

    return Shown(
        Subject(result),
        f"Gradient check: {request.place}",
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
        yield from problems_of_tensors(result, code_place(request.place))
        return
    for name, report in result.checks:
        yield from problems_of_tensors(report, code_place(f"{request.place}:{name}"))
