"""Causes that show only where a backward is called again."""

from __future__ import annotations

from collections.abc import Iterable

from diffexplore.checking.records import VALUE, Cause
from diffexplore.checking.tallies import Skipped
from diffexplore.tracing.backward import SECOND_CALL
from diffexplore.verifying.backward_calls import BackwardBehaviour

SECOND_CALL_TITLE = "{} (second backward call)"


def causes(behaviour: BackwardBehaviour, names: Iterable[str], wrong: Iterable[str]) -> dict[str, Cause]:
    """The cause for each partial that it concerns; what is wrong in the first call has causes of its own.

    But for an upstream gradient that is ignored: that is wrong in any call but one.
    """
    partials, first = [name for name in names if name != VALUE], set(wrong)
    right = [name for name in partials if name not in first]
    if behaviour.modifying:
        return dict.fromkeys(partials, _modifying(behaviour.modifying))
    if behaviour.overwritten:
        return dict.fromkeys(right, _overwritten(partials, raises=True))
    if behaviour.another:
        return {name: _overwritten(behaviour.another, raises=False) for name in behaviour.another if name in right}
    if behaviour.unwatched:
        fields = {"inputs": list(behaviour.unwatched), "certain": True}
        cause = Cause("unwatched", "in another call, which nothing watches, it gives another gradient", fields)
        return {name: cause for name in behaviour.unwatched if name in right}
    others = behaviour.disproportionate
    return dict.fromkeys(behaviour.ignoring, _ignoring(behaviour.ignoring)) | dict.fromkeys(
        (name for name in others if name in right), _not_linear(others, behaviour.factor)
    )


def skipped(behaviour: BackwardBehaviour, name: str) -> tuple[Skipped, ...]:
    """A second call that is refused, which says nothing against the first."""
    if behaviour.raises is None or behaviour.overwritten:
        return ()
    return (Skipped(SECOND_CALL_TITLE.format(name), behaviour.raises),)


def _modifying(functions: Iterable[str]) -> Cause:
    message = (
        "the backward writes into the upstream gradient that it is given, which others use as well: work on a copy "
        "of it, as in grad_output.clone()"
    )
    return Cause("upstream_modified", message, {"functions": list(functions), "certain": True})


def _ignoring(names: Iterable[str]) -> Cause:
    message = "the upstream gradient is ignored: it is the gradient for an upstream of 1"
    return Cause("upstream_ignored", message, {"inputs": list(names), "certain": True})


def _not_linear(names: Iterable[str], factor: float) -> Cause:
    message = (
        f"it is no multiple of the upstream gradient, as a gradient is: for an upstream of {factor:g} it is not "
        f"{factor:g} times what it is for 1"
    )
    return Cause("upstream_not_linear", message, {"inputs": list(names), "factor": factor, "certain": True})


def _overwritten(names: Iterable[str], *, raises: bool) -> Cause:
    message = SECOND_CALL if not raises else (
        "the backward overwrites a tensor that it saved, so that torch refuses a second call on the same graph "
        "(retain_graph=True)"
    )  # fmt: skip
    return Cause("saved_overwritten", message, {"inputs": list(names), "raises": raises, "certain": True})
