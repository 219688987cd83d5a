"""What somebody gives to be proved: a torch function with the names and shapes of its arguments."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from diffexplore.errors import UsageError
from diffexplore.loss import Loss
from diffexplore.tracing.declarations import Array, Spec, check_distinct, declare
from diffexplore.verify.binding import bind
from diffexplore.verify.candidates import name_of

Tensor = torch.Tensor

#: The weight of each entry of an output that has one for each sample: a proof is for every upstream gradient.
UPSTREAM = "upstream"

_TRIED_SAMPLES = 3


@dataclass(frozen=True)
class Program:
    """A function of named tensors that returns one number.

    ``weight`` is the upstream gradient that the output was contracted with: one of the data, where the output has an
    entry for each sample, else one of the parameters; None where the output is taken as it is.
    """

    name: str
    function: Callable[..., Tensor]
    parameters: tuple[Array, ...]
    data: tuple[Array, ...]
    weight: Array | None = None

    @property
    def by_sample(self) -> bool:
        """Whether the output has an entry for each sample, each with its upstream gradient."""
        return self.weight is not None and self.weight in self.data

    @property
    def arrays(self) -> tuple[Array, ...]:
        return (*self.parameters, *self.data)


def program_of(candidate: Any, loss: Loss | None, parameters: Spec | None, data: Spec | None) -> Program:
    """The program that is meant; raises UsageError where its arguments cannot be told."""
    if not callable(candidate):
        raise UsageError(f"what is proved is a torch function, a module or an autograd Function, not {candidate!r:.40}")
    name = name_of(candidate)
    arrays, batches = _declared(candidate, name, loss, parameters, data)
    check_distinct((*arrays, *batches))
    function = _called(candidate, [array.name for array in (*arrays, *batches)], name)
    program = Program(name, function, arrays, batches)
    shape = _shape_of_output(program, candidate)
    if batches and shape == (_TRIED_SAMPLES,):
        return _weighted(program, by_sample=True)
    # A function with a backward of its own is asked about every upstream gradient; others get theirs by the chain rule.
    return _weighted(program, by_sample=False) if _is_autograd(candidate) and shape == () else program


def _declared(
    candidate: Any, name: str, loss: Loss | None, parameters: Spec | None, data: Spec | None
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    if loss is not None:
        arrays, batches = declare(parameters or loss.parameters), declare(data or loss.data)
        _check_symbols(loss, arrays, batches)
        return arrays, batches
    if parameters is None:
        raise UsageError(f"name the parameters of {name}, as in parameters=['a', 'w[3]']; the other arguments are data")
    arrays = declare(parameters)
    if data is None:
        named = {array.name for array in arrays}
        data = [argument for argument in arguments_of(candidate) if argument not in named]
    return arrays, declare(data)


def _check_symbols(loss: Loss, arrays: tuple[Array, ...], batches: tuple[Array, ...]) -> None:
    """The entries of the arguments are the symbols of the loss."""
    for kind, wanted, given in (("parameters", loss.parameters, arrays), ("data", loss.data, batches)):
        symbols = [symbol.name for array in given for symbol in array.symbols]
        if set(symbols) != set(wanted):
            listed, found = (", ".join(names) or "none" for names in (wanted, symbols))
            raise UsageError(f"the {kind} of the loss are {listed}, and those of the program {found}")


def arguments_of(candidate: Any) -> tuple[str, ...]:
    """The names of the arguments that must be given; raises UsageError where the function does not tell them."""
    skip = _context(candidate) if _is_autograd(candidate) else 0
    try:
        found = list(inspect.signature(_signed(candidate)).parameters.values())[skip:]
    except (TypeError, ValueError):
        raise UsageError("the function does not tell its arguments: name the data, too") from None
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return tuple(a.name for a in found if a.default is a.empty and a.kind not in variadic)


def _signed(candidate: Any) -> Any:
    """The function whose signature says what the candidate takes."""
    return candidate.forward if _is_autograd(candidate) or isinstance(candidate, torch.nn.Module) else candidate


def _is_autograd(candidate: Any) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, torch.autograd.Function)


def _called(candidate: Any, names: list[str], name: str) -> Callable[..., Tensor]:
    """The candidate as a function of named tensors, its arguments bound by name or else in their order."""
    if _is_autograd(candidate):
        binding, function = bind(_signed(candidate), names, name, skip=_context(candidate)), candidate.apply
        order = [*binding.positional, *binding.keywords]  # apply takes no keywords
        return lambda **tensors: function(*(tensors[name] for name in order))
    binding = bind(_signed(candidate), names, name)
    return lambda **tensors: binding.call(candidate, tensors)


def _context(candidate: Any) -> int:
    """How many arguments of ``forward`` are torch's: ``ctx``, unless there is a ``setup_context``."""
    return 0 if candidate.setup_context is not torch.autograd.Function.setup_context else 1


def _shape_of_output(program: Program, candidate: Any) -> torch.Size | None:
    """The shape that a copy of the candidate returns for small numbers; None where it does not return a tensor."""
    tensors = {array.name: torch.full(array.shape, 0.75, dtype=torch.float64) for array in program.parameters}
    tensors |= {
        array.name: torch.full((_TRIED_SAMPLES, *array.shape), 0.5, dtype=torch.float64) for array in program.data
    }
    names = [array.name for array in program.arrays]
    try:  # a module may keep what it sees: a copy of it does not show
        function = _called(copy.deepcopy(candidate), names, program.name)
        output = function(**tensors)
    except Exception:  # tracing will say what is wrong, and where
        return None
    return output.shape if isinstance(output, torch.Tensor) else None


def _weighted(program: Program, *, by_sample: bool) -> Program:
    """The output contracted with an upstream gradient: of each sample, or one number."""
    name = _unused(UPSTREAM, program)

    def contracted(**tensors: Tensor) -> Tensor:
        weight = tensors.pop(name)
        return (weight * program.function(**tensors)).sum()

    (weight,) = declare([name])
    if by_sample:
        return replace(program, function=contracted, data=(*program.data, weight), weight=weight)
    return replace(program, function=contracted, parameters=(*program.parameters, weight), weight=weight)


def _unused(name: str, program: Program) -> str:
    taken = {symbol.name for array in program.arrays for symbol in array.symbols} | {a.name for a in program.arrays}
    while name in taken:
        name += "_"
    return name


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
