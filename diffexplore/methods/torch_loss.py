"""What torch runs and differentiates: the formula of a loss as it is written, or the user's own function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from torch import Tensor

from diffexplore.bounds.watch import Watch
from diffexplore.errors import DiffexploreError, UsageError
from diffexplore.torch_code.calling import exits_refused, first_line, in_one_line, is_out_of_memory
from diffexplore.torch_code.torch_program import Place, TorchProgram
from diffexplore.torch_private.unloaded import without_loading

if TYPE_CHECKING:
    from diffexplore.methods.problem import Problem

Result = TypeVar("Result")


class Unavailable(DiffexploreError):
    """A method cannot run on this batch: the message says why."""


class TorchLoss:
    """A loss as torch computes it, from arguments that are made of the symbols' tensors: by its formula, step by step.

    ``names`` are the arguments, ``by_sample`` those that have an entry for each sample, in their first dimension.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self.names = problem.inputs
        self.by_sample = frozenset(problem.loss.data)

    def arguments(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The arguments made of a tensor for each symbol: of shape () for parameters, (n,) for data."""
        return dict(values)

    def place(self, symbol: str) -> Place:
        """The argument in which a symbol lies, and its index there."""
        return symbol, ()

    def entry(self, symbol: str, tensors: Mapping[str, Tensor]) -> Tensor:
        """The entries of a symbol in tensors shaped like the arguments."""
        return tensors[symbol]

    def loss(self, arguments: Mapping[str, Tensor], n: int) -> Tensor:
        """The loss over n samples, of shape ()."""
        return self._problem.reduce(self._problem.summands(arguments, n))

    def of_one(self, arguments: Mapping[str, Tensor]) -> Tensor:
        """The loss of one sample, whose data lack the dimension of the samples."""
        return self._problem.summands(arguments, 1).sum()

    def watch(self, inputs: Iterable[Tensor]) -> Watch:
        """What follows the rounding of its operations; ``inputs`` are the tensors of the symbols."""
        return Watch()

    def run(self, differentiate: Callable[[], Result]) -> Result:
        """What a function returns that lets torch differentiate the loss."""
        return without_loading(differentiate)


class ProgramInTorch(TorchLoss):
    """The user's function, which may raise anything (:func:`raised_by`)."""

    def __init__(self, program: TorchProgram) -> None:
        self._program = program
        self.names = program.names
        self.by_sample = frozenset(array.name for array in program.data)

    def arguments(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return self._program.arguments(values)

    def place(self, symbol: str) -> Place:
        return self._program.places[symbol]

    def entry(self, symbol: str, tensors: Mapping[str, Tensor]) -> Tensor:
        return self._program.entry(symbol, tensors)

    def loss(self, arguments: Mapping[str, Tensor], n: int) -> Tensor:
        if n == 1 and self.by_sample and not self._program.single:
            raise Unavailable(f"{self._program.name} computes something else of a single sample")
        output = self._program.function(**arguments)
        if not isinstance(output, Tensor) or output.numel() != 1:
            raise UsageError(f"{self._program.name} does not return a tensor of one number here, as it did when read")
        return output.reshape(())

    def of_one(self, arguments: Mapping[str, Tensor]) -> Tensor:
        return self.loss({k: v.unsqueeze(0) if k in self.by_sample else v for k, v in arguments.items()}, 1)

    def watch(self, inputs: Iterable[Tensor]) -> Watch:
        from diffexplore.torch_code.leaving_torch import ProgramWatch

        return ProgramWatch(inputs)

    def run(self, differentiate: Callable[[], Result]) -> Result:
        return differentiate()


@contextmanager
def raised_by(program: TorchProgram | None, kind: type[DiffexploreError] = UsageError) -> Iterator[None]:
    """What a user's function raises becomes an error of some kind, in one line; a lack of memory stays what it is.

    What makes a method Unavailable is mostly torch's refusal of it, in torch's words.
    """
    try:
        with exits_refused(program.name if program is not None else "the function"):
            yield
    except DiffexploreError:
        raise
    except Exception as error:
        if program is None or is_out_of_memory(error):
            raise
        refused = kind is Unavailable and isinstance(error, RuntimeError)
        raise kind(f"torch refuses: {first_line(error)}" if refused else in_one_line(program.name, error)) from error
