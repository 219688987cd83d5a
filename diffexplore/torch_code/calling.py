"""How somebody's function is called: which argument is which symbol, and what it raises, in one line."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from diffexplore.arguments import as_function
from diffexplore.errors import CandidateError, UsageError

_HERE = Path(__file__).resolve().parent.parent


#: How torch's CPU allocator words it; for a GPU there is a class of errors.
_OUT_OF_MEMORY = ("can't allocate memory", "not enough memory")

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a library raised this because memory ran out."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)


def in_one_line(name: str, error: BaseException) -> str:
    """``NAME raises ValueError: its message (file.py, line 3)``: the last line of the user's own files."""
    return f"{name} raises {type(error).__name__}: {' '.join(str(error).split())[:300] or 'no message'}{_where(error)}"


@contextmanager
def exits_refused(name: str = "the function") -> Iterator[None]:
    """A SystemExit of somebody's code becomes a UsageError: its exit code would look like a verdict.

    Only SystemExit itself: a subclass of it ends work whose budget is spent.
    """
    try:
        yield
    except SystemExit as error:
        if type(error) is not SystemExit:
            raise
        raise UsageError(in_one_line(name, error)) from error


def first_line(error: BaseException) -> str:
    """The first line of its text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def line_that_runs() -> str:
    """`` (file.py, line 3)``: the line of the user's own files that is being executed; empty where there is none."""
    return _line(traceback.extract_stack())


def _where(error: BaseException) -> str:
    return _line(traceback.extract_tb(error.__traceback__))


def _line(stack: traceback.StackSummary) -> str:
    frames = [frame for frame in stack if is_theirs(frame.filename)]
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""


@cache  # a trace looks at each frame of each operation
def is_theirs(filename: str) -> bool:
    path = Path(filename)
    return "site-packages" not in path.parts and not path.is_relative_to(_HERE) and not filename.startswith("<frozen")


