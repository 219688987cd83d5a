"""Functions of tensors in files of Python, and their inputs: drawn for stated shapes, read, or given by the file."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from diffexplore.errors import UsageError, unknown
from diffexplore.tensors.functions import function_given
from diffexplore.torch_code.calling import signed
from diffexplore.tracing.declarations import named_shapes
from diffexplore.verifying.calling import call
from diffexplore.verifying.loading import load_module

Tensor = torch.Tensor

#: What gives inputs to an autograd Function, as a static method, or to several, as a function of the file.
SAMPLE_INPUTS = "sample_inputs"

_FILES = (".pt", ".pth", ".npz")


def inputs_for(fn: Any, text: str, *, dtype: torch.dtype, seed: int) -> tuple[Any, ...]:
    """The arguments that ``text`` means: shapes as in "x[8,16], w[16]", for seeded normal numbers; or a file.

    A file is one of torch (.pt: a mapping by argument, a sequence or a tensor, loaded with ``weights_only``) or of
    NumPy (.npz, a mapping by argument). Where no tensor in it requires a gradient, all floats do.
    """
    if text.strip().endswith(_FILES):
        return arguments_from(fn, _required(_loaded(Path(text.strip()))), "the file")
    generator = torch.Generator().manual_seed(seed)
    drawn = {
        name: torch.randn(shape, generator=generator, dtype=torch.float64, device="cpu").to(dtype).requires_grad_()
        for name, shape in named_shapes(text).items()
    }
    if not drawn:
        raise UsageError("--inputs takes the shapes of the arguments, as in 'x[8,16], w[16]', or a FILE.pt or FILE.npz")
    return arguments_from(fn, drawn, "--inputs")


def arguments_from(fn: Any, given: Any, where: str) -> tuple[Any, ...]:
    """Positional arguments from a mapping by name, a sequence, or one tensor alone.

    Arguments that are not named have their defaults. Raises UsageError for names that are no arguments.
    """
    if not isinstance(given, Mapping):
        return tuple(given) if isinstance(given, (tuple, list)) else (given,)
    names = function_given(fn).arguments
    if not names:
        return tuple(given.values())
    for name in given:
        if name not in names:
            raise unknown(f"argument in {where}:", str(name), names)
    defaults = _defaults(fn)
    last = max((names.index(name) for name in given), default=-1)
    missing = [name for place, name in enumerate(names) if name not in given and name not in defaults and place < last]
    missing += [name for name in names[last + 1 :] if name not in defaults]
    if missing:
        raise UsageError(f"{function_given(fn).name} takes {', '.join(names)}: {where} has no {', '.join(missing)}")
    return tuple(given.get(name, defaults.get(name)) for name in names[: last + 1])


#: A function, and all of its sample inputs.
Sampled = tuple[Any, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class SampledFile:
    """The functions of a file that have sample inputs beside them.

    Attributes:
        sampled: by name, each with all of its inputs.
        unchecked: the names of autograd Functions that have none.
        refused: by name, why a function has sample inputs that cannot be used.
    """

    sampled: Mapping[str, Sampled]
    unchecked: tuple[str, ...]
    refused: Mapping[str, str]


def sampled_in(path: str) -> SampledFile:
    """What can be checked of a file alone.

    Raises UsageError for a file without any, for sample inputs of what the file does not define, and where those of
    none can be used.
    """
    module = load_module(Path(path))
    refused: dict[str, str] = {}
    found = _sampled(module, path, refused)
    if refused and not found:
        raise UsageError(next(iter(refused.values())))
    if not found:
        raise UsageError(
            f"{path} has no autograd Function with {SAMPLE_INPUTS}: name a function, as in {path}:NAME with --inputs, "
            f"or give the class a static method {SAMPLE_INPUTS} that returns a tuple of inputs"
        )
    checked = [fn for fn, _ in found.values()]
    left = [name for name, one in _functions(module).items() if one not in checked and name not in refused]
    return SampledFile(found, tuple(left), refused)


def sampled(place: str) -> Sampled | None:
    """What ``FILE.py:NAME`` means, with its sample inputs; None where the file gives none for that name.

    Only a file that speaks of sample inputs is executed. Raises UsageError as ``sampled_in`` does.
    """
    path, _, name = place.rpartition(":")
    if not path.endswith(".py") or not os.path.isfile(path):
        return None
    if SAMPLE_INPUTS not in Path(path).read_text(encoding="utf-8", errors="replace"):
        return None
    module = load_module(Path(path))
    listed = _listed(module, path)
    return listed.get(name) or _beside(name, _functions(module).get(name))


def _functions(module: ModuleType) -> dict[str, Any]:
    """The autograd Functions that a module defines itself."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, torch.autograd.Function)
        and value.__module__ == module.__name__
    }


