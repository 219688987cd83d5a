"""Where in the user's source each operator of a graph comes from, in the backward pass too."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from diffexplore.errors import UsageError
from diffexplore.torch_private.tracing import ShapeEnv, current_autograd_node, next_sequence_number, set_stack_trace
from diffexplore.torch_private.watching import DispatchMode
from diffexplore.tracing.cases import Decisions
from diffexplore.tracing.constants import folded, is_composite, is_mask, selected, with_decided, with_places
from diffexplore.tracing.pairs import Pairs
from diffexplore.tracing.python_numbers import sizes_are_of_torch

_TORCH = str(Path(torch.__file__).parent)
_PACKAGE = str(Path(__file__).parent.parent)
_CAPTURE = str(Path(__file__).with_name("capture.py"))


@dataclass(frozen=True)
class SourcePlace:
    """A line of the user's source, what is run there, and how.

    ``function`` is the function of torch that is called there; ``backward`` says that the operator belongs to the
    derivative of that line, ``recorded`` that autograd sees it.
    """

    line: str = "no line of yours"
    function: str = ""
    backward: bool = False
    recorded: bool = True

    def __str__(self) -> str:
        return f"the backward of {self.line}" if self.backward else self.line


class FixesSize(Exception):
    """The function goes through the samples one by one, which it can only for a number that is known."""


class Calls(TorchFunctionMode):
    """Remembers the function of torch that the user's code is calling, whatever that calls in its turn.

    ``refused`` keeps what was raised where numbers would have left torch.
    """

    name = ""

    def __init__(self, refused: list[Exception]) -> None:
        super().__init__()
        self._refused = refused

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.name = getattr(func, "__name__", "")
        try:
            return func(*args, **(kwargs or {}))
        except Exception as error:
            if self.name in _LEAVE_TORCH:
                self._refused.append(error)
            raise


#: Methods of tensors that hand out their numbers, or the memory in which they lie.
_LEAVE_TORCH = frozenset("numpy tolist __array__ data_ptr storage untyped_storage to_dlpack __dlpack__".split())

#: The namespaces of operators behind which there is no code of the user's.
_OF_TORCH = ("aten", "prims")


class Lines(DispatchMode):
    """Notes for each operator the line that calls it, as text in the meta data of its node.

    An operator of the backward pass has the line of the operator of the forward pass that autograd differentiates
    there; in a backward written by hand it has its own.
    """

    def __init__(self, env: ShapeEnv, decisions: Decisions) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.decisions = decisions
        self._pairs = Pairs()
        self.refused: list[Exception] = []
        self.calls = Calls(self.refused)
        self._env = env
        self._forward: dict[int, SourcePlace] = {}
        self._places: list[SourcePlace] = []
        self.latest = SourcePlace()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.latest = self._place()
        if func.namespace == "prim" or func._schema.name.startswith(("aten::sym_", "aten::is_")):
            return func(*args, **(kwargs or {}))  # torch asks about a tensor, at times where exceptions are fatal
        if self._env.replacements or _iterates_over_samples(func, args, kwargs):
            raise self._noted(FixesSize(str(self.latest)))
        if func is torch.ops.aten._local_scalar_dense.default:
            if self.latest.function == "gaussian_nll_loss":
                return False  # torch asks whether a variance is negative, and would raise an exception
            raise self._noted(
                UsageError(
                    f"the value of a tensor is used as a Python number at {self.latest} (.item(), float(), if, while): "
                    "keep it a tensor, and write branches with torch.where"
                )
            )
        if (steps := self._pairs.steps(func, args, kwargs or {}, self.latest)) is not None:
            with self:
                return steps()
        with self:
            args = with_decided(func, args, self.decisions, self.latest)
        if (found := folded(func, args, kwargs or {})) is not None:
            return found
        if func is torch.ops.aten.masked_select.default and is_mask(args[1]):
            with self:
                return selected(*args)
        args = with_places(func, args)
        if is_composite(func):
            with self:
                return func.decompose(*args, **(kwargs or {}))
        self._places.append(self.latest)
        set_stack_trace([str(len(self._places) - 1)])
        try:
            with sizes_are_of_torch() if func.namespace in _OF_TORCH else nullcontext():
                made = func(*args, **(kwargs or {}))
        except Exception as error:
            if depends_on_values(error):
                self._noted(error)
            raise
        self.decisions.note(func, (args, kwargs), made)
        return made

    def _noted(self, error: Exception) -> Exception:
        """Keeps a refusal, which the function may catch, and then do something else than where it is not traced."""
        self.refused.append(error)
        return error

    def place(self, mark: str) -> SourcePlace:
        """The place that a node's mark stands for."""
        return self._places[int(mark)] if mark.isdecimal() else SourcePlace()

    def _place(self) -> SourcePlace:
        line = _user_line(sys._getframe(2))
        node = current_autograd_node()
        if node is None:
            place = SourcePlace(line, self.calls.name, recorded=torch.is_grad_enabled())
            number = next_sequence_number() - 1  # autograd has made its node before this call
            self._forward.setdefault(number, place)
            return place
        if _in_backward_by_hand(sys._getframe(2)):
            return SourcePlace(line, backward=False)
        forward = self._forward.get(node._sequence_nr(), SourcePlace(line))
        return SourcePlace(forward.line, forward.function, backward=True)


def _iterates_over_samples(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> bool:
    """Whether a tensor is made into a tuple of its samples, as iterating over it does."""
    if func is not torch.ops.aten.unbind.int:
        return False
    dim = (kwargs or {}).get("dim", args[1] if len(args) > 1 else 0)
    return not isinstance(args[0].shape[dim], int)


def depends_on_values(error: Exception) -> bool:
    """Whether torch says that a step depends on the values of tensors, which a trace does not have."""
    return type(error).__name__ in ("DynamicOutputShapeException", "DataDependentOutputException") or (
        "data-dependent" in str(error)
    )


def place_of_error(error: Exception) -> str | None:
    """The last line of the user's source in the traceback of an exception."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_ours(frame.filename)]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else None


def _is_ours(filename: str) -> bool:
    return filename.startswith((_TORCH, _PACKAGE, "<frozen", "<string>"))  # the last: what torch generates


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _user_line(start: FrameType) -> str:
    """The innermost line outside torch and this package, of what is traced: not of who has it traced."""
    for frame in _frames(start):
        filename = frame.f_code.co_filename
        if filename == _CAPTURE:
            break
        if not _is_ours(filename):
            return f"{Path(filename).name}:{frame.f_lineno}"
    return SourcePlace.line


def _in_backward_by_hand(start: FrameType) -> bool:
    """Whether the backward of a torch.autograd.Function is running: its frames lie above those of torch's engine."""
    for frame in _frames(start):
        if not _is_ours(frame.f_code.co_filename):
            return True
        if frame.f_code.co_filename.endswith("autograd/graph.py"):
            return False
    return False
