"""What somebody gives to be proved: a torch function, its arguments and the upstream gradients of its outputs."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from diffexplore.arguments import wrong
from diffexplore.errors import UsageError
from diffexplore.loss import Loss
from diffexplore.torch_code.calling import arguments_of, called_by_name, signed
from diffexplore.tracing.declarations import Array, Spec, check_distinct, declare, symbols_of
from diffexplore.tracing.draws import Draw, drawing, draws_of
from diffexplore.tracing.outputs import ProgramOutputs, Weight, contracted, outputs_of, weights_of
from diffexplore.tracing.trace import trace
from diffexplore.tracing.traced import Traced
from diffexplore.verifying.candidates import name_of

Tensor = torch.Tensor

_LISTED = 4
"""So many weights of a module are named."""


@dataclass(frozen=True)
class TensorProgram:
    """A function of named tensors that returns one number: its outputs, contracted with upstream gradients.

    ``weights`` are these gradients: one of the data where its output has an axis of the samples, else one of the
    parameters; so are ``draws``, the random numbers that it draws. ``plain`` is the function without ``weights``.
    ``samples`` is the number of samples for which the shapes of the outputs hold, None for any, ``mixing`` says which
    shape is the reason, ``notes`` what is left out.
    """

    name: str
    function: Callable[..., Tensor]
    plain: Callable[..., Any]
    parameters: tuple[Array, ...]
    data: tuple[Array, ...]
    weights: tuple[Weight, ...] = ()
    draws: tuple[Draw, ...] = ()
    samples: int | None = None
    mixing: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def by_sample(self) -> bool:
        """Whether an output has an entry for each sample, each with its upstream gradient."""
        return any(weight.array in self.data for weight in self.weights)

    @property
    def arrays(self) -> tuple[Array, ...]:
        return (*self.parameters, *self.data)

    def traced(self, *, by_data: bool, samples: int | None = None) -> Traced:
        """Its formulas, as of :func:`~diffexplore.tracing.trace.trace`."""
        return trace(self.function, parameters=self.parameters, data=self.data, by_data=by_data, samples=samples)

    def is_weight(self, array: Array) -> bool:
        """Whether an argument is an upstream gradient or a draw, and none of the user's."""
        return array in [one.array for one in self.weights] + [one.array for one in self.draws]


def program_of(candidate: Any, loss: Loss | None, parameters: Spec | None, data: Spec | None) -> TensorProgram:
    """The program that is meant; raises UsageError where its arguments cannot be decided."""
    if not callable(candidate):
        raise wrong("what is proved", "a torch function, a module or an autograd Function", candidate)
    name = name_of(candidate)
    arrays, batches = _declared(candidate, name, loss, parameters, data)
    check_distinct((*arrays, *batches))
    names = [array.name for array in (*arrays, *batches)]
    function = called_by_name(candidate, names, name)
    program = TensorProgram(name, function, function, arrays, batches, notes=_of_weights(candidate, name))
    tried = called_by_name(copied(candidate), names, name)
    outputs = outputs_of(tried, arrays, batches, name)
    program = _drawing(program, draws_of(tried, arrays, batches, _taken(program)))
    return program if outputs is None else _weighted(program, outputs, loss)


def _of_weights(candidate: Any, name: str) -> tuple[str, ...]:
    """That a module's own parameters are constants of the program: a wrong gradient by them does not show."""
    if not isinstance(candidate, torch.nn.Module):
        return ()
    names = [weight for weight, tensor in candidate.named_parameters() if tensor.requires_grad]
    if not names:
        return ()
    listed = ", ".join(names[:_LISTED]) + (", …" if len(names) > _LISTED else "")
    return (f"the weights of {name} are numbers: its gradients by {listed} are not looked at (pass them as arguments)",)


def _taken(program: TensorProgram) -> set[str]:
    """The names that an argument of ours cannot have."""
    return {symbol.name for array in program.arrays for symbol in array.symbols} | {a.name for a in program.arrays}


def _drawing(program: TensorProgram, draws: tuple[Draw, ...]) -> TensorProgram:
    """The program that takes what it draws as further arguments."""
    if not draws:
        return program
    function = drawing(program.plain, draws)
    by_sample = tuple(draw.array for draw in draws if draw.output.axis is not None)
    single = tuple(draw.array for draw in draws if draw.output.axis is None)
    names = ", ".join(draw.array.text for draw in draws)
    return replace(
        program, function=function, plain=function, parameters=(*program.parameters, *single),
        data=(*program.data, *by_sample), draws=draws,
        notes=(*program.notes, f"the random numbers that it draws are data: {names}"),
    )  # fmt: skip


