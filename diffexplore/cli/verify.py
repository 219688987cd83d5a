"""``diffexplore verify``: is somebody's gradient the gradient of this loss, and if not, why?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from diffexplore.cli import options as o
from diffexplore.cli.data_argument import DataGiven
from diffexplore.cli.exit_codes import OF_VERDICT
from diffexplore.cli.given import Given, given
from diffexplore.cli.next_steps import after_verify
from diffexplore.cli.output import STDOUT
from diffexplore.cli.outputs import Outputs
from diffexplore.cli.progress import listening
from diffexplore.cli.replays import replay_file, write_replay
from diffexplore.cli.report import detail_of, shown
from diffexplore.cli.tensor_options import Inputs, Masked, Reference, Surrogate
from diffexplore.cli.verify_losses import loss_of
from diffexplore.cli.writes import output_parameters, writes
from diffexplore.errors import UsageError

if TYPE_CHECKING:
    from diffexplore.render.terminal import Detail
    from diffexplore.tensors.files import Sampled
    from diffexplore.verifying.replay import Replay


@dataclass(frozen=True)
class VerifyRequest(Given):
    """What to verify, and how."""

    candidate: str | None = None
    kind: str | None = None
    upstream: str | None = None
    accept: tuple[str, ...] = ()
    modes: tuple[str, ...] = ("reverse",)
    pack: tuple[str, ...] = ()
    surrogate: str | None = None


@writes("verify")
def verify(
    context: typer.Context,
    candidate: o.Candidate = None,
    loss: o.LossOption = None,
    at: o.At = None,
    data: o.Data = None,
    columns: o.Columns = None,
    samples: o.Samples = None,
    wrt: o.Wrt = None,
    shapes: o.Shapes = None,
    inputs: Inputs = None,
    reference: Reference = None,
    surrogate: Surrogate = None,
    masked: Masked = False,
    reduction: o.Reduction = None,
    kind: o.Kind = None,
    upstream: o.Upstream = None,
    accept: o.Accept = None,
    modes: o.Modes = None,
    pack: o.Pack = None,
    dtype: o.Dtype = "float64",
    device: o.Device = "auto",
    seed: o.Seed = "0",
    rows: o.Rows = "worst",
    replay: o.Replay = None,
    full: o.Full = False,
    only_failing: o.OnlyFailing = False,
    *,
    outputs: Outputs,
) -> int:
    """Verify a gradient that somebody wrote. THIS RUNS THE CODE IN FILE.py: verify only files that you trust.

    Whatever the candidate prints goes to standard error. With --inputs the gradients of a function of tensors are
    checked, as are those of FILE.py:NAME alone where the file has sample_inputs for it; FILE.py alone checks every
    autograd Function in it that has sample_inputs.

    Exits with 0 if the gradient is right, 1 if it is wrong, 3 if that could not be decided.
    """
    from diffexplore.cli.verify_tensors import TensorRequest, tensor_request, verify_tensors

    others = _options_of_losses(context)
    sampled = _sampled(candidate) if inputs is None and not others else None
    of_tensors = inputs is not None or candidate is None or candidate.endswith(".py") or sampled is not None
    if of_tensors and inputs is None and candidate is not None and _is_typed(context.get_parameter_source("dtype")):
        raise UsageError(
            "--dtype is that in which --inputs are drawn: sample_inputs and replays have dtypes of their own"
        )
    functions = {"--reference": reference, "--surrogate": surrogate if of_tensors else None}
    request_of_tensors = TensorRequest(
        candidate, inputs, o.chosen("dtype", dtype, o.DTYPES), o.whole_number("--seed", seed) or 0,
        {name: place for name, place in functions.items() if place is not None}, masked, replay,
        sampled,
    )  # fmt: skip
    tensors = tensor_request(request_of_tensors, others)
    if tensors is not None:
        return verify_tensors(tensors, outputs, full=full)
    if masked:
        raise UsageError("--masked is for sparse arguments of a function of tensors: state them by --inputs")

    from diffexplore.verifying.candidates import KINDS

    request = VerifyRequest(
        **given(loss, at, data, columns, samples, wrt, shapes, reduction, dtype, device, seed),
        candidate=candidate, kind=kind and o.chosen("kind", kind, KINDS), upstream=upstream,
        accept=tuple(accept or ()), pack=tuple(pack or ()), surrogate=surrogate,
        modes=tuple(mode.replace("-", " ") for mode in o.names_list("--modes", modes) or ("reverse",)),
    )  # fmt: skip
    all_rows = o.chosen("choice of rows", rows, o.ROWS) == "all"
    again = _replay_of(context, replay) if candidate is None else None
    detail = detail_of(full=full, only_failing=only_failing)
    outputs = outputs.beside(rows_all=STDOUT if all_rows else None, replay=replay_file(None if again else replay))
    return _verify(request, again, None if again else replay, outputs, detail=detail, all_rows=all_rows)


def _verify(
    request: VerifyRequest, again: Replay | None, kept: Path | None, outputs: Outputs, *, detail: Detail, all_rows: bool
) -> int:
    """Verify what is requested, or ``again`` what a file holds; write, print, and keep in a file what does not pass."""
    with listening(quiet=outputs.quiet, rows_to=sys.stdout if all_rows else None) as listener:
        record, loaded = (again, None) if again else _record(request)
        if kept is not None:
            record.batch.held("a file for --replay")
        result = record.run(listener, loaded)
    if kept is not None and result.verdict != "pass":
        write_replay(record.to_json(), kept)
    from diffexplore.pages.records import Subject

    subject = Subject(result, record.loss, record.batch.drawn(), tuple(record.points))
    outputs.write(shown(subject, record.candidate, detail=detail, commands=after_verify(request, result)))
    return OF_VERDICT[result.verdict]


#: Options that say nothing of what is verified.
_OF_OUTPUT = frozenset({"replay", "rows", "full", "only_failing"}) | output_parameters("verify")


#: Options that say how a function of tensors is checked, or what is printed.
_OF_TENSORS = frozenset(
    {"candidate", "inputs", "reference", "surrogate", "masked", "dtype", "seed", "full", "replay"}
) | output_parameters("verify")


def _options_of_losses(context: typer.Context) -> list[str]:
    """The options, as they are spelled, that were typed and say nothing of a function of tensors."""
    without_inputs = context.params["candidate"] is None and context.params["inputs"] is None
    others = _OF_OUTPUT if without_inputs else _OF_TENSORS
    named = [name for name in context.params if name not in others and context.params[name]]
    return [f"--{name.replace('_', '-')}" for name in named if _is_typed(context.get_parameter_source(name))]


def _sampled(candidate: str | None) -> Sampled | None:
    """The function that is named, with the sample inputs that its file gives for it."""
    from diffexplore.tensors.files import sampled

    return None if candidate is None else sampled(candidate)


def _replay_of(context: typer.Context, path: Path | None) -> Replay:
    """The verification that a file holds."""
    if path is None:
        raise UsageError("name a candidate, FILE.py:NAME with --loss LOSS, or a --replay FILE to run again")
    given = (name for name in context.params if name not in _OF_OUTPUT)
    if any(_is_typed(context.get_parameter_source(name)) for name in given):
        raise UsageError("without a candidate, --replay runs what its file says: leave the other options out")
    from diffexplore.verifying.replay_file import read_replay

    return read_replay(path)


def _is_typed(source: Any) -> bool:
    """Whether the value of an option comes from the command line, and not from a default."""
    return source is not None and source.name == "COMMANDLINE"


def _record(request: VerifyRequest) -> tuple[Replay, Any]:
    """Resolve the loss, its points, its data and the upstream gradient; and the candidate, where that loaded it."""
    loss, loaded = loss_of(request)
    points = request.points_of(loss)

    from diffexplore.verifying.replay import Replay

    batch = request.batch(loss, points)
    record = Replay(
        str(request.candidate), loss, batch, points, _upstream(request.upstream, request.data),
        kind=request.kind, wrt=request.wrt, dtype=request.dtype, device=request.device, seed=request.seed,
        accept=request.accept, modes=request.modes, pack=_packs(request.pack),
        surrogate=request.surrogate is not None,
    )  # fmt: skip
    return record, loaded


def _upstream(text: str | None, data: DataGiven) -> Any:
    """A number, or the column of that name in the data file."""
    if text is None:
        return None
    import numpy as np

    try:
        return np.array(float(text))
    except ValueError:
        if data.file is None:
            raise UsageError(f"--upstream takes a number, or a column of the --data FILE, not {text!r}") from None
    return data.column(text)


def _packs(texts: Sequence[str]) -> dict[str, Any] | None:
    """``W=a,b;c,d`` as ``{"W": [["a", "b"], ["c", "d"]]}``."""
    packs: dict[str, Any] = {}
    for text in texts:
        name, equals, symbols = text.partition("=")
        rows = [o.names_list("--pack", row) for row in symbols.split(";")]
        if not equals or not name.strip() or not symbols.strip():
            raise UsageError(f"--pack takes an argument and its symbols, such as W=a,b;c,d, not {text!r}")
        packs[name.strip()] = list(rows[0] or ()) if len(rows) == 1 else [list(row or ()) for row in rows]
    return packs or None