@dataclass(frozen=True)
class Binding:
    """The symbols that a candidate takes: by position, in this order, and by keyword."""

    positional: tuple[str, ...]
    keywords: tuple[str, ...] = ()

    def arguments(self, values: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The positional and the keyword arguments for named values."""
        return tuple(values[name] for name in self.positional), {name: values[name] for name in self.keywords}

    def call(self, function: Callable[..., Any], values: Mapping[str, Any]) -> Any:
        """What the function returns for named values."""
        positional, keywords = self.arguments(values)
        return function(*positional, **keywords)


def bind(function: Callable[..., Any], symbols: Sequence[str], name: str, *, skip: int = 0) -> Binding:
    """Which symbols to give to which arguments of ``function``.

    By name where every argument that must be given is a symbol, else in the order of ``symbols``. The first ``skip``
    arguments are not ours to give (the ``ctx`` of an autograd Function). Raises CandidateError where neither fits.
    """
    try:
        arguments = list(inspect.signature(function).parameters.values())[skip:]
    except (TypeError, ValueError):  # a builtin without a signature
        return Binding(tuple(symbols))
    by_name = _by_name(arguments, symbols)
    if by_name is not None:
        return by_name
    if _takes(arguments, len(symbols)):
        return Binding(tuple(symbols))
    taken = _listed([argument.name for argument in arguments])
    raise CandidateError(
        f"{name} takes {taken}, and the loss has {_listed(symbols)}: name the arguments like the symbols, or take all "
        f"{len(symbols)} in that order"
    )


def autograd_function(candidate: Any) -> Any:
    """The autograd Function that the candidate is, or whose method ``apply`` it is; None where it is neither."""
    owner = getattr(candidate, "__self__", None) if getattr(candidate, "__name__", "") == "apply" else candidate
    return owner if isinstance(owner, type) and issubclass(owner, torch.autograd.Function) else None


def signed(candidate: Any) -> tuple[Any, int]:
    """The function whose signature says what a candidate takes, and how many of its first arguments torch gives.

    Torch gives ``ctx`` to the ``forward`` of an autograd Function without ``setup_context``.
    """
    function = autograd_function(candidate)
    if function is not None:
        return function.forward, int(function.setup_context is torch.autograd.Function.setup_context)
    return candidate.forward if isinstance(candidate, torch.nn.Module) else candidate, 0


def check_initialized(module: Any) -> None:
    """Raises UsageError for a lazy module that was never called: its parameters have no shape yet."""
    if not isinstance(module, torch.nn.Module):
        return
    named = (*module.named_parameters(), *module.named_buffers())
    lazy = [name for name, tensor in named if is_lazy(tensor)]
    if lazy:
        name = type(module).__name__
        raise UsageError(f"{name} has no shape yet for {', '.join(lazy)}: call it once, as in {name}(x), before")


def arguments_of(candidate: Any) -> tuple[str, ...]:
    """The names of the arguments that must be given; raises UsageError where the function does not tell them."""
    if isinstance(candidate, type) and autograd_function(candidate) is None:
        name = candidate.__name__
        raise UsageError(f"{name} is a class: give an instance of it, as in {name}(), or a function")
    check_initialized(candidate)
    function, skip = signed(candidate)
    try:
        found = list(inspect.signature(function).parameters.values())[skip:]
    except (TypeError, ValueError):
        raise UsageError("the function does not tell its arguments: name them, as in data=['x']") from None
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return tuple(a.name for a in found if a.default is a.empty and a.kind not in variadic)


def called_by_name(candidate: Any, names: Sequence[str], name: str) -> Callable[..., Any]:
    """The candidate as a function of named tensors, its arguments bound by name or else in their order."""
    function = autograd_function(candidate)
    if function is not None:
        order = order_of_apply(function, names, name)
        return lambda **tensors: function.apply(*(tensors[name] for name in order))
    check_initialized(candidate)
    binding = bind(signed(candidate)[0], names, name)
    return lambda **tensors: binding.call(candidate, tensors)


def applied(fn: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    """The function itself, or what the class of an autograd function computes of its arguments in order."""
    if isinstance(fn, type) and issubclass(fn, torch.autograd.Function):
        apply: Callable[..., Any] = fn.apply
        return lambda **tensors: apply(*(tensors[name] for name in names))
    check_initialized(fn)
    as_function(fn, "the function", "a function of torch tensors")
    try:
        inspect.signature(fn).bind(**dict.fromkeys(names))
    except TypeError as error:
        listed = ", ".join(names) or "none"
        raise UsageError(f"the function does not take the declared arguments ({listed}) by name: {error}") from None
    except ValueError:  # a builtin that does not tell what it takes
        pass
    return fn


def order_of_apply(function: Any, symbols: Sequence[str], name: str) -> tuple[str, ...]:
    """The symbols in the order in which the ``apply`` of an autograd Function takes them: it takes no keywords.

    Raises CandidateError where they do not fit the arguments of its ``forward``.
    """
    forward, skip = signed(function)
    bound = bind(forward, symbols, name, skip=skip)
    return (*bound.positional, *bound.keywords)


def _by_name(arguments: Sequence[inspect.Parameter], symbols: Sequence[str]) -> Binding | None:
    """By position as long as the arguments are symbols, by keyword from the first on that is not."""
    if any(argument.kind is argument.VAR_KEYWORD for argument in arguments):
        return _with_all_others_by_keyword(arguments, symbols)
    named = [a for a in arguments if a.kind in (*_POSITIONAL, a.KEYWORD_ONLY)]
    known = [argument for argument in named if argument.name in symbols]
    if not known or any(a.default is a.empty and a.name not in symbols for a in named):
        return None
    positional: list[str] = []
    for argument in named:
        if argument.kind not in _POSITIONAL or argument.name not in symbols:
            break
        positional.append(argument.name)
    rest = [argument for argument in known if argument.name not in positional]
    if any(argument.kind is argument.POSITIONAL_ONLY for argument in rest):
        return None
    return Binding(tuple(positional), tuple(argument.name for argument in rest))


def _with_all_others_by_keyword(arguments: Sequence[inspect.Parameter], symbols: Sequence[str]) -> Binding | None:
    """For a function that takes whatever is named; None where it needs something that is no symbol."""
    needed = [a for a in arguments if a.kind in (*_POSITIONAL, a.KEYWORD_ONLY) and a.default is a.empty]
    if any(argument.name not in symbols or argument.kind is argument.POSITIONAL_ONLY for argument in needed):
        return None
    return Binding((), tuple(symbols))


def _takes(arguments: Sequence[inspect.Parameter], count: int) -> bool:
    """Whether ``count`` values can be given by position, and nothing else must be."""
    positional = [argument for argument in arguments if argument.kind in _POSITIONAL]
    needed = [argument for argument in positional if argument.default is argument.empty]
    if any(argument.kind is argument.KEYWORD_ONLY and argument.default is argument.empty for argument in arguments):
        return False
    variadic = any(argument.kind is argument.VAR_POSITIONAL for argument in arguments)
    return len(needed) <= count and (variadic or count <= len(positional))


def _listed(names: Sequence[str]) -> str:
    return f"({', '.join(names)})"