def copied(candidate: Any) -> Any:
    """A copy, where there can be one: a module may keep what it sees, and a trial is not to show."""
    try:
        return copy.deepcopy(candidate)
    except Exception:  # whatever the candidate's own classes raise
        return candidate


def _weighted(program: TensorProgram, outputs: ProgramOutputs, loss: Loss | None) -> TensorProgram:
    """The outputs contracted with their upstream gradients."""
    weights = weights_of(outputs, _taken(program))
    if loss is not None and sum(len(weight.array.symbols) for weight in weights) > 1:
        shapes = " and ".join(output.text for output in outputs.every)
        raise UsageError(
            f"{program.name} returns an output of shape {shapes}, and a loss is one number, for each sample at most: "
            "leave the loss out to hold the program against its own forward pass, or reduce its output"
        )
    by_sample = tuple(weight.array for weight in weights if weight.output.axis is not None)
    single = tuple(weight.array for weight in weights if weight.output.axis is None)
    return replace(
        program,
        function=contracted(program.plain, weights, program.name),
        parameters=(*program.parameters, *single),
        data=(*program.data, *by_sample),
        weights=weights,
        samples=outputs.samples,
        mixing=outputs.mixing,
        notes=(*program.notes, *outputs.notes),
    )


def _declared(
    candidate: Any, name: str, loss: Loss | None, parameters: Spec | None, data: Spec | None
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    if loss is not None:
        arrays, batches = declare(parameters or loss.parameters), declare(data or loss.data)
        _check_symbols(loss, arrays, batches)
        return arrays, batches
    if parameters is None and data is None:
        # Tensors of one number for each sample: what holds for them holds for every number of entries.
        return (), declare(_tensors_of(candidate, name))
    if parameters is None:
        batches = declare(data or ())
        return declare(_others(candidate, name, batches)), batches
    arrays = declare(parameters)
    return arrays, declare(_others(candidate, name, arrays) if data is None else data)


def _others(candidate: Any, name: str, known: Sequence[Array]) -> list[str]:
    """The arguments beside those that are declared; none where these have names of their own, and go by their order."""
    if known and not _names_its_arguments(candidate):
        return []
    arguments, named = _tensors_of(candidate, name), {array.name for array in known}
    return [] if named - set(arguments) else [argument for argument in arguments if argument not in named]


def _names_its_arguments(candidate: Any) -> bool:
    try:
        return inspect.signature(signed(candidate)[0]) is not None
    except (TypeError, ValueError):
        return False


def _tensors_of(candidate: Any, name: str) -> tuple[str, ...]:
    """The names of the arguments that must be given; raises UsageError where one says that it is no tensor."""
    plain = (bool, int, float, str)
    kinds = {kind.__name__: kind for kind in plain}
    names = arguments_of(candidate)
    signature = inspect.signature(signed(candidate)[0])
    for argument in names:
        kind = signature.parameters[argument].annotation
        if kind in plain or kind in kinds:
            what = kind if isinstance(kind, str) else kind.__name__
            raise UsageError(
                f"the argument {argument!r} of {name} is no tensor ({what}): give it a value, in a function of tensors"
            )
    return names


def _check_symbols(loss: Loss, arrays: tuple[Array, ...], batches: tuple[Array, ...]) -> None:
    """The symbols of the loss are entries of the arguments; by entries that it ignores, its gradient is 0."""
    kinds = (("parameters", loss.parameters, arrays, loss.data), ("data", loss.data, batches, loss.parameters))
    for kind, requested, given, others in kinds:
        symbols = [symbol.name for symbol in symbols_of(given)]
        if set(requested) - set(symbols) or set(symbols) & set(others):
            listed, found = (", ".join(names) or "none" for names in (requested, symbols))
            raise UsageError(f"the {kind} of the loss are {listed}, and those of the program {found}")


def packs(arrays: tuple[Array, ...]) -> Mapping[str, Any]:
    """The vectors and matrices among the arguments, as :func:`diffexplore.verify` takes them."""
    found: dict[str, Any] = {}
    for array in arrays:
        if array.shape:
            names: Any = [symbol.name for symbol in array.symbols]
            for size in reversed(array.shape[1:]):
                names = [names[i : i + size] for i in range(0, len(names), size)]
            found[array.name] = names
    return found
