"""What may be given for a function of tensors: what it is called, what its arguments are, and how it is run eagerly."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.jit import ScriptFunction, ScriptModule

from diffexplore.arguments import wrong
from diffexplore.errors import CandidateError
from diffexplore.torch_code.calling import autograd_function, check_initialized, signed
from diffexplore.torch_private.compiling import as_written
from diffexplore.torch_private.tensors import CustomOpDef, OpOverload, OpOverloadPacket

_NAMED = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

#: What a function is called that has no name of its own.
NAMELESS = "the function"

#: Names that tell nothing of what they name.
_ANONYMOUS = frozenset(["<lambda>", "partial", "apply", "wrapper"])


@dataclass(frozen=True)
class TensorFunction:
    """A function of tensors.

    Attributes:
        name: what messages call it.
        call: takes the arguments, and tensors by the names of ``state`` that take the place of a module's own.
        state: the module's parameters and buffers by name; empty for what is no module.
        arguments: the names of the positional arguments, as far as they are known.
        compiled: whether other code runs than the Python that was written, in it or in what it calls.
        gradients_of: what it returns the gradients of, where it is made for second derivatives.
        module: the module that it is; None for what is none.
    """

    name: str
    call: Callable[[Mapping[str, torch.Tensor], tuple[Any, ...], Mapping[str, Any]], Any]
    state: Mapping[str, torch.Tensor]
    arguments: tuple[str, ...]
    compiled: bool = False
    gradients_of: GradientsOf | None = None
    module: torch.nn.Module | None = None

    @property
    def as_written(self) -> TensorFunction:
        """The same function, which runs nothing that was compiled, but the Python that was written."""

        def call(state: Mapping[str, torch.Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
            with as_written():
                return self.call(state, args, kwargs)

        return replace(self, call=call, compiled=False)


@dataclass(frozen=True)
class GradientsOf:
    """What a function is that returns the gradients of another.

    Attributes:
        function: the other one.
        arguments: how many positional arguments it takes; upstream gradients follow them.
        outputs: the names of its outputs, each of which has an upstream gradient.
        inputs: the names of the inputs that are differentiated by.
        originals: what the user gave for them.
    """

    function: TensorFunction
    arguments: int
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    originals: tuple[torch.Tensor | None, ...]


def function_given(fn: Any, *, eager: bool = False) -> TensorFunction:
    """What somebody gave as a function: an autograd Function or its ``apply``, a module, an operator, any callable.

    With ``eager`` a compiled function is the Python that it was compiled from. Raises CandidateError for what cannot be
    called, UsageError for what is no function at all.
    """
    written = written_form(fn)
    compiled = written is not fn
    fn = written if eager else fn
    if isinstance(fn, torch.nn.Module):
        check_initialized(fn)
        state = {_uncompiled(name): tensor for name, tensor in (*fn.named_parameters(), *fn.named_buffers())}
        calls = _calls_loaded_anew(fn) if eager and isinstance(fn, ScriptModule) else _calls_module(fn)
        return TensorFunction(_name(written), calls, state, _arguments(written), compiled, module=fn)
    owner = autograd_function(fn)
    if owner is not None:
        return TensorFunction(_name(owner), _calls(owner.apply), {}, _arguments(owner))
    if isinstance(fn, type):
        raise CandidateError(f"{fn.__name__} is a class: give an instance of it, as in {fn.__name__}(), or a function")
    if not callable(fn):
        raise wrong("fn", "a function of tensors: an autograd Function, a module, an operator, a function", fn)
    return TensorFunction(_name(written), _calls(fn), {}, _arguments(written), compiled)


def written_form(fn: Any) -> Any:
    """The Python that a compiled or scripted function, or a compiled module, was made from; all else is its own."""
    if isinstance(fn, torch.nn.Module):
        return dict(fn.named_children()).get("_orig_mod", fn)
    if isinstance(fn, ScriptFunction):
        return getattr(fn, "_torchdynamo_inline", fn)
    return getattr(fn, "_torchdynamo_orig_callable", fn)


def _calls(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda state, args, kwargs: function(*args, **kwargs)


def _calls_module(module: torch.nn.Module) -> Callable[..., Any]:
    """The module with its parameters and buffers replaced for the time of the call."""
    names = {_uncompiled(name): name for name, _ in (*module.named_parameters(), *module.named_buffers())}
    parts = dict(module.named_modules())

    def call(state: Mapping[str, torch.Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        named = {names[name]: tensor for name, tensor in state.items()}
        scripted = {name for name in named if isinstance(parts[name.rpartition(".")[0]], ScriptModule)}
        with _replaced_in(parts, {name: named[name] for name in scripted}):
            if isinstance(module, ScriptModule):
                return module(*args, **kwargs)
            others = {name: tensor for name, tensor in named.items() if name not in scripted}
            return torch.func.functional_call(module, others, args, dict(kwargs))

    return call


@contextmanager
def _replaced_in(parts: Mapping[str, torch.nn.Module], tensors: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """Inside the block scripted modules, which ``functional_call`` does not take, have other parameters and buffers."""
    places = {name: (parts[name.rpartition(".")[0]], name.rpartition(".")[2]) for name in tensors}
    before = {name: getattr(*place) for name, place in places.items()}
    try:
        for name, place in places.items():
            setattr(*place, tensors[name])
        yield
    finally:
        for name, place in places.items():
            setattr(*place, before[name])


def _calls_loaded_anew(module: ScriptModule) -> Callable[..., Any]:
    """A scripted module that never ran: what ran, TorchScript makes one step of, whose operations nothing sees."""
    file = io.BytesIO()
    torch.jit.save(module, file)

    def call(*arguments: Any) -> Any:
        file.seek(0)
        return _calls_module(torch.jit.load(file))(*arguments)

    return call


def _uncompiled(name: str) -> str:
    return name.removeprefix("_orig_mod.")


def _name(fn: Any) -> str:
    name = getattr(fn, "__name__", None) or getattr(fn, "_name", None) or type(fn).__name__
    return NAMELESS if name in _ANONYMOUS or not isinstance(name, str) else name


def _arguments(fn: Any) -> tuple[str, ...]:
    """The names of the positional arguments; none where the function does not tell them."""
    operator = fn._opoverload if isinstance(fn, CustomOpDef) else fn
    if isinstance(operator, OpOverloadPacket):
        operator = getattr(operator, operator.overloads()[0])
    if isinstance(operator, OpOverload):
        return tuple(argument.name for argument in operator._schema.arguments)
    function, skip = signed(fn)
    try:
        found = list(inspect.signature(function).parameters.values())[skip:]
    except (TypeError, ValueError):  # a builtin without a signature
        return ()
    return tuple(argument.name for argument in found if argument.kind in _NAMED)
