"""What a hand-written backward returns: shapes and dtypes, with inputs that need no gradient, with no upstream one."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from diffexplore.errors import CandidateError
from diffexplore.floating_point import dtype_name
from diffexplore.tensors.battery.records import CallFinding, CallSetting, CallTrial, TrialUnavailable, reason_of
from diffexplore.torch_private.functions import backward_of, undefined
from diffexplore.torch_private.watching import storage_key
from diffexplore.tracing.backward import function_name, written_by_hand
from diffexplore.verifying.calling import call as call_of_user

Tensor = torch.Tensor

#: So many inputs are differentiated by one by one.
_MOST_ALONE = 4


def shapes(setting: CallSetting) -> Iterator[CallFinding]:
    """Gradients that autograd adds up, expands or converts without a word: what each backward itself returns."""
    for call in setting.calls:
        candidate = setting.candidate.replaced()
        output = setting.output_of(candidate, call.output)
        seen: list[tuple[Any, tuple[Any, ...]]] = []
        handles = [node.register_prehook(partial(_note, seen, node)) for node in written_by_hand(output.tensor)]
        if not handles:
            raise TrialUnavailable("no part of the backward is written by hand")
        try:
            candidate.gradients(output, call.upstream.clone())
        except CandidateError:
            continue  # that is reported of the plain call
        finally:
            for handle in handles:
                handle.remove()
        for node, given in seen:
            if all(isinstance(one, Tensor) for one in given):
                yield from _unlike(node, _returned(node, given, candidate.seed))


def _note(seen: list[tuple[Any, tuple[Any, ...]]], node: Any, given: tuple[Any, ...]) -> None:
    seen.append((node, given))


def _returned(node: Any, given: tuple[Any, ...], seed: int) -> list[Any]:
    """What the Function's own backward returns, an entry for each argument of its forward.

    Raises CandidateError where it raises in this second call.
    """

    def run() -> Any:
        with torch.no_grad():
            return backward_of(node)(node, *(one.clone() for one in given))

    found = call_of_user(run, f"the backward of {function_name(node)}", seed)
    return list(found) if isinstance(found, (tuple, list)) else [found]


def _unlike(node: Any, returned: list[Any]) -> Iterator[CallFinding]:
    needed = [place for place, needs in enumerate(node.needs_input_grad) if needs]
    behind = [following for following in node.next_functions if following[0] is not None]
    for place, (following, number) in zip(needed, behind, strict=False):
        gradient = returned[place] if place < len(returned) else None
        if not isinstance(gradient, Tensor):
            continue
        meant = following._input_metadata[number]
        who = f"the backward of {function_name(node)} returns for argument {place}"
        if tuple(gradient.shape) != tuple(meant.shape):
            yield CallFinding(
                "wrong_shape",
                f"{who} a gradient of shape {tuple(gradient.shape)}, not {tuple(meant.shape)}: autograd adds it up or "
                "expands it without a word; return it in the shape of the argument",
            )
        elif gradient.dtype != meant.dtype:
            yield CallFinding(
                "wrong_dtype",
                f"{who} a gradient in {dtype_name(gradient.dtype)}, not {dtype_name(meant.dtype)}: autograd converts "
                "it without a word; compute it in the dtype of the argument",
            )


def alone(setting: CallSetting) -> Iterator[CallFinding]:
    """Each input as the only one that needs a gradient (``ctx.needs_input_grad``)."""
    names = [one.name for one in setting.candidate.sources]
    if len(names) < 2:
        raise TrialUnavailable("there is one input to differentiate by")
    for name in names[:_MOST_ALONE]:
        yield from _for_some(setting, {name}, f"only {name} needs a gradient")


def all_but_one(setting: CallSetting) -> Iterator[CallFinding]:
    """Each input as the only one that needs no gradient."""
    names = [one.name for one in setting.candidate.sources]
    if len(names) < 3:
        raise TrialUnavailable("there are fewer than three inputs to differentiate by")
    for name in names[:_MOST_ALONE]:
        yield from _for_some(setting, set(names) - {name}, f"{name} alone needs no gradient")


def _for_some(setting: CallSetting, needed: Collection[str], where: str) -> Iterator[CallFinding]:
    """What differs where only these inputs need a gradient."""
    sources = setting.candidate.sources
    fixed = {one.name: one.tensor.detach().clone() for one in sources if one.name not in needed}
    candidate = setting.candidate.replaced(fixed)
    for call in setting.calls:
        plain = setting.candidate.replaced()
        try:
            expected = plain.gradients(setting.output_of(plain, call.output), call.upstream.clone())
            output = setting.output_of(candidate, call.output)
        except (CandidateError, TrialUnavailable):
            continue  # the output does not depend on them, or that is reported of the plain call
        try:
            gradients = iter(candidate.gradients(output, call.upstream.clone()))
        except CandidateError as error:
            yield CallFinding("needs_input_grad", f"it raises where {where}: {reason_of(error)}")
            continue
        found = tuple(
            next(gradients) if one.name in needed else gradient for one, gradient in zip(sources, expected, strict=True)
        )
        off = setting.differing(found, expected, call, call.upstream)
        if off is not None:
            yield CallFinding(
                "needs_input_grad",
                f"where {where}, that by {off}: it must not depend on ctx.needs_input_grad of the others",
            )


def no_upstream(setting: CallSetting) -> Iterator[CallFinding]:
    """No upstream gradient at all, as for an output that nothing uses: zeros or None are due."""
    for call in setting.calls:
        candidate = setting.candidate.replaced()
        output = setting.output_of(candidate, call.output)
        if not written_by_hand(output.tensor):
            raise TrialUnavailable("no part of the backward is written by hand")
        unused = undefined(output.tensor)
        try:
            found = candidate.gradients(replace(output, tensor=unused), torch.ones_like(unused))
        except CandidateError as error:
            yield CallFinding(
                "undefined_upstream",
                f"it raises where no upstream gradient comes ({reason_of(error)}): test for None, as "
                "ctx.set_materialize_grads(False) asks for",
            )
            continue
        if not any(gradient is not None and bool(gradient.any()) for gradient in found):
            continue
        usual = candidate.gradients(output, call.upstream)
        wrong = [
            one.name
            for one, gradient, other in zip(candidate.sources, found, usual, strict=True)
            if gradient is not None and _has_numbers(gradient, other)
        ]
        if wrong:
            yield CallFinding(
                "undefined_upstream", f"where no upstream gradient comes, the gradient by {wrong[0]} is not 0: it has "
                "to be a multiple of the upstream gradient",
            )  # fmt: skip


def _has_numbers(gradient: torch.Tensor, usual: torch.Tensor | None) -> bool:
    """Whether a gradient is not 0 where the usual one is finite: 0 times what it is multiplied by is NaN elsewhere."""
    nonzero = gradient != 0
    return bool((nonzero if usual is None else nonzero & usual.isfinite()).any())


def shared_memory(setting: CallSetting) -> Iterator[CallFinding]:
    """Gradients that lie in the same memory: what is done to one in place is done to the other."""
    for call in setting.calls:
        candidate = setting.candidate.replaced()
        output = setting.output_of(candidate, call.output)
        hand = written_by_hand(output.tensor)
        if not hand or hand[0] is not output.tensor.grad_fn:
            raise TrialUnavailable("the backward is not one that is written by hand")
        try:
            output.tensor.backward(call.upstream.clone(), inputs=[one.tensor for one in candidate.sources])
        except Exception:
            continue  # that is reported of the plain call
        grads = [(one.name, one.tensor.grad) for one in candidate.sources if one.tensor.grad is not None]
        for place, (name, gradient) in enumerate(grads):
            for other, second in grads[:place]:
                if _overlap(gradient, second):
                    yield CallFinding(
                        "aliased",
                        f"the gradients by {other} and by {name} share memory: what an optimizer does to one in "
                        "place is done to both; return a clone",
                    )  # fmt: skip


def _overlap(one: Tensor, other: Tensor) -> bool:
    """Whether some element of the one lies where one of the other does."""
    if storage_key(one) != storage_key(other):
        return False
    places = torch.arange(one.untyped_storage().nbytes() // one.element_size(), device="cpu")
    taken = [places.as_strided(part.shape, part.stride(), part.storage_offset()).reshape(-1) for part in (one, other)]
    return bool(torch.isin(*taken).any())


TRIALS = (
    CallTrial("returned", "shapes and dtypes that the backward returns", "quick", shapes),
    CallTrial("needs_input_grad", "inputs that need no gradient", "quick", alone),
    CallTrial("needs_input_grad", "one input that needs no gradient", "full", all_but_one),
    CallTrial("undefined_upstream", "no upstream gradient", "quick", no_upstream),
    CallTrial("aliased", "gradients that share memory", "quick", shared_memory),
)