def _sampled(module: ModuleType, path: str, refused: dict[str, str]) -> dict[str, Sampled]:
    """By name; those whose own inputs cannot be used are ``refused``, with the reason."""
    found: dict[str, Sampled] = {}
    for name, value in _functions(module).items():
        try:
            one = _beside(name, value)
        except UsageError as error:
            refused[name] = str(error)
            continue
        found |= {} if one is None else {name: one}
    return found | _listed(module, path)


def _beside(name: str, function: Any) -> Sampled | None:
    """An autograd Function with the inputs that its own static method gives; None where it has none."""
    if not hasattr(function, SAMPLE_INPUTS):
        return None
    where = f"{name}.{SAMPLE_INPUTS}"
    return function, _samples(function, call(getattr(function, SAMPLE_INPUTS), where, 0), where)


def _listed(module: ModuleType, path: str) -> dict[str, Sampled]:
    """What the file's own function ``sample_inputs`` gives inputs to."""
    listed = getattr(module, SAMPLE_INPUTS, None)
    if not callable(listed):
        return {}
    several = call(listed, f"{path}: {SAMPLE_INPUTS}", 0)
    if not isinstance(several, Mapping):
        raise UsageError(f"{SAMPLE_INPUTS} in {path} should return a mapping from names to tuples of inputs")
    found = {}
    for name, samples in several.items():
        fn = getattr(module, str(name), None)
        if not callable(fn):
            raise unknown(f"name in {path}:", str(name), [key for key in vars(module) if not key.startswith("_")])
        found[str(name)] = (fn, _samples(fn, samples, f"{SAMPLE_INPUTS}[{str(name)!r}]"))
    return found


def _samples(fn: Any, given: Any, where: str) -> list[tuple[Any, ...]]:
    """A tuple of inputs, one tensor, or a mapping by argument; a list, or a mapping by name, of several tuples."""
    several = list(given.values()) if isinstance(given, Mapping) else given
    if isinstance(several, list) and several and all(isinstance(one, tuple) for one in several):
        return several
    return [arguments_from(fn, given, where)]


def _defaults(fn: Any) -> dict[str, Any]:
    function, skip = signed(fn)
    try:
        arguments = list(inspect.signature(function).parameters.values())[skip:]
    except (TypeError, ValueError):
        return {}
    return {one.name: one.default for one in arguments if one.default is not one.empty}


def _loaded(path: Path) -> Any:
    """What a file holds; raises UsageError for one that cannot be read, or holds more than tensors."""
    if not os.path.isfile(path):
        raise UsageError(f"cannot read {path}: there is no such file")
    try:
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged file makes its reader raise
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        writer = "numpy.savez" if path.suffix == ".npz" else "torch.save"
        raise UsageError(f"cannot read {path}, which should hold tensors as {writer} writes them: {reason}") from None


def _required(given: Any) -> Any:
    """The same tensors, all floats of which require a gradient where none does."""
    several = given.values() if isinstance(given, Mapping) else given if isinstance(given, Sequence) else [given]
    tensors = [one for one in several if isinstance(one, Tensor)]
    if not any(one.requires_grad for one in tensors):
        for one in tensors:
            if one.is_floating_point() or one.is_complex():
                one.requires_grad_()
    return given
