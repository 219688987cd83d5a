"""What ``verify`` has to know, all at once: with a command that says all of it, to be pasted."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from diffexplore.cli.given import typed
from diffexplore.errors import UsageError
from diffexplore.formula.names import is_likely_data
from diffexplore.inputs.functions import split_arguments
from diffexplore.inputs.generic import generic_values

if TYPE_CHECKING:
    from diffexplore.cli.verify import VerifyRequest

_SAMPLES = 100


def check_complete(request: VerifyRequest, candidate: Any, symbols: Sequence[str], points: Sequence[str]) -> None:
    """Raises UsageError where a candidate of these symbols needs more than the options say.

    ``points`` are the names in the points. The command in the message takes the symbols that most people call data as
    data: an example, which is not run.
    """
    if not symbols:
        raise UsageError(
            f"{request.candidate} takes no argument that must be given: there is nothing to differentiate by"
        )
    parameters = points or [] if request.wrt or points else [s for s in symbols if not is_likely_data(s)]
    data = [symbol for symbol in symbols if symbol not in parameters]
    needs, adds = [], []
    if not points and not request.wrt:
        listed = ", ".join(symbols)
        needs.append(f"which of {listed} are parameters (--at, or --wrt for partials by sample)")
        adds += _point(parameters) if parameters else ["--wrt", data[0]]
    if data and not request.data.is_given:
        needs.append(f"values for {', '.join(data)} (--data or --samples)")
        adds += ["--samples", str(_SAMPLES)]
    shape = _shape(candidate, parameters, data, request.shapes, request.kind) if request.upstream is None else None
    if shape is not None:
        needs.append(f"the upstream gradient of an output of shape {shape} (--upstream)")
        adds += ["--upstream", "1"]
    if needs:
        command = shlex.join(["diffexplore", "verify", str(request.candidate), *_options(request), *adds])
        raise UsageError(f"verify has to know {', and '.join(needs)}, such as: {command}")


def check_own_parameters(
    request: VerifyRequest, candidate: Any, arguments: Sequence[str], named: Sequence[str]
) -> None:
    """Raises UsageError for partials by the parameters that a module holds: its own forward takes them as constants.

    So it does where no symbol is ``named`` at all, for then it is these that most people mean.
    """
    import torch

    values = dict(candidate.named_parameters()) if isinstance(candidate, torch.nn.Module) else {}
    meant = [name for name in values if name in named and name not in arguments] or ([] if named else list(values))
    if not meant:
        return
    point = [f"{name}={values[name].item():.6g}" for name in meant if values[name].numel() == 1]
    is_loss = "the loss" if len(point) == len(meant) else "a loss of its entries"
    given = [part for at in request.at for part in at.split(",") if part.partition("=")[0].strip() in arguments]
    options = ["--loss", "FORMULA", *(["--at", ",".join([*point, *given])] if point else [])]
    command = shlex.join(["diffexplore", "verify", str(request.candidate), *options])
    alone = f"; for partials by {', '.join(arguments)} alone name them with --at or --wrt" if not named else ""
    held, symbols = ("are parameters", "they are symbols") if len(meant) > 1 else ("is a parameter", "it is a symbol")
    raise UsageError(
        f"{', '.join(meant)} {held} that {request.candidate} holds itself: name {is_loss} in which {symbols}, as in "
        f"{command}{alone}"
    )


def _point(names: Sequence[str]) -> list[str]:
    return ["--at", ",".join(f"{name}={value:g}" for name, value in generic_values(names).items())]


def _shape(
    candidate: Any, parameters: Sequence[str], data: Sequence[str], shapes: str | None, kind: str | None
) -> str | None:
    """The shape of an output that is no number, as ``(N)``; None for a loss, and where that is not known."""
    from diffexplore.verifying.own import computes_loss, output_of

    if not computes_loss(candidate, kind):
        return None
    try:
        first, second = split_arguments((*parameters, *data), parameters, shapes)
        output = output_of(candidate, first, second)
    except UsageError:  # the verification says what is wrong
        return None
    return None if output is None or output.text == "()" else output.text


def _options(request: VerifyRequest) -> list[str]:
    """The options that were given, of those that say what is verified."""
    data = request.data
    columns = ",".join(f"{symbol}={column}" for symbol, column in data.columns.items())
    return typed(
        ("--loss", request.loss), ("--surrogate", request.surrogate), ("--at", request.at), ("--data", data.file),
        ("--columns", columns or None),
        ("--samples", data.n_points), ("--wrt", ",".join(request.wrt or ()) or None), ("--shapes", request.shapes),
        ("--reduction", request.reduction), ("--kind", request.kind), ("--upstream", request.upstream),
        ("--pack", request.pack), ("--dtype", request.dtype if request.dtype != "float64" else None),
    )  # fmt: skip
